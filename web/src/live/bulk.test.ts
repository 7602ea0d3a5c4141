import { defer, delay, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ListParams } from '../api/client';
import { ApiError, NetworkError } from '../api/problem';
import type { CancelOutcome, OrderList } from '../api/types';
import { marbles } from '../test/marbles';
import { aSummary } from '../test/orders';
import { type BulkResult, createBulk } from './bulk';

const ids = (count: number, prefix = '') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** A server that takes 1 s per batch. Requests for which `fail` returns an error are refused with it. */
function server(pages: string[][] = [], fail: (request: number) => Error | undefined = () => undefined) {
  const asked: (readonly string[])[] = [];
  const listed: ListParams[] = [];
  let requests = 0;
  const create = (scheduler: Parameters<typeof createBulk>[0]['scheduler']) =>
    createBulk({
      scheduler,
      known: (outcome) => outcome,
      uncertain: () => undefined,
      api: {
        cancelMany: (batch) =>
          defer(() => {
            asked.push(batch);
            const error = fail(++requests);
            const outcomes = batch.map((id): CancelOutcome => ({ id, outcome: 'cancelled' }));
            return error ? throwError(() => error) : of(outcomes).pipe(delay(1_000, scheduler));
          }),
        list: (params) =>
          defer(() => {
            const orders = (pages[listed.push(params) - 1] ?? []).map((id) => aSummary({ id }));
            const next = listed.length < pages.length ? `c${listed.length}` : null;
            return of({ orders, next, counts: {}, feed: '' } as unknown as OrderList);
          }),
      },
    });
  return { asked, listed, create };
}

describe('a cancel of many orders', () => {
  it('sends batches of 100, one after the other, with progress', () => {
    const { asked, create } = server();
    const progress: (number | undefined)[] = [];
    let result: BulkResult | undefined;
    marbles(({ scheduler }) => {
      const bulk = create(scheduler);
      bulk.progress$.subscribe((now) => progress.push(now?.done));
      bulk.run({ ids: ids(250) }, '').subscribe((done) => (result = done));
    });
    expect(asked.map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(progress).toEqual([undefined, 0, 100, 200, 250, undefined]);
    expect([result?.outcomes.length, result?.stopped]).toEqual([250, false]);
  });

  it('of a query cancels what matches, from the newest to the oldest', () => {
    const { asked, listed, create } = server([ids(100, 'a'), ids(3, 'b')]);
    let result: BulkResult | undefined;
    marbles(({ scheduler }) => {
      const target = { params: { status: ['created'] as const, q: 'tea', sort: 'total' }, total: 99 };
      create(scheduler)
        .run(target, '')
        .subscribe((done) => (result = done));
    });
    expect(asked.map(({ length }) => length)).toEqual([100, 3]);
    const common = { status: ['created'], q: 'tea', sort: '-created', limit: 100 };
    expect(listed).toEqual([common, { ...common, cursor: 'c1' }]);
    expect(result?.outcomes).toHaveLength(103);
  });

  it('of a query goes on after a page without orders that is not the last', () => {
    const { asked, listed, create } = server([ids(2, 'a'), [], [], ids(1, 'b')]);
    let result: BulkResult | undefined;
    marbles(({ scheduler }) => {
      create(scheduler)
        .run({ params: { cancelledBy: 'customer' }, total: 3 }, '')
        .subscribe((done) => (result = done));
    });
    expect(asked.map(({ length }) => length)).toEqual([2, 1]);
    expect(listed.map(({ cursor }) => cursor)).toEqual([undefined, 'c1', 'c2', 'c3']);
    expect(result?.outcomes).toHaveLength(3);
  });

  it('ends after the batch in flight when it is stopped', () => {
    const { asked, create } = server();
    let result: BulkResult | undefined;
    marbles(({ scheduler }) => {
      const bulk = create(scheduler);
      bulk.run({ ids: ids(250) }, '').subscribe((done) => (result = done));
      scheduler.schedule(() => bulk.stop(), 1_500);
    });
    expect([asked.length, result?.outcomes.length, result?.stopped]).toEqual([2, 200, true]);
  });

  it('repeats only the batch without a response, and says that it waits', () => {
    const { asked, create } = server([], (request) => (request === 2 ? new NetworkError() : undefined));
    const waited: boolean[] = [];
    let result: BulkResult | undefined;
    marbles(({ scheduler }) => {
      const bulk = create(scheduler);
      bulk.progress$.subscribe((now) => now?.waiting && waited.push(true));
      bulk.run({ ids: ids(150) }, '').subscribe((done) => (result = done));
    });
    expect(asked.map(({ length }) => length)).toEqual([100, 50, 50]);
    expect([result?.outcomes.length, waited]).toEqual([150, [true]]);
  });

  it('keeps its outcomes when a later batch is refused, and reports the others as failed', () => {
    const refused = new ApiError({ type: '', title: 'No', status: 403, code: 'forbidden' });
    const { create } = server([], (request) => (request === 2 ? refused : undefined));
    let result: BulkResult | undefined;
    marbles(({ scheduler }) => {
      create(scheduler)
        .run({ ids: ids(150) }, '')
        .subscribe((done) => (result = done));
    });
    const failed = result?.outcomes.filter(({ outcome }) => outcome === 'failed');
    expect([result?.outcomes.length, failed?.length, result?.stopped]).toEqual([150, 50, true]);
  });
});
