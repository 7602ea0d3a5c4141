import { from, lastValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { parseSse } from './sse';

const parse = (...chunks: string[]) => lastValueFrom(from(chunks).pipe(parseSse(), toArray()));

test('a stream is parsed into blocks, wherever its chunks end', async () => {
  const whole = 'retry: 2000\nid: 42\n\nevent: order\nid: 43\ndata: {"a":\ndata: 1}\n\n: a comment\n\n';
  const expected = [
    { id: '42', event: 'message', data: '' },
    { id: '43', event: 'order', data: '{"a":\n1}' },
    { id: '43', event: 'message', data: '' },
  ];
  expect(await parse(whole)).toEqual(expected);
  expect(await parse(...Array.from(whole))).toEqual(expected);
  expect(await parse(whole.replaceAll('\n', '\r\n'))).toEqual(expected);
});

test('an incomplete block is not emitted', async () => {
  expect(await parse('id: 1\n\nid: 2\n')).toEqual([{ id: '1', event: 'message', data: '' }]);
});

test('a block above the size limit is an error', async () => {
  await expect(parse('data: '.padEnd(2_000_000, 'x'))).rejects.toThrow('size limit');
});
