import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import type { FieldError } from '../api/types';
import { cancelErrors, validateReason, REASON_LIMIT } from './reason';

describe('the reason of a cancel', () => {
  it.each([
    '',
    '  ',
    'out of stock',
    'two\nlines\tand a tab',
    '😀'.repeat(REASON_LIMIT),
    ` ${'a'.repeat(REASON_LIMIT)} `,
  ])('is valid: %j', (text) => expect(validateReason(text)).toBeUndefined());

  it.each([
    ['a'.repeat(501), 'Use at most 500 characters (now 501).'],
    ['a\u0000b', 'Remove the control characters.'],
    ['a\u0085b', 'Remove the control characters.'],
  ])('is invalid: %j', (text, message) => expect(validateReason(text)).toBe(message));

  it('has the limit of openapi.yaml', () => {
    const contract = readFileSync(join(import.meta.dirname, '../../../api/openapi.yaml'), 'utf8');
    expect(/^ {4}Reason:\n(?: {6}.*\n)*? {6}maxLength: (\d+)/m.exec(contract)?.[1]).toBe(
      String(REASON_LIMIT),
    );
  });
});

describe('a refused cancel', () => {
  const refused = (...errors: FieldError[]) =>
    new ApiError({
      type: '',
      title: 'Bad',
      status: 400,
      code: 'invalid-request',
      detail: 'bad fields',
      errors,
    });
  const reason = { field: 'reason', message: 'is too long' };

  it.each([
    [undefined, {}],
    [refused(reason), { reason: 'Is too long.' }],
    [refused(), { other: 'Bad fields.' }],
    [
      refused(reason, { field: 'ids[0]', message: 'must be a UUID' }),
      { reason: 'Is too long.', other: 'Ids[0] must be a UUID.' },
    ],
    [new NetworkError('Gone.'), { other: 'Gone.' }],
  ])('separates the error of the reason from others', (error, expected) => {
    expect(cancelErrors(error)).toEqual(expected);
  });
});
