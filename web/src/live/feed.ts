/**
 * The live feed. It guarantees that a reader who loaded a list and follows from that list's `feed` cursor sees every
 * later transition at least once, in order, across lost connections; where that can't be kept (the cursor has expired, or
 * there was none) it says `reset`, and the reader loads again.
 *
 * It reads a stream of server-sent events, resumes at the last cursor after every loss, and backs off while the server is
 * away. If the server answers but its streams don't come through (some proxies buffer them) it long-polls for a while
 * before it tries a stream again.
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
import { ApiError, hasCode } from '../api/problem';
import type { Events, OrderSummary } from '../api/types';

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'offline';

export type Signal =
  | { type: 'connection'; state: Connection }
  /** `cursor` is the position behind this order. */
  | { type: 'order'; order: OrderSummary; cursor: string | undefined }
  /** The position has moved past what concerns others. */
  | { type: 'position'; cursor: string }
  /** Something may have been missed: load again what you show. */
  | { type: 'reset' };

/**
 * Whether to hold a connection: not while nobody looks at the page (`asleep`). `offline` is what the browser believes, and
 * it may be wrong: the feed connects all the same, and calls a failure that.
 */
export type Link = 'up' | 'offline' | 'asleep';

export interface FeedOptions {
  stream(cursor?: string): Observable<StreamMessage>;
  poll(cursor: string | undefined, wait: number): Observable<Events>;
  link$: Observable<Link>;
  scheduler?: SchedulerLike;
  random?: () => number;
}

export const OPEN_WITHIN = 10_000;
/** Heartbeats come every 15 s: three missed ones mean that the connection is dead. */
export const SILENCE = 45_000;
export const POLL_WAIT = 20;
export const POLL_FOR = 60_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

export function follow(options: FeedOptions, start?: string): Observable<Signal> {
  const { scheduler = asyncScheduler, random = Math.random } = options;

  return defer(() => {
    let cursor = start;
    let failures = 0;
    let askedToWait = 0;
    let lost: Signal = { type: 'connection', state: 'reconnecting' };

    const fail = (error: unknown) => {
      failures++;
      askedToWait = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
      if (hasCode(error, 'cursor-expired')) cursor = undefined; // the next connection starts now, and says reset
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
        timeout({ first: OPEN_WITHIN, each: SILENCE, scheduler }),
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
            // A stream that ends before it has begun is a failure too, or we would ask again without a pause.
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
        takeUntil(timer(POLL_FOR, scheduler)),
      );
    });

    const attempt$ = streamed$.pipe(
      catchError((error: unknown) => {
        fail(error);
        const instead$ =
          failures < 2
            ? EMPTY
            : polled$.pipe(
                catchError((pollError: unknown) => {
                  fail(pollError);
                  return of(lost);
                }),
              );
        return concat(of(lost), instead$);
      }),
    );

    const pause = () => {
      const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures, 10));
      return Math.max(askedToWait, failures === 0 ? FIRST_PAUSE * random() : longest * (0.5 + random() / 2));
    };

    const connected$ = attempt$.pipe(repeat({ delay: () => timer(pause(), scheduler) }));

    return options.link$.pipe(
      distinctUntilChanged(),
      switchMap((link): Observable<Signal> => {
        failures = 0;
        askedToWait = 0;
        if (link === 'asleep') return NEVER;
        lost = { type: 'connection', state: link === 'offline' ? 'offline' : 'reconnecting' };
        return connected$;
      }),
    );
  }).pipe(
    distinctUntilChanged((a, b) => a.type === 'connection' && b.type === 'connection' && a.state === b.state),
  );
}
