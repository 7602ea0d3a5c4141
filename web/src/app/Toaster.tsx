import { shortId } from '../domain/format';
import { useServices } from '../services';
import { Icon } from '../ui/Icon';
import { Link } from '../ui/router';
import { useObservable } from '../ui/useObservable';
import type { Toast } from '../live/toasts';

const none: readonly Toast[] = [];

export function Toaster() {
  const { toasts } = useServices();
  const shown = useObservable(toasts.shown$, none);
  return (
    <div className="toasts" role="status">
      {shown.map(({ id, text, tone, order, action }) => (
        <div key={id} className={`toast ${tone}`}>
          <Icon name={tone === 'bad' ? 'alert' : action ? 'clock' : 'check'} />
          <span>
            {text} {order !== undefined && <Link href={`/orders/${order}`}>{shortId(order)}</Link>}
          </span>
          {action ? (
            <button type="button" onClick={action.run}>
              {action.name}
            </button>
          ) : (
            <button
              type="button"
              className="quiet square"
              aria-label={`Dismiss: ${text}`}
              onClick={() => toasts.dismiss(id)}
            >
              <Icon name="cross" />
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
