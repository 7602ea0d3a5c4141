/** The operators' numbers over time. They are polled, but not while the tab is hidden, so a browser polls once. */
import {
  asyncScheduler,
  catchError,
  defer,
  distinctUntilChanged,
  EMPTY,
  fromEvent,
  map,
  type Observable,
  of,
  repeat,
  scan,
  type SchedulerLike,
  shareReplay,
  startWith,
  switchMap,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { retryDelay } from '../api/problem';
import type { Stats } from '../api/types';
import { addMinutes, type Minutes, minutesToLoad } from '../domain/overview';

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
  visible$?: Observable<boolean>;
  scheduler?: SchedulerLike;
}

export function watchStats({
  api,
  clock,
  visible$ = browserVisible(),
  scheduler = asyncScheduler,
}: StatsOptions): Observable<StatsView> {
  return defer(() => {
    let last: Stats | undefined;
    let wait = STATS_INTERVAL;
    const polls$ = defer(() => api.stats(minutesToLoad(clock.now(), last))).pipe(
      map((stats) => {
        last = stats;
        wait = STATS_INTERVAL;
        return stats;
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

function browserVisible(): Observable<boolean> {
  return fromEvent(document, 'visibilitychange').pipe(
    startWith(undefined),
    map(() => document.visibilityState === 'visible'),
  );
}
