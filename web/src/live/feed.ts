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
import { type Connection, type FeedOptions, followFeed, type Signal } from './feedConnection';
import { followFeedAcrossTabs, type Tabs } from './feedAcrossTabs';

/** The feed of one tab during a session. All tabs of a browser share one connection. */
export interface Feed {
  orders$: Observable<OrderSummary>;
  resets$: Observable<void>;
  connection$: Observable<Connection>;
  /** Sets where to start: at a list's `feed` cursor, or now. Only the first call has an effect. */
  start(cursor?: string): void;
  /**
   * Connects once a page has called `start`, or after START_TIMEOUT. Returns a function that closes the feed. Pages that
   * load after this call miss no change.
   */
  open(): () => void;
}

/** How long to wait for `start`, in ms. Pages that load nothing do not call it. */
export const START_TIMEOUT = 5_000;

/** Without `tabs` this tab has its own connection. */
export function createFeed(options: FeedOptions & { tabs?: Tabs | undefined }): Feed {
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
      const open = connection$.subscribe(); // later subscribers receive the current state
      const from$ = race(start$, timer(START_TIMEOUT, scheduler).pipe(map(() => undefined))).pipe(take(1));
      const feed$ = tabs
        ? followFeedAcrossTabs(options, tabs, from$)
        : from$.pipe(switchMap((cursor) => followFeed(options, cursor)));
      open.add(feed$.subscribe((signal) => signals$.next(signal)));
      return () => open.unsubscribe();
    },
  };
}
