import { useEffect, useMemo, useState } from 'react';
import {
  BehaviorSubject,
  combineLatest,
  distinctUntilChanged,
  fromEvent,
  map,
  startWith,
  Subject,
  tap,
} from 'rxjs';
import type { ListQuery } from '../../domain/query';
import { emptyView, watchList } from '../../live/list';
import { useServices } from '../../services';
import { useObservable } from '../../ui/useObservable';

/** Whether the top of the page is visible, where new rows push nothing out of sight that is being read. */
const atTop$ = fromEvent(window, 'scroll').pipe(
  startWith(undefined),
  map(() => scrollY < 80),
  distinctUntilChanged(),
);

/** The list at this address, live. With `auto`, new orders are shown at once unless the page is scrolled. */
export function useList(address: string, query: ListQuery, auto: boolean) {
  const { api, feed, lastList } = useServices();
  const [reload$] = useState(() => new Subject<void>());
  const [wanted$] = useState(() => new BehaviorSubject(auto));
  useEffect(() => wanted$.next(auto), [wanted$, auto]);
  const [initial, view$] = useMemo(() => {
    // A new query shows the rows of the last one, dimmed, until its own are loaded, to avoid layout shifts.
    const initial = {
      ...(lastList.view ?? emptyView),
      loading: true,
      arrived: new Set<string>(),
      added: new Set<string>(),
      error: undefined,
    };
    const auto$ = combineLatest([wanted$, atTop$]).pipe(map((all) => all.every(Boolean)));
    const view$ = watchList(query, { api, feed, reload$, auto$, initial }).pipe(
      tap((view) => Object.assign(lastList, { address, view })),
    );
    return [initial, view$];
  }, [address, query, api, feed, reload$, wanted$, lastList]);
  return { view: useObservable(view$, initial), reload: () => reload$.next() };
}
