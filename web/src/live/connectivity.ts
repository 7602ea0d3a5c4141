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
import type { Connectivity } from './feedConnection';

/** A hidden tab closes its connection after this time, in ms. Another tab may use it. */
const ASLEEP_AFTER = 60_000;

export function browserConnectivity(): Observable<Connectivity> {
  return merge(
    fromEvent(window, 'online'),
    fromEvent(window, 'offline'),
    fromEvent(document, 'visibilitychange'),
  ).pipe(
    startWith(undefined),
    switchMap((): Observable<Connectivity> => {
      if (document.visibilityState === 'visible') return of(navigator.onLine ? 'online' : 'offline');
      return timer(ASLEEP_AFTER).pipe(map(() => 'asleep'));
    }),
    distinctUntilChanged(),
  );
}
