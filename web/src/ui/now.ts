/** The time that pages show relative times against. */
import { createContext, use } from 'react';
import { map, NEVER, type Observable, shareReplay, startWith, timer } from 'rxjs';
import { useObservable } from './useObservable';

const NowContext = createContext<Observable<number>>(NEVER);
export const NowProvider = NowContext.Provider;

/** The clock's time in ms, every second. */
export function createNow(clock: { now(): number }): Observable<number> {
  return timer(1_000, 1_000).pipe(
    startWith(0),
    map(() => clock.now()),
    shareReplay({ bufferSize: 1, refCount: true }),
  );
}

const started = Date.now();

/** The time in ms. Without a NowProvider it is the time when the page was loaded. */
export function useNow(): number {
  return useObservable(use(NowContext), started);
}
