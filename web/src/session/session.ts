/** Who is signed in, and where that is remembered. */
import type { Role } from '../api/types';

export interface Session {
  token: string;
  /** Who the server says that this is. */
  user: string;
  role: Role;
  /** What people call the user, where that is not `user`. */
  name?: string | undefined;
  /** In ms. */
  expiresAt: number;
}

export interface SessionStore {
  load(): Session | undefined;
  save(session: Session): void;
  /** Forgets this session. One that another tab has saved meanwhile stays. */
  clear(session: Session): void;
  /** Calls back when another tab has signed in or out. Returns what ends that. */
  listen(changed: (session: Session | undefined) => void): () => void;
  /** How many sign-ins in a row the server refused. It survives the way to the issuer and back. */
  refusals(): number;
  countRefusals(n: number): void;
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
    return session?.token && session.user && session.expiresAt > now() ? session : undefined;
  };
  return {
    load,
    save(session) {
      try {
        storage.setItem(NAME, JSON.stringify(session));
      } catch {
        // Forbidden: signed in for as long as the page lives.
      }
    },
    clear({ token }) {
      try {
        if (stored()?.token === token) storage.removeItem(NAME);
      } catch {
        // See save.
      }
    },
    listen(changed) {
      // What is stored now counts: several changes may have been queued.
      const onStorage = ({ key }: StorageEvent) => {
        if (key === NAME || key === null) changed(load());
      };
      // A page that comes back by the browser's Back button has missed the events.
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
    countRefusals(n) {
      try {
        if (n === 0) sessionStorage.removeItem(REFUSALS);
        else sessionStorage.setItem(REFUSALS, String(n));
      } catch {
        // Counted for as long as the page lives.
      }
    },
  };
}
