import { describe, expect, it } from 'vitest';
import { money } from './format';
import type { Catalogue } from '../api/types';
import {
  addCustom,
  check,
  type Draft,
  type DraftItem,
  draftOf,
  emptyDraft,
  fit,
  formatPrice,
  inCurrency,
  parsePrice,
  setQuantity,
  step,
  toRequest,
  total,
} from './draft';

const item: DraftItem = { row: 1, sku: 'tea-1', name: 'Green tea', quantity: '2', price: '4.50' };
const draft = (...items: Partial<DraftItem>[]): Draft => ({
  items: items.map((more, i) => ({ ...item, row: i + 1, ...more })),
  currency: 'EUR',
});
const fields = (of: Draft) => check(of).map(({ field }) => field);

describe('a price', () => {
  it.each([
    ['4.50', 450],
    ['4,5', 450],
    [' 4 ', 400],
    ['4.', 400],
    ['0', 0],
    ['0.07', 7],
    ['1.10', 110],
    ['1000000.01', 100_000_001],
  ])('is parsed: %j', (text, minor) => {
    expect(parsePrice(text, 'EUR')).toBe(minor);
  });

  it.each(['', '.', '.5', '-1', '+1', '1e3', '4.505', '1.000,00', '4 50', '€4', '1234567890123', '٤'])(
    'is invalid: %j',
    (text) => {
      expect(parsePrice(text, 'EUR')).toBeUndefined();
    },
  );

  it('has the decimals of its currency', () => {
    expect([parsePrice('450', 'JPY'), parsePrice('4.5', 'JPY')]).toEqual([450, undefined]);
    expect([formatPrice(450, 'JPY'), formatPrice(450, 'EUR')]).toEqual(['450', '4.50']);
  });

  it.each([0, 7, 450, 1_290, 100_000_000])('is parsed as it is formatted: %i', (price) => {
    expect(parsePrice(formatPrice(price, 'EUR'), 'EUR')).toBe(price);
    expect(parsePrice(formatPrice(price, 'JPY'), 'JPY')).toBe(price);
  });
});

describe('the check', () => {
  it('accepts everything up to the server’s limits', () => {
    expect(check(draft({}))).toEqual([]);
    expect(
      check(draft({ quantity: '1000', price: '0', sku: 's'.repeat(64), name: '𝄞'.repeat(200) })),
    ).toEqual([]);
    expect(check(draft({ quantity: '100', price: '1000000' }))).toEqual([]);
    expect(check(draft(...Array.from({ length: 100 }, () => ({}))))).toEqual([]);
  });

  it.each([
    ['name', { name: '  ' }],
    ['name', { name: 'n'.repeat(201) }],
    ['name', { name: 'Green\ttea' }],
    ['sku', { sku: '' }],
    ['sku', { sku: 's'.repeat(65) }],
    ['quantity', { quantity: '0' }],
    ['quantity', { quantity: '1001' }],
    ['quantity', { quantity: '1.5' }],
    ['quantity', { quantity: '' }],
    ['unitPrice', { price: '' }],
    ['unitPrice', { price: '4.505' }],
    ['unitPrice', { price: '1000000.01' }],
  ] as [string, Partial<DraftItem>][])("reports the server's field %s for %j", (field, more) => {
    expect(fields(draft({}, more))).toEqual([`items[1].${field}`]);
  });

  it('requires 1 to 100 items and limits the total', () => {
    expect(fields(emptyDraft)).toEqual(['items']);
    expect(fields(draft(...Array.from({ length: 101 }, () => ({}))))).toEqual(['items']);
    const full = { quantity: '100', price: '1000000' };
    expect(fields(draft(full, { quantity: '1', price: '0.01' }))).toEqual(['items']);
    expect(check(draft(full, full))[0]?.message).toContain(money(10_000_000_000, 'EUR'));
  });
});

