/** The filters, order and page of the list. The address bar is their only store, so views can be shared and Back works. */
import type { ListParams } from '../api/client';
import {
  currencies,
  type Currency,
  type OrderSummary,
  type PaymentStatus,
  type Status,
  statuses,
} from '../api/types';
import { findable, searchable } from './search';

export const sorts = ['-created', 'created', '-updated', 'updated', '-total', 'total'] as const;
export type Sort = (typeof sorts)[number];

export const sortNames: Record<Sort, string> = {
  '-created': 'Newest first',
  created: 'Oldest first',
  '-updated': 'Recently updated',
  updated: 'Least recently updated',
  '-total': 'Largest total first',
  total: 'Smallest total first',
};

/** Days relative to today, in local time. */
export const periods = ['today', 'yesterday', '7d'] as const;
export type Period = (typeof periods)[number];

/** Ages in hours. */
const ageHours = { '1h': 1, '6h': 6, '1d': 24, '3d': 72, '7d': 168, '30d': 720 };
export type Age = keyof typeof ageHours;
export const ages = Object.keys(ageHours) as Age[];
const HOUR = 3_600_000;

export const payments = ['pending', 'confirmed', 'declined', 'voided'] as const satisfies PaymentStatus[];
/** Who can cancel an order. `payment` is a declined payment. */
export const cancellers = ['customer', 'operator', 'payment'] as const;
export type Canceller = (typeof cancellers)[number];

export interface ListQuery {
  status: Status | undefined;
  /** Empty for all. */
  customer: string;
  /** Only orders that need attention. */
  attention: boolean;
  q: string;
  /** Created in this period. It excludes `from` and `to`. */
  placed: Period | undefined;
  /** First and last day in local time, such as `2026-11-24`; both are included. */
  from: string;
  to: string;
  /** Only orders that are older. */
  age: Age | undefined;
  currency: Currency | undefined;
  /** The smallest and the largest total in minor units; only with a currency. */
  minTotal: number | undefined;
  maxTotal: number | undefined;
  payment: PaymentStatus | undefined;
  cancelledBy: Canceller | undefined;
  /** Only orders whose status changed today. */
  updated: 'today' | undefined;
  /** Only confirmed orders that are due within this time, or overdue. */
  due: '1h' | undefined;
  /** By total only with a currency, because amounts of several currencies can’t be compared. */
  sort: Sort;
  cursor: string | undefined;
  /** The time in ms for filters that are relative to the current time, which all pages of a list share; the current time when undefined. */
  asOf: number | undefined;
}

export const noFilters = {
  customer: '',
  attention: false,
  q: '',
  placed: undefined,
  from: '',
  to: '',
  age: undefined,
  currency: undefined,
  minTotal: undefined,
  maxTotal: undefined,
  payment: undefined,
  cancelledBy: undefined,
  updated: undefined,
  due: undefined,
} as const satisfies Partial<ListQuery>;

export const PAGE_SIZE = 50;
const MAX_CUSTOMER = 255;

export function parseQuery(search: string): ListQuery {
  const params = new URLSearchParams(search);
  const one = <T extends string>(name: string, known: readonly T[]) =>
    known.find((value) => value === params.get(name));
  const q = (params.get('q') ?? '').slice(0, 100);
  const placed = one('placed', periods);
  const cursor = params.get('cursor') ?? undefined;
  const asOf = Number(params.get('asOf'));
  return consistent({
    status: one('status', statuses),
    customer: (params.get('customer') ?? '').slice(0, MAX_CUSTOMER),
    attention: params.get('attention') === 'true',
    q: searchable(q) ? q : '', // the server refuses a text without a letter or digit
    placed,
    from: placed ? '' : day(params.get('from')),
    to: placed ? '' : day(params.get('to')),
    age: one('age', ages),
    currency: one('currency', currencies),
    minTotal: minorUnits(params.get('minTotal')),
    maxTotal: minorUnits(params.get('maxTotal')),
    payment: one('payment', payments),
    cancelledBy: one('cancelledBy', cancellers),
    updated: one('updated', ['today']),
    due: one('due', ['1h']),
    sort: one('sort', sorts) ?? '-created',
    cursor,
    asOf: cursor !== undefined && asOf > 0 && asOf < 8.64e15 ? asOf : undefined,
  });
}

/** The query without what the server refuses: totals without a currency, or a range without any total. */
function consistent(query: ListQuery): ListQuery {
  const { currency, minTotal, maxTotal, sort } = query;
  if (currency === undefined)
    return {
      ...query,
      minTotal: undefined,
      maxTotal: undefined,
      sort: sort.endsWith('total') ? '-created' : sort,
    };
  return minTotal !== undefined && maxTotal !== undefined && maxTotal < minTotal
    ? { ...query, maxTotal: undefined }
    : query;
}

