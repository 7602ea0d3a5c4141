/** What all calls of the mock API have in common: routes, sign-in, problems and content negotiation. */
import { http, HttpResponse, type PathParams, type RequestHandler } from 'msw';
import { randomId } from '../api/ids';
import type { FieldError, Problem, ProblemCode } from '../api/types';

export interface Call {
  request: Request;
  params: PathParams;
  query: URLSearchParams;
  /** The ids of the request, which changes name. */
  origin: { requestId: string; traceId?: string };
}

type Operation = (call: Call) => Response | Promise<Response>;

/** A call that responds with a problem. */
export class Refused extends Error {
  constructor(
    readonly problem: Problem,
    readonly headers: Record<string, string> = {},
  ) {
    super(problem.detail);
  }
}

const problems: Record<ProblemCode, [number, string]> = {
  'invalid-request': [400, 'Bad Request'],
  'invalid-json': [400, 'Bad Request'],
  unauthenticated: [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  'not-found': [404, 'Not Found'],
  'order-not-found': [404, 'Not Found'],
  'method-not-allowed': [405, 'Method Not Allowed'],
  'not-acceptable': [406, 'Not Acceptable'],
  'already-delivered': [409, 'Conflict'],
  'cursor-expired': [410, 'Gone'],
  'order-removed': [410, 'Gone'],
  'webhook-not-found': [404, 'Not Found'],
  'webhook-refused': [422, 'Unprocessable Entity'],
  'version-mismatch': [412, 'Precondition Failed'],
  'too-large': [413, 'Request Entity Too Large'],
  'unsupported-media-type': [415, 'Unsupported Media Type'],
  'idempotency-key-reused': [422, 'Unprocessable Entity'],
  'rate-limited': [429, 'Too Many Requests'],
  internal: [500, 'Internal Server Error'],
  overloaded: [503, 'Service Unavailable'],
  unavailable: [503, 'Service Unavailable'],
};

export function refuse(
  code: ProblemCode,
  detail: string,
  more: Pick<Problem, 'errors' | 'current'> = {},
  headers: Record<string, string> = {},
): Refused {
  const [status, title] = problems[code];
  return new Refused({ type: `/docs#${code}`, title, status, code, detail, ...more }, headers);
}

export const badFields = (...errors: FieldError[]) =>
  refuse('invalid-request', 'the request has bad fields', { errors });

/** Answers all methods of a path. */
export function route(path: string, operations: Partial<Record<'GET' | 'POST', Operation>>): RequestHandler {
  const allowed = Object.keys(operations).flatMap((method) =>
    method === 'GET' ? [method, 'HEAD'] : [method],
  );
  return http.all(path, async ({ request, params }) => {
    const [, traceId] = /^00-([0-9a-f]{32})-/.exec(request.headers.get('traceparent') ?? '') ?? [];
    const requestId = request.headers.get('X-Request-Id') ?? randomId();
    const origin = traceId === undefined ? { requestId } : { requestId, traceId };
    const response = await respond(async () => {
      const operation = operations[request.method as 'GET' | 'POST'];
      const query = new URL(request.url).searchParams;
      if (operation) return operation({ request, params, query, origin });
      const headers = { Allow: allowed.join(', ') };
      throw refuse('method-not-allowed', 'this path has no such method', {}, headers);
    }, traceId);
    response.headers.set('X-Request-Id', requestId);
    return response;
  });
}

async function respond(call: () => Response | Promise<Response>, traceId?: string): Promise<Response> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { problem, headers } = error;
    return HttpResponse.json(traceId === undefined ? problem : { ...problem, traceId }, {
      status: problem.status,
      headers: { 'Content-Type': 'application/problem+json', ...headers },
    });
  }
}

export interface Caller {
  user: string;
  operator: boolean;
  /** The customer whose orders the caller may access; undefined for all. */
  sees: string | undefined;
}

/** The caller of a token `mock.<user>.<role>`. */
export function caller({ request }: Call): Caller {
  const authorization = request.headers.get('Authorization');
  const [, user, role] = /^Bearer mock\.(.+)\.(customer|operator)$/.exec(authorization ?? '') ?? [];
  if (user === undefined) {
    const challenge = authorization === null ? '' : ', error="invalid_token"';
    throw refuse(
      'unauthenticated',
      'sign in first',
      {},
      { 'WWW-Authenticate': `Bearer realm="orders"${challenge}` },
    );
  }
  const operator = role === 'operator';
  return { user, operator, sees: operator ? undefined : user };
}

/** The first of the client's media types that is one of `types`. */
export function negotiate({ request }: Call, ...types: string[]): string {
  const accepted = (request.headers.get('Accept') ?? '*/*')
    .split(',')
    .map((one) => one.split(';')[0]?.trim() ?? '');
  for (const range of accepted) {
    const found = types.find(
      (type) => range === '*/*' || range === type || range === `${type.split('/')[0] ?? ''}/*`,
    );
    if (found !== undefined) return found;
  }
  throw refuse('not-acceptable', `this call answers with ${types.join(' or ')}`);
}
