import { http, HttpResponse } from 'msw';

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

/** A server that can't carry out commands at this path while `away`. `sent` counts the requests. */
export function outage(path: string) {
  const state = { away: true, sent: 0 };
  const problem = { type: '/docs', title: 'Away', status: 503, code: 'unavailable', detail: 'try again' };
  const answer = http.post(path, () => {
    state.sent++;
    return state.away
      ? HttpResponse.json(problem, { status: 503, headers: { 'Retry-After': '1' } })
      : undefined;
  });
  return { state, answer };
}
