/**
 * One connection per browser. With HTTP/1.1 a browser opens six connections per server and a stream occupies one, so with
 * one stream per tab the seventh tab could not load.
 *
 * The tab that holds a lock (the leader) follows the feed and posts every signal to the other tabs of the same user (the
 * followers). When it is closed or hidden, the next tab gets the lock and continues from the last posted position. Some
 * systems suspend background tabs: another tab takes the lock from a leader that is silent for LEADER_TIMEOUT.
 *
 * No tab misses a change. It listens before it loads anything, and each signal has the position before it. A follower
 * whose own position differs has missed a signal, and resets.
 */
import {
  asyncScheduler,
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  filter,
  finalize,
  fromEvent,
  ignoreElements,
  interval,
  map,
  merge,
  mergeMap,
  NEVER,
  Observable,
  of,
  repeat,
  share,
  startWith,
  Subscription,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import type { Role } from '../api/types';
import { type Connection, type FeedOptions, followFeed, type Signal } from './feedConnection';

/** What the tabs of a browser share. */
export interface Tabs {
  /** The lock's name. */
  name: string;
  locks: { request(name: string, options: LockOptions, work: () => Promise<void>): Promise<void> };
  channel(): Channel;
}

export type Channel = Pick<
  BroadcastChannel,
  'postMessage' | 'addEventListener' | 'removeEventListener' | 'close'
>;

type Message =
  /** From a new tab, asking for the leader's state. */
  | { type: 'hello' }
  /** From the leader: its connection and position. It is also the leader's heartbeat. */
  | { type: 'state'; state: Connection; cursor: string | undefined }
  /** From the leader; `after` is its position before this signal. */
  | { type: 'signal'; after: string | undefined; signal: Signal };

/** How often the leader posts its state, in ms. */
export const LEADER_HEARTBEAT = 15_000;
/** How long a leader may take to reply to a new tab, and how long it may be silent, in ms. */
export const LEADER_REPLY_TIMEOUT = 5_000;
export const LEADER_TIMEOUT = 45_000;

/** Undefined without Web Locks, which browsers offer on https and localhost only. */
export function browserTabs(purpose: 'feed' | 'reads', user: string, role: Role): Tabs | undefined {
  const locks = navigator.locks as LockManager | undefined;
  if (!locks || typeof BroadcastChannel === 'undefined') return undefined;
  // The number is the version of the message format: tabs of two releases may be open at the same time.
  const name = `orders.${purpose}.1.${role}.${user}`;
  return { name, locks, channel: () => new BroadcastChannel(name) };
}

/** The signals of the shared feed. The first leader starts at the cursor from `start$`. */
export function followFeedAcrossTabs(
  options: FeedOptions,
  tabs: Tabs,
  start$: Observable<string | undefined>,
): Observable<Signal> {
  const { scheduler = asyncScheduler } = options;
  return new Observable((subscriber) => {
    const channel = tabs.channel();
    let cursor: string | undefined;
    let state: Connection = 'connecting';
    let leading = false;

    const post = (message: Message) => channel.postMessage(message);
    const postState = () => post({ type: 'state', state, cursor });
    function advance(signal: Signal) {
      if (signal.type === 'connection') state = signal.state;
      else if (signal.type === 'reset') cursor = undefined;
      else cursor = signal.cursor ?? cursor;
    }

    const messages$ = fromEvent<MessageEvent<Message>>(channel, 'message').pipe(
      map(({ data }) => data),
      share(),
    );
    const received$ = messages$.pipe(filter(({ type }) => type !== 'hello' && !leading));

    const replies$ = messages$.pipe(
      filter(({ type }) => type === 'hello' && leading),
      tap(postState),
      ignoreElements(),
    );

    const followerSignals$ = received$.pipe(
      mergeMap((message): Signal[] => {
        const signals: Signal[] = [];
        const missed = (position: string | undefined) => cursor !== undefined && position !== cursor;
        if (message.type === 'state') {
          if (message.state !== state) signals.push({ type: 'connection', state: message.state });
          if (message.cursor !== undefined && missed(message.cursor)) signals.push({ type: 'reset' });
        } else if (message.type === 'signal') {
          const { signal, after } = message;
          if ('cursor' in signal && missed(after)) signals.push({ type: 'reset' });
          signals.push(signal);
        }
        signals.forEach(advance);
        if (message.type === 'state') cursor = message.cursor ?? cursor;
        return signals;
      }),
    );

    const leaderSignals$ = defer(() => {
      leading = true;
      const from$ = cursor === undefined ? start$ : of(cursor);
      return merge(
        from$.pipe(
          switchMap((from) => {
            cursor ??= from;
            return followFeed(options, from);
          }),
          tap((signal) => {
            post({ type: 'signal', after: cursor, signal });
            advance(signal);
          }),
        ),
        interval(LEADER_HEARTBEAT, scheduler).pipe(startWith(0), tap(postState), ignoreElements()),
      );
    }).pipe(finalize(() => (leading = false)));

    const elected$ = defer(() => {
      post({ type: 'hello' });
      const silence$ = received$.pipe(
        map(() => LEADER_TIMEOUT),
        startWith(LEADER_REPLY_TIMEOUT),
        switchMap((limit) => timer(limit, scheduler)),
        filter(() => !leading),
      );
      const queue$ = withLock(tabs, false, leaderSignals$).pipe(repeat());
      return silence$.pipe(
        map(() => concat(withLock(tabs, true, leaderSignals$), queue$)),
        startWith(queue$),
        switchMap((lead) => lead),
      );
    });

    const awake$ = options.connectivity$.pipe(
      map((connectivity) => connectivity !== 'asleep'),
      distinctUntilChanged(),
      switchMap((awake) => (awake ? elected$ : NEVER)),
      // Web Locks may be forbidden: use a connection of this tab's own.
      catchError(() => start$.pipe(switchMap((from) => followFeed(options, from)))),
    );

    subscriber.add(() => channel.close());
    return merge(replies$, followerSignals$, awake$).subscribe(subscriber);
  });
}

/** Runs `work$` while this tab holds the lock. With `steal` it takes the lock at once. Completes when the lock is stolen. */
export function withLock<T>({ name, locks }: Tabs, steal: boolean, work$: Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const abort = new AbortController();
    const work = new Subscription();
    const hold = () =>
      new Promise<void>((release) => {
        work.add(release);
        if (work.closed) return;
        // Not subscribed directly: completing the work must not complete the subscriber.
        work.add(
          work$.subscribe({
            next: (value) => subscriber.next(value),
            error: (error: unknown) => subscriber.error(error),
          }),
        );
      });
    locks.request(name, steal ? { steal } : { signal: abort.signal }, hold).catch((error: unknown) => {
      work.unsubscribe();
      if (error instanceof DOMException && error.name === 'AbortError') subscriber.complete();
      else subscriber.error(error);
    });
    return () => {
      work.unsubscribe();
      abort.abort();
    };
  });
}
