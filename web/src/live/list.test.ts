import { defer, delay, NEVER, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { NetworkError } from '../api/problem';
import type { OrderList, OrderSummary } from '../api/types';
import { marbles } from '../test/marbles';
import { aSummary } from '../test/orders';
import type { ListParams } from '../api/client';
import { emptyView, isStale, type ListView, RECOUNT_INTERVAL, watchList } from './list';
import { parseQuery } from '../domain/query';

const counts = { created: 1, confirmed: 0, delivered: 0, cancelled: 0 };
const page = (...orders: OrderSummary[]): OrderList => ({ orders, next: null, counts, feed: 'c0' });

/** The last view after the server returned these pages in turn and the feed emitted `changes`. */
function lastView(
  pages: Observable<OrderList>[],
  feed: string,
  changes: Record<string, OrderSummary>,
  search = '',
  initial = emptyView,
  readFor = 10_000,
) {
  const views: ListView[] = [];
  marbles(({ hot, scheduler }) => {
    const list = () => defer(() => pages.shift() ?? NEVER);
    const orders$ = hot(feed, changes);
    const live = { orders$, resets$: NEVER, start: () => undefined };
    const api = { list, counts: () => NEVER };
    const view$ = watchList(parseQuery(search), { api, feed: live, reload$: NEVER, scheduler, initial });
    const reader = view$.subscribe((view) => views.push(view));
    scheduler.schedule(() => reader.unsubscribe(), readFor);
  });
  return views.at(-1);
}

/** The times of the requests for counts, in ms, when the server takes `took` ms for each, and the parameters of the last. */
function recounts(feed: string, took: number, search = '') {
  const times: number[] = [];
  let params: ListParams = {};
  const views: ListView[] = [];
  marbles(({ hot, scheduler }) => {
    const api = {
      list: () => of(page()),
      counts: (given: ListParams) =>
        defer(() => {
          params = given;
          const created = times.push(scheduler.now());
          return of({ counts: { ...counts, created } }).pipe(delay(took, scheduler));
        }),
    };
    const live = { orders$: hot(feed, { o: aSummary() }), resets$: NEVER, start: () => undefined };
    const view$ = watchList(parseQuery(search), { api, feed: live, reload$: NEVER, scheduler });
    const reader = view$.subscribe((view) => views.push(view));
    scheduler.schedule(() => reader.unsubscribe(), 20_000);
  });
  return { times, params, counts: views.at(-1)?.counts };
}

describe('the counts', () => {
  it('are requested with the filters of the list, and shown', () => {
    const { times, params, counts } = recounts('10ms o', 5, '?q=&from=2026-11-01&status=created');
    expect(times).toEqual([10]);
    expect(params.from).toBeDefined();
    expect(counts?.created).toBe(1);
  });

  it('are requested once per interval while orders change', () => {
    expect(recounts('10ms o 99ms o 99ms o', 0).times).toEqual([10, 10 + RECOUNT_INTERVAL]);
  });

  it('are requested again after a change during a slow request', () => {
    const took = 2 * RECOUNT_INTERVAL;
    const { times, counts } = recounts('10ms o 99ms o', took);
    expect(times).toEqual([10, 10 + took + RECOUNT_INTERVAL]);
    expect(counts?.created).toBe(2);
  });
});

describe('the list', () => {
  it('never shows an older version than before', () => {
    const [newer, older] = [aSummary({ version: 3 }), aSummary({ version: 2 })];
    expect(lastView([of(page(newer))], '--o', { o: older })?.orders).toEqual([newer]);
    expect(lastView([of(page(older))], '--n', { n: newer })?.orders).toEqual([newer]);
  });

  it('counts new orders instead of moving the rows', () => {
    const view = lastView([of(page(aSummary()))], '--n', { n: aSummary({ id: 'new' }) });
    expect(view?.orders).toHaveLength(1);
    expect(view?.arrived).toEqual(new Set(['new']));
  });

  it('keeps the query of its rows when another query fails to load', () => {
    const earlier = lastView([of(page(aSummary()))], '', {});
    const failed = lastView([throwError(() => new NetworkError())], '', {}, '?q=tea', earlier, 1_000);
    expect(failed).toMatchObject({ orders: earlier?.orders, query: parseQuery(''), loading: false });
    expect(
      [parseQuery('?q=tea'), parseQuery('?sort=-created')].map((query) => failed && isStale(failed, query)),
    ).toEqual([true, false]);
    expect(lastView([of(page())], '', {}, '?q=tea', earlier)?.query).toEqual(parseQuery('?q=tea'));
  });

  it('retries after a failure', () => {
    const view = lastView([throwError(() => new NetworkError()), of(page(aSummary()))], '', {});
    expect(view).toMatchObject({ loaded: true, loading: false, error: undefined });
  });
});
