import { describe, expect, it } from 'vitest';
import type { OrderSummary } from '../api/types';
import { aSummary } from '../test/orders';
import { parseQuery } from './query';
import { current, nothingSelected, select, selectionFor, selectPage } from './selection';
import { formatTotals, totalsOf } from './totals';

const query = parseQuery('?status=created');
const row = (id: string, more: Partial<OrderSummary> = {}) => aSummary({ id, ...more });
const rows = [row('a'), row('b', { status: 'delivered' }), row('c'), row('d')];
const none = nothingSelected(query);
const ids = ({ orders }: ReturnType<typeof select>) => [...orders.keys()];

describe('the selection', () => {
  it('extends from the anchor in both directions, without final orders', () => {
    const one = select(none, rows, 'a', true);
    expect(ids(select(one, rows, 'd', true, true))).toEqual(['a', 'c', 'd']);
    expect(ids(select(select(none, rows, 'd', true), rows, 'a', true, true))).toEqual(['d', 'a', 'c']);
  });

  it('clears a range too', () => {
    const all = selectPage(none, rows, true);
    expect(ids(select(select(all, rows, 'a', false), rows, 'c', false, true))).toEqual(['d']);
  });

  it('without an anchor has the row alone', () => {
    expect(ids(select(none, rows, 'd', true, true))).toEqual(['d']);
  });

  it('is kept on other pages and in another order, and is cleared by another filter', () => {
    const some = selectPage(none, rows, true);
    for (const search of ['?status=created&cursor=x', '?status=created&sort=created'])
      expect(selectionFor(parseQuery(search), some)).toBe(some);
    expect(ids(selectionFor(parseQuery('?status=created&q=tea'), some))).toEqual([]);
    expect(ids(selectPage(some, [row('e')], true))).toEqual(['a', 'c', 'd', 'e']);
  });

  it('of all orders ends when one is cleared', () => {
    const all = { ...selectPage(none, rows, true), all: true };
    expect(select(all, rows, 'a', false).all).toBe(false);
  });

  it('loses orders that became final, and keeps those of other pages', () => {
    const some = selectPage(none, [...rows, row('e')], true);
    const now = current(some, [row('a', { status: 'cancelled' }), row('c')]);
    expect(ids(now)).toEqual(['c', 'd', 'e']);
    expect(current(now, [])).toBe(now);
  });

  it('is summed up per currency', () => {
    const eur = (total: number) => row(`e${total}`, { currency: 'EUR', total });
    const text = formatTotals(totalsOf([row('j', { currency: 'JPY', total: 900 }), eur(100), eur(250)]));
    expect(text).toMatch(/3[.,]50.*, .*900/);
  });
});
