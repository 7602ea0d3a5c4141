/** The address bar is the state: three pages, and the list's selection as its query. */
import type { AnchorHTMLAttributes, MouseEvent } from 'react';
import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  addEventListener('popstate', changed);
  return () => {
    listeners.delete(changed);
    removeEventListener('popstate', changed);
  };
}

/** Path and query, such as `/?status=created`. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', to);
  else if (to !== location.pathname + location.search) history.pushState(null, '', to);
  for (const changed of listeners) changed();
  if (!replace) scrollTo(0, 0);
}

/** A link that stays in the page; with a modifier it is the browser's. */
export function Link({ href = '/', onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement>) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />; // eslint-disable-line jsx-a11y/anchor-has-content -- it is in rest
}

export type Route = { page: 'list' } | { page: 'new' } | { page: 'order'; id: string } | { page: 'unknown' };

export function parseRoute(address: string): Route {
  const path = address.split('?')[0] ?? '/';
  if (path === '/') return { page: 'list' };
  if (path === '/new') return { page: 'new' };
  const id = /^\/orders\/([^/]+)$/.exec(path)?.[1];
  return id === undefined ? { page: 'unknown' } : { page: 'order', id };
}
