import { useSyncExternalStore } from 'react';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const NAME = 'orders.theme';
const listeners = new Set<() => void>();
/** The theme of a browser without storage, until the page ends. */
let chosen: Theme | undefined;

function stored(): Theme {
  try {
    const name = localStorage.getItem(NAME);
    return themes.find((theme) => theme === name) ?? 'system';
  } catch {
    return chosen ?? 'system';
  }
}

export function applyTheme(theme: Theme = stored()): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function setTheme(theme: Theme): void {
  applyTheme(theme);
  chosen = theme;
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // No storage.
  }
  for (const changed of listeners) changed();
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => void listeners.delete(changed);
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, stored), setTheme];
}
