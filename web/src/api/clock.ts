/**
 * The server's clock, estimated from the `Date` headers of its responses, so that countdowns are correct on a machine whose
 * own clock is wrong.
 *
 * `Date` has whole seconds, so one response only limits the offset to a range: the server wrote it within that second, and
 * between our request and its response. Each further response narrows the range.
 */
export interface ServerClock {
  /** In ms since 1970. */
  now(): number;
  /** Uses a response's `Date` header. `sent` and `received` are times of the local clock, in ms. */
  observe(date: string | null, sent: number, received: number): void;
}

export function createServerClock(local: () => number = Date.now): ServerClock {
  let low = -Infinity;
  let high = Infinity;
  return {
    now: () => local() + (Number.isFinite(low) ? (low + high) / 2 : 0),
    observe(date, sent, received) {
      const stamp = Date.parse(date ?? '');
      if (Number.isNaN(stamp)) return;
      const [from, to] = [stamp - received, stamp + 999 - sent];
      low = Math.max(low, from);
      high = Math.min(high, to);
      if (low > high) [low, high] = [from, to]; // one of the clocks was set: start again
    },
  };
}
