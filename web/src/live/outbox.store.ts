/** The orders of one user that were submitted and have no known outcome, stored in this browser. */
import type { CreateOrder, FieldError } from '../api/types';
import type { Draft } from '../domain/draft';

export interface Entry {
  /** The idempotency key: repeating the request is safe. */
  key: string;
  request: CreateOrder;
  /** The form's content, to edit after a refusal. */
  draft: Draft;
  /** When it was first sent, in ms; 0 when unknown. */
  at: number;
  /** When the user confirmed to send it although it was old, in ms. */
  confirmedAt?: number;
  /** Why the server refused it. */
  refusal?: { detail: string; errors: FieldError[]; keyReused?: boolean };
}

/** An entry that became an order, kept for pages of other tabs that wait for it. */
export interface Settled {
  key: string;
  id: string;
}

export interface Stored {
  entries: readonly Entry[];
  settled: readonly Settled[];
}

const SETTLED_LIMIT = 10;

/** Orders older than this, in ms, are sent only after a confirmation: prices or the user's intention may have changed. */
export const OLD_AFTER = 12 * 3_600_000;
const CLOCK_SLACK = 300_000;

export function isOld(entry: Entry, now: number): boolean {
  const age = now - (entry.confirmedAt ?? entry.at);
  return age > OLD_AFTER || age < -CLOCK_SLACK;
}

export interface OutboxStore {
  load(): Stored;
  /** Applies a change to the stored state, which another tab may have changed. Returns the new state. */
  update(change: (stored: Stored) => Stored): Stored;
  /** Whether the last change was stored. Otherwise it is lost with the tab. */
  kept(): boolean;
  /** Calls `changed` when another tab changed the state. Returns a function that stops this. */
  listen(changed: () => void): () => void;
}

const nothing: Stored = { entries: [], settled: [] };

export function outboxStore(user: string, storage: Storage = localStorage): OutboxStore {
  const name = `orders.outbox.${user}`;
  /** The state when it could not be stored. */
  let memory: Stored | undefined;

  function load(): Stored {
    if (memory) return memory;
    try {
      const stored = JSON.parse(storage.getItem(name) ?? '') as Stored;
      if (Array.isArray(stored.entries) && Array.isArray(stored.settled)) return stored;
    } catch {
      // Missing or invalid.
    }
    return nothing;
  }

  return {
    load,
    update(change) {
      const before = load();
      const { entries, settled } = change(before);
      const next = { entries, settled: settled.slice(-SETTLED_LIMIT) };
      try {
        if (next.entries.length + next.settled.length === 0) storage.removeItem(name);
        else storage.setItem(name, JSON.stringify(next));
        memory = undefined;
      } catch {
        memory = next;
      }
      return next;
    },
    kept: () => memory === undefined,
    listen(changed) {
      const hear = (event: StorageEvent) => {
        if (event.key === name || event.key === null) changed();
      };
      addEventListener('storage', hear);
      return () => removeEventListener('storage', hear);
    },
  };
}
