/** The reason of a cancel, validated while the user types. */
import { ApiError, explain, explainField, sentence } from '../api/problem';

/** In characters, as in openapi.yaml. */
export const REASON_LIMIT = 500;

/** The error of a reason; undefined when it is valid. Line breaks and tabs are allowed. */
export function validateReason(text: string): string | undefined {
  const reason = text.trim();
  const length = Array.from(reason).length;
  if (length > REASON_LIMIT) return `Use at most ${REASON_LIMIT} characters (now ${length}).`;
  // eslint-disable-next-line no-control-regex -- control characters are not allowed
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(reason)) return 'Remove the control characters.';
  return undefined;
}

/** The messages for a refused cancel: the reason's error, and all others. */
export function cancelErrors(error: unknown): { reason?: string; other?: string } {
  if (error === undefined) return {};
  const errors = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  const reason = errors.find(({ field }) => field === 'reason');
  const rest = errors.filter((one) => one !== reason);
  const other = reason ? rest.map(explainField).join(' ') : explain(error);
  return { ...(reason ? { reason: sentence(reason.message) } : {}), ...(other === '' ? {} : { other }) };
}
