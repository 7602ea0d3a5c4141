import { useServices } from '../services';
import { Link } from '../ui/router';
import { Icon } from '../ui/Icon';
import { Menu } from '../ui/Menu';
import { ThemeChoice } from './ThemeChoice';

interface AccountProps {
  /** Whether the header has room for the avatar only: then the menu has the name and the theme. */
  compact: boolean;
  onSignOut: () => void;
}

/** The signed-in user, and a menu to sign out. */
export function Account({ compact, onSignOut }: AccountProps) {
  const { session } = useServices();
  const name = session.name ?? session.user;
  const user = (
    <span className="who">
      {name}
      {session.role === 'operator' && <small className="soft"> operator</small>}
    </span>
  );
  return (
    <Menu
      name={`Account of ${name}${session.role === 'operator' ? ' operator' : ''}`}
      className="quiet account"
      label={
        <>
          <span className="avatar" data-initial={name.charAt(0).toUpperCase()} />
          {!compact && user}
        </>
      }
    >
      {compact && (
        <>
          {user}
          <ThemeChoice />
        </>
      )}
      {hasLab() && (
        <Link href="/lab" className="button item">
          Fault lab
        </Link>
      )}
      <button type="button" className="item" onClick={onSignOut}>
        <Icon name="signOut" />
        Sign out
      </button>
    </Menu>
  );
}

/** Whether the fault lab serves this page: it marks its responses. */
function hasLab(): boolean {
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  return page?.serverTiming.some(({ name }) => name === 'lab') ?? false;
}
