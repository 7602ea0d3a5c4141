import {
  distinctUntilChanged,
  fromEvent,
  map,
  merge,
  of,
  startWith,
  switchMap,
  timer,
  type Observable,
} from 'rxjs';
import type { Link } from './feed';

/** A tab in the background gives its connection back after this long: a visible tab gets it, or nobody looks. */
const ASLEEP_AFTER = 60_000;

export function browserLink(): Observable<Link> {
  return merge(
    fromEvent(window, 'online'),
    fromEvent(window, 'offline'),
    fromEvent(document, 'visibilitychange'),
  ).pipe(
    startWith(undefined),
    switchMap((): Observable<Link> => {
      if (document.visibilityState === 'visible') return of(navigator.onLine ? 'up' : 'offline');
      return timer(ASLEEP_AFTER).pipe(map(() => 'asleep'));
    }),
    distinctUntilChanged(),
  );
}
