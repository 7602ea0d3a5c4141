/** The session and its store. */
import type { Role } from '../api/types';

export interface Session {
  token: string;
  /** The user by the server's reading of the token. */
  user: string;
  role: Role;
  /** The display name, if it differs from `user`. */
  name?: string | undefined;
  /** In ms since 1970. */
  expiresAt: number;
  /** Renews the session, if the issuer has granted one. Valid once with most issuers. */
  refreshToken?: string | undefined;
}

export interface SessionStore {
  /** The session of this browser, unless it has expired and cannot be renewed. */
  load(): Session | undefined;
  save(session: Session): void;
  /** Removes this session, but not one that another tab has saved since. */
  clear(session: Session): void;
  /** Calls `changed` when another tab signs in or out. Returns a function that stops this. */
  listen(changed: (session: Session | undefined) => void): () => void;
  /** The number of consecutive sign-ins that the server refused. It survives redirects to the issuer. */
  refusals(): number;
  saveRefusals(n: number): void;
}

const NAME = 'orders.session';
const REFUSALS = 'orders.refusals';

export function sessionStore(storage: Storage = localStorage, now: () => number = Date.now): SessionStore {
  const stored = (): Session | undefined => {
    try {
      return JSON.parse(storage.getItem(NAME) ?? '') as Session;
    } catch {
      return undefined;
    }
  };
  const load = () => {
    const session = stored();
    if (!session?.token || !session.user) return undefined;
    return session.expiresAt > now() || session.refreshToken !== undefined ? session : undefined;
  };
  return {
    load,
    save(session) {
      try {
        storage.setItem(NAME, JSON.stringify(session));
      } catch {
        // No storage: the session ends with the page.
      }
    },
    clear({ token }) {
      try {
        if (stored()?.token === token) storage.removeItem(NAME);
      } catch {
        // No storage: nothing was saved.
      }
    },
    listen(changed) {
      // Several events may be queued: read the current state.
      const onStorage = ({ key }: StorageEvent) => {
        if (key === NAME || key === null) changed(load());
      };
      // A page that Back restores has missed the events.
      const onShow = ({ persisted }: PageTransitionEvent) => {
        if (persisted) changed(load());
      };
      addEventListener('storage', onStorage);
      addEventListener('pageshow', onShow);
      return () => {
        removeEventListener('storage', onStorage);
        removeEventListener('pageshow', onShow);
      };
    },
    refusals() {
      try {
        return Number(sessionStorage.getItem(REFUSALS)) || 0;
      } catch {
        return 0;
      }
    },
    saveRefusals(n) {
      try {
        if (n === 0) sessionStorage.removeItem(REFUSALS);
        else sessionStorage.setItem(REFUSALS, String(n));
      } catch {
        // No storage: the count ends with the page.
      }
    },
  };
}
