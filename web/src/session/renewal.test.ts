import { expect, it } from 'vitest';
import { renewOnce } from './renewal';
import type { Session } from './session';

const old: Session = { token: 't1', refreshToken: 'r1', user: 'alice', role: 'customer', expiresAt: 0 };

/** A lock that several tabs share, and their common store. */
function browser() {
  let last: Promise<unknown> = Promise.resolve();
  let stored: Session | undefined = old;
  return {
    locks: {
      request<T>(_: string, work: () => Promise<T>): Promise<T> {
        const result = last.then(work, work);
        last = result;
        return result;
      },
    },
    store: { load: () => stored, save: (session: Session) => void (stored = session) },
  };
}

it('uses the refresh token once when several tabs renew at the same time', async () => {
  const { store, locks } = browser();
  const used: unknown[] = [];
  const request = ({ refreshToken }: Session) => {
    used.push(refreshToken);
    return Promise.resolve({ ...old, token: 't2', refreshToken: 'r2' });
  };
  const tabs = [1, 2, 3].map(() => renewOnce(old, { store, locks, request }));
  expect((await Promise.all(tabs)).map(({ token }) => token)).toEqual(['t2', 't2', 't2']);
  expect(used).toEqual(['r1']);
  expect(store.load()?.refreshToken).toBe('r2');
});

it('leaves the stored session as it is when the issuer does not renew it', async () => {
  const { store, locks } = browser();
  const request = () => Promise.reject(new Error('away'));
  await expect(renewOnce(old, { store, locks, request })).rejects.toThrow('away');
  expect(store.load()).toBe(old);
});
