import { describe, expect, test } from 'vitest';
import { aSummary } from '../test/orders';
import { daysOf, formatQuery, matches, parseQuery, periods, refine, toParams } from './query';

describe('the list’s query', () => {
  test('is formatted as an address and parsed back', () => {
    const address =
      '/?status=created&q=green+tea&from=2026-11-01&to=2026-11-24&currency=EUR&sort=-total&cursor=abc';
    expect(formatQuery(parseQuery(address.slice(1)))).toBe(address);
    expect(formatQuery(parseQuery(''))).toBe('/');
  });

  test.each([
    '/?customer=caf%C3%A9+4',
    '/?attention=true',
    '/?placed=yesterday&age=6h',
    '/?currency=JPY&minTotal=0&maxTotal=900&payment=declined&cancelledBy=payment&updated=today&due=1h&sort=total',
    '/?placed=7d&cursor=abc&asOf=1764500000000',
  ])('is formatted as an address and parsed back: %s', (address) => {
    expect(formatQuery(parseQuery(address.slice(1)))).toBe(address);
  });

  test('ignores half-typed years', () => {
    expect(formatQuery(parseQuery('?from=0202-11-24&to=1969-12-31'))).toBe('/');
  });

  test('selects a period in local time', () => {
    const now = new Date(2026, 11, 1, 0, 30).getTime();
    expect(periods.map((period) => daysOf(period, now))).toEqual([
      ['2026-12-01', '2026-12-01'],
      ['2026-11-30', '2026-11-30'],
      ['2026-11-25', '2026-12-01'],
    ]);
    const { from, to } = toParams(parseQuery('?placed=yesterday'), now);
    expect([from, to]).toEqual([new Date(2026, 10, 30), new Date(2026, 11, 1)].map((at) => at.toISOString()));
  });

  test('has the same period on all pages', () => {
    const [loaded, later] = [new Date(2026, 10, 30, 23, 59).getTime(), new Date(2026, 11, 1, 0, 1).getTime()];
    const next = formatQuery({ ...parseQuery('?placed=today&age=1h'), cursor: 'abc', asOf: loaded });
    const { from, to } = toParams(parseQuery(next.slice(1)), later);
    expect({ from, to }).toEqual({
      from: new Date(2026, 10, 30).toISOString(),
      to: new Date(loaded - 3_600_000).toISOString(),
    });
    expect(refine(parseQuery(next.slice(1)), {}).asOf).toBeUndefined();
  });

  test('selects orders of one customer and of an age', () => {
    const order = aSummary({ customer: 'alice' });
    const now = Date.parse(order.createdAt) + 3_600_000;
    expect(matches(parseQuery('?customer=alice'), order)).toBe(true);
    expect(matches(parseQuery('?customer=ali'), order)).toBe(false);
    expect(matches(parseQuery('?age=1h'), order, now)).toBe(false);
    expect(matches(parseQuery('?age=1h'), order, now + 1)).toBe(true);
    expect(matches(parseQuery('?attention=true'), order)).toBe(false);
  });

  test('compares totals in one currency only', () => {
    expect(formatQuery(parseQuery('?minTotal=1&maxTotal=2&sort=-total'))).toBe('/');
    expect(formatQuery(parseQuery('?currency=EUR&minTotal=2&maxTotal=1'))).toBe('/?currency=EUR&minTotal=2');
    const query = parseQuery('?currency=EUR&minTotal=2&sort=total');
    expect(formatQuery(refine(query, { currency: undefined }))).toBe('/');
  });

  test('selects by amount, payment and cancel, and orders that changed today or are due soon', () => {
    const order = aSummary({
      currency: 'EUR',
      total: 900,
      status: 'confirmed',
      payment: { status: 'confirmed', attempts: 1 },
      updatedAt: new Date(2026, 10, 24, 0, 0).toISOString(),
      deliverAt: new Date(2026, 10, 24, 15, 0).toISOString(),
    });
    const noon = new Date(2026, 10, 24, 12, 0).getTime();
    const found = (search: string, now = noon) => matches(parseQuery(search), order, now);
    expect(
      ['?currency=EUR&minTotal=900&maxTotal=900', '?payment=confirmed'].map((text) => found(text)),
    ).toEqual([true, true]);
    expect(
      [
        '?currency=JPY',
        '?currency=EUR&minTotal=901',
        '?currency=EUR&maxTotal=899',
        '?payment=voided',
        '?cancelledBy=customer',
      ].filter((text) => found(text)),
    ).toEqual([]);
    const hours = (n: number) => noon + n * 3_600_000;
    expect([found('?updated=today'), found('?updated=today', hours(12))]).toEqual([true, false]);
    expect([hours(2), hours(2) + 1, hours(20)].map((now) => found('?due=1h', now))).toEqual([
      false,
      true,
      true,
    ]);
    const { updatedFrom, dueBefore } = toParams(parseQuery('?updated=today&due=1h'), noon);
    expect([updatedFrom, dueBefore]).toEqual([order.updatedAt, new Date(hours(1)).toISOString()]);
  });

  test('ignores invalid parameters', () => {
    expect(formatQuery(parseQuery('?status=lost&from=yesterday&to=2026-13-99&sort=luck&q=...'))).toBe('/');
  });

  test('goes to the first page when it changes', () => {
    expect(formatQuery(refine(parseQuery('?cursor=abc'), { q: 'tea' }))).toBe('/?q=tea');
  });

  test('includes its first and its last day', () => {
    const order = aSummary({ createdAt: new Date(2026, 10, 24, 23, 59, 59).toISOString() });
    expect(matches(parseQuery('?from=2026-11-24&to=2026-11-24'), order)).toBe(true);
    expect(matches(parseQuery('?to=2026-11-23'), order)).toBe(false);
    expect(matches(parseQuery('?from=2026-11-25'), order)).toBe(false);
  });
});
