import { describe, expect, test } from 'vitest';
import shared from '../../../api/search-cases.json';
import { aSummary } from '../test/orders';
import { findable, searchable } from './search';

describe('the list’s text search', () => {
  test.each(shared.cases)('$why: $q in $text', ({ text, q, found }) => {
    const item = { sku: '-', name: text, quantity: 1, unitPrice: 100 };
    expect(findable(q, aSummary({ customer: '-', items: [item] }))).toBe(found);
    expect(findable(q, aSummary({ customer: text, items: [] }))).toBe(found);
  });

  test.each(shared.unsearchable)('has nothing to search for in %j', (q) => {
    expect(searchable(q)).toBe(false);
  });

  test.each([
    ['01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77', true],
    ['01936F2E-5B', true],
    ['0f2b6a1c8e77', true], // as pages show it
    ['7c3a', false],
    ['(alice', true],
  ])('finds an order by %j: %s', (q, found) => {
    expect(findable(q, aSummary())).toBe(found);
  });
});
