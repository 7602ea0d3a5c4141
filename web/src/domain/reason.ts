/** The reason of a cancel: what the server accepts, checked while it is typed. */
import { ApiError, explain, explainField, sentence } from '../api/problem';

/** In characters, as the contract has it. */
export const REASON_LIMIT = 500;

/** What is wrong with a reason; undefined when the server accepts it. Line breaks and tabs are fine. */
export function checkReason(text: string): string | undefined {
  const reason = text.trim();
  const length = Array.from(reason).length;
  if (length > REASON_LIMIT) return `Use at most ${REASON_LIMIT} characters (now ${length}).`;
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(reason)) return 'Remove the control characters.';
  return undefined;
}

/** Why the server refused a cancel: what is wrong with the reason, and everything else. */
export function cancelFaults(error: unknown): { reason?: string; other?: string } {
  if (error === undefined) return {};
  const errors = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  const reason = errors.find(({ field }) => field === 'reason');
  const rest = errors.filter((one) => one !== reason);
  const other = reason ? rest.map(explainField).join(' ') : explain(error);
  return { ...(reason ? { reason: sentence(reason.message) } : {}), ...(other === '' ? {} : { other }) };
}
