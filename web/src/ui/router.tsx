/** The address bar is the state. Pages read it with useAddress and change it with Link and navigate. */
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
  const here = location.pathname + location.search;
  if (replace) history.replaceState(history.state, '', to);
  else if (to !== here) history.pushState({ from: here }, '', to);
  for (const changed of listeners) changed();
  if (!replace) scrollTo(0, 0);
}

/** The address of the page before this one in the tab's history; undefined where that was not this app. */
function previous(): string | undefined {
  return (history.state as { from?: string } | null)?.from;
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** Goes back in the history if the page before has this path, so that the browser restores its scroll position. */
  back?: boolean;
}

/** A link without a page load. With a modifier key the browser handles it. */
export function Link({ href = '/', back = false, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (back && previous()?.split('?')[0] === href.split('?')[0]) history.back();
    else navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />; // eslint-disable-line jsx-a11y/anchor-has-content -- it is in rest
}
