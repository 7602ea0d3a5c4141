import { concat, defer, EMPTY, NEVER, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { StreamMessage } from '../api/client';
import { ApiError, NetworkError } from '../api/problem';
import type { Events, ProblemCode } from '../api/types';
import { marbles } from '../test/marbles';
import { aSummary } from '../test/orders';
import { type FeedOptions, followFeed, type Connectivity, type Signal } from './feedConnection';

const order = (version: number) => aSummary({ version });
const message = (version: number): StreamMessage => ({ cursor: `c${version}`, order: order(version) });
const events = (next: string, ...versions: number[]): Events => ({
  events: versions.map((version) => ({ cursor: `c${version}`, order: order(version) })),
  next,
});
const problem = (status: number, code: ProblemCode, retryAfter?: number) =>
  new ApiError({ type: 'about:blank', title: code, status, code }, retryAfter);
const away = new NetworkError();

const messages = { h: {}, 1: message(1), 2: message(2), 3: message(3) };
const signals: Record<string, Signal> = {
  L: { type: 'connection', state: 'live' },
  R: { type: 'connection', state: 'reconnecting' },
  O: { type: 'connection', state: 'offline' },
  X: { type: 'reset' },
  1: { type: 'order', order: order(1), cursor: 'c1' },
  2: { type: 'order', order: order(2), cursor: 'c2' },
  3: { type: 'order', order: order(3), cursor: 'c3' },
  p: { type: 'position', cursor: 'c1' },
  q: { type: 'position', cursor: 'c2' },
  9: { type: 'position', cursor: 'c9' },
};

/** Each connection gets the next of these streams; the last one repeats. Records the requested cursors. */
function script<T>(...steps: Observable<T>[]) {
  const asked: (string | undefined)[] = [];
  const connect = (cursor?: string): Observable<T> =>
    defer(() => {
      asked.push(cursor);
      return steps[Math.min(asked.length, steps.length) - 1] ?? NEVER;
    });
  return { asked, connect };
}

/** Options without jitter: the pause is 500 ms after a clean end, 500 ms × 2ⁿ after the nth failure in a row. */
function options(stream: FeedOptions['stream'], more: Partial<FeedOptions> = {}): FeedOptions {
  const connectivity$ = concat(of<Connectivity>('online'), NEVER);
  return { stream, poll: () => throwError(() => away), connectivity$, random: () => 1, ...more };
}

describe('the feed', () => {
  it('resumes at the last cursor when a stream ends', () => {
    const asked = marbles(({ cold, expectObservable, scheduler }) => {
      const { asked, connect } = script<StreamMessage>(cold('h-1-2|', messages), cold('h-3', messages));
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      expectObservable(signals$, '^ 1s !').toBe('L-1-2 500ms L-3', signals);
      return asked;
    });
    expect(asked).toEqual(['c0', 'c2']);
  });

  it('moves the cursor on a heartbeat', () => {
    const asked = marbles(({ cold, expectObservable, scheduler }) => {
      const heartbeat = { h: { cursor: 'c9' } };
      const { asked, connect } = script<StreamMessage>(cold('h|', heartbeat), NEVER);
      expectObservable(followFeed(options(connect, { scheduler }), 'c0'), '^ 1s !').toBe('(L9)', signals);
      return asked;
    });
    expect(asked).toEqual(['c0', 'c9']);
  });

  it('emits a reset on the first connection without a cursor only', () => {
    const asked = marbles(({ cold, expectObservable, scheduler }) => {
      const { asked, connect } = script<StreamMessage>(cold('1|', messages), cold('2', messages));
      const signals$ = followFeed(options(connect, { scheduler }));
      expectObservable(signals$, '^ 1s !').toBe('(LX1) 496ms (L2)', signals);
      return asked;
    });
    expect(asked).toEqual([undefined, 'c1']);
  });

  it('restarts with a reset when the cursor has expired', () => {
    const asked = marbles(({ cold, expectObservable, scheduler }) => {
      const expired = throwError(() => problem(410, 'cursor-expired'));
      const { asked, connect } = script<StreamMessage>(expired, cold('h---1', messages));
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      expectObservable(signals$, '^ 2s !').toBe('R 999ms (LX)1', signals);
      return asked;
    });
    expect(asked).toEqual(['c0', undefined]);
  });

  it('keeps the cursor and reports reconnecting when the connection is lost', () => {
    const asked = marbles(({ cold, expectObservable, scheduler }) => {
      const { asked, connect } = script<StreamMessage>(cold('h-1-#', messages, away), cold('h2', messages));
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      expectObservable(signals$, '^ 2s !').toBe('L-1-R 999ms L2', signals);
      return asked;
    });
    expect(asked).toEqual(['c0', 'c1']);
  });

  it.each([
    // The first time only the stream fails; later the stream and the poll fail, and both count.
    ['the server is unreachable', throwError(() => away), [0, 1_000, 5_000, 20_000, 35_000]],
    ['streams end at once', EMPTY, [0, 1_000, 3_000, 7_000, 15_000, 30_000, 45_000]],
  ])('backs off up to 15 s while %s', (_, stream$, expected) => {
    const times = marbles(({ expectObservable, scheduler }) => {
      const times: number[] = [];
      const connect = () =>
        defer(() => {
          times.push(scheduler.now());
          return stream$;
        });
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      expectObservable(signals$, '^ 49s !').toBe(stream$ === EMPTY ? '' : 'R', signals);
      return times;
    });
    expect(times).toEqual(expected);
  });

  it('waits for the server’s Retry-After', () => {
    marbles(({ cold, expectObservable, scheduler }) => {
      const overloaded = throwError(() => problem(503, 'overloaded', 30));
      const { connect } = script<StreamMessage>(overloaded, cold('h', messages));
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      expectObservable(signals$, '^ 40s !').toBe('R 29999ms L', signals);
    });
  });

  it('resets the backoff after a success', () => {
    marbles(({ cold, expectObservable, scheduler }) => {
      const lost = throwError(() => away);
      const steps = [lost, lost, cold('h#', messages, away), cold('h', messages)];
      const { connect } = script<StreamMessage>(...steps);
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      expectObservable(signals$, '^ 20s !').toBe('R 4999ms LR 999ms L', signals);
    });
  });

  it('drops a connection that does not open, and one without messages for 45 s', () => {
    marbles(({ cold, expectObservable, scheduler }) => {
      const { connect } = script<StreamMessage>(NEVER, cold('h 44s 1', messages));
      const signals$ = followFeed(options(connect, { scheduler }), 'c0');
      // No opening for 10 s; then 45 s after the last message.
      expectObservable(signals$, '^ 101s !').toBe('10s R 999ms L 44s 1 44999ms R', signals);
    });
  });

  it('uses long polling for a minute when streams fail, then tries a stream again', () => {
    const { asked, polled } = marbles(({ cold, expectObservable, scheduler }) => {
      const lost = throwError(() => away);
      const { asked, connect } = script<StreamMessage>(lost, lost, cold('h-3', messages));
      const polled: [string | undefined, number][] = [];
      const answers = [of(events('c1', 1)), cold('5s (p|)', { p: events('c2', 2) })];
      const poll = (cursor: string | undefined, wait: number) => {
        polled.push([cursor, wait]);
        return answers.shift() ?? NEVER;
      };
      const signals$ = followFeed(options(connect, { scheduler, poll }), 'c0');
      expectObservable(signals$, '^ 62s !').toBe('R 999ms (L1p) 4995ms (2q) 55496ms L-3', signals);
      return { asked, polled };
    });
    expect(asked).toEqual(['c0', 'c0', 'c2']);
    expect(polled).toEqual([
      ['c0', 0],
      ['c1', 20],
      ['c2', 20],
    ]);
  });

  it('emits a reset when a poll reports an expired cursor', () => {
    const asked = marbles(({ cold, expectObservable, scheduler }) => {
      const lost = throwError(() => away);
      const { asked, connect } = script<StreamMessage>(lost, lost, cold('h', messages));
      const poll = () => throwError(() => problem(410, 'cursor-expired'));
      const signals$ = followFeed(options(connect, { scheduler, poll }), 'c0');
      expectObservable(signals$, '^ 6s !').toBe('R 4999ms (LX)', signals);
      return asked;
    });
    expect(asked).toEqual(['c0', 'c0', undefined]);
  });

  it('reconnects at once from its cursor when the browser goes offline or online', () => {
    const asked = marbles(({ cold, expectObservable, expectSubscriptions, scheduler }) => {
      const [first$, second$] = [cold('h-1', messages), cold('h2', messages)];
      const { asked, connect } = script<StreamMessage>(first$, cold('#', messages, away), second$);
      const connectivity$ = cold<Connectivity>('u---o---u', { u: 'online', o: 'offline' });
      const signals$ = followFeed(options(connect, { scheduler, connectivity$ }), 'c0');
      expectObservable(signals$, '----------!').toBe('L-1-O---L2', signals);
      expectSubscriptions(first$.subscriptions).toBe('^---!');
      expectSubscriptions(second$.subscriptions).toBe('--------^-!');
      return asked;
    });
    expect(asked).toEqual(['c0', 'c1', 'c1']);
  });

  it('works when the browser wrongly reports offline', () => {
    marbles(({ cold, expectObservable, scheduler }) => {
      const { connect } = script<StreamMessage>(cold('h-1-#', messages, away), cold('h2', messages));
      const connectivity$ = cold<Connectivity>('o', { o: 'offline' });
      const signals$ = followFeed(options(connect, { scheduler, connectivity$ }), 'c0');
      expectObservable(signals$, '^ 2s !').toBe('L-1-O 999ms L2', signals);
    });
  });

  it('closes the connection silently while the page is hidden', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, scheduler }) => {
      const [first$, second$] = [cold('h-1', messages), cold('-2', messages)];
      const { connect } = script<StreamMessage>(first$, second$);
      const connectivity$ = cold<Connectivity>('u---s---u', { u: 'online', s: 'asleep' });
      const signals$ = followFeed(options(connect, { scheduler, connectivity$ }), 'c0');
      expectObservable(signals$, '^ 19ms !').toBe('L-1------(L2)', signals);
      expectSubscriptions(first$.subscriptions).toBe('^---!');
    });
  });

  it('closes its connection when its reader unsubscribes', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, scheduler }) => {
      const stream$ = cold('h', messages);
      expectObservable(
        followFeed(
          options(() => stream$, { scheduler }),
          'c0',
        ),
        '^--!',
      ).toBe('L', signals);
      expectSubscriptions(stream$.subscriptions).toBe('^--!');
    });
  });
});
