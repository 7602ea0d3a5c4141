/** The filters of the list as chips. */
import { money, paymentNames } from './format';
import { type Age, type Canceller, type ListQuery, type Period } from './query';

export interface Chip {
  label: string;
  value: string;
  /** The change that removes it. */
  without: Partial<ListQuery>;
}

export const periodNames: Record<Period, string> = {
  today: 'Today',
  yesterday: 'Yesterday',
  '7d': 'Last 7 days',
};

export const ageNames: Record<Age, string> = {
  '1h': '1 hour',
  '6h': '6 hours',
  '1d': '1 day',
  '3d': '3 days',
  '7d': '7 days',
  '30d': '30 days',
};

export const cancellerNames: Record<Canceller, string> = {
  customer: 'Customer',
  operator: 'Operator',
  payment: 'Declined payment',
};

/** The filters of a query, without its text search. */
export function chipsOf(query: ListQuery): Chip[] {
  const { attention, customer, age, currency, payment, cancelledBy, updated, due } = query;
  const total = totalName(query);
  const placed = placedName(query);
  return [
    ...(attention ? [{ label: '', value: 'Needs attention', without: { attention: false } }] : []),
    ...(customer ? [{ label: 'Customer', value: customer, without: { customer: '' } }] : []),
    ...(age ? [{ label: 'Older than', value: ageNames[age], without: { age: undefined } }] : []),
    ...(currency ? [{ label: 'Currency', value: currency, without: { currency: undefined } }] : []),
    ...(total
      ? [{ label: 'Total', value: total, without: { minTotal: undefined, maxTotal: undefined } }]
      : []),
    ...(payment ? [{ label: 'Payment', value: paymentNames[payment], without: { payment: undefined } }] : []),
    ...(cancelledBy
      ? [{ label: 'Cancelled by', value: cancellerNames[cancelledBy], without: { cancelledBy: undefined } }]
      : []),
    ...(updated ? [{ label: 'Updated', value: 'Today', without: { updated: undefined } }] : []),
    ...(due ? [{ label: 'Due within', value: '1 hour', without: { due: undefined } }] : []),
    ...(placed ? [{ label: 'Placed', value: placed, without: { placed: undefined, from: '', to: '' } }] : []),
  ];
}

function totalName({ currency, minTotal, maxTotal }: ListQuery): string {
  if (!currency) return '';
  if (minTotal === undefined) return maxTotal === undefined ? '' : `at most ${money(maxTotal, currency)}`;
  if (maxTotal === undefined) return `at least ${money(minTotal, currency)}`;
  return `${money(minTotal, currency)} – ${money(maxTotal, currency)}`;
}

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });

function placedName({ placed, from, to }: ListQuery): string {
  if (placed) return periodNames[placed];
  const [first, last] = [from, to].map((day) => (day ? Date.parse(day) : undefined));
  if (first !== undefined && last !== undefined) return dayFormat.formatRange(first, last);
  if (first !== undefined) return `from ${dayFormat.format(first)}`;
  return last === undefined ? '' : `until ${dayFormat.format(last)}`;
}
