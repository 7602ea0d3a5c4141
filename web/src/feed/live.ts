import {
  filter,
  map,
  type Observable,
  ReplaySubject,
  shareReplay,
  startWith,
  Subject,
  switchMap,
  take,
} from 'rxjs';
import type { OrderSummary } from '../api/types';
import { type Connection, type FeedOptions, follow, type Signal } from './feed';

/** The tab's one connection to the feed, for as long as somebody is signed in. */
export interface LiveFeed {
  orders$: Observable<OrderSummary>;
  resets$: Observable<void>;
  connection$: Observable<Connection>;
  /** Connects, from a list's `feed` cursor or from now. Only the first call counts: later it just goes on. */
  start(cursor?: string): void;
  /** Connects, as soon as somebody has said where to start; returns what ends it. */
  open(): () => void;
}

export function createLiveFeed(options: FeedOptions): LiveFeed {
  const start$ = new ReplaySubject<string | undefined>(1);
  const signals$ = new Subject<Signal>();
  const connection$ = signals$.pipe(
    filter((signal) => signal.type === 'connection'),
    map(({ state }) => state),
    startWith<Connection>('connecting'),
    shareReplay({ bufferSize: 1, refCount: true }),
  );
  return {
    orders$: signals$.pipe(
      filter((signal) => signal.type === 'order'),
      map(({ order }) => order),
    ),
    resets$: signals$.pipe(
      filter((signal) => signal.type === 'reset'),
      map(() => undefined),
    ),
    connection$,
    start: (cursor) => start$.next(cursor),
    open() {
      const open = connection$.subscribe(); // so that whoever looks later sees the state of now
      open.add(
        start$
          .pipe(
            take(1),
            switchMap((cursor) => follow(options, cursor)),
          )
          .subscribe((signal) => signals$.next(signal)),
      );
      return () => open.unsubscribe();
    },
  };
}
