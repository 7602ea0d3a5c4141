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
import type { LinkState } from './feed';

/** A hidden tab closes its connection after this time, in ms. Another tab may use it. */
const ASLEEP_AFTER = 60_000;

export function browserLink(): Observable<LinkState> {
  return merge(
    fromEvent(window, 'online'),
    fromEvent(window, 'offline'),
    fromEvent(document, 'visibilitychange'),
  ).pipe(
    startWith(undefined),
    switchMap((): Observable<LinkState> => {
      if (document.visibilityState === 'visible') return of(navigator.onLine ? 'up' : 'offline');
      return timer(ASLEEP_AFTER).pipe(map(() => 'asleep'));
    }),
    distinctUntilChanged(),
  );
}
