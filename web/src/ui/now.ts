/** The time that pages show relative times against. */
import { createContext, use, useSyncExternalStore } from 'react';
import { interval, share } from 'rxjs';

interface Now {
  /** The clock's time in ms. It stays the same for half a second or more, so that the times of a page agree. */
  get: () => number;
  /** Calls `changed` every second until the returned function is called. */
  subscribe: (changed: () => void) => () => void;
}

const TICK = 1_000;

export function createNow(clock: { now(): number }): Now {
  const ticks$ = interval(TICK).pipe(share());
  let shown = -Infinity;
  return {
    get() {
      const now = clock.now();
      // Half a second, because ticks come early at times. The clock is also set back, once the server's time is known.
      if (Math.abs(now - shown) >= TICK / 2) shown = now;
      return shown;
    },
    subscribe(changed) {
      const subscription = ticks$.subscribe(changed);
      return () => subscription.unsubscribe();
    },
  };
}

const NowContext = createContext(createNow(Date));
export const NowProvider = NowContext.Provider;

/** The time in ms, also at the first render of a page. */
export function useNow(): number {
  const { get, subscribe } = use(NowContext);
  return useSyncExternalStore(subscribe, get);
}

/** What `select` makes of the time in ms. The component renders again only when that changes. */
export function useNowAs<T extends string | number | undefined>(select: (now: number) => T): T {
  const { get, subscribe } = use(NowContext);
  return useSyncExternalStore(subscribe, () => select(get()));
}
