import {
  catchError,
  concat,
  EMPTY,
  of,
  type OperatorFunction,
  type SchedulerLike,
  switchMap,
  timer,
} from 'rxjs';
import { isTemporary, retryDelay } from '../api/problem';

/** The time before a request is repeated, in ms. */
export const RETRY_DELAY = 3_000;

/** The time before a request is repeated after this error, in ms: at least the server's Retry-After. */
export function delayAfter(error: unknown): number {
  return Math.max(RETRY_DELAY, retryDelay(error));
}

/** Emits `failed(error)` instead of an error, and loads again while the error is temporary. */
export function reload<T, F>(
  failed: (error: unknown) => F,
  scheduler: SchedulerLike,
): OperatorFunction<T, T | F> {
  return catchError((error: unknown, again) =>
    concat(
      of(failed(error)),
      isTemporary(error) ? timer(delayAfter(error), scheduler).pipe(switchMap(() => again)) : EMPTY,
    ),
  );
}