function minorUnits(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export function formatQuery(query: ListQuery): string {
  const { status, customer, attention, q, placed, from, to, age, sort, cursor, asOf } = query;
  const { currency, minTotal, maxTotal, payment, cancelledBy, updated, due } = query;
  const params = new URLSearchParams();
  const values = {
    status,
    customer,
    attention: attention ? 'true' : undefined,
    q,
    placed,
    from,
    to,
    age,
    currency,
    minTotal: minTotal?.toString(),
    maxTotal: maxTotal?.toString(),
    payment,
    cancelledBy,
    updated,
    due,
    sort: sort === '-created' ? undefined : sort,
    cursor,
    asOf: cursor && (placed ?? age ?? updated ?? due) ? asOf : undefined,
  };
  for (const [name, value] of Object.entries(values)) if (value) params.set(name, String(value));
  const text = params.toString();
  return text === '' ? '/' : `/?${text}`;
}

/** Changes the query and goes to its first page. */
export function refine(query: ListQuery, change: Partial<ListQuery>): ListQuery {
  return consistent({ ...query, cursor: undefined, asOf: undefined, ...change });
}

export function isFiltered(query: ListQuery): boolean {
  return Object.entries(noFilters).some(([name, none]) => query[name as keyof typeof noFilters] !== none);
}

/** The parameters at a time in ms. */
export function toParams(query: ListQuery, now = Date.now()): ListParams & { limit: number } {
  const { from, to } = createdWithin(query, now);
  const { currency, minTotal, maxTotal, payment, cancelledBy, updated, due } = query;
  return {
    ...(query.status ? { status: [query.status] } : {}),
    ...(query.customer ? { customer: query.customer } : {}),
    ...(query.attention ? { attention: 'true' } : {}),
    q: query.q,
    ...(from === -Infinity ? {} : { from: new Date(from).toISOString() }),
    ...(to === Infinity ? {} : { to: new Date(to).toISOString() }),
    ...(currency ? { currency } : {}),
    ...(minTotal === undefined ? {} : { minTotal }),
    ...(maxTotal === undefined ? {} : { maxTotal }),
    ...(payment ? { payment } : {}),
    ...(cancelledBy ? { cancelledBy } : {}),
    ...(updated ? { updatedFrom: new Date(startOfToday(query, now)).toISOString() } : {}),
    ...(due ? { dueBefore: new Date(dueUntil(query, now)).toISOString() } : {}),
    sort: query.sort,
    limit: PAGE_SIZE,
    ...(query.cursor ? { cursor: query.cursor } : {}),
  };
}

/** Whether an order from the feed matches the query, by the server's rules. Orders of the feed never need attention. */
export function matches(query: ListQuery, order: OrderSummary, now = Date.now()): boolean {
  const { customer, currency, minTotal = 0, maxTotal = Infinity, updated } = query;
  if (query.attention || !inState(query, order)) return false;
  if (customer && order.customer !== customer) return false;
  if (currency && (order.currency !== currency || order.total < minTotal || order.total > maxTotal))
    return false;
  if (updated && Date.parse(order.updatedAt) < startOfToday(query, now)) return false;
  if (query.due && Date.parse(order.deliverAt ?? '') >= dueUntil(query, now)) return false;
  const created = Date.parse(order.createdAt);
  const { from, to } = createdWithin(query, now);
  return created >= from && created < to && findable(query.q, order);
}

/** Whether the order has a state that the query selects. Only changes of the order itself affect that. */
export function inState({ status, payment, cancelledBy, due }: ListQuery, order: OrderSummary): boolean {
  return (
    (status === undefined || order.status === status) &&
    (payment === undefined || order.payment.status === payment) &&
    (cancelledBy === undefined || order.cancellation?.by === cancelledBy) &&
    (due === undefined || order.status === 'confirmed')
  );
}

const startOfToday = ({ asOf }: ListQuery, now: number) => new Date(asOf ?? now).setHours(0, 0, 0, 0);
const dueUntil = ({ asOf }: ListQuery, now: number) => (asOf ?? now) + HOUR;

/** The times of creation that the query selects, in ms: from `from` until before `to`. */
function createdWithin(
  { placed, from, to, age, asOf }: ListQuery,
  now: number,
): { from: number; to: number } {
  const at = asOf ?? now;
  const [first, last] = placed ? daysOf(placed, at) : [from, to];
  return {
    from: first ? midnight(first) : -Infinity,
    to: Math.min(last ? midnight(last, 1) : Infinity, age ? at - ageHours[age] * HOUR : Infinity),
  };
}

/** The first and the last day of a period, at a time in ms. */
export function daysOf(period: Period, now: number): [string, string] {
  const daysAgo = (days: number) => {
    const date = new Date(now);
    date.setDate(date.getDate() - days);
    return localDay(date);
  };
  return period === '7d'
    ? [daysAgo(6), daysAgo(0)]
    : [daysAgo(+(period !== 'today')), daysAgo(+(period !== 'today'))];
}

function localDay(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A day from 1970 on. Years before that are half typed. */
function day(text: string | null): string {
  return text !== null && /^(?:19[7-9]|[2-9]\d\d)\d-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : '';
}

function midnight(date: string, plusDays = 0): number {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, dayOfMonth + plusDays).getTime();
}
