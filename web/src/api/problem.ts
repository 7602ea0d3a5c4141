import type { FieldError, Problem } from './types';

/** The server answered with an RFC 9457 problem. */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    /** From the Retry-After header, in seconds. */
    readonly retryAfter?: number,
  ) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
  }
}

/** No response: offline, server unreachable, or timeout. */
export class NetworkError extends Error {
  constructor(message = 'Can’t reach the server.', options?: ErrorOptions) {
    super(message, options);
    this.name = 'NetworkError';
  }
}

/** The identity provider did not sign the user in; the message gives the reason. */
export class SignInError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SignInError';
  }
}

export function hasCode(error: unknown, ...codes: Problem['code'][]): error is ApiError {
  return error instanceof ApiError && codes.includes(error.problem.code);
}

/** Whether repeating the request later may succeed. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return error instanceof ApiError && (error.problem.status === 429 || error.problem.status >= 500);
}

/** Whether the server can't carry out the request at the moment. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof ApiError && error.problem.status === 503;
}

/** Whether the server refused the request. After any other error it may have been executed. */
export function isRefused(error: unknown): error is ApiError {
  return error instanceof ApiError && error.problem.status >= 400 && error.problem.status < 500;
}

/** The server's Retry-After in ms; 0 without one. */
export function retryDelay(error: unknown): number {
  return error instanceof ApiError ? (error.retryAfter ?? 0) * 1_000 : 0;
}

/** The error as a message for the user. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) {
    const { status, detail, traceId, errors = [] } = error.problem;
    if (errors.length > 0) return errors.map(explainField).join(' ');
    if (status >= 500) {
      const text = detail === undefined ? 'Something went wrong on our side.' : sentence(detail);
      return traceId === undefined ? text : `${text} (trace ${traceId})`;
    }
  }
  if (error instanceof ApiError || error instanceof NetworkError || error instanceof SignInError)
    return sentence(error.message);
  return 'Something went wrong on this page.';
}

const fieldLabels: Record<string, string> = { sku: 'SKU', unitPrice: 'price' };

/** A field's error as a message that names the field: `Item 2 SKU must not be empty.` */
export function explainField({ field, message }: FieldError): string {
  const [, index, name = ''] = /^items\[(\d+)\]\.(\w+)$/.exec(field) ?? [];
  const label = index === undefined ? field : `item ${Number(index) + 1} ${fieldLabels[name] ?? name}`;
  return sentence(`${label} ${message}`);
}

/** Makes a sentence of the server's `detail`, which has neither a capital letter nor a full stop. */
export function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** Reads the problem of an error response. Proxies send other bodies: those become a problem with a code by status. */
export async function readProblem(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('Retry-After')) || undefined;
  try {
    const body: unknown = await response.json();
    if (isProblem(body)) return new ApiError(body, retryAfter);
  } catch {
    // Not JSON: from a proxy, or empty.
  }
  const title = response.statusText || `HTTP ${response.status}`;
  const code =
    response.status === 401 ? 'unauthenticated' : response.status >= 500 ? 'unavailable' : 'internal';
  return new ApiError({ type: 'about:blank', title, status: response.status, code }, retryAfter);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'status' in body && 'title' in body;
}
