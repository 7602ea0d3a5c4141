/**
 * One order over time: loaded with its history, and again on each change from the feed. While its payment is pending or it
 * needs attention it is also loaded every 5 s in a visible tab, because that changes without a new version or an event.
 */
import {
  asyncScheduler,
  defer,
  EMPTY,
  expand,
  filter,
  map,
  merge,
  type Observable,
  scan,
  type SchedulerLike,
  startWith,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import type { Order, OrderSummary } from '../api/types';
import type { Feed } from './feed';
import { reload } from './retry';
import { browserVisible, onceVisible } from './visible';

export interface OrderView {
  order: Order | undefined;
  error: unknown;
}

export interface OrderOptions {
  order: Api['order'];
  feed: Pick<Feed, 'orders$' | 'resets$' | 'start'>;
  scheduler?: SchedulerLike;
  visible$?: Observable<boolean>;
  /** The order as the list has it: it is shown, without history, until the order is loaded. */
  known?: OrderSummary | undefined;
}

/** The time between loads of an order that changes silently, in ms. */
export const RELOAD_INTERVAL = 5_000;

const changesSilently = ({ status, attention }: Order) => status === 'created' || attention !== undefined;

export function watchOrder(id: string, options: OrderOptions): Observable<OrderView> {
  const { order, feed, scheduler = asyncScheduler, visible$ = browserVisible(), known } = options;
  const changes$ = feed.orders$.pipe(filter((changed) => changed.id === id));

  const load$: Observable<{ loaded: Order } | { error: unknown }> = defer(() => order(id)).pipe(
    tap(() => feed.start()),
    map((loaded) => ({ loaded })),
    reload((error) => ({ error }), scheduler),
  );
  const loads$ = merge(changes$, feed.resets$).pipe(
    startWith(undefined),
    switchMap(() =>
      load$.pipe(
        expand((update) =>
          'loaded' in update && changesSilently(update.loaded)
            ? timer(RELOAD_INTERVAL, scheduler).pipe(
                switchMap(() => onceVisible(visible$)),
                switchMap(() => load$),
              )
            : EMPTY,
        ),
      ),
    ),
  );

  const initial: OrderView = { order: known && { ...known, history: [] }, error: undefined };
  // Orders of the feed have no history. They are shown at once with the known history, until the load completes.
  return merge(changes$.pipe(map((changed) => ({ changed }))), loads$).pipe(
    scan((view: OrderView, update): OrderView => {
      const version = view.order?.version ?? 0;
      if ('error' in update) return { ...view, error: update.error };
      if ('loaded' in update) {
        return { order: update.loaded.version >= version ? update.loaded : view.order, error: undefined };
      }
      if (view.order === undefined || update.changed.version <= version) return view;
      return { ...view, order: { ...update.changed, history: view.order.history } };
    }, initial),
    startWith(initial),
    filter((view) => view.order !== undefined || view.error !== undefined),
  );
}
