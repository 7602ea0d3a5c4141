import { describe, expect, it } from 'vitest';
import { orderVersions } from '../orders';
import { violations } from './contract';

const [order] = orderVersions();
const ids = { 'X-Request-Id': 'abc' };
const created = {
  ...ids,
  'Content-Type': 'application/json',
  ETag: '"1"',
  Location: `/v1/orders/${order.id}`,
};

function check(path: string, body: unknown, headers: Record<string, string>, status = 201): string[] {
  const text = JSON.stringify(body);
  return violations('POST', path, new Response(text, { status, headers }), text);
}

describe('a response', () => {
  it('may be what the contract describes', () => {
    expect(check('/v1/orders', order, created)).toEqual([]);
  });

  it.each<[string, unknown, Record<string, string>, number, RegExp]>([
    ['field', { ...order, status: 'lost' }, created, 201, /^\/status must be equal to one of/],
    ['nested field', { ...order, history: [] }, created, 201, /^\/history must NOT have fewer than 1/],
    ['missing field', { id: order.id }, created, 201, /must have required property/],
    ['format', { ...order, createdAt: 'now' }, created, 201, /^\/createdAt must match format/],
    ['header', order, { ...created, ETag: 'x' }, 201, /^header ETag must match pattern/],
    ['media type', order, { ...created, 'Content-Type': 'text/plain' }, 201, /^media type text\/plain/],
    ['status', order, created, 200, /^status 200 is not described/],
    [
      'problem',
      { title: 'Bad' },
      { ...ids, 'Content-Type': 'application/problem+json' },
      400,
      /must have required/,
    ],
  ])('may not have another %s', (_, body, headers, status, message) => {
    expect(check('/v1/orders', body, headers, status)[0]).toMatch(message);
  });

  it('must have the required headers', () => {
    const { ETag: _, ...headers } = created;
    expect(check('/v1/orders', order, headers)).toEqual(['header ETag is missing']);
  });

  it('belongs to the most specific path', () => {
    const headers = { ...ids, 'Content-Type': 'application/json' };
    expect(check('/v1/orders/cancel', { outcomes: [] }, headers, 200)).toEqual([]);
    expect(check('/v1/nothing', {}, headers, 200)).toEqual(['the contract has no such operation']);
  });
});
