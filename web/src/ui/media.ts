import { useCallback, useSyncExternalStore } from 'react';

/** Whether a media query matches; updates when that changes. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (changed: () => void) => {
      const media = matchMedia(query);
      media.addEventListener('change', changed);
      return () => media.removeEventListener('change', changed);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** For animations that scripts start. The style sheet disables its own. */
export const prefersReducedMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

export const usePhone = () => useMedia('(max-width: 640px)');
