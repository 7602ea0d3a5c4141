/** The draft, kept in this browser for each user. */
import { currencies } from '../api/types';
import { type Draft, emptyDraft } from '../domain/draft';

/** The stored state. A draft keeps its idempotency key, so submitting it twice creates one order. */
export interface Saved {
  draft: Draft;
  /** Set with the first attempt to send the draft. */
  key: string | undefined;
}

export interface DraftStore {
  load(): Saved;
  save(saved: Saved): void;
}

/** One store per user, because idempotency keys belong to a user. */
export function draftStore(user: string, storage: Storage = localStorage): DraftStore {
  const name = `orders.draft.${user}`;
  return {
    load() {
      try {
        // Earlier versions stored an attempt with unknown outcome here. With its key, submitting again is safe.
        const saved = JSON.parse(storage.getItem(name) ?? '') as Saved & { attempt?: { key: string } };
        if (Array.isArray(saved.draft.items) && currencies.includes(saved.draft.currency)) {
          return { draft: saved.draft, key: saved.key ?? saved.attempt?.key };
        }
      } catch {
        // Missing or invalid.
      }
      return { draft: emptyDraft, key: undefined };
    },
    save(saved) {
      try {
        if (saved.draft.items.length === 0 && !saved.draft.customer) storage.removeItem(name);
        else storage.setItem(name, JSON.stringify(saved));
      } catch {
        // No storage: the draft ends with the page.
      }
    },
  };
}
