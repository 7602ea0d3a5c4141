import { http, HttpResponse } from 'msw';

/** The server's refusal of one cancel, whose reason it finds rude. */
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
