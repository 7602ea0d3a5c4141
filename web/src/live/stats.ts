/** The operators' numbers over time. They are polled, but not while the tab is hidden. Visible tabs share their polls. */
import {
  asyncScheduler,
  catchError,
  defer,
  distinctUntilChanged,
  EMPTY,
  map,
  type Observable,
  of,
  repeat,
  scan,
  type SchedulerLike,
  shareReplay,
  switchMap,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { retryDelay } from '../api/problem';
import type { Stats } from '../api/types';
import { addMinutes, type Minutes, minutesToLoad } from '../domain/overview';
import { createSharedReads, type Read } from './sharedReads';
import { browserVisible } from './visible';

export interface StatsView {
  /** The last answer; undefined before the first. */
  stats: Stats | undefined;
  minutes: Minutes;
  /** Whether the last request failed, so that the numbers are old. */
  failed: boolean;
}

export const noStats: StatsView = { stats: undefined, minutes: new Map(), failed: false };

/** From an answer until the next request, in ms. */
export const STATS_INTERVAL = 10_000;

export interface StatsOptions {
  api: Pick<Api, 'stats'>;
  clock: { now(): number };
  /** Shares the polls with other tabs. */
  read?: Read;
  visible$?: Observable<boolean>;
  scheduler?: SchedulerLike;
}

export function watchStats({
  api,
  clock,
  read = createSharedReads(undefined).read,
  visible$ = browserVisible(),
  scheduler = asyncScheduler,
}: StatsOptions): Observable<StatsView> {
  return defer(() => {
    let last: Stats | undefined;
    let wait = STATS_INTERVAL;
    const polls$ = defer(() => {
      const minutes = minutesToLoad(clock.now(), last);
      return read(`stats ${minutes}`, api.stats(minutes), STATS_INTERVAL);
    }).pipe(
      map(({ value, at }) => {
        last = value;
        // Of an answer to another tab, some of the interval has passed: then both ask at the same time.
        wait = STATS_INTERVAL - Math.max(0, scheduler.now() - at);
        return value;
      }),
      catchError((error: unknown) => {
        wait = Math.max(STATS_INTERVAL, retryDelay(error));
        return of(undefined);
      }),
      repeat({ delay: () => timer(wait, scheduler) }),
    );
    return visible$.pipe(
      distinctUntilChanged(),
      switchMap((visible) => (visible ? polls$ : EMPTY)),
      scan(
        (view: StatsView, stats): StatsView =>
          stats
            ? { stats, minutes: addMinutes(view.minutes, stats), failed: false }
            : { ...view, failed: true },
        noStats,
      ),
    );
  }).pipe(shareReplay({ bufferSize: 1, refCount: true }));
}
