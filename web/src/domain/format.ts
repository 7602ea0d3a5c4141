/** Formats money, times and names for display, in the browser's locale. */
import type { Cause, Change, Currency, Party, PaymentStatus, Role, Status } from '../api/types';

const moneyFormats = new Map<Currency, Intl.NumberFormat>();

function moneyFormat(currency: Currency): Intl.NumberFormat {
  let format = moneyFormats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
    moneyFormats.set(currency, format);
  }
  return format;
}

/** The number of decimals of the currency. */
export function decimals(currency: Currency): number {
  return moneyFormat(currency).resolvedOptions().maximumFractionDigits ?? 2;
}

export function money(minor: number, currency: Currency): string {
  return moneyFormat(currency).format(minor / 10 ** decimals(currency));
}

// The long style names the time zone: people in different zones share links and screenshots.
const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const DAY = 86_400;
const HOUR = 3_600;
const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', DAY],
  ['hour', HOUR],
  ['minute', 60],
  ['second', 1],
];

/** The date and time to the second, with the time zone. */
export function exactTime(at: string): string {
  return exactFormat.format(new Date(at));
}

/** The time of day, such as `14:02`, with the date unless it is today. Both times are in ms. */
export function clockTime(at: number, now: number): string {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return `${today ? '' : `${dateFormat.format(at)}, `}${clockFormat.format(at)}`;
}

const secondsFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const yearFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** Date and time in minutes, such as `30 Nov 2026, 03:17`. */
export function dateTime(at: string): string {
  return yearFormat.format(new Date(at));
}

/** An absolute time as short as possible: `03:08:02` today, `28 Nov, 14:05` this year, else `28 Nov 2025, 14:05`. */
export function shortTime(at: string, now: number): string {
  const [then, today] = [new Date(at), new Date(now)];
  if (then.toDateString() === today.toDateString()) return secondsFormat.format(then);
  return (then.getFullYear() === today.getFullYear() ? dayFormat : yearFormat).format(then);
}

/** The time zone of all times that are shown, such as `Europe/Berlin`. */
export const timeZone = exactFormat.resolvedOptions().timeZone;

/** The time of day if it is today, with the day if it is this year, otherwise the date. `now` is in ms. */
export function listTime(at: string, now: number): string {
  const [time, today] = [new Date(at), new Date(now)];
  if (time.toDateString() === today.toDateString()) return clockFormat.format(time);
  return (time.getFullYear() === today.getFullYear() ? dayFormat : dateFormat).format(time);
}

/** The time relative to `now`, or the date when it is 30 days away or more. */
export function relativeTime(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  // The clocks differ: what has just happened must not be shown as in the future.
  if (Math.abs(seconds) < 3) return relativeFormat.format(0, 'second');
  if (Math.abs(seconds) >= 30 * DAY) return dateFormat.format(new Date(at));
  // Cut down to hours, a delivery in 5 h 59 min would seem to be an hour earlier.
  if (seconds >= HOUR && seconds < DAY) return `in ${duration(seconds)}`;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return relativeFormat.format(Math.trunc(seconds / size), unit);
}

const durationUnits = [
  ['day', DAY],
  ['h', HOUR],
  ['min', 60],
  ['s', 1],
] as const;

/** Whole seconds in their two largest units: `2 days 3 h`, `5 h 59 min`, `5 min 9 s`. */
export function duration(seconds: number): string {
  const largest = durationUnits.findIndex(([, size]) => seconds >= size);
  if (largest === -1) return '0 s';
  let rest = seconds;
  return durationUnits
    .slice(largest, largest + 2)
    .flatMap(([unit, size]) => {
      const n = Math.floor(rest / size);
      rest -= n * size;
      if (n === 0) return [];
      return [`${n} ${unit === 'day' && n > 1 ? 'days' : unit}`];
    })
    .join(' ');
}

/** A duration in ms in whole minutes: `8 min`, `5 h 59 min`; `under 1 min`. */
export function roughDuration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes === 0 ? 'under 1 min' : duration(minutes * 60);
}

/**
 * The last part of a UUIDv7, which is random; the first parts are the time. The search finds ids by the beginning of this
 * part too.
 */
export function shortId(id: string): string {
  return id.slice(24);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

export const statusNames: Record<Status, string> = {
  created: 'Created',
  confirmed: 'Confirmed',
  delivered: 'Delivered',
  cancelled: 'Cancelled',
};

const customerStatusNames: Record<Status, string> = {
  ...statusNames,
  created: 'Payment pending',
  confirmed: 'Paid',
};

/** The status in the words of operators or of customers. */
export function statusName(status: Status, role: Role): string {
  return (role === 'customer' ? customerStatusNames : statusNames)[status];
}

export const paymentNames: Record<PaymentStatus, string> = {
  pending: 'Pending',
  confirmed: 'Paid',
  declined: 'Declined',
  voided: 'Voided',
};

export const causeNames: Record<Cause, string> = {
  created: 'Order created',
  'payment-confirmed': 'Payment confirmed',
  'payment-declined': 'Payment declined',
  cancel: 'Cancelled',
  'delivery-due': 'Delivered',
};

export const partyNames: Record<Party, string> = {
  customer: 'the customer',
  operator: 'an operator',
  payment: 'the payment service',
  system: 'the system',
};

/** The name of who caused a change, or the role where the name is unknown to this user. */
export function nameOf({ by, user }: Pick<Change, 'by' | 'user'>): string {
  return user ?? partyNames[by];
}
