import { firstValueFrom, map, Observable, of, Subject, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import type { OrderCounts, OrderSummary } from '../api/types';
import { parseQuery } from '../domain/query';
import { aSummary } from '../test/orders';
import { quietStats } from '../test/stats';
import { FakeBrowser } from '../test/tabs';
import { RECOUNT_INTERVAL, watchCounts } from './counts';
import { createSharedReads, GATHER_TIME, READ_TIMEOUT } from './sharedReads';
import { STATS_INTERVAL, watchStats } from './stats';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const none = { created: 0, confirmed: 0, delivered: 0, cancelled: 0 };

/** A server that takes 20 ms, and counts its requests. */
function server<T>(answer: (request: number) => Observable<T>) {
  const at: number[] = [];
  const began = Date.now();
  const read$ = new Observable<T>((subscriber) => {
    const request = at.push(Date.now() - began);
    const timer = setTimeout(() => answer(request).subscribe(subscriber), 20);
    return () => clearTimeout(timer);
  });
  return { at, read$ };
}

const number = (request: number) => of(request);

function tenTabs() {
  const browser = new FakeBrowser();
  const open = () => {
    const reads = createSharedReads(browser.tabs);
    return { ...reads, close: reads.open() };
  };
  return { browser, tabs: Array.from({ length: 10 }, open) };
}

describe('ten visible tabs of one browser', () => {
  it('count once per interval while orders change, and all show the last count', async () => {
    const { tabs } = tenTabs();
    const { at, read$ } = server((created) => of<OrderCounts>({ counts: { ...none, created } }));
    const changes$ = new Subject<OrderSummary>();
    const shown = tabs.map(() => 0);
    tabs.forEach(({ read }, i) =>
      watchCounts(parseQuery(''), {
        api: { counts: () => read('counts', read$).pipe(map(({ value }) => value)) },
        changes$,
      }).subscribe(({ counts }) => (shown[i] = counts.created)),
    );
    for (let i = 0; i < 30; i++) {
      changes$.next(aSummary());
      await pass(100);
    }
    await pass(2 * RECOUNT_INTERVAL);
    expect(at).toHaveLength(3); // at the first change, after the interval, and for the last change
    expect(shown).toEqual(tabs.map(() => 3));
  });

  it('load the stats once per interval, though they were opened at different times', async () => {
    const { tabs } = tenTabs();
    const { at, read$ } = server((readers) => of({ ...quietStats(), readers }));
    const shown: number[] = [];
    for (const [i, { read }] of tabs.entries()) {
      watchStats({ api: { stats: () => read$ }, clock: { now: () => Date.now() }, read }).subscribe(
        ({ stats }) => (shown[i] = stats?.readers ?? 0),
      );
      await pass(700);
    }
    at.length = 0;
    await pass(3 * STATS_INTERVAL);
    expect(at).toHaveLength(3);
    expect(new Set(shown).size).toBe(1);
  });

  it('share a temporary failure with its Retry-After, but not a refusal', async () => {
    const refusal = (status: number) =>
      new ApiError({ type: '', title: '', status, code: 'rate-limited' }, 30);
    for (const [error, requests] of [
      [refusal(429), 1],
      [new NetworkError(), 1],
      [refusal(403), 10],
    ] as const) {
      const { tabs } = tenTabs();
      const { at, read$ } = server(() => throwError(() => error));
      const all = tabs.map(({ read }) =>
        firstValueFrom(read('x', read$)).catch((failure: unknown) => failure),
      );
      await pass(2_000);
      expect(at).toHaveLength(requests);
      for (const failure of await Promise.all(all)) expect(failure).toEqual(error);
    }
  });
});

describe('a read', () => {
  it('takes no answer that was requested before the question', async () => {
    const { tabs } = tenTabs();
    const { at, read$ } = server(number);
    const values: number[] = [];
    tabs[0]?.read('x', read$).subscribe(({ value }) => values.push(value));
    await pass(GATHER_TIME + 1);
    tabs[1]?.read('x', read$).subscribe(({ value }) => values.push(value));
    await pass(1_000);
    expect([at.length, values]).toEqual([2, [1, 2]]);
  });

  it('is requested by the next tab when the one that requests is closed', async () => {
    const { tabs } = tenTabs();
    const { at, read$ } = server(number);
    const values: number[] = [];
    const first = tabs[0]?.read('x', read$).subscribe(({ value }) => values.push(value));
    tabs[1]?.read('x', read$).subscribe(({ value }) => values.push(value));
    await pass(GATHER_TIME + 1);
    first?.unsubscribe();
    await pass(1_000);
    expect([at.length, values]).toEqual([2, [2]]);
  });

  it('does not wait for a suspended tab for ever', async () => {
    const { browser, tabs } = tenTabs();
    void browser.tabs.locks.request(`${browser.tabs.name} x`, {}, () => new Promise(() => undefined));
    const { read$ } = server(number);
    const values: number[] = [];
    tabs[0]?.read('x', read$).subscribe(({ value }) => values.push(value));
    await pass(READ_TIMEOUT + 100);
    expect(values).toEqual([1]);
  });

  it('is not shared without Web Locks, or where they are forbidden', async () => {
    const { browser } = tenTabs();
    const forbidden = {
      ...browser.tabs,
      locks: { request: () => Promise.reject(new DOMException('no', 'SecurityError')) },
    };
    for (const tabs of [undefined, forbidden]) {
      const { read$ } = server(number);
      const reads = createSharedReads(tabs);
      reads.open();
      const values: number[] = [];
      reads.read('x', read$).subscribe(({ value }) => values.push(value));
      await pass(1_000);
      expect(values).toEqual([1]);
    }
  });
});
