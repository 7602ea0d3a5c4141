import { defer, EMPTY, type Observable, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import type { Order, OrderSummary } from '../api/types';
import { RETRY_DELAY } from './retry';
import { marbles } from '../test/marbles';
import { orderVersions, summaryOf } from '../test/orders';
import { RELOAD_INTERVAL, watchOrder } from './order';

const [created, confirmed, delivered] = orderVersions();
const retried: Order = {
  ...created,
  payment: { status: 'pending', attempts: 2, lastError: 'payments-svc is down' },
};
const missing = new ApiError({ type: 'about:blank', title: 'x', status: 404, code: 'order-not-found' });
const away = new NetworkError();

const loads = { 1: created, 2: confirmed, 3: delivered };
const changes = { 1: summaryOf(created), 2: summaryOf(confirmed), 3: summaryOf(delivered) };
const views = {
  1: { order: created, error: undefined },
  2: { order: confirmed, error: undefined },
  3: { order: delivered, error: undefined },
  // From the feed: the new version with the history that was loaded last.
  b: { order: { ...confirmed, history: created.history }, error: undefined },
  B: { order: { ...delivered, history: created.history }, error: undefined },
  c: { order: { ...delivered, history: confirmed.history }, error: undefined },
  a: { order: undefined, error: away },
  A: { order: confirmed, error: away },
  m: { order: undefined, error: missing },
};

interface Given {
  /** The responses to the loads; the last one repeats. */
  answers: Observable<Order>[];
  orders$?: Observable<OrderSummary>;
  resets$?: Observable<undefined>;
}

/** Watches an order, and counts its loads and the starts of the feed. */
function watch({ answers, orders$ = EMPTY, resets$ = EMPTY }: Given, more: object) {
  const count = { loads: 0, starts: 0 };
  const feed = {
    orders$,
    resets$: resets$ as unknown as Observable<void>,
    start: () => {
      count.starts++;
    },
  };
  const order = (id: string) => {
    expect(id).toBe(created.id);
    const answer = answers[Math.min(count.loads++, answers.length - 1)];
    return answer ?? EMPTY;
  };
  return { count, view$: watchOrder(created.id, { order, feed, ...more }) };
}

describe('one order', () => {
  it('is loaded before the feed starts', () => {
    const count = marbles(({ cold, expectObservable, scheduler }) => {
      const { count, view$ } = watch({ answers: [cold('--(1|)', loads)] }, { scheduler });
      expectObservable(view$, '^---!').toBe('--1', views);
      return count;
    });
    expect(count).toEqual({ loads: 1, starts: 1 });
  });

  it('shows a change from the feed at once, and its history after a load', () => {
    marbles(({ cold, hot, expectObservable, scheduler }) => {
      const answers = [cold('-(1|)', loads), cold('---(2|)', loads)];
      const { view$ } = watch({ answers, orders$: hot('----2', changes) }, { scheduler });
      expectObservable(view$, '^---------!').toBe('-1--b--2', views);
    });
  });

  it('ignores changes of other orders', () => {
    const count = marbles(({ cold, hot, expectObservable, scheduler }) => {
      const orders$ = hot('---o', { o: { ...summaryOf(confirmed), id: 'another' } });
      const { count, view$ } = watch({ answers: [cold('-(1|)', loads)], orders$ }, { scheduler });
      expectObservable(view$, '^-----!').toBe('-1', views);
      return count;
    });
    expect(count.loads).toBe(1);
  });

  it('never shows an older version, from the feed or a load', () => {
    marbles(({ cold, hot, expectObservable, scheduler }) => {
      const answers = [cold('(2|)', loads), cold('--(1|)', loads)];
      // The feed repeats a known version; then it is ahead of a load.
      const { view$ } = watch({ answers, orders$: hot('--1----3', changes) }, { scheduler });
      expectObservable(view$, '^-----------!').toBe('2-2-2--c-c', views);
    });
  });

  it('drops the response to a load that a newer one replaced', () => {
    marbles(({ cold, hot, expectObservable, expectSubscriptions, scheduler }) => {
      const [first$, slow$, last$] = [cold('(1|)', loads), cold('-----(2|)', loads), cold('-(3|)', loads)];
      const orders$ = hot('-2-3', changes);
      const { view$ } = watch({ answers: [first$, slow$, last$], orders$ }, { scheduler });
      expectObservable(view$, '^---------!').toBe('1b-B3', views);
      expectSubscriptions(slow$.subscriptions).toBe('-^-!');
    });
  });

  it('is loaded again on a reset of the feed', () => {
    marbles(({ cold, hot, expectObservable, scheduler }) => {
      const answers = [cold('(1|)', loads), cold('-(3|)', loads)];
      const { view$ } = watch({ answers, resets$: hot('--x', { x: undefined }) }, { scheduler });
      expectObservable(view$, '^-----!').toBe('1--3', views);
    });
  });

  it('is loaded every 5 s only while its payment is pending', () => {
    const count = marbles(({ cold, expectObservable, scheduler }) => {
      const answers = [cold('(1|)', loads), cold('(r|)', { r: retried }), cold('(2|)', loads)];
      const { count, view$ } = watch({ answers }, { scheduler });
      const pause = RELOAD_INTERVAL - 1;
      expectObservable(view$, '^ 60s !').toBe(`1 ${pause}ms r ${pause}ms (2|)`, {
        ...views,
        r: { order: retried, error: undefined },
      });
      return count;
    });
    expect(count.loads).toBe(3);
  });

  it('is loaded every 5 s while it needs attention', () => {
    const late: Order = { ...confirmed, attention: ['overdue'] };
    marbles(({ cold, expectObservable, scheduler }) => {
      const { view$ } = watch({ answers: [cold('(n|)', { n: late }), cold('(3|)', loads)] }, { scheduler });
      expectObservable(view$, '^ 60s !').toBe(`n ${RELOAD_INTERVAL - 1}ms (3|)`, {
        ...views,
        n: { order: late, error: undefined },
      });
    });
  });

  it('is not loaded again while the tab is hidden, but when it is shown', () => {
    marbles(({ cold, expectObservable, scheduler }) => {
      const visible$ = cold('h 8999ms v', { v: true, h: false });
      const answers = [cold('(1|)', loads), cold('(2|)', loads)];
      const { view$ } = watch({ answers }, { scheduler, visible$ });
      // From RELOAD_INTERVAL on it waits; the marbles of visible$ start then.
      expectObservable(view$, '^ 60s !').toBe(`1 ${RELOAD_INTERVAL + 9_000 - 1}ms (2|)`, views);
    });
  });

  it('is shown as the list has it until it is loaded', () => {
    const known = summaryOf(created);
    marbles(({ cold, expectObservable, scheduler }) => {
      const { view$ } = watch({ answers: [cold('--(2|)', loads)] }, { scheduler, known });
      expectObservable(view$, '^---!').toBe('k-(2|)', {
        ...views,
        k: { order: { ...known, history: [] }, error: undefined },
      });
    });
  });

  it('is not loaded again when it does not exist', () => {
    const count = marbles(({ expectObservable, scheduler }) => {
      const { count, view$ } = watch({ answers: [throwError(() => missing)] }, { scheduler });
      expectObservable(view$).toBe('(m|)', views);
      return count;
    });
    expect(count).toEqual({ loads: 1, starts: 0 });
  });

  it('is loaded again while the server is unreachable, and stays visible', () => {
    marbles(({ cold, hot, expectObservable, scheduler }) => {
      const scripts = ['#', '(2|)', '#', '(3|)'];
      const flaky$ = defer(() => cold(scripts.shift() ?? '|', loads, away));
      const resets$ = hot(`${RETRY_DELAY}ms --x`, { x: undefined });
      const { view$ } = watch({ answers: [flaky$], resets$ }, { scheduler });
      const pause = RETRY_DELAY - 1;
      expectObservable(view$, `^ ${3 * RETRY_DELAY}ms !`).toBe(`a ${pause}ms 2-A ${pause}ms 3`, views);
    });
  });
});
