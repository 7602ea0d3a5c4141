/**
 * The list over time: a page from the server, kept up to date by the feed. A row never shows an older version than before,
 * and rows never move: new orders are counted in `arrived` and shown on request, or at once while `auto$` is true.
 *
 * Feed and page recover independently. When the feed fails, the page stays; when loading fails, it is retried.
 */
import {
  asyncScheduler,
  auditTime,
  BehaviorSubject,
  catchError,
  combineLatest,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  filter,
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
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import {
  type Counts,
  type OrderCounts,
  type OrderList,
  type OrderSummary,
  type Status,
  statuses,
} from '../api/types';
import { watchCounts } from './counts';
import type { Feed } from './feed';
import { fullPage } from './fullPage';
import { reload } from './retry';
import { browserVisible, onceVisible } from './visible';
import type { Selection } from '../domain/selection';
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
  /** Rows that the last load added to the page. */
  added: ReadonlySet<string>;
  error: unknown;
}

/** What the list keeps while other pages are open, so that Back shows it at once and in the same place. */
export interface LastList {
  address: string;
  view: ListView | undefined;
  /** The order that had the focus last. */
  focused?: string | undefined;
  selection?: Selection | undefined;
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
  added: new Set(),
  error: undefined,
};

/** Whether the rows belong to another query. They stay visible until the new ones arrive, but are inert. */
export function isStale(view: ListView, query: ListQuery): boolean {
  return view.query !== undefined && formatQuery(view.query) !== formatQuery(query);
}

export interface Total {
  count: number;
  /** Whether there are more. */
  more: boolean;
}

/** The server stops to count the orders that need attention at this number. */
export const ATTENTION_LIMIT = 1_000;

/** How many orders match the query and have one of `among`; undefined while that is unknown. */
export function totalOf(
  { counts, atLeast, attention }: ListView,
  query: ListQuery,
  among: readonly Status[] = statuses,
): Total | undefined {
  if (query.attention) {
    // The counts per status are those without this filter.
    const known = attention !== undefined && query.status === undefined && among === statuses;
    return known ? { count: attention, more: attention >= ATTENTION_LIMIT } : undefined;
  }
  if (!counts) return undefined;
  const wanted = among.filter((status) => query.status === undefined || query.status === status);
  return {
    count: wanted.reduce((sum, status) => sum + counts[status], 0),
    more: wanted.some((status) => atLeast.includes(status)),
  };
}

export interface ListOptions {
  api: Pick<Api, 'list' | 'counts'>;
  feed: Pick<Feed, 'orders$' | 'resets$' | 'start'>;
  reload$: Observable<void>;
  /** Whether new orders are shown without a request. */
  auto$?: Observable<boolean>;
  scheduler?: SchedulerLike;
  visible$?: Observable<boolean>;
  initial?: ListView;
}

type Action =
  | { type: 'load'; quiet: boolean }
  | { type: 'refreshed'; orders: readonly OrderSummary[] }
  | { type: 'page'; page: OrderList; query: ListQuery }
  | { type: 'failed'; error: unknown }
  | { type: 'counts'; counts: OrderCounts }
  | { type: 'changed'; order: OrderSummary };

interface State {
  view: ListView;
  /** Whether a page loads, also without a change of `view.loading`. */
  pending: boolean;
  /** Changes from the feed while a page loads, which the page may not have yet. */
  changesWhileLoading: ReadonlyMap<string, OrderSummary>;
}

/** Bursts of changes are rendered once per interval. All times are in ms. */
export const RENDER_INTERVAL = 50;
export const AGING_INTERVAL = 30_000;
/** The same in the list of the orders that need attention. */
export const ATTENTION_INTERVAL = 10_000;
/** From a new order until it is shown while `auto$` is true. */
export const AUTO_INTERVAL = 1_000;
const ARRIVED_LIMIT = 1_000;

