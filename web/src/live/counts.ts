/** The number of orders per status over time. The server counts, because the feed does not have an order's previous status. */
import {
  asyncScheduler,
  concat,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  finalize,
  ignoreElements,
  merge,
  type Observable,
  retry,
  type SchedulerLike,
  Subject,
  throttle,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { isTemporary } from '../api/problem';
import type { OrderCounts, OrderSummary } from '../api/types';
import { type ListQuery, matches, toParams } from '../domain/query';
import { delayAfter } from './retry';
import { browserVisible, onceVisible } from './visible';

/** From the counts until the next request for counts, in ms. */
export const RECOUNT_INTERVAL = 1_500;

interface CountsOptions {
  api: Pick<Api, 'counts'>;
  changes$: Observable<OrderSummary>;
  /** Causes a request, like a change. */
  recount$?: Observable<unknown>;
  /** Nothing is requested while it is false. */
  visible$?: Observable<boolean>;
  /** Whether to sum the totals. */
  totals?: boolean;
  scheduler?: SchedulerLike;
}

/** The counts of a query after each change of one of its orders, by one request at a time. */
export function watchCounts(query: ListQuery, options: CountsOptions): Observable<OrderCounts> {
  const {
    api,
    changes$,
    recount$ = EMPTY,
    totals = false,
    visible$ = browserVisible(),
    scheduler = asyncScheduler,
  } = options;
  // A change can also end an order's need for attention, or a state that the query selects.
  const counted = {
    ...query,
    status: undefined,
    attention: false,
    payment: undefined,
    cancelledBy: undefined,
    due: undefined,
  };
  return defer(() => {
    const rested$ = new Subject<void>();
    return merge(changes$.pipe(filter((order) => matches(counted, order, scheduler.now()))), recount$).pipe(
      // A change during a count may not be in it, so it causes another one, however long the first takes.
      throttle(() => rested$, { leading: true, trailing: true }),
      exhaustMap(() =>
        concat(
          onceVisible(visible$).pipe(ignoreElements()),
          defer(() =>
            api.counts({ ...toParams(query, scheduler.now()), ...(totals ? { totals: 'true' } : {}) }),
          ).pipe(
            retry({ delay: (error) => (isTemporary(error) ? timer(delayAfter(error), scheduler) : EMPTY) }),
          ),
          timer(RECOUNT_INTERVAL, scheduler).pipe(ignoreElements()),
        ).pipe(finalize(() => rested$.next())),
      ),
    );
  });
}
