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
  it('tells of what another tab does to it, and only of that', () => {
    const seen = listen();
    store().save(alice);
    changed('orders.session');
    changed('orders.theme');
    localStorage.clear();
    changed(null);
    expect(seen).toEqual(['alice', undefined]);
  });

  it('is what it is now, when several changes have come', () => {
    const seen = listen();
    store().save(bob);
    changed('orders.session');
    changed('orders.session');
    expect(seen).toEqual(['bob', 'bob']);
  });

  it('is read again by a page that Back brings back, which has missed the changes', () => {
    const seen = listen();
    store().save(alice);
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    expect(seen).toEqual([]);
    dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    expect(seen).toEqual(['alice']);
  });

  it('is not forgotten by a tab whose session another one has replaced', () => {
    store().save(bob);
    store().clear(alice);
    expect(store().load()).toEqual(bob);
    store().clear(bob);
    expect(store().load()).toBeUndefined();
  });

  it('is void when it has expired', () => {
    store().save({ ...alice, expiresAt: 1_000 });
    expect(store().load()).toBeUndefined();
  });
});
