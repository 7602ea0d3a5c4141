/**
 * Cancels in flight. They belong to the shell: leaving the order's page neither aborts a cancel nor hides its outcome. While
 * a page watches, the outcome is the page's to show; otherwise a toast shows it.
 */
import {
  asyncScheduler,
  defer,
  type Observable,
  ReplaySubject,
  retry,
  type SchedulerLike,
  Subject,
  takeUntil,
  throwError,
  timer,
} from 'rxjs';
import { explain, hasCode, isTemporary } from '../api/problem';
import type { Order } from '../api/types';
import { shortId } from '../orders/format';
import type { Toasts } from '../ui/toasts';

/** `changed` is false when the order had been cancelled before. */
export type Cancelled = Order & { changed?: boolean };

export interface Cancels {
  /** Sends a cancel, or joins the one of this order that is in flight. Unsubscribing does not abort it. */
  cancel(id: string, reason: string): Observable<Cancelled>;
  /** The reason of the order's cancel in flight; undefined when there is none. */
  running(id: string): string | undefined;
  /** Ends with the session: the requests are aborted, and nothing more is shown. */
  open(): () => void;
}

interface CancelsOptions {
  send: (id: string, reason: string) => Observable<Cancelled>;
  toasts: Pick<Toasts, 'show'>;
  scheduler?: SchedulerLike;
}

const RETRY_DELAY = 3_000;
const RETRY_LIMIT = 10;

export function createCancels({ send, toasts, scheduler = asyncScheduler }: CancelsOptions): Cancels {
  const inFlight = new Map<string, { reason: string; outcome$: ReplaySubject<Cancelled> }>();
  const closed$ = new Subject<void>();

  function start(id: string, reason: string): ReplaySubject<Cancelled> {
    const outcome$ = new ReplaySubject<Cancelled>(1);
    const settle = (show: () => void, pass: () => void) => {
      inFlight.delete(id);
      if (!outcome$.observed) show();
      pass();
    };
    let attempts = 0;
    inFlight.set(id, { reason, outcome$ });
    defer(() => {
      attempts++;
      return send(id, reason);
    })
      .pipe(
        retry({
          count: RETRY_LIMIT,
          // A page that watches offers the retry itself. Repeating a cancel is safe.
          delay: (error: unknown) =>
            isTemporary(error) && !outcome$.observed
              ? timer(RETRY_DELAY, scheduler)
              : throwError(() => error),
        }),
        takeUntil(closed$),
      )
      .subscribe({
        next: (order) =>
          settle(
            // After a lost answer, "already cancelled" most likely means our own first attempt.
            () => toasts.show(outcomeText(id, order.changed !== false || attempts > 1)),
            () => outcome$.next(order),
          ),
        error: (error: unknown) =>
          settle(
            () => toasts.show(failureText(id, error), 'bad'),
            () => outcome$.error(error),
          ),
        complete: () => {
          inFlight.delete(id);
          outcome$.complete();
        },
      });
    return outcome$;
  }

  return {
    cancel: (id, reason) => defer(() => inFlight.get(id)?.outcome$ ?? start(id, reason)),
    running: (id) => inFlight.get(id)?.reason,
    open: () => () => closed$.next(),
  };
}

function outcomeText(id: string, changed: boolean): string {
  return changed
    ? `Order ${shortId(id)} is cancelled.`
    : `Order ${shortId(id)} was cancelled already. Your cancel changed nothing.`;
}

function failureText(id: string, error: unknown): string {
  if (hasCode(error, 'already-delivered'))
    return `Order ${shortId(id)} was not cancelled: it was delivered before.`;
  if (isTemporary(error)) {
    return `We couldn’t confirm that order ${shortId(id)} is cancelled. Open it to check; cancelling again is safe.`;
  }
  return `Order ${shortId(id)} was not cancelled. ${explain(error)}`;
}
