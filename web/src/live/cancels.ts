/**
 * Cancels in flight. They belong to the session, not to a page: leaving a page does not abort its cancel. The page that
 * observes a cancel shows its outcome; without an observer a toast shows it. They are not stored: closing the tab ends
 * the retries, while a request that has reached the server may still take effect.
 *
 * While the server can't carry out commands (503), a cancel waits and is retried until its outcome is known.
 */
import {
  asyncScheduler,
  BehaviorSubject,
  defer,
  distinctUntilChanged,
  filter,
  map,
  merge,
  type Observable,
  ReplaySubject,
  retry,
  type SchedulerLike,
  Subject,
  takeUntil,
  tap,
  throwError,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { explain, hasCode, isRefused, isTemporary, isUnavailable } from '../api/problem';
import type { Order } from '../api/types';
import { nameOf, plural } from '../domain/format';
import { type BulkProgress, type BulkResult, type BulkTarget, createBulk, sizeOf } from './bulk';
import { delayAfter } from './retry';
import type { Toasts } from './toasts';

/**
 * `changed` is whether this cancel cancelled the order, or found it cancelled. It is absent when that is unknown: an earlier
 * request of this tab, whose response was lost, may have cancelled the order.
 */
export type Cancelled = Order & { changed?: boolean };

export interface Cancels {
  /** Sends a cancel, or returns the order's cancel in flight. Unsubscribing does not abort it. */
  cancel(id: string, reason: string): Observable<Cancelled>;
  /** Cancels many orders; see createBulk. Unsubscribing does not abort it. */
  cancelMany(target: BulkTarget, reason: string): Observable<BulkResult>;
  /** The progress of the cancel of many orders; undefined while none runs. */
  progress$: Observable<BulkProgress | undefined>;
  /** Ends the cancel of many orders after the batch in flight. */
  stopMany(): void;
  /** The reason of the order's cancel in flight; undefined when there is none. */
  running(id: string): string | undefined;
  /** Whether the order's cancel waits for a server that can't carry out commands at the moment. */
  waiting$(id: string): Observable<boolean>;
  /** Gives up the order's waiting cancel. */
  stop(id: string): void;
  /** Returns a function for the end of the session: it aborts the requests, and no more toasts are shown. */
  open(): () => void;
}

interface CancelsOptions {
  api: Pick<Api, 'cancel' | 'cancelMany' | 'list'>;
  toasts: Pick<Toasts, 'show'>;
  scheduler?: SchedulerLike;
}

/** The toasts that are shown without an observer. */
interface Messages<T> {
  done: (outcome: T) => Parameters<Toasts['show']>;
  failed: (error: unknown) => Parameters<Toasts['show']>;
}

const RETRY_LIMIT = 10;

export function createCancels({ api, toasts, scheduler = asyncScheduler }: CancelsOptions): Cancels {
  const inFlight = new Map<string, { reason: string; outcome$: Observable<Cancelled> }>();
  /** Orders that a request with a lost response may have cancelled. */
  const uncertain = new Set<string>();
  const closed$ = new Subject<void>();
  const waiting$ = new BehaviorSubject<ReadonlySet<string>>(new Set());
  const stopped$ = new Subject<string>();

  function setWaiting(id: string, on: boolean): void {
    const next = new Set(waiting$.value);
    if (on) next.add(id);
    else next.delete(id);
    waiting$.next(next);
  }

  const withoutUncertain = <T extends { id: string; changed?: boolean }>(
    outcome: T,
  ): T | Omit<T, 'changed'> => {
    const { changed, ...rest } = outcome;
    return changed === false && uncertain.has(outcome.id) ? rest : outcome;
  };

  /**
   * Sends a cancel, and retries it while the server is unavailable. After a lost response it is retried without an observer
   * only: a page offers the retry itself.
   */
  function cancel(id: string, reason: string): Observable<Cancelled> {
    const outcome$ = new ReplaySubject<Cancelled>(1);
    const messages = oneMessages(id);
    inFlight.set(id, { reason, outcome$ });
    let lost = 0;
    const end = () => {
      setWaiting(id, false);
      inFlight.delete(id);
    };
    const isRetried = (error: unknown) => {
      if (isUnavailable(error)) setWaiting(id, true);
      if (waiting$.value.has(id)) return isTemporary(error);
      return isTemporary(error) && !outcome$.observed && ++lost <= RETRY_LIMIT;
    };
    const finish = (show: () => void, pass: () => void) => {
      end();
      if (!outcome$.observed) show();
      pass();
    };
    api
      .cancel(id, reason)
      .pipe(
        map((order): Cancelled => withoutUncertain(order)),
        tap({
          error: (error: unknown) => {
            if (!isRefused(error)) uncertain.add(id);
          },
        }),
        retry({
          // A cancel is idempotent.
          delay: (error: unknown) =>
            isRetried(error) ? timer(delayAfter(error), scheduler) : throwError(() => error),
        }),
        takeUntil(merge(closed$, stopped$.pipe(filter((stopped) => stopped === id)))),
      )
      .subscribe({
        next: (outcome) =>
          finish(
            () => toasts.show(...messages.done(outcome)),
            () => outcome$.next(outcome),
          ),
        error: (error: unknown) =>
          finish(
            () => toasts.show(...messages.failed(error)),
            () => outcome$.error(error),
          ),
        complete: () => {
          end();
          outcome$.complete();
        },
      });
    return outcome$;
  }

  const bulk = createBulk({
    api,
    scheduler,
    known: withoutUncertain,
    uncertain: (ids) => ids.forEach((id) => uncertain.add(id)),
  });

  return {
    cancel: (id, reason) => defer(() => inFlight.get(id)?.outcome$ ?? cancel(id, reason)),
    cancelMany: (target, reason) =>
      defer(() => {
        const outcome$ = new ReplaySubject<BulkResult>(1);
        const messages = manyMessages(sizeOf(target));
        bulk
          .run(target, reason)
          .pipe(takeUntil(closed$))
          .subscribe({
            next: (result) => {
              if (!outcome$.observed) toasts.show(...messages.done(result));
              outcome$.next(result);
            },
            error: (error: unknown) => {
              if (!outcome$.observed) toasts.show(...messages.failed(error));
              outcome$.error(error);
            },
            complete: () => outcome$.complete(),
          });
        return outcome$;
      }),
    progress$: bulk.progress$,
    stopMany: bulk.stop,
    waiting$: (id) =>
      waiting$.pipe(
        map((ids) => ids.has(id)),
        distinctUntilChanged(),
      ),
    stop: (id) => stopped$.next(id),
    running: (id) => inFlight.get(id)?.reason,
    open: () => () => closed$.next(),
  };
}

function oneMessages(order: string): Messages<Cancelled> {
  const failed = (error: unknown): string => {
    if (hasCode(error, 'already-delivered')) return 'Too late to cancel: the order was already delivered.';
    return isTemporary(error)
      ? 'We couldn’t confirm the cancellation. Open the order to check; it’s safe to try again.'
      : `Couldn’t cancel the order. ${explain(error)}`;
  };
  return {
    done: ({ changed, lastChange, cancellation }) => {
      const change = lastChange ?? cancellation;
      const by = change ? ` by ${nameOf(change)}` : '';
      return [
        changed === false ? `The order was already cancelled${by}. Nothing changed.` : 'Order cancelled',
        { order },
      ];
    },
    failed: (error) => [failed(error), { tone: 'bad', order }],
  };
}

function manyMessages(size: number): Messages<BulkResult> {
  const selected = plural(size, 'order');
  return {
    done: ({ outcomes, stopped }) => {
      // Of the orders that match a query, those without an outcome were no longer there to cancel.
      const count = stopped ? Math.max(size, outcomes.length) : outcomes.length;
      const orders = plural(count, 'order');
      const done = outcomes.filter(({ outcome }) => outcome === 'cancelled').length;
      const before = outcomes.filter(({ changed }) => changed === false).length;
      const cancelled = done - before;
      const already = before > 0 ? `, ${before.toLocaleString()} already cancelled` : '';
      return done === count
        ? [`${plural(cancelled, 'order')} cancelled${already}`]
        : [
            `${cancelled} of ${orders} cancelled${already}. ${stopped ? 'The others were not processed' : 'The others were already delivered or failed'}; try again.`,
            { tone: 'bad' },
          ];
    },
    failed: (error) => [
      isTemporary(error)
        ? `We couldn’t confirm the cancellation of ${selected}. Check the list; it’s safe to try again.`
        : `Couldn’t cancel ${selected}. ${explain(error)}`,
      { tone: 'bad' },
    ],
  };
}