describe('a draft', () => {
  it('has the total of its valid rows', () => {
    expect(total(draft({}, { quantity: '3', price: '0,10' }))).toBe(930);
    expect(total(draft({}, { quantity: 'many' }, { price: '?' }))).toBe(900);
    expect(total(emptyDraft)).toBe(0);
  });

  it('is sent without surrounding spaces', () => {
    expect(toRequest(draft({ sku: ' tea-1 ', name: ' Green tea', quantity: ' 2 ', price: ' 4,5' }))).toEqual({
      items: [{ sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 }],
      currency: 'EUR',
    });
  });

  it('keeps minor units and invalid prices when the currency changes', () => {
    const yen = inCurrency(draft({}, { price: '4.5.0' }), 'JPY');
    expect(yen.currency).toBe('JPY');
    expect(yen.items.map(({ price }) => price)).toEqual(['450', '4.5.0']);
    expect(inCurrency(yen, 'EUR')).toEqual(draft({}, { price: '4.5.0' }));
  });

  it('is sent with its customer, if it has one', () => {
    expect(toRequest(draft({}))).not.toHaveProperty('customer');
    expect(toRequest({ ...draft({}), customer: ' bob ' }).customer).toBe('bob');
    expect(fields({ ...draft({}), customer: ' ' })).toEqual(['customer']);
    expect(fields({ ...draft({}), customer: 'c'.repeat(256) })).toEqual(['customer']);
    expect(fields({ ...draft({}), customer: 'c'.repeat(255) })).toEqual([]);
  });

  it('has the items of an order that is ordered again', () => {
    const order = { ...toRequest(draft({})), customer: 'alice' };
    expect(draftOf(order, 'customer')).toEqual(draft({}));
    expect(draftOf(order, 'operator')).toEqual({ ...draft({}), customer: 'alice' });
  });
});

const sold: Catalogue = {
  items: [
    { sku: 'tea-1', name: 'Green tea', prices: { EUR: 450, JPY: 700 } },
    { sku: 'pot-1', name: 'Teapot', prices: { EUR: 3_900 } },
  ],
  enforced: false,
};
const [tea, pot] = sold.items;
if (!tea || !pot) throw new Error('the catalogue is empty');
const custom = { sku: 'honey-1', name: 'Honey', custom: true } as const;

describe('an item of the catalogue', () => {
  it('is added, counted and removed in steps', () => {
    const one = step(emptyDraft, tea, 1);
    expect(one.items).toEqual([{ ...item, quantity: '1' }]);
    expect(step(one, tea, 1).items).toEqual([item]);
    expect(step(one, tea, -1).items).toEqual([]);
    expect(step(emptyDraft, tea, -1).items).toEqual([]);
    expect(step(setQuantity(one, tea, '1000'), tea, 1).items[0]?.quantity).toBe('1000');
    expect(step(setQuantity(one, tea, 'two'), tea, 1).items[0]?.quantity).toBe('1');
    expect(setQuantity(one, tea, '').items[0]?.quantity).toBe('');
    expect(setQuantity(one, tea, '0').items).toEqual([]);
    expect(step(addCustom(one), pot, 1).items.map(({ row }) => row)).toEqual([1, 2, 3]);
  });

  it('has the name and price of the catalogue', () => {
    const before = draft({ name: 'Tea', price: '4.00' }, { sku: 'pot-1', name: 'Teapot', price: '39.00' });
    const { draft: after, removed, repriced } = fit(before, sold, false);
    expect(after.items.map(({ name, price }) => [name, price])).toEqual([
      ['Green tea', '4.50'],
      ['Teapot', '39.00'],
    ]);
    expect([removed, repriced]).toEqual([[], ['Green tea']]);
    expect(fit(after, sold, false)).toEqual({ draft: after, removed: [], repriced: [] });
  });

  it('has the price of another currency, and is removed when it is not sold in it', () => {
    const before = draft({}, { sku: 'pot-1', name: 'Teapot', price: '39.00' }, custom);
    const { draft: yen, removed } = fit(inCurrency(before, 'JPY'), sold, false);
    expect(yen.items.map(({ name, price }) => [name, price])).toEqual([
      ['Green tea', '700'],
      ['Honey', '450'],
    ]);
    expect(removed).toEqual(['Teapot']);
  });

  it('has one row', () => {
    expect(fit(draft({}, { quantity: '3' }), sold, false).draft).toEqual(draft({ quantity: '5' }));
  });
});

describe('an item that is not in the catalogue', () => {
  it('becomes a custom one', () => {
    const { draft: fitted, removed } = fit(draft({ sku: 'honey-1', name: 'Honey' }), sold, false);
    expect(fitted).toEqual(draft(custom));
    expect(removed).toEqual([]);
    expect(fit(draft({ ...item, custom: true, price: '1.00' }), sold, false).draft.items[0]?.price).toBe(
      '1.00',
    );
  });

  it('is removed when only the catalogue may be ordered', () => {
    const {
      draft: fitted,
      removed,
      repriced,
    } = fit(draft(custom, { custom: true, price: '1.00' }), sold, true);
    expect(fitted.items).toEqual([{ ...item, row: 2 }]);
    expect([removed, repriced]).toEqual([['Honey'], ['Green tea']]);
  });
});
