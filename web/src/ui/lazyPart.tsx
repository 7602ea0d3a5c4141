import { type ComponentType, lazy } from 'react';

/** Between two attempts to load a part, in ms. */
const PAUSE = 3_000;

/**
 * A part of a page in a file of its own, loaded when it is first rendered. While that fails, the rest of the page stays
 * and loading is repeated; if the file is gone with its release, public/recover.js reloads the page.
 */
export function lazyPart<P extends object>(load: () => Promise<{ default: ComponentType<P> }>) {
  return lazy(async () => {
    for (;;) {
      try {
        return await load();
      } catch {
        dispatchEvent(new Event('orders:part-missing'));
        await new Promise((done) => setTimeout(done, PAUSE));
      }
    }
  });
}
