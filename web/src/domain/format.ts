/** Money, times and names as people read them, in the browser's locale. */
import type { Cause, Currency, Party, PaymentStatus, Status } from '../api/types';

const moneyFormats = new Map<Currency, Intl.NumberFormat>();

function moneyFormat(currency: Currency): Intl.NumberFormat {
  let format = moneyFormats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
    moneyFormats.set(currency, format);
  }
  return format;
}

/** How many decimals the currency's minor unit has. */
export function decimals(currency: Currency): number {
  return moneyFormat(currency).resolvedOptions().maximumFractionDigits ?? 2;
}

export function money(minor: number, currency: Currency): string {
  return moneyFormat(currency).format(minor / 10 ** decimals(currency));
}

const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

export function exactTime(at: string): string {
  return exactFormat.format(new Date(at));
}

export function relativeTime(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  // Two clocks never agree on the second: what has just happened isn't in the future.
  if (Math.abs(seconds) < 3) return relativeFormat.format(0, 'second');
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return relativeFormat.format(Math.trunc(seconds / size), unit);
}

/**
 * What tells orders apart: the last part of a UUIDv7, which is random (its first parts are the time). Search looks at how
 * parts begin, so what is shown can be searched for.
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
  system: 'the clock',
};
