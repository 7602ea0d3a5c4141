import { describe, expect, it } from 'vitest';
import { orderVersions } from '../test/orders';
import { clockTime, decimals, duration, exactTime, money, plural, relativeTime, shortId } from './format';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const words = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

describe('money', () => {
  it.each([
    ['EUR', 2, 12.5],
    ['CHF', 2, 12.5],
    ['JPY', 0, 1250],
  ] as const)('has the decimals of %s', (currency, digits, major) => {
    expect(decimals(currency)).toBe(digits);
    const expected = new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(major);
    expect(money(1250, currency)).toBe(expected);
  });
});

describe('a relative time', () => {
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
    [-2_591_999, -29, 'day'],
    [86_400, 1, 'day'],
    [90, 1, 'minute'],
  ] as const)('of %i s is %i %s', (seconds, n, unit) => {
    expect(relativeTime(at(seconds), NOW)).toBe(words.format(n, unit));
  });

  it.each([-2_592_000, 2_592_000])('is a date when it is 30 days away: %i s', (seconds) => {
    const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
    expect(relativeTime(at(seconds), NOW)).toBe(date.format(new Date(at(seconds))));
  });

  it.each([
    [3_600, 'in 1 h'],
    [21_599, 'in 5 h 59 min'],
    [86_399, 'in 23 h 59 min'],
  ])('of %i s ahead has hours and minutes', (seconds, text) => {
    expect(relativeTime(at(seconds), NOW)).toBe(text);
  });

  it('as a clock time has the date unless it is today', () => {
    const [time, date] = [{ timeStyle: 'short' }, { dateStyle: 'medium' }] as const;
    const clock = new Intl.DateTimeFormat(undefined, time).format(NOW);
    expect(clockTime(NOW, NOW + 1_000)).toBe(clock);
    expect(clockTime(NOW, NOW + 86_400_000)).toBe(
      `${new Intl.DateTimeFormat(undefined, date).format(NOW)}, ${clock}`,
    );
  });

  it('as an exact time has seconds', () => {
    expect(exactTime(at(0))).not.toBe(exactTime(at(1)));
  });
});

it.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [309, '5 min 9 s'],
  [21_599, '5 h 59 min'],
  [86_400, '1 day'],
  [2 * 86_400 + 3 * 3_600 + 60, '2 days 3 h'],
])('the duration of %i s is %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

describe('names', () => {
  it('the short id differs for orders of the same moment', () => {
    const [one, other] = [orderVersions()[0].id, orderVersions()[0].id];
    expect(shortId(one)).toBe(one.split('-').at(-1));
    expect(shortId(one)).not.toBe(shortId(other));
  });

  it('plural adds the count', () => {
    expect([plural(0, 'order'), plural(1, 'order'), plural(2, 'order')]).toEqual([
      '0 orders',
      '1 order',
      '2 orders',
    ]);
    expect(plural(2, 'entry', 'entries')).toBe('2 entries');
  });
});
