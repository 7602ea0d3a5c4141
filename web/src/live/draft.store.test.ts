import { describe, expect, it } from 'vitest';
import { type Draft, emptyDraft, toRequest } from '../domain/draft';
import { draftStore } from './draft.store';

const draft: Draft = {
  items: [{ row: 1, sku: 'tea-1', name: 'Green tea', quantity: '2', price: '4.50' }],
  currency: 'EUR',
};

describe('the store', () => {
  const saved = { draft, key: 'k1' };
  const nothing = { draft: emptyDraft, key: undefined };

  it('keeps one draft per user', () => {
    draftStore('alice').save(saved);
    expect(draftStore('alice').load()).toEqual(saved);
    expect(draftStore('bob').load()).toEqual(nothing);
  });

  it('keeps the key of an attempt that an earlier version stored', () => {
    const attempt = { key: 'k1', request: toRequest(draft) };
    localStorage.setItem('orders.draft.alice', JSON.stringify({ draft, attempt }));
    expect(draftStore('alice').load()).toEqual(saved);
  });

  it('removes an empty draft', () => {
    draftStore('alice').save(saved);
    draftStore('alice').save(nothing);
    expect(localStorage).toHaveLength(0);
  });

  it.each(['', '{', 'null', '{}', '{"draft":{"items":[],"currency":"XXX"}}', '{"draft":{"currency":"EUR"}}'])(
    'ignores invalid content: %j',
    (text) => {
      localStorage.setItem('orders.draft.alice', text);
      expect(draftStore('alice').load()).toEqual(nothing);
    },
  );

  it('works with a storage that is full or forbidden', () => {
    const fail = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    const storage = { getItem: fail, setItem: fail, removeItem: fail } as unknown as Storage;
    const store = draftStore('alice', storage);
    store.save(saved);
    store.save(nothing);
    expect(store.load()).toEqual(nothing);
  });
});
