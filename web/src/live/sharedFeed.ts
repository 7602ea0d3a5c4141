/**
 * One connection per browser. HTTP/1.1 allows a browser six connections per server, and a stream takes one: with a stream
 * per tab, the seventh tab can't load.
 *
 * The tab that holds a lock (the leader) follows the feed, and posts every signal to the other tabs of the same user. When
 * it is closed or put to sleep, the next tab gets the lock and goes on from the last position that was posted. A leader
 * that falls silent without giving up the lock (some systems suspend background tabs) is deposed.
 *
 * Every tab misses nothing: it listens from before it loads anything, and each signal names the position before it. A tab
 * whose own position differs has missed something, and resets.
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
import { type Connection, type FeedOptions, follow, type Signal } from './feed';

/** What tabs have in common. */
export interface Tabs {
  /** Names the lock. */
  name: string;
  locks: { request(name: string, options: LockOptions, work: () => Promise<void>): Promise<void> };
  channel(): Channel;
}

export type Channel = Pick<
  BroadcastChannel,
  'postMessage' | 'addEventListener' | 'removeEventListener' | 'close'
>;

type Message =
  /** From a new tab: is there a leader? */
  | { type: 'hello' }
  /** From the leader: that it is there, and where it is. */
  | { type: 'state'; state: Connection; cursor: string | undefined }
  /** From the leader, whose position before this signal was `after`. */
  | { type: 'signal'; after: string | undefined; signal: Signal };

/** How often the leader says that it is there, in ms. */
export const PRESENCE = 15_000;
/** How long a leader may take to answer a new tab, and how long it may be silent. */
export const ANSWER_WITHIN = 5_000;
export const LEADER_SILENCE = 45_000;

/** Undefined where tabs can't agree on a leader: Web Locks exist only on https and localhost. */
export function browserTabs(user: string, role: Role): Tabs | undefined {
  const locks = navigator.locks as LockManager | undefined;
  if (!locks || typeof BroadcastChannel === 'undefined') return undefined;
  // The number is that of the messages' format: tabs of two releases may be open together.
  const name = `orders.feed.1.${role}.${user}`;
  return { name, locks, channel: () => new BroadcastChannel(name) };
}

/** The signals of the browser's one feed. The first leader begins at what `start$` says. */
export function shareFeed(
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
    const tellState = () => post({ type: 'state', state, cursor });
    function advance(signal: Signal) {
      if (signal.type === 'connection') state = signal.state;
      else if (signal.type === 'reset') cursor = undefined;
      else cursor = signal.cursor ?? cursor;
    }

    const messages$ = fromEvent<MessageEvent<Message>>(channel, 'message').pipe(
      map(({ data }) => data),
      share(),
    );
    const heard$ = messages$.pipe(filter(({ type }) => type !== 'hello' && !leading));

    const answers$ = messages$.pipe(
      filter(({ type }) => type === 'hello' && leading),
      tap(tellState),
      ignoreElements(),
    );

    const followed$ = heard$.pipe(
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

    const led$ = defer(() => {
      leading = true;
      const from$ = cursor === undefined ? start$ : of(cursor);
      return merge(
        from$.pipe(
          switchMap((from) => {
            cursor ??= from;
            return follow(options, from);
          }),
          tap((signal) => {
            post({ type: 'signal', after: cursor, signal });
            advance(signal);
          }),
        ),
        interval(PRESENCE, scheduler).pipe(startWith(0), tap(tellState), ignoreElements()),
      );
    }).pipe(finalize(() => (leading = false)));

    const lead$ = defer(() => {
      post({ type: 'hello' });
      const silence$ = heard$.pipe(
        map(() => LEADER_SILENCE),
        startWith(ANSWER_WITHIN),
        switchMap((limit) => timer(limit, scheduler)),
        filter(() => !leading),
      );
      const queue$ = holding(tabs, false, led$).pipe(repeat());
      return silence$.pipe(
        map(() => concat(holding(tabs, true, led$), queue$)),
        startWith(queue$),
        switchMap((lead) => lead),
      );
    });

    const awake$ = options.link$.pipe(
      map((link) => link !== 'asleep'),
      distinctUntilChanged(),
      switchMap((awake) => (awake ? lead$ : NEVER)),
      // The locks may be forbidden here.
      catchError(() => start$.pipe(switchMap((from) => follow(options, from)))),
    );

    subscriber.add(() => channel.close());
    return merge(answers$, followed$, awake$).subscribe(subscriber);
  });
}

/** Runs `work$` while this tab holds the lock: when its turn comes, or at once with `steal`. Completes when it is stolen. */
function holding<T>({ name, locks }: Tabs, steal: boolean, work$: Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const abort = new AbortController();
    const work = new Subscription();
    const hold = () =>
      new Promise<void>((release) => {
        work.add(release);
        if (work.closed) return;
        // Not the subscriber itself: it outlives work that ends because the lock was stolen.
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
