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
  clear(): void;
}

const NAME = 'orders.session';

export function sessionStore(storage: Storage = localStorage, now: () => number = Date.now): SessionStore {
  return {
    load() {
      try {
        const session = JSON.parse(storage.getItem(NAME) ?? '') as Session;
        return session.token && session.user && session.expiresAt > now() ? session : undefined;
      } catch {
        return undefined;
      }
    },
    save(session) {
      try {
        storage.setItem(NAME, JSON.stringify(session));
      } catch {
        // Forbidden: signed in for as long as the page lives.
      }
    },
    clear() {
      try {
        storage.removeItem(NAME);
      } catch {
        // See save.
      }
    },
  };
}
