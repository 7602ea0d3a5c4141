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

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState(stored);
  const next = () => {
    const following = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
    setTheme(following);
    applyTheme(following);
    try {
      localStorage.setItem(NAME, following);
    } catch {
      // No storage: the theme ends with the page.
    }
  };
  return [theme, next];
}
