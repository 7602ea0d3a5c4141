import { describe, expect, it, onTestFinished } from 'vitest';
import { type Session, sessionStore } from './session';

const alice: Session = { token: 'a', user: 'alice', role: 'customer', expiresAt: 2_000 };
const bob: Session = { ...alice, token: 'b', user: 'bob' };
const store = () => sessionStore(localStorage, () => 1_000);

function listen() {
  const seen: (string | undefined)[] = [];
  onTestFinished(store().listen((session) => seen.push(session?.user)));
  return seen;
}
const changed = (key: string | null) => dispatchEvent(new StorageEvent('storage', { key }));

describe('the stored session', () => {
  it('reports changes by another tab, and no others', () => {
    const seen = listen();
    store().save(alice);
    changed('orders.session');
    changed('orders.theme');
    localStorage.clear();
    changed(null);
    expect(seen).toEqual(['alice', undefined]);
  });

  it('is reported as it is now when several changes are queued', () => {
    const seen = listen();
    store().save(bob);
    changed('orders.session');
    changed('orders.session');
    expect(seen).toEqual(['bob', 'bob']);
  });

  it('is read again when Back restores a page', () => {
    const seen = listen();
    store().save(alice);
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    expect(seen).toEqual([]);
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    expect(seen).toEqual(['alice']);
  });

  it('is not cleared by a tab whose session was replaced', () => {
    store().save(bob);
    store().clear(alice);
    expect(store().load()).toEqual(bob);
    store().clear(bob);
    expect(store().load()).toBeUndefined();
  });

  it('is ignored when it has expired', () => {
    store().save({ ...alice, expiresAt: 1_000 });
    expect(store().load()).toBeUndefined();
  });
});
