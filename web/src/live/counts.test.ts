import { defer, delay, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ListParams } from '../api/client';
import { ApiError } from '../api/problem';
import type { Problem } from '../api/types';
import { parseQuery } from '../domain/query';
import { marbles } from '../test/marbles';
import { aSummary } from '../test/orders';
import { RECOUNT_INTERVAL, watchCounts } from './counts';

const none = { created: 0, confirmed: 0, delivered: 0, cancelled: 0 };
const refusal = (status: number, code: Problem['code']) =>
  new ApiError({ type: '/docs', title: '', status, code }, 5);

/** The times of the requests for counts, in ms, when the server takes `took` ms for each, and the last counts. */
function recounts(feed: string, took: number, search = '', errors: ApiError[] = [], visible = 'v') {
  const times: number[] = [];
  let params: ListParams = {};
  let last: number | undefined;
  marbles(({ hot, cold, scheduler }) => {
    const counts = (given: ListParams) =>
      defer(() => {
        params = given;
        const created = times.push(scheduler.now());
        const error = errors.shift();
        return error
          ? throwError(() => error)
          : of({ counts: { ...none, created } }).pipe(delay(took, scheduler));
      });
    const changes$ = hot(feed, { o: aSummary() });
    const visible$ = cold(visible, { v: true, h: false });
    const counts$ = watchCounts(parseQuery(search), { api: { counts }, changes$, scheduler, visible$ });
    const reader = counts$.subscribe(({ counts: { created } }) => (last = created));
    scheduler.schedule(() => reader.unsubscribe(), 20_000);
  });
  return { times, params, last };
}

describe('the counts', () => {
  it('are requested with the filters of the list', () => {
    const search = '?q=&from=2026-11-01&status=created&customer=alice&attention=true';
    const { times, params, last } = recounts('10ms o', 5, search);
    expect([times, last]).toEqual([[10], 1]);
    expect(params).toMatchObject({
      customer: 'alice',
      attention: 'true',
      from: expect.any(String) as string,
    });
  });

  it('are not requested after a change of another customer’s order', () => {
    expect(recounts('10ms o', 5, '?customer=bob').times).toEqual([]);
  });

  it('are requested once per interval while orders change', () => {
    expect(recounts('10ms o 99ms o 99ms o', 0).times).toEqual([10, 10 + RECOUNT_INTERVAL]);
  });

  it('are requested again after a change during a slow request', () => {
    const took = 2 * RECOUNT_INTERVAL;
    const { times, last } = recounts('10ms o 99ms o', took);
    expect(times).toEqual([10, 10 + took + RECOUNT_INTERVAL]);
    expect(last).toBe(2);
  });

  it('are not requested while the tab is hidden, but when it is shown again', () => {
    const { times, last } = recounts('10ms o 99ms o 99ms o', 0, '', [], 'h 4999ms v');
    expect(times[0]).toBe(5_010); // shown 5 s after the first question
    expect(last).toBe(times.length);
  });

  it('are requested again after a failure, when the server says', () => {
    const { times, last } = recounts('10ms o', 0, '', [refusal(503, 'unavailable')]);
    expect([times, last]).toEqual([[10, 5_010], 2]);
  });

  it('are not requested again after a refusal, until the next change', () => {
    const { times, last } = recounts('10ms o 9s o', 0, '', [refusal(403, 'forbidden')]);
    expect(times).toHaveLength(2);
    expect(last).toBe(2);
  });
});
