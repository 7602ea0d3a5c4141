import { BehaviorSubject, EMPTY, Observable, Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StreamMessage } from '../api/client';
import { aSummary } from '../test/orders';
import { FakeBrowser } from '../test/tabs';
import type { Connectivity } from './feedConnection';
import { createFeed, START_TIMEOUT } from './feed';
import { LEADER_REPLY_TIMEOUT, LEADER_TIMEOUT, type Tabs } from './feedAcrossTabs';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.advanceTimersByTime(0);
  vi.useRealTimers();
});

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** The server's streams: which tab opened them at which cursor, and the open ones. */
class Streams {
  readonly opened: string[] = [];
  readonly open = new Map<string, Subject<StreamMessage>>();

  connect(tab: string, cursor = 'now'): Observable<StreamMessage> {
    return new Observable((subscriber) => {
      this.opened.push(`${tab} ${cursor}`);
      const stream = new Subject<StreamMessage>();
      this.open.set(tab, stream);
      const subscription = stream.subscribe(subscriber);
      stream.next({});
      return () => {
        subscription.unsubscribe();
        this.open.delete(tab);
      };
    });
  }

  /** Sends version n with the cursor cn. */
  async send(n: number) {
    for (const stream of this.open.values())
      stream.next({ cursor: `c${n}`, order: aSummary({ version: n }) });
    await pass();
  }

  async heartbeat(cursor: string) {
    for (const stream of this.open.values()) stream.next({ cursor });
    await pass();
  }
}

/** A browser whose tabs record the versions and resets (`X`) that they receive, and the connection's state. */
function browser({ tabs }: { tabs?: Tabs | null } = {}) {
  const fake = new FakeBrowser();
  const streams = new Streams();
  const open = async (name: string, cursor?: string) => {
    const connectivity$ = new BehaviorSubject<Connectivity>('online');
    const feed = createFeed({
      stream: (at) => streams.connect(name, at),
      poll: () => EMPTY,
      connectivity$,
      tabs: tabs === null ? undefined : (tabs ?? fake.tabs),
    });
    const seen: (number | string)[] = [];
    let state = '';
    feed.orders$.subscribe(({ version }) => seen.push(version));
    feed.resets$.subscribe(() => seen.push('X'));
    feed.connection$.subscribe((now) => (state = now));
    const close = feed.open();
    await pass();
    if (cursor !== undefined) feed.start(cursor);
    await pass();
    return {
      seen,
      close,
      feed,
      sleep: () => connectivity$.next('asleep'),
      wake: () => connectivity$.next('online'),
      state: () => state,
    };
  };
  return { fake, streams, open };
}

