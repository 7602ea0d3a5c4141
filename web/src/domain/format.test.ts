import { describe, expect, it } from 'vitest';
import { life } from '../test/orders';
import { decimals, exactTime, money, plural, relativeTime, shortId } from './format';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const words = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

describe('money', () => {
  it.each([
    ['EUR', 2, 12.5],
    ['CHF', 2, 12.5],
    ['JPY', 0, 1250],
  ] as const)('is written with the decimals of %s', (currency, digits, major) => {
    expect(decimals(currency)).toBe(digits);
    const expected = new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(major);
    expect(money(1250, currency)).toBe(expected);
  });
});

describe('a time', () => {
  it.each([
    [-2, 0, 'second'],
    [2, 0, 'second'],
    [-3, -3, 'second'],
    [-59, -59, 'second'],
    [-60, -1, 'minute'],
    [-119, -1, 'minute'],
    [-3_600, -1, 'hour'],
    [-86_399, -23, 'hour'],
    [-86_400, -1, 'day'],
    [-2_592_000, -1, 'month'],
    [-31_536_000, -1, 'year'],
    [90, 1, 'minute'],
  ] as const)('%i s away is told as %i %s', (seconds, n, unit) => {
    expect(relativeTime(at(seconds), NOW)).toBe(words.format(n, unit));
  });

  it('is exact to the second', () => {
    expect(exactTime(at(0))).not.toBe(exactTime(at(1)));
  });
});

describe('a name', () => {
  it('is the part of an id that tells orders of one moment apart', () => {
    const [one, other] = [life()[0].id, life()[0].id];
    expect(shortId(one)).toBe(one.split('-').at(-1));
    expect(shortId(one)).not.toBe(shortId(other));
  });

  it('counts', () => {
    expect([plural(0, 'order'), plural(1, 'order'), plural(2, 'order')]).toEqual([
      '0 orders',
      '1 order',
      '2 orders',
    ]);
    expect(plural(2, 'entry', 'entries')).toBe('2 entries');
  });
});
