/** Renews a session in one tab at a time: issuers end a session whose refresh token is used twice. */
import type { Session, SessionStore } from './session';

interface Locks {
  request: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

interface RenewalOptions {
  store: Pick<SessionStore, 'load' | 'save'>;
  /** Asks the issuer. It must end, because the other tabs wait. */
  request: (session: Session) => Promise<Session>;
  locks?: Locks;
}

// Sign-in by an issuer requires https or localhost, where browsers have Web Locks.
const browserLocks: Locks = {
  request: (name, work) => navigator.locks.request(name, work) as ReturnType<typeof work>,
};

/** Returns and stores the session with a new token, or the one that another tab has stored. Fails as `request` does. */
export function renewOnce(session: Session, options: RenewalOptions): Promise<Session> {
  const { store, request, locks = browserLocks } = options;
  return locks.request('orders.renewal', async () => {
    const stored = store.load();
    if (stored && stored.token !== session.token) return stored;
    const renewed = await request(session);
    store.save(renewed);
    return renewed;
  });
}
