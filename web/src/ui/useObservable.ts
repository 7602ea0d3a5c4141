import { useMemo, useSyncExternalStore } from 'react';
import type { Observable } from 'rxjs';

/** The latest value of an observable. `source$` and `initial` must be stable; a new source starts with `initial`. */
export function useObservable<T>(source$: Observable<T>, initial: T): T {
  const store = useMemo(() => latest(source$, initial), [source$, initial]);
  return useSyncExternalStore(store.subscribe, store.get);
}

/** A store of the latest value, for useSyncExternalStore. */
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
