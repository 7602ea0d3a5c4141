import { filter, fromEvent, map, type Observable, startWith, take } from 'rxjs';

/** Whether the tab is visible. */
export function browserVisible(): Observable<boolean> {
  return fromEvent(document, 'visibilitychange').pipe(
    startWith(undefined),
    map(() => document.visibilityState === 'visible'),
  );
}

/** Emits once, as soon as the tab is visible. */
export function onceVisible(visible$: Observable<boolean>): Observable<boolean> {
  return visible$.pipe(filter(Boolean), take(1));
}
