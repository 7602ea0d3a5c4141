/**
 * The list over time: a page from the server, kept up to date by the feed. A row never shows an older version than before,
 * and rows never move: new orders are counted in `arrived` and shown on request.
 *
 * Feed and page recover independently. When the feed fails, the page stays; when loading fails, it is retried.
 */
import {
  asyncScheduler,
  auditTime,
  concat,
  defer,
  EMPTY,
  interval,
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
} from 'rxjs';
import type { Api } from '../api/client';
import type { Counts, OrderCounts, OrderList, OrderSummary, Status } from '../api/types';
import { watchCounts } from './counts';
import type { Feed } from './feed';
import { reload } from './retry';
import { formatQuery, type ListQuery, matches, refine, toParams } from '../domain/query';

export interface ListView {
  orders: readonly OrderSummary[];
  /** The query of `orders` and `next`, as of their load. It may be an earlier one: see isStale. */
  query: ListQuery | undefined;
  /** Whether a page was loaded. */
  loaded: boolean;
  loading: boolean;
  next: string | null;
  counts: Counts | undefined;
  /** Statuses with more orders than `counts` has, because the server stops counting at a limit. */
  atLeast: readonly Status[];
  /** How many orders need attention; for operators only. */
  attention: number | undefined;
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
  attention: undefined,
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
  | { type: 'page'; page: OrderList; query: ListQuery }
  | { type: 'failed'; error: unknown }
  | { type: 'counts'; counts: OrderCounts }
  | { type: 'changed'; order: OrderSummary };

interface State {
  view: ListView;
  /** Changes from the feed while a page loads, which the page may not have yet. */
  changesWhileLoading: ReadonlyMap<string, OrderSummary>;
}

/** Bursts of changes are rendered once per interval. All times are in ms. */
export const RENDER_INTERVAL = 50;
export const AGING_INTERVAL = 30_000;
const ARRIVED_LIMIT = 1_000;

export function watchList(query: ListQuery, options: ListOptions): Observable<ListView> {
  const { api, feed, reload$, scheduler = asyncScheduler, initial = emptyView } = options;
  const loaded$ = new Subject<OrderList>();
  // Orders come to need attention as time passes, without a change. Only operators have that count.
  const aging$ = loaded$.pipe(
    switchMap(({ attention }) => (attention === undefined ? EMPTY : interval(AGING_INTERVAL, scheduler))),
  );

  const pages$: Observable<Action> = merge(reload$, feed.resets$).pipe(
    startWith(undefined),
    switchMap(() =>
      concat(
        of<Action>({ type: 'load' }),
        defer(() => {
          const asked = { ...query, asOf: query.asOf ?? scheduler.now() };
          return api.list(toParams(asked)).pipe(
            tap((page) => feed.start(page.feed)),
            tap((page) => loaded$.next(page)),
            map((page): Action => ({ type: 'page', page, query: asked })),
          );
        }).pipe(reload((error): Action => ({ type: 'failed', error }), scheduler)),
      ),
    ),
  );

  const changes$ = feed.orders$.pipe(share());

  // The tabs count all statuses, and beside them the orders that need attention: never only those among them.
  const recount$ = query.attention ? merge(loaded$, aging$) : aging$;
  const counts$ = watchCounts({ ...query, attention: false }, { api, changes$, recount$, scheduler }).pipe(
    map((counts): Action => ({ type: 'counts', counts })),
  );

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
      return { view: { ...view, ...countsOf(action.counts) }, changesWhileLoading };
    case 'page': {
      const { orders, next } = action.page;
      const page: ListView = {
        orders,
        query: action.query,
        next,
        ...(query.attention ? countsBefore(query, view) : countsOf(action.page)),
        attention: action.page.attention,
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

/** The counts of the view before, unless they have other filters than the query. */
function countsBefore(query: ListQuery, { counts, atLeast, query: before }: ListView) {
  const filters = (of: ListQuery) =>
    formatQuery(refine(of, { sort: '-created', status: undefined, attention: false }));
  return before && filters(before) === filters(query)
    ? { counts, atLeast }
    : { counts: undefined, atLeast: [] };
}

function countsOf({ counts, atLeast = [], attention }: OrderCounts) {
  return { counts, atLeast, attention };
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
