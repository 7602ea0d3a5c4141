import type { Stats } from '../api/types';

const counts = { created: 0, confirmed: 0, declined: 0, cancelled: 0, delivered: 0 };

/** The stats of a system without orders, with changes. */
export function quietStats(changes: Partial<Stats> = {}): Stats {
  return {
    from: '2026-11-24T11:01:00Z',
    to: '2026-11-24T12:00:00Z',
    minutes: [],
    total: counts,
    current: { attention: 0, awaitingPayment: 0, dueWithinHour: 0 },
    attention: [],
    audit: { perMinute: 60, checked: 0, sweep: { orders: 0 } },
    readers: 0,
    ...changes,
  };
}

/** A minute with some transitions. */
export function minuteOf(at: string, changes: Partial<typeof counts>): Stats['minutes'][number] {
  return { at, ...counts, ...changes };
}