export function watchList(query: ListQuery, options: ListOptions): Observable<ListView> {
  const { api, feed, reload$, auto$ = of(false), scheduler = asyncScheduler, initial = emptyView } = options;
  const { visible$ = browserVisible() } = options;
  /** The last view, for requests that depend on it. */
  const shown$ = new BehaviorSubject(initial);
  const loaded$ = new Subject<OrderList>();
  // Orders come to need attention as time passes, without a change. Only operators have that count.
  const aging$ = loaded$.pipe(
    switchMap(({ attention }) => (attention === undefined ? EMPTY : interval(AGING_INTERVAL, scheduler))),
  );

  // Quiet: the rows are not dimmed, and can be selected meanwhile.
  const quiet$ = combineLatest([
    auto$,
    shown$.pipe(
      // Above an empty list of the orders that need attention nothing can move.
      map(
        ({ arrived, orders }) =>
          arrived.size > 0 && (query.attention && orders.length === 0 ? 'now' : 'some'),
      ),
      distinctUntilChanged(),
    ),
  ]).pipe(
    switchMap(([on, arrived]) =>
      arrived === 'now' || (on && arrived) ? timer(AUTO_INTERVAL, scheduler) : EMPTY,
    ),
    map(() => true),
  );
  const loud$ = merge(reload$, feed.resets$).pipe(
    startWith(undefined),
    map(() => false),
  );
  const pages$: Observable<Action> = merge(loud$, quiet$).pipe(
    switchMap((quiet) =>
      concat(
        of<Action>({ type: 'load', quiet }),
        defer(() => {
          const asked = { ...query, asOf: query.asOf ?? scheduler.now() };
          return fullPage(api.list, toParams(asked)).pipe(
            tap((page) => feed.start(page.feed)),
            tap((page) => loaded$.next(page)),
            map((page): Action => ({ type: 'page', page, query: asked })),
          );
        }).pipe(reload((error): Action => ({ type: 'failed', error }), scheduler)),
      ),
    ),
  );

  // Whether an order needs attention changes without an event.
  const refreshed$: Observable<Action> = interval(
    query.attention ? ATTENTION_INTERVAL : AGING_INTERVAL,
    scheduler,
  ).pipe(
    filter(() => query.attention || shown$.value.orders.some(waits)),
    exhaustMap(() =>
      onceVisible(visible$).pipe(
        switchMap(() => fullPage(api.list, toParams(shown$.value.query ?? query))),
        map(({ orders }): Action => ({ type: 'refreshed', orders })),
        catchError(() => EMPTY),
      ),
    ),
  );

  const changes$ = feed.orders$.pipe(share());

  // The tabs count all statuses, and beside them the orders that need attention: never only those among them.
  const recount$ = query.attention ? merge(loaded$, aging$) : aging$;
  const counts$ = watchCounts(
    { ...query, attention: false },
    { api, changes$, recount$, scheduler, visible$ },
  ).pipe(map((counts): Action => ({ type: 'counts', counts })));

  const changed$ = changes$.pipe(map((order): Action => ({ type: 'changed', order })));
  return merge(changed$, counts$, refreshed$, pages$).pipe(
    scan((state, action) => reduce(query, state, action), {
      view: initial,
      pending: true,
      changesWhileLoading: new Map(),
    } as State),
    map(({ view }) => view),
    tap((view) => shown$.next(view)),
    auditTime(RENDER_INTERVAL, scheduler),
  );
}

/** Whether an order may need attention without a change. */
function waits({ status, attention }: OrderSummary): boolean {
  return status === 'created' || status === 'confirmed' || attention !== undefined;
}

function reduce(query: ListQuery, state: State, action: Action): State {
  const { view, pending, changesWhileLoading } = state;
  switch (action.type) {
    case 'load':
      return {
        view: action.quiet ? view : { ...view, loading: true },
        pending: true,
        changesWhileLoading: new Map(),
      };
    case 'failed':
      return { ...state, view: { ...view, loading: false, error: action.error } };
    case 'refreshed': {
      const orders = view.orders.map((row) => {
        const read = action.orders.find(({ id }) => id === row.id);
        return read !== undefined && read.version >= row.version ? read : row;
      });
      return pending
        ? state
        : { ...state, view: cameToNeedAttention({ ...view, orders }, query, action.orders) };
    }
    case 'counts':
      return { ...state, view: { ...view, ...countsOf(action.counts) } };
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
        added: addedTo(view, query, orders),
        error: undefined,
      };
      return {
        pending: false,
        view: [...changesWhileLoading.values()].reduce((merged, order) => change(query, merged, order), page),
        changesWhileLoading: new Map(),
      };
    }
    case 'changed':
      return {
        pending,
        view: change(query, view, action.order),
        changesWhileLoading: pending
          ? new Map(changesWhileLoading).set(action.order.id, action.order)
          : changesWhileLoading,
      };
  }
}

/** Adds the orders that the list does not show yet to the new ones: no event told that they need attention. */
function cameToNeedAttention(view: ListView, query: ListQuery, read: readonly OrderSummary[]): ListView {
  if (!query.attention || query.cursor !== undefined) return view;
  const shown = new Set(view.orders.map(({ id }) => id));
  return { ...view, arrived: new Set(read.map(({ id }) => id).filter((id) => !shown.has(id))) };
}

/** The earlier counts, unless they have other filters than the query. */
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

/** The orders that the list did not have when it showed the same query. */
function addedTo(view: ListView, query: ListQuery, orders: readonly OrderSummary[]): ReadonlySet<string> {
  if (!view.loaded || isStale(view, query)) return new Set();
  const before = new Set(view.orders.map(({ id }) => id));
  return new Set(orders.flatMap(({ id }) => (before.has(id) ? [] : [id])));
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
