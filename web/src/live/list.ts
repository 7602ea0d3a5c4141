/**
 * One view of the list over time: a page loaded from the server, kept up to date by the feed. It guarantees that a row
 * never shows an older version than it did, and that nothing moves by itself: what is new is counted in `arrived`, and
 * shown when the user asks for it.
 *
 * Each leg recovers by itself. A feed that fails leaves the page as it was; a page that fails to load is tried again.
 */
import {
  asyncScheduler,
  auditTime,
  catchError,
  concat,
  EMPTY,
  exhaustMap,
  filter,
  map,
  merge,
  type Observable,
  of,
  scan,
  type SchedulerLike,
  share,
  startWith,
  switchMap,
  tap,
  throttleTime,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { isTemporary } from '../api/problem';
import type { Counts, OrderList, OrderSummary, Status } from '../api/types';
import type { LiveFeed } from './liveFeed';
import { formatQuery, type ListQuery, matches, toParams } from '../domain/query';

export interface ListView {
  orders: readonly OrderSummary[];
  /** What `orders` and `next` answer, which may be an earlier query than the one asked for: see isStale. */
  query: ListQuery | undefined;
  /** A first page came. */
  loaded: boolean;
  loading: boolean;
  next: string | null;
  counts: Counts | undefined;
  /** The statuses of which there are more than `counts` says: the server stops counting somewhere. */
  atLeast: readonly Status[];
  /** Orders that belong here, and are not shown yet. */
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

/** Whether the rows belong to another query. They are shown for orientation only: nothing may be done with them. */
export function isStale(view: ListView, query: ListQuery): boolean {
  return view.query !== undefined && formatQuery(view.query) !== formatQuery(query);
}

export interface ListOptions {
  list: Api['list'];
  feed: Pick<LiveFeed, 'orders$' | 'resets$' | 'start'>;
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
  /** What the feed said while a page was on its way: that page may be older. */
  meanwhile: ReadonlyMap<string, OrderSummary>;
}

/** A burst of changes is drawn once. */
export const DRAW_EVERY = 50;
export const RETRY_AFTER = 3_000;
export const RECOUNT_EVERY = 1_500;
const MOST_ARRIVED = 1_000;

export function watchList(query: ListQuery, options: ListOptions): Observable<ListView> {
  const { list, feed, reload$, scheduler = asyncScheduler, initial = emptyView } = options;
  const params = toParams(query);

  const pages$: Observable<Action> = merge(reload$, feed.resets$).pipe(
    startWith(undefined),
    switchMap(() =>
      concat(
        of<Action>({ type: 'load' }),
        list(params).pipe(
          tap((page) => feed.start(page.feed)),
          map((page): Action => ({ type: 'page', page })),
          catchError((error: unknown, again) =>
            concat(
              of<Action>({ type: 'failed', error }),
              isTemporary(error) ? timer(RETRY_AFTER, scheduler).pipe(switchMap(() => again)) : EMPTY,
            ),
          ),
        ),
      ),
    ),
  );

  const changes$ = feed.orders$.pipe(share());

  // The server counts: adding up here would have to know what the order was before.
  const counts$: Observable<Action> = changes$.pipe(
    filter((order) => matches({ ...query, status: undefined }, order)),
    throttleTime(RECOUNT_EVERY, scheduler, { leading: true, trailing: true }),
    exhaustMap(() =>
      list({ ...params, status: [], cursor: '', limit: 1 }).pipe(
        map(({ counts, atLeast = [] }): Action => ({ type: 'counts', counts, atLeast })),
        catchError(() => EMPTY),
      ),
    ),
  );

  return merge(changes$.pipe(map((order): Action => ({ type: 'changed', order }))), counts$, pages$).pipe(
    scan((state, action) => reduce(query, state, action), { view: initial, meanwhile: new Map() } as State),
    map(({ view }) => view),
    auditTime(DRAW_EVERY, scheduler),
  );
}

function reduce(query: ListQuery, state: State, action: Action): State {
  const { view, meanwhile } = state;
  switch (action.type) {
    case 'load':
      return { view: { ...view, loading: true }, meanwhile: new Map() };
    case 'failed':
      return { view: { ...view, loading: false, error: action.error }, meanwhile };
    case 'counts':
      return { view: { ...view, counts: action.counts, atLeast: action.atLeast }, meanwhile };
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
        view: [...meanwhile.values()].reduce((merged, order) => change(query, merged, order), page),
        meanwhile: new Map(),
      };
    }
    case 'changed':
      return {
        view: change(query, view, action.order),
        meanwhile: view.loading ? new Map(meanwhile).set(action.order.id, action.order) : meanwhile,
      };
  }
}

function change(query: ListQuery, view: ListView, order: OrderSummary): ListView {
  const shown = view.orders.find(({ id }) => id === order.id);
  if (shown !== undefined) {
    // A row stays where it is, also when it no longer belongs to this tab: it goes with the next load.
    if (shown.version >= order.version) return view;
    return { ...view, orders: view.orders.map((row) => (row === shown ? order : row)) };
  }
  const belongs = query.cursor === undefined && matches(query, order);
  if (belongs === view.arrived.has(order.id) || view.arrived.size >= MOST_ARRIVED) return view;
  const arrived = new Set(view.arrived);
  if (belongs) arrived.add(order.id);
  else arrived.delete(order.id);
  return { ...view, arrived };
}
