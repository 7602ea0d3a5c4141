import { describe, expect, it } from 'vitest';
import { money } from './format';
import {
  addItem,
  catalogue,
  check,
  type Draft,
  type DraftItem,
  emptyDraft,
  formatPrice,
  inCurrency,
  parsePrice,
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

  it.each(catalogue)('is parsed as it is formatted: $sku', ({ price }) => {
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

  it('increases the quantity of an item that is added again, and numbers its rows', () => {
    const twice = addItem(addItem(emptyDraft, catalogue[0]), catalogue[0]);
    expect(twice.items).toEqual([item]);
    expect(addItem(addItem(twice), catalogue[1]).items.map(({ row }) => row)).toEqual([1, 2, 3]);
    expect(emptyDraft.items).toEqual([]);
  });
});
