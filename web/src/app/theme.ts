import { useState } from 'react';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const NAME = 'orders.theme';

function stored(): Theme {
  try {
    const name = localStorage.getItem(NAME);
    return themes.find((theme) => theme === name) ?? 'system';
  } catch {
    return 'system';
  }
}

export function applyTheme(theme: Theme = stored()): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(stored);
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    applyTheme(chosen);
    try {
      localStorage.setItem(NAME, chosen);
    } catch {
      // No storage: the theme ends with the page.
    }
  };
  return [theme, choose];
}
