import { useEffect, useRef, useState } from 'react';

/**
 * Moves the focus to the page's heading after a navigation to another path, unless the page has set the focus itself, and
 * returns the heading for a live region. Without that the focus is lost with the page before, and nothing is announced.
 */
export function useArrival(path: string): string {
  const before = useRef(path);
  const [heading, setHeading] = useState('');
  useEffect(() => {
    if (before.current === path) return undefined;
    before.current = path;
    const main = document.getElementById('main');
    const arrive = () => {
      const title = main?.querySelector('h1');
      if (!main || !title) return false;
      setHeading(title.textContent);
      if (!main.contains(document.activeElement) || document.activeElement === main) {
        title.tabIndex = -1;
        title.focus({ preventScroll: true });
      }
      return true;
    };
    if (arrive() || !main) return undefined;
    // The page or its data is still loading.
    const loading = new MutationObserver(() => {
      if (arrive()) loading.disconnect();
    });
    loading.observe(main, { childList: true, subtree: true });
    return () => loading.disconnect();
  }, [path]);
  return heading;
}
