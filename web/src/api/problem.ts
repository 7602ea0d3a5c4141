import type { Problem } from './types';

/** The server answered with an RFC 9457 problem. */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    /** Seconds that the server asks us to wait. */
    readonly retryAfter?: number,
  ) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
  }
}

/** No answer came: offline, the server is away, or it took too long. */
export class NetworkError extends Error {
  constructor(message = 'The server could not be reached.', options?: ErrorOptions) {
    super(message, options);
    this.name = 'NetworkError';
  }
}

/** The issuer did not sign the user in; the message says why. */
export class SignInError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SignInError';
  }
}

export function hasCode(error: unknown, ...codes: Problem['code'][]): error is ApiError {
  return error instanceof ApiError && codes.includes(error.problem.code);
}

/** Whether the same request may well succeed a little later. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  return error instanceof ApiError && (error.problem.status === 429 || error.problem.status >= 500);
}

/** Whether the server answered that it did not do it. After any other error nobody knows. */
export function isRefused(error: unknown): error is ApiError {
  return error instanceof ApiError && error.problem.status >= 400 && error.problem.status < 500;
}

/** How long the server asks to wait before the next try, in ms; 0 when it doesn't. */
export function retryDelay(error: unknown): number {
  return error instanceof ApiError ? (error.retryAfter ?? 0) * 1_000 : 0;
}

/** What to tell a person. */
export function explain(error: unknown): string {
  if (error instanceof ApiError || error instanceof NetworkError || error instanceof SignInError)
    return sentence(error.message);
  return 'Something went wrong in this page.';
}

/** `detail` is written as part of a log line; on a page it is a sentence. */
export function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** Reads a problem from an answer that isn't ok, whatever stands between us and the server made of it. */
export async function readProblem(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('Retry-After')) || undefined;
  try {
    const body: unknown = await response.json();
    if (isProblem(body)) return new ApiError(body, retryAfter);
  } catch {
    // Not JSON: a proxy's own page, or nothing at all.
  }
  const title = response.statusText || `HTTP ${response.status}`;
  const code =
    response.status === 401 ? 'unauthenticated' : response.status >= 500 ? 'unavailable' : 'internal';
  return new ApiError({ type: 'about:blank', title, status: response.status, code }, retryAfter);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'status' in body && 'title' in body;
}
