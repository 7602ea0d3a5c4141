import { defer, delay, NEVER, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import type { OrderList, OrderSummary } from '../api/types';
import { marbles } from '../test/marbles';
import { aSummary } from '../test/orders';
import type { ListParams } from '../api/client';
import { AGING_INTERVAL, ATTENTION_INTERVAL, emptyView, isStale, type ListView, watchList } from './list';
import { parseQuery } from '../domain/query';

const HOUR = 3_600_000;
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
    expect(failed).toMatchObject({ orders: earlier?.orders, query: { q: '' }, loading: false });
    expect(
      [parseQuery('?q=tea'), parseQuery('?sort=-created')].map((query) => failed && isStale(failed, query)),
    ).toEqual([true, false]);
    expect(lastView([of(page())], '', {}, '?q=tea', earlier)?.query?.q).toBe('tea');
  });

  it('waits for the server’s Retry-After before it loads again', () => {
    const problem = { type: '/docs', title: 'Busy', status: 503, code: 'unavailable' } as const;
    const busy = throwError(() => new ApiError(problem, 5));
    const pages = () => [busy, of(page(aSummary()))];
    expect(lastView(pages(), '', {}, '', emptyView, 4_900)?.loaded).toBe(false);
    expect(lastView(pages(), '', {}, '', emptyView, 5_100)?.loaded).toBe(true);
  });

  it('selects by age as of each load, and keeps that time for its next pages', () => {
    const asked: ListParams[] = [];
    const views: ListView[] = [];
    marbles(({ hot, scheduler }) => {
      const list = (params: ListParams) => {
        asked.push(params);
        return of(page());
      };
      const feed = { orders$: NEVER, resets$: hot<undefined>('60m r'), start: () => undefined };
      const options = { api: { list, counts: () => NEVER }, feed, reload$: NEVER, scheduler };
      const reader = watchList(parseQuery('?age=1d'), options).subscribe((view) => views.push(view));
      scheduler.schedule(() => reader.unsubscribe(), 2 * HOUR);
    });
    expect(asked.map(({ to = '' }) => Date.parse(to))).toEqual([-24 * HOUR, -23 * HOUR]);
    expect(views.at(-1)?.query?.asOf).toBe(HOUR);
  });

  it('counts all statuses beside the orders that need attention', () => {
    const attention = { ...page(aSummary()), counts: { ...counts, created: 1 }, attention: 1 };
    const all = { counts: { ...counts, created: 7 }, attention: 1 };
    const asked: ListParams[] = [];
    const views: ListView[] = [];
    marbles(({ scheduler }) => {
      const api = {
        list: () => of(attention),
        counts: (params: ListParams) => {
          asked.push(params);
          return of(all).pipe(delay(1_000, scheduler));
        },
      };
      const feed = { orders$: NEVER, resets$: NEVER, start: () => undefined };
      const reader = watchList(parseQuery('?attention=true&customer=bob'), {
        api,
        feed,
        reload$: NEVER,
        scheduler,
      }).subscribe((view) => views.push(view));
      scheduler.schedule(() => reader.unsubscribe(), 10_000);
    });
    expect(views.map((view) => [view.counts?.created, view.attention])).toEqual([
      [undefined, 1],
      [7, 1],
    ]);
    expect(asked.map(({ attention, customer }) => [attention, customer])).toEqual([[undefined, 'bob']]);
  });

  it('counts again as time passes, for operators', () => {
    const asked: number[] = [];
    const watch = (first: OrderList) =>
      marbles(({ scheduler }) => {
        const api = {
          list: () => of(first),
          counts: () => {
            asked.push(scheduler.now());
            return of({ counts });
          },
        };
        const feed = { orders$: NEVER, resets$: NEVER, start: () => undefined };
        const reader = watchList(parseQuery(''), { api, feed, reload$: NEVER, scheduler }).subscribe();
        scheduler.schedule(() => reader.unsubscribe(), 2.5 * AGING_INTERVAL);
      });
    watch(page());
    expect(asked).toEqual([]);
    watch({ ...page(), attention: 0 });
    expect(asked).toEqual([AGING_INTERVAL, 2 * AGING_INTERVAL]);
  });

  it('shows the orders that come to need attention, as new ones above others', () => {
    const [first, second] = [aSummary({ id: 'first' }), aSummary({ id: 'second' })];
    const pages = [[], [first], [first], [first, second], [first, second]];
    const views: ListView[] = [];
    let asked = 0;
    marbles(({ scheduler }) => {
      const api = {
        list: () => of({ ...page(...(pages[Math.min(asked++, 4)] ?? [])), attention: 1 }),
        counts: () => of({ counts }),
      };
      const feed = { orders$: NEVER, resets$: NEVER, start: () => undefined };
      const query = parseQuery('?attention=true');
      const reader = watchList(query, { api, feed, reload$: NEVER, scheduler }).subscribe((view) =>
        views.push(view),
      );
      scheduler.schedule(() => reader.unsubscribe(), 4 * ATTENTION_INTERVAL);
    });
    const shown = views.map(({ orders, arrived }) => [orders.map(({ id }) => id), [...arrived]]);
    expect(shown).toContainEqual([['first'], []]); // nothing was shown before, so it appears by itself
    expect(shown.at(-1)).toEqual([['first'], ['second']]);
  });

  it('retries after a failure', () => {
    const view = lastView([throwError(() => new NetworkError()), of(page(aSummary()))], '', {});
    expect(view).toMatchObject({ loaded: true, loading: false, error: undefined });
  });
});
