/**
 * The list over time: a page from the server, kept up to date by the feed. A row never shows an older version than before,
 * and rows never move: new orders are counted in `arrived` and shown on request.
 *
 * Feed and page recover independently. When the feed fails, the page stays; when loading fails, it is retried.
 */
import {
  asyncScheduler,
  auditTime,
  catchError,
  concat,
  defer,
  EMPTY,
  exhaustMap,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  type Observable,
  of,
  scan,
  type SchedulerLike,
  share,
  startWith,
  Subject,
  switchMap,
  tap,
  throttle,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import type { Counts, OrderList, OrderSummary, Status } from '../api/types';
import type { Feed } from './feed';
import { reload } from './retry';
import { formatQuery, type ListQuery, matches, toParams } from '../domain/query';

export interface ListView {
  orders: readonly OrderSummary[];
  /** The query of `orders` and `next`, which may be an earlier one: see isStale. */
  query: ListQuery | undefined;
  /** Whether a page was loaded. */
  loaded: boolean;
  loading: boolean;
  next: string | null;
  counts: Counts | undefined;
  /** Statuses with more orders than `counts` has, because the server stops counting at a limit. */
  atLeast: readonly Status[];
  /** New orders that match the query and are not shown yet. */
  arrived: ReadonlySet<string>;
  error: unknown;
}

export const emptyView: ListView = {
  orders: [],
  query: undefined,
  loaded: false,
  loading: true,
  next: null,
  counts: undefined,
  atLeast: [],
  arrived: new Set(),
  error: undefined,
};

/** Whether the rows belong to another query. They stay visible until the new ones arrive, but are inert. */
export function isStale(view: ListView, query: ListQuery): boolean {
  return view.query !== undefined && formatQuery(view.query) !== formatQuery(query);
}

export interface ListOptions {
  api: Pick<Api, 'list' | 'counts'>;
  feed: Pick<Feed, 'orders$' | 'resets$' | 'start'>;
  reload$: Observable<void>;
  scheduler?: SchedulerLike;
  initial?: ListView;
}

type Action =
  | { type: 'load' }
  | { type: 'page'; page: OrderList }
  | { type: 'failed'; error: unknown }
  | { type: 'counts'; counts: Counts; atLeast: readonly Status[] }
  | { type: 'changed'; order: OrderSummary };

interface State {
  view: ListView;
  /** Changes from the feed while a page loads, which the page may not have yet. */
  changesWhileLoading: ReadonlyMap<string, OrderSummary>;
}

/** Bursts of changes are rendered once per interval. All times are in ms. */
export const RENDER_INTERVAL = 50;
/** From the counts until the next request for counts. */
export const RECOUNT_INTERVAL = 1_500;
const ARRIVED_LIMIT = 1_000;

export function watchList(query: ListQuery, options: ListOptions): Observable<ListView> {
  const { api, feed, reload$, scheduler = asyncScheduler, initial = emptyView } = options;
  const params = toParams(query);

  const pages$: Observable<Action> = merge(reload$, feed.resets$).pipe(
    startWith(undefined),
    switchMap(() =>
      concat(
        of<Action>({ type: 'load' }),
        api.list(params).pipe(
          tap((page) => feed.start(page.feed)),
          map((page): Action => ({ type: 'page', page })),
          reload((error): Action => ({ type: 'failed', error }), scheduler),
        ),
      ),
    ),
  );

  const changes$ = feed.orders$.pipe(share());

  // The server counts, because the feed does not have an order's previous status.
  const counts$: Observable<Action> = defer(() => {
    const rested$ = new Subject<void>();
    return changes$.pipe(
      filter((order) => matches({ ...query, status: undefined }, order)),
      // A change during a count may not be in it, so it causes another one, however long the first takes.
      throttle(() => rested$, { leading: true, trailing: true }),
      exhaustMap(() =>
        concat(
          api.counts(params).pipe(
            map(({ counts, atLeast = [] }): Action => ({ type: 'counts', counts, atLeast })),
            catchError(() => EMPTY),
          ),
          timer(RECOUNT_INTERVAL, scheduler).pipe(ignoreElements()),
        ).pipe(finalize(() => rested$.next())),
      ),
    );
  });

  return merge(changes$.pipe(map((order): Action => ({ type: 'changed', order }))), counts$, pages$).pipe(
    scan((state, action) => reduce(query, state, action), {
      view: initial,
      changesWhileLoading: new Map(),
    } as State),
    map(({ view }) => view),
    auditTime(RENDER_INTERVAL, scheduler),
  );
}

function reduce(query: ListQuery, state: State, action: Action): State {
  const { view, changesWhileLoading } = state;
  switch (action.type) {
    case 'load':
      return { view: { ...view, loading: true }, changesWhileLoading: new Map() };
    case 'failed':
      return { view: { ...view, loading: false, error: action.error }, changesWhileLoading };
    case 'counts':
      return { view: { ...view, counts: action.counts, atLeast: action.atLeast }, changesWhileLoading };
    case 'page': {
      const { orders, next, counts, atLeast = [] } = action.page;
      const page: ListView = {
        orders,
        query,
        next,
        counts,
        atLeast,
        loaded: true,
        loading: false,
        arrived: new Set(),
        error: undefined,
      };
      return {
        view: [...changesWhileLoading.values()].reduce((merged, order) => change(query, merged, order), page),
        changesWhileLoading: new Map(),
      };
    }
    case 'changed':
      return {
        view: change(query, view, action.order),
        changesWhileLoading: view.loading
          ? new Map(changesWhileLoading).set(action.order.id, action.order)
          : changesWhileLoading,
      };
  }
}

function change(query: ListQuery, view: ListView, order: OrderSummary): ListView {
  const shown = view.orders.find(({ id }) => id === order.id);
  if (shown !== undefined) {
    // A row stays even if it no longer matches the status filter. The next load removes it.
    if (shown.version >= order.version) return view;
    return { ...view, orders: view.orders.map((row) => (row === shown ? order : row)) };
  }
  const belongs = query.cursor === undefined && matches(query, order);
  if (belongs === view.arrived.has(order.id) || view.arrived.size >= ARRIVED_LIMIT) return view;
  const arrived = new Set(view.arrived);
  if (belongs) arrived.add(order.id);
  else arrived.delete(order.id);
  return { ...view, arrived };
}
