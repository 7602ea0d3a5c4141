import { useMemo, useSyncExternalStore } from 'react';
import type { Observable } from 'rxjs';

/** The one way from a stream to a component. `source$` and `initial` must be stable; a new source begins at `initial`. */
export function useObservable<T>(source$: Observable<T>, initial: T): T {
  const store = useMemo(() => latest(source$, initial), [source$, initial]);
  return useSyncExternalStore(store.subscribe, store.get);
}

/** Holds a stream's last value for as long as somebody looks. */
function latest<T>(source$: Observable<T>, initial: T) {
  let value = initial;
  return {
    get: () => value,
    subscribe: (changed: () => void) => {
      const subscription = source$.subscribe((next) => {
        value = next;
        changed();
      });
      return () => subscription.unsubscribe();
    },
  };
}
