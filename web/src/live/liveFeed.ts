import {
  asyncScheduler,
  filter,
  map,
  type Observable,
  race,
  ReplaySubject,
  shareReplay,
  startWith,
  Subject,
  switchMap,
  take,
  timer,
} from 'rxjs';
import type { OrderSummary } from '../api/types';
import { type Connection, type FeedOptions, follow, type Signal } from './feed';
import { shareFeed, type Tabs } from './sharedFeed';

/** The tab's share of the browser's one connection to the feed, for as long as somebody is signed in. */
export interface LiveFeed {
  orders$: Observable<OrderSummary>;
  resets$: Observable<void>;
  connection$: Observable<Connection>;
  /** Says where to start: at a list's `feed` cursor or now. Only the first call counts: later it just goes on. */
  start(cursor?: string): void;
  /**
   * Connects as soon as a page has said where to start, or from now if none does. Returns what ends it. What is loaded
   * after this call misses no change.
   */
  open(): () => void;
}

/** How long to wait for a page to say where to start, in ms: some pages load nothing. */
export const START_WITHIN = 5_000;

/** Without `tabs` this tab has a connection of its own. */
export function createLiveFeed(options: FeedOptions & { tabs?: Tabs | undefined }): LiveFeed {
  const { tabs, scheduler = asyncScheduler } = options;
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
      const from$ = race(start$, timer(START_WITHIN, scheduler).pipe(map(() => undefined))).pipe(take(1));
      const feed$ = tabs
        ? shareFeed(options, tabs, from$)
        : from$.pipe(switchMap((cursor) => follow(options, cursor)));
      open.add(feed$.subscribe((signal) => signals$.next(signal)));
      return () => open.unsubscribe();
    },
  };
}
