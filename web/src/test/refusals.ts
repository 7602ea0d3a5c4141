import { http, HttpResponse } from 'msw';
import type { ProblemCode } from '../api/types';

/** Refuses one cancel with an error of its reason. */
export function refuseRudeReason(path: string) {
  const problem = {
    type: '/docs',
    title: 'Bad',
    status: 400,
    code: 'invalid-request',
    detail: 'bad',
    errors: [{ field: 'reason', message: 'must not be rude' }],
  };
  return http.post(path, () => HttpResponse.json(problem, { status: 400 }), { once: true });
}

/** A server that answers requests at this path with a temporary problem while `away`. `sent` counts the requests. */
export function outage(
  path: string,
  status = 503,
  code: ProblemCode = 'unavailable',
  method: 'get' | 'post' = 'post',
) {
  const state = { away: true, sent: 0 };
  const problem = { type: '/docs', title: 'Away', status, code, detail: 'try again' };
  const answer = http[method](path, () => {
    state.sent++;
    return state.away ? HttpResponse.json(problem, { status, headers: { 'Retry-After': '1' } }) : undefined;
  });
  return { state, answer };
}
