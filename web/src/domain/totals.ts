/** Totals of orders. Amounts of several currencies are never added. */
import type { CurrencyTotal, OrderSummary } from '../api/types';
import { money } from './format';

export function totalsOf(orders: Iterable<OrderSummary>): CurrencyTotal[] {
  const totals = new Map<string, CurrencyTotal>();
  for (const { currency, total } of orders) {
    const sum = totals.get(currency);
    totals.set(currency, { currency, orders: (sum?.orders ?? 0) + 1, total: (sum?.total ?? 0) + total });
  }
  return [...totals.values()];
}

/** The total in each currency, the one of most orders first: `€4,210.50, US$890.00`. */
export function formatTotals(totals: readonly CurrencyTotal[]): string {
  return [...totals]
    .sort((a, b) => b.orders - a.orders || a.currency.localeCompare(b.currency))
    .map(({ currency, total }) => money(total, currency))
    .join(', ');
}
