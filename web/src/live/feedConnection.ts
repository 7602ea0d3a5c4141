/**
 * One connection to the live feed. A reader that loads a list and follows from its `feed` cursor receives every later transition at least
 * once and in order, across lost connections. Without a cursor, or after it expired, the feed emits `reset`: the reader
 * must load again.
 *
 * It reads a stream of server-sent events, resumes at the last cursor, and backs off while the server is unreachable. Some
 * proxies buffer streams: after two failures in a row it uses long polling for a minute before it tries a stream again.
 */
import type { Observable } from 'rxjs';
import {
  asyncScheduler,
  catchError,
  concat,
  defer,
  distinctUntilChanged,
  EMPTY,
  expand,
  mergeMap,
  NEVER,
  of,
  repeat,
  type SchedulerLike,
  switchMap,
  takeUntil,
  timeout,
  timer,
} from 'rxjs';
import type { StreamMessage } from '../api/client';
import { hasCode, retryDelay } from '../api/problem';
import type { Events, OrderSummary } from '../api/types';

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'offline';

export type Signal =
  | { type: 'connection'; state: Connection }
  /** A changed order; `cursor` is the position after it. */
  | { type: 'order'; order: OrderSummary; cursor: string | undefined }
  /** The position moved without an order for this reader. */
  | { type: 'position'; cursor: string }
  /** Changes may have been missed: load again. */
  | { type: 'reset' };

/**
 * Whether to keep a connection. A page that was hidden for a while (`asleep`) has none. The browser may be wrong about
 * `offline`, so the feed connects anyway and reports failures as `offline`.
 */
export type Connectivity = 'online' | 'offline' | 'asleep';

export interface FeedOptions {
  stream(cursor?: string): Observable<StreamMessage>;
  /** `wait` is in seconds. */
  poll(cursor: string | undefined, wait: number): Observable<Events>;
  connectivity$: Observable<Connectivity>;
  scheduler?: SchedulerLike;
  random?: () => number;
}

export const OPEN_TIMEOUT = 10_000;
/** Three heartbeats, which the server sends every 15 s. */
export const SILENCE_TIMEOUT = 45_000;
export const POLL_WAIT = 20;
export const POLL_PERIOD = 60_000;
const MIN_PAUSE = 500;
const MAX_PAUSE = 15_000;

export function followFeed(options: FeedOptions, start?: string): Observable<Signal> {
  const { scheduler = asyncScheduler, random = Math.random } = options;

  return defer(() => {
    let cursor = start;
    let failures = 0;
    let retryAfter = 0;
    let lost: Signal = { type: 'connection', state: 'reconnecting' };

    const fail = (error: unknown) => {
      failures++;
      retryAfter = retryDelay(error);
      if (hasCode(error, 'cursor-expired')) cursor = undefined; // the next connection starts at the end of the log, and emits a reset
    };

    const opened = (fresh: boolean): Signal[] => {
      failures = 0;
      const live: Signal = { type: 'connection', state: 'live' };
      return fresh ? [live, { type: 'reset' }] : [live];
    };

    const streamed$ = defer(() => {
      const fresh = cursor === undefined;
      let open = false;
      return options.stream(cursor).pipe(
        timeout({ first: OPEN_TIMEOUT, each: SILENCE_TIMEOUT, scheduler }),
        mergeMap((message) => {
          const signals = open ? [] : opened(fresh);
          open = true;
          cursor = message.cursor ?? cursor;
          if (message.order) signals.push({ type: 'order', order: message.order, cursor });
          else if (message.cursor !== undefined) signals.push({ type: 'position', cursor: message.cursor });
          return signals;
        }),
        (messages) =>
          concat(
            messages,
            // A stream that ends without a message counts as a failure, or the feed would reconnect without backoff.
            defer(() => {
              if (!open) failures++;
              return EMPTY;
            }),
          ),
      );
    });

    const polled$ = defer(() => {
      const fresh = cursor === undefined;
      let open = false;
      return options.poll(cursor, 0).pipe(
        expand(() => options.poll(cursor, POLL_WAIT)),
        mergeMap(({ events, next }) => {
          const signals = open ? [] : opened(fresh);
          open = true;
          cursor = next;
          for (const event of events)
            signals.push({ type: 'order', order: event.order, cursor: event.cursor });
          signals.push({ type: 'position', cursor: next });
          return signals;
        }),
        takeUntil(timer(POLL_PERIOD, scheduler)),
      );
    });

    const attempt$ = streamed$.pipe(
      catchError((error: unknown) => {
        fail(error);
        const fallback$ =
          failures < 2
            ? EMPTY
            : polled$.pipe(
                catchError((pollError: unknown) => {
                  fail(pollError);
                  return of(lost);
                }),
              );
        return concat(of(lost), fallback$);
      }),
    );

    const pause = () => {
      const longest = Math.min(MAX_PAUSE, MIN_PAUSE * 2 ** Math.min(failures, 10));
      return Math.max(retryAfter, failures === 0 ? MIN_PAUSE * random() : longest * (0.5 + random() / 2));
    };

    const connected$ = attempt$.pipe(repeat({ delay: () => timer(pause(), scheduler) }));

    return options.connectivity$.pipe(
      distinctUntilChanged(),
      switchMap((connectivity): Observable<Signal> => {
        failures = 0;
        retryAfter = 0;
        if (connectivity === 'asleep') return NEVER;
        lost = { type: 'connection', state: connectivity === 'offline' ? 'offline' : 'reconnecting' };
        return connected$;
      }),
    );
  }).pipe(
    distinctUntilChanged((a, b) => a.type === 'connection' && b.type === 'connection' && a.state === b.state),
  );
}
