import { Menu } from '../ui/Menu';
import { type Theme, themes, useTheme } from './theme';

const names: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' };

export function ThemeMenu() {
  const [theme, setTheme] = useTheme();
  return (
    <Menu name="Theme" className="quiet" label={<Icon />}>
      <fieldset>
        <legend className="hidden">Theme</legend>
        {themes.map((one) => (
          <label key={one} className="tick">
            <input type="radio" name="theme" checked={one === theme} onChange={() => setTheme(one)} />
            {names[one]}
          </label>
        ))}
      </fieldset>
    </Menu>
  );
}

/** A circle with one dark half. */
function Icon() {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />
    </svg>
  );
}
