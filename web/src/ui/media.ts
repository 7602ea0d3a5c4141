import { useCallback, useSyncExternalStore } from 'react';

/** Whether a media query holds, now and later. */
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

/** Animations started by script must ask; those of the style sheet are off already. */
export const prefersReducedMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

export const usePhone = () => useMedia('(max-width: 640px)');
