/**
 * Cancels of many orders, in batches: of given orders, or of all that match a query when their batch is sent. One runs at a
 * time. It is retried while the server is unreachable, and can be stopped between two batches.
 */
import {
  BehaviorSubject,
  catchError,
  defer,
  EMPTY,
  expand,
  finalize,
  last,
  map,
  merge,
  type Observable,
  of,
  retry,
  type SchedulerLike,
  Subject,
  switchMap,
  take,
  throwError,
  timer,
} from 'rxjs';
import type { Api, ListParams } from '../api/client';
import { ApiError, isRefused, isTemporary, isUnavailable } from '../api/problem';
import type { CancelOutcome } from '../api/types';
import { delayAfter } from './retry';

/** The orders to cancel. `total` is how many matched when they were selected. */
export type BulkTarget = { ids: readonly string[] } | { params: ListParams; total: number };

export interface BulkResult {
  outcomes: readonly CancelOutcome[];
  /** Whether it ended before the last batch. */
  stopped: boolean;
}

export interface BulkProgress {
  /** Orders with an outcome. */
  done: number;
  /** At least `done`: more orders than `total` may match meanwhile. */
  total: number;
  /** Whether it waits for a server that is unreachable or can't carry out commands at the moment. */
  waiting: boolean;
  stopping: boolean;
}

/** The server's limit of orders per request. */
export const BATCH_SIZE = 100;
/** How often a batch is retried in a row, unless the server says that it is unavailable. */
const RETRY_LIMIT = 10;

export function sizeOf(target: BulkTarget): number {
  return 'ids' in target ? target.ids.length : target.total;
}

export interface BulkOptions {
  api: Pick<Api, 'cancelMany' | 'list'>;
  scheduler: SchedulerLike;
  /** Adapts the outcome of an order whose earlier cancel has no known outcome. */
  known: (outcome: CancelOutcome) => CancelOutcome;
  /** Called with the orders that a request without a response may have cancelled. */
  uncertain: (ids: readonly string[]) => void;
}

export function createBulk({ api, scheduler, known, uncertain }: BulkOptions) {
  const progress$ = new BehaviorSubject<BulkProgress | undefined>(undefined);
  const stop$ = new Subject<void>();

  function run(target: BulkTarget, reason: string): Observable<BulkResult> {
    return defer(() => {
      const source = batchesOf(target, api.list);
      const outcomes = new Map<string, CancelOutcome>();
      const state = { stopped: false, waiting: false, failures: 0 };
      const result = (): BulkResult => ({ outcomes: [...outcomes.values()], stopped: state.stopped });
      const report = (waiting: boolean) => {
        state.waiting = waiting;
        const done = outcomes.size;
        const total = Math.max(sizeOf(target), done);
        progress$.next({ done, total, waiting, stopping: state.stopped });
      };
      const left = (ids: readonly string[]) => ids.filter((id) => isAway(outcomes.get(id)) !== false);

      const cancelBatch = (ids: readonly string[]) => {
        const rest = left(ids);
        if (rest.length === 0) return of(undefined);
        return api.cancelMany(rest, reason).pipe(
          map((received) => {
            for (const outcome of received) outcomes.set(outcome.id, brief(known(outcome)));
            uncertain(received.flatMap(({ id, outcome }) => (outcome === 'failed' ? [id] : [])));
            const away = received.find(isAway);
            if (away?.problem) throw new ApiError(away.problem);
          }),
          catchError((error: unknown) => {
            if (!isRefused(error)) uncertain(left(ids));
            return throwError(() => error);
          }),
        );
      };
      /** Cancels the next batch. Emits whether more may follow. */
      const step$ = defer(() => source.current()).pipe(
        switchMap((ids) =>
          ids.length === 0
            ? of(false)
            : cancelBatch(ids).pipe(
                map(() => {
                  source.advance();
                  state.failures = 0;
                  report(false);
                  return !state.stopped;
                }),
              ),
        ),
        retry({
          delay: (error: unknown) => {
            const retried = isUnavailable(error) || ++state.failures <= RETRY_LIMIT;
            if (!isTemporary(error) || !retried) return throwError(() => error);
            report(true);
            return timer(delayAfter(error), scheduler);
          },
        }),
      );
      const steps$ = step$.pipe(
        expand((more) => (more ? step$ : EMPTY)),
        last(),
        map(result),
        catchError((error: unknown) => {
          // With some outcomes known, the page shows those and offers to retry the others.
          if (outcomes.size === 0) return throwError(() => error);
          for (const id of left(source.batch()))
            outcomes.set(id, {
              id,
              outcome: 'failed',
              ...(error instanceof ApiError && { problem: error.problem }),
            });
          state.stopped = true;
          return of(result());
        }),
      );
      const stopped$ = stop$.pipe(
        switchMap(() => {
          state.stopped = true;
          report(state.waiting);
          return state.waiting ? of(result()) : EMPTY; // otherwise the batch in flight ends first
        }),
      );
      report(false);
      return merge(stopped$, steps$).pipe(
        take(1),
        finalize(() => progress$.next(undefined)),
      );
    });
  }

  return {
    run,
    /** The progress of the cancel that runs; undefined while none does. */
    progress$: progress$ as Observable<BulkProgress | undefined>,
    /** Ends the cancel that runs after the batch in flight. */
    stop: () => stop$.next(),
  };
}

/** Whether the server could not carry out the cancel at the moment; undefined without an outcome. */
function isAway(outcome: CancelOutcome | undefined): boolean | undefined {
  return outcome && outcome.problem?.status === 503;
}

/** Without the order, unless it says who cancelled it before. */
function brief({ order, ...outcome }: CancelOutcome): CancelOutcome {
  return order && outcome.changed === false ? { ...outcome, order } : outcome;
}

interface Batches {
  /** The ids of the batch, loaded if necessary; empty after the last one. */
  current: () => Observable<readonly string[]>;
  /** The ids of the batch, as far as they are loaded. */
  batch: () => readonly string[];
  advance: () => void;
}

function batchesOf(target: BulkTarget, list: Api['list']): Batches {
  if ('ids' in target) {
    let at = 0;
    const batch = () => target.ids.slice(at, at + BATCH_SIZE);
    return { batch, current: () => of(batch()), advance: () => void (at += BATCH_SIZE) };
  }
  // From the newest to the oldest order: those that are created meanwhile are never reached, so it ends.
  const params = { ...target.params, sort: '-created', limit: BATCH_SIZE };
  let cursor: string | null | undefined;
  let page: { ids: readonly string[]; next: string | null } | undefined;
  const load = (): Observable<readonly string[]> =>
    list(cursor ? { ...params, cursor } : params).pipe(
      take(1),
      switchMap(({ orders, next }) => {
        if (orders.length === 0 && next !== null) {
          cursor = next;
          return load();
        }
        page = { ids: orders.map(({ id }) => id), next };
        return of(page.ids);
      }),
    );
  return {
    batch: () => page?.ids ?? [],
    current: () => (cursor === null ? of([]) : page ? of(page.ids) : load()),
    advance: () => {
      cursor = page?.next ?? null;
      page = undefined;
    },
  };
}
