import { type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import type { Stats } from '../api/types';
import { marbles } from '../test/marbles';
import { quietStats } from '../test/stats';
import { STATS_INTERVAL, watchStats } from './stats';

const NOW = Date.parse('2026-11-24T12:00:00Z');

/** Watches stats for a while, in ms. The last answer repeats. Returns when they were loaded and what was shown. */
function watch(time: number, visible: string, answers: Observable<Stats>[]) {
  const loads: number[] = [];
  const shown: string[] = [];
  marbles(({ cold, scheduler }) => {
    const api = {
      stats: () => {
        loads.push(scheduler.now());
        return answers[Math.min(loads.length, answers.length) - 1] ?? of(quietStats());
      },
    };
    const visible$ = cold(visible, { v: true, h: false });
    watchStats({ api, clock: { now: () => NOW }, visible$, scheduler }).subscribe(({ stats, failed }) =>
      shown.push(`${stats?.readers ?? 'none'}${failed ? ' failed' : ''}`),
    );
    scheduler.maxFrames = time;
  });
  return { loads, shown };
}

const answer = (readers: number) => of({ ...quietStats(), readers });
const fails = (error: Error) => throwError(() => error);
const overloaded = new ApiError({ type: 'about:blank', title: 'x', status: 429, code: 'rate-limited' }, 30);

describe('the stats', () => {
  it('are loaded once per interval', () => {
    const { loads, shown } = watch(2 * STATS_INTERVAL, 'v', [answer(1), answer(2), answer(3)]);
    expect(loads).toEqual([0, STATS_INTERVAL, 2 * STATS_INTERVAL]);
    expect(shown).toEqual(['1', '2', '3']);
  });

  it('are not loaded while the tab is hidden, and at once when it is shown again', () => {
    const { loads } = watch(40_001, 'v 15s h 14999ms v', [answer(1)]);
    expect(loads).toEqual([0, 10_000, 30_001, 40_001]);
  });

  it('stay when a load fails, and are loaded again', () => {
    const { loads, shown } = watch(20_000, 'v', [answer(1), fails(new NetworkError()), answer(2)]);
    expect(loads).toEqual([0, 10_000, 20_000]);
    expect(shown).toEqual(['1', '1 failed', '2']);
  });

  it('are loaded again after the time that the server asks for', () => {
    expect(watch(30_000, 'v', [fails(overloaded), answer(1)])).toEqual({
      loads: [0, 30_000],
      shown: ['none failed', '1'],
    });
  });
});
