/** The draft, kept in this browser for each user. */
import { currencies } from '../../api/types';
import { type Draft, emptyDraft } from '../../domain/draft';

/** What outlives the page. One draft has one idempotency key for good: sent twice, it makes one order. */
export interface Saved {
  draft: Draft;
  /** Set with the first attempt to send the draft. */
  key: string | undefined;
}

export interface DraftStore {
  load(): Saved;
  save(saved: Saved): void;
}

/** Idempotency keys belong to a user, and so does the draft. */
export function draftStore(user: string, storage: Storage = localStorage): DraftStore {
  const name = `orders.draft.${user}`;
  return {
    load() {
      try {
        // Earlier versions kept an attempt of unknown outcome here. Its key makes sending the draft again safe.
        const saved = JSON.parse(storage.getItem(name) ?? '') as Saved & { attempt?: { key: string } };
        if (Array.isArray(saved.draft.items) && currencies.includes(saved.draft.currency)) {
          return { draft: saved.draft, key: saved.key ?? saved.attempt?.key };
        }
      } catch {
        // Nothing there, or from an older form of this page.
      }
      return { draft: emptyDraft, key: undefined };
    },
    save(saved) {
      try {
        if (saved.draft.items.length === 0) storage.removeItem(name);
        else storage.setItem(name, JSON.stringify(saved));
      } catch {
        // Full or forbidden: the page still works, it just won't survive a reload.
      }
    },
  };
}
