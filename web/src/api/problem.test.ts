import { describe, expect, it } from 'vitest';
import {
  ApiError,
  explain,
  hasCode,
  isTemporary,
  NetworkError,
  readProblem,
  sentence,
  SignInError,
} from './problem';
import type { Problem } from './types';

const problem: Problem = {
  type: 'about:blank',
  title: 'Conflict',
  status: 409,
  code: 'already-delivered',
  detail: 'the order is delivered',
};
const withStatus = (status: number) => new ApiError({ ...problem, status });

describe('reading a problem', () => {
  it('of the server returns it with Retry-After', async () => {
    const headers = { 'Retry-After': '30' };
    const error = await readProblem(new Response(JSON.stringify(problem), { status: 409, headers }));
    expect(error).toBeInstanceOf(ApiError);
    expect([error.problem, error.retryAfter, error.message]).toEqual([problem, 30, 'the order is delivered']);
  });

  it.each([
    [401, 'unauthenticated'],
    [404, 'internal'],
    [500, 'unavailable'],
    [502, 'unavailable'],
  ])('with status %i and a body that is no problem gets a code by its status', async (status, code) => {
    for (const body of ['<h1>Sorry</h1>', '', '{"error":"no"}', 'null', '"text"']) {
      const error = await readProblem(new Response(body, { status }));
      expect(error.problem).toMatchObject({ status, code });
      expect(error.problem.title).not.toBe('');
      expect(error.retryAfter).toBeUndefined();
    }
  });

  it('ignores a Retry-After that is a date', async () => {
    const headers = { 'Retry-After': 'Tue, 24 Nov 2026 12:00:00 GMT' };
    expect((await readProblem(new Response('', { status: 503, headers }))).retryAfter).toBeUndefined();
  });
});

describe('a problem', () => {
  it.each([429, 500, 502, 503, 504])('with status %i is temporary', (status) => {
    expect(isTemporary(withStatus(status))).toBe(true);
  });

  it.each([400, 401, 403, 404, 409, 410, 422])('with status %i is not temporary', (status) => {
    expect(isTemporary(withStatus(status))).toBe(false);
  });

  it('is temporary without a response, and is not when our code failed', () => {
    expect([isTemporary(new NetworkError()), isTemporary(new Error('bug'))]).toEqual([true, false]);
  });

  it('is recognised by its code', () => {
    const error = new ApiError(problem);
    expect(hasCode(error, 'version-mismatch', 'already-delivered')).toBe(true);
    expect([hasCode(error, 'version-mismatch'), hasCode(problem, 'already-delivered')]).toEqual([
      false,
      false,
    ]);
  });

  it('is shown as a sentence, without internal details', () => {
    expect(explain(new ApiError(problem))).toBe('The order is delivered.');
    const { detail: _, ...bare } = problem;
    expect(explain(new ApiError(bare))).toBe('Conflict.');
    expect(explain(new ApiError({ ...bare, status: 500 }))).toBe('Something went wrong on our side.');
    expect(explain(new ApiError({ ...bare, status: 500, traceId: '4bf92f' }))).toBe(
      'Something went wrong on our side. (trace 4bf92f)',
    );
    expect(explain(new NetworkError())).toBe('Can’t reach the server.');
    expect(explain(new SignInError('sign-in was cancelled'))).toBe('Sign-in was cancelled.');
    expect(explain(new TypeError('x is undefined'))).toBe('Something went wrong on this page.');
    expect(sentence('really?')).toBe('Really?');
  });

  it('is explained by its field errors when it has some', () => {
    const errors = [
      { field: 'items[1].unitPrice', message: 'must be from 0 to 100' },
      { field: 'limit', message: 'must be a number' },
    ];
    expect(explain(new ApiError({ ...problem, detail: 'the request has bad fields', errors }))).toBe(
      'Item 2 price must be from 0 to 100. Limit must be a number.',
    );
  });
});
