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

  test.each(shared.unsearchable)('has no letter or digit to search for: %j', (q) => {
    expect(searchable(q)).toBe(false);
  });

  test.each([
    ['01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77', true],
    ['01936F2E-5B', true],
    ['0f2b6a1c8e77', true], // the short id of the pages
    ['7c3a', false],
    ['(alice', true],
  ])('finds an order by its id: %j %s', (q, found) => {
    expect(findable(q, aSummary())).toBe(found);
  });
});
