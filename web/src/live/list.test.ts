import { defer, NEVER, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { NetworkError } from '../api/problem';
import type { OrderList, OrderSummary } from '../api/types';
import { marbles } from '../test/marbles';
import { aSummary } from '../test/orders';
import { emptyView, isStale, type ListView, watchList } from './list';
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
    const view$ = watchList(parseQuery(search), { list, feed: live, reload$: NEVER, scheduler, initial });
    const reader = view$.subscribe((view) => views.push(view));
    scheduler.schedule(() => reader.unsubscribe(), readFor);
  });
  return views.at(-1);
}

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
