import { type Theme, themes, useTheme } from './theme';

const names: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' };

export function ThemeChoice() {
  const [theme, setTheme] = useTheme();
  return (
    <fieldset>
      <legend className="soft">Theme</legend>
      {themes.map((one) => (
        <label key={one} className="tick">
          <input type="radio" name="theme" checked={one === theme} onChange={() => setTheme(one)} />
          {names[one]}
        </label>
      ))}
    </fieldset>
  );
}
