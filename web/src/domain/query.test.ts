import { describe, expect, test } from 'vitest';
import { aSummary } from '../test/orders';
import { formatQuery, matches, parseQuery, refine } from './query';

describe('the list’s query', () => {
  test('is formatted as an address and parsed back', () => {
    const address = '/?status=created&q=green+tea&from=2026-11-01&to=2026-11-24&sort=-total&cursor=abc';
    expect(formatQuery(parseQuery(address.slice(1)))).toBe(address);
    expect(formatQuery(parseQuery(''))).toBe('/');
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
