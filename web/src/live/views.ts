/** The saved views of a user, kept in this browser. A view is a name for an address of the list. */
export interface SavedView {
  name: string;
  address: string;
}

export const VIEW_LIMIT = 20;
export const MAX_VIEW_NAME = 40;

export interface Views {
  /** The same array until a view changes. */
  all: () => readonly SavedView[];
  /** Replaces a view with the same name or address. Returns false if the browser does not store it. */
  save: (view: SavedView) => boolean;
  remove: (name: string) => void;
  /** Also calls `changed` for changes of other tabs. Returns a function that ends it. */
  subscribe: (changed: () => void) => () => void;
}

const listeners = new Set<() => void>();

export function savedViews(user: string): Views {
  const key = `orders.views.${user}`;
  let known: string | null = null;
  let views: readonly SavedView[] = [];
  const all = () => {
    const stored = read(key);
    if (stored !== known) [known, views] = [stored, parse(stored)];
    return views;
  };
  const write = (changed: readonly SavedView[]) => {
    try {
      localStorage.setItem(key, JSON.stringify(changed));
    } catch {
      return false; // no storage, or it is full
    }
    for (const listener of listeners) listener();
    return true;
  };
  return {
    all,
    save: (view) =>
      write(
        [...all().filter(({ name, address }) => name !== view.name && address !== view.address), view].slice(
          -VIEW_LIMIT,
        ),
      ),
    remove: (name) => void write(all().filter((view) => view.name !== name)),
    subscribe: (changed) => {
      listeners.add(changed);
      addEventListener('storage', changed);
      return () => {
        listeners.delete(changed);
        removeEventListener('storage', changed);
      };
    },
  };
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function parse(stored: string | null): readonly SavedView[] {
  try {
    const views: unknown = JSON.parse(stored ?? '[]');
    return Array.isArray(views) ? views.filter(isView).slice(0, VIEW_LIMIT) : [];
  } catch {
    return [];
  }
}

/** Other addresses than the list's are never stored. */
function isView(view: unknown): view is SavedView {
  const { name, address } = (view ?? {}) as Partial<Record<keyof SavedView, unknown>>;
  return typeof name === 'string' && typeof address === 'string' && /^\/(?:\?|$)/.test(address);
}
