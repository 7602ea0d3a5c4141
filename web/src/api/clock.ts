/**
 * The server's clock, estimated from the `Date` headers of its answers: a countdown must be right on a machine whose own
 * clock is not.
 *
 * `Date` is cut to whole seconds, so one answer only bounds the offset: the server stamped it within that second, and
 * between our sending and our receiving. Each further answer narrows the bounds.
 */
export interface ServerClock {
  now(): number;
  /** Learns from an answer with this `Date` header, asked for at `sent` and received at `received` (both of our clock). */
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
      if (low > high) [low, high] = [from, to]; // one of the clocks was set: what we knew is void
    },
  };
}