describe('the tabs of one browser', () => {
  it('share one stream, though each loads its own list', async () => {
    const { streams, open } = browser();
    const tabs = [await open('a', 'c0'), await open('b', 'c0')];
    await streams.send(1);
    tabs.push(await open('late', 'c1'));
    expect(tabs.map((tab) => tab.state())).toEqual(['live', 'live', 'live']);
    await streams.send(2);
    expect(tabs.map(({ seen }) => seen)).toEqual([[1, 2], [1, 2], [2]]);
    expect(streams.opened).toEqual(['a c0']);
  });

  it('continue from the last position when the leader is closed', async () => {
    const { streams, open } = browser();
    const [a, b, c] = [await open('a', 'c0'), await open('b', 'c0'), await open('c')];
    await streams.send(1);
    await streams.heartbeat('c7');
    a.close();
    await pass();
    await streams.send(8);
    expect(streams.opened).toEqual(['a c0', 'b c7']);
    expect([b.seen, c.seen]).toEqual([
      [1, 8],
      [1, 8],
    ]);
    b.close();
    await pass();
    await streams.send(9);
    expect(streams.opened).toEqual(['a c0', 'b c7', 'c c8']);
    expect(c.seen).toEqual([1, 8, 9]);
  });

  it('continue when the leader is closed before the first signal', async () => {
    const { streams, open } = browser();
    const [a, b] = [await open('a', 'c4'), await open('b', 'c5')];
    a.close();
    await pass();
    expect(streams.opened).toEqual(['a c4', 'b c4']);
    expect(b.seen).toEqual([]);
  });

  it('reset when they missed a signal', async () => {
    const { fake, streams, open } = browser();
    const [a, b] = [await open('a', 'c0'), await open('b', 'c0')];
    await streams.send(1);
    fake.dropsMessages = true;
    await streams.send(2);
    fake.dropsMessages = false;
    await streams.send(3);
    await streams.send(4);
    expect([a.seen, b.seen]).toEqual([
      [1, 2, 3, 4],
      [1, 'X', 3, 4],
    ]);
  });

  it('reset on the leader’s next state when they missed a signal', async () => {
    const { fake, streams, open } = browser();
    await open('a', 'c0');
    const b = await open('b', 'c0');
    fake.dropsMessages = true;
    await streams.send(1);
    fake.dropsMessages = false;
    await open('c', 'c1'); // the leader posts its position
    expect(b.seen).toEqual(['X']);
  });

  it('reset together when the leader starts without a cursor', async () => {
    const { streams, open } = browser();
    const [a, b] = [await open('a'), await open('b')];
    await pass(START_TIMEOUT);
    await streams.heartbeat('c5');
    await streams.send(6);
    expect([streams.opened, a.seen, b.seen]).toEqual([['a now'], ['X', 6], ['X', 6]]);
  });

  it('replace a leader that holds the lock and does not reply', async () => {
    const { fake, streams, open } = browser();
    fake.suspendedLeader();
    const a = await open('a', 'c0');
    expect(streams.opened).toEqual([]);
    await pass(LEADER_REPLY_TIMEOUT);
    await streams.send(1);
    expect([streams.opened, a.seen]).toEqual([['a c0'], [1]]);
  });

  it('replace a leader that becomes silent, which then follows', async () => {
    const { fake, streams, open } = browser();
    const [a, b] = [await open('a', 'c0'), await open('b', 'c0')];
    await streams.send(1);
    fake.dropsMessages = true;
    await pass(LEADER_TIMEOUT);
    fake.dropsMessages = false;
    expect([...streams.open.keys()]).toEqual(['b']);
    await streams.send(2);
    expect([a.seen, b.seen]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    b.close();
    await pass();
    expect(streams.opened).toEqual(['a c0', 'b c1', 'a c2']);
  });

  it('keep a leader that only receives heartbeats', async () => {
    const { streams, open } = browser();
    await open('a', 'c0');
    await open('b', 'c0');
    for (let i = 0; i < 20; i++) {
      await pass(10_000);
      await streams.heartbeat('c0'); // or the leader would drop its stream
    }
    expect(streams.opened).toEqual(['a c0']);
  });

  it('pass the stream on from a hidden tab, and close it when all are hidden', async () => {
    const { streams, open } = browser();
    const [a, b] = [await open('a', 'c0'), await open('b', 'c0')];
    a.sleep();
    await pass();
    await streams.send(1);
    expect([...streams.open.keys()]).toEqual(['b']);
    b.sleep();
    await pass();
    expect(streams.open.size).toBe(0);
    a.wake();
    await pass();
    await streams.send(2);
    expect(streams.opened).toEqual(['a c0', 'b c0', 'a c1']);
    expect([a.seen, b.seen]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it.each<[string, Tabs | null]>([
    ['there are no locks', null],
    [
      'locks are forbidden',
      {
        ...new FakeBrowser().tabs,
        locks: { request: () => Promise.reject(new DOMException('no', 'SecurityError')) },
      },
    ],
  ])('have one stream each when %s', async (_, tabs) => {
    const { streams, open } = browser({ tabs });
    const [a, b] = [await open('a', 'c0'), await open('b', 'c0')];
    await streams.send(1);
    expect([streams.opened, a.seen, b.seen]).toEqual([['a c0', 'b c0'], [1], [1]]);
  });
});
