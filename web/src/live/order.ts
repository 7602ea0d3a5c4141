/**
 * One order over time: loaded with its history, and again whenever the feed tells of a newer version. While its payment is
 * pending it is also loaded from time to time: the attempts and the last error change without a new version or an event.
 */
import {
  asyncScheduler,
  catchError,
  concat,
  defer,
  EMPTY,
  expand,
  filter,
  map,
  merge,
  type Observable,
  of,
  scan,
  type SchedulerLike,
  startWith,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { isTemporary } from '../api/problem';
import type { Order } from '../api/types';
import type { LiveFeed } from './liveFeed';
import { RETRY_AFTER } from './list';

export interface OrderView {
  order: Order | undefined;
  error: unknown;
}

export interface OrderOptions {
  order: Api['order'];
  feed: Pick<LiveFeed, 'orders$' | 'resets$' | 'start'>;
  scheduler?: SchedulerLike;
}

/** While the payment is pending, in ms. */
export const REREAD_EVERY = 5_000;

export function watchOrder(id: string, options: OrderOptions): Observable<OrderView> {
  const { order, feed, scheduler = asyncScheduler } = options;
  const changes$ = feed.orders$.pipe(filter((changed) => changed.id === id));

  const load$: Observable<{ loaded: Order } | { error: unknown }> = defer(() => order(id)).pipe(
    tap(() => feed.start()),
    map((loaded) => ({ loaded })),
    catchError((error: unknown, again) =>
      concat(
        of({ error }),
        isTemporary(error) ? timer(RETRY_AFTER, scheduler).pipe(switchMap(() => again)) : EMPTY,
      ),
    ),
  );
  const loads$ = merge(changes$, feed.resets$).pipe(
    startWith(undefined),
    switchMap(() =>
      load$.pipe(
        expand((news) =>
          'loaded' in news && news.loaded.status === 'created'
            ? timer(REREAD_EVERY, scheduler).pipe(switchMap(() => load$))
            : EMPTY,
        ),
      ),
    ),
  );

  // The feed's order has no history: it shows at once what is new, and the load brings the rest.
  return merge(changes$.pipe(map((changed) => ({ changed }))), loads$).pipe(
    scan(
      (view: OrderView, news): OrderView => {
        const version = view.order?.version ?? 0;
        if ('error' in news) return { ...view, error: news.error };
        if ('loaded' in news) {
          return { order: news.loaded.version >= version ? news.loaded : view.order, error: undefined };
        }
        if (view.order === undefined || news.changed.version <= version) return view;
        return { ...view, order: { ...news.changed, history: view.order.history } };
      },
      { order: undefined, error: undefined },
    ),
    filter((view) => view.order !== undefined || view.error !== undefined),
  );
}
