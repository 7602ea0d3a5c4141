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
