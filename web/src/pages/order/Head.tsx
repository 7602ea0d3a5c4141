import type { ReactNode } from 'react';
import type { Order } from '../../api/types';
import { dateTime, money, shortId } from '../../domain/format';
import { useServices } from '../../services';
import { Icon } from '../../ui/Icon';
import { Menu } from '../../ui/Menu';
import { Link } from '../../ui/router';
import { StatusChip } from '../../ui/StatusChip';
import { Time } from '../../ui/Time';
import { ordersOf } from './Sidebar';
import { useCopy } from './useCopy';
import { useNeighbours } from './useNeighbours';

/** The way back to the list, and to the orders beside this one. */
export function Crumbs({ id }: { id: string }) {
  const { lastList } = useServices();
  const neighbours = useNeighbours(id);
  return (
    <nav className="crumbs" aria-label="List">
      <Link className="back" href={lastList.address || '/'} back>
        ← Orders
      </Link>
      {neighbours && (
        <>
          <span className="soft">
            {neighbours.position} of {neighbours.count}
          </span>
          <Step name="Previous order" sign="[" go={neighbours.previous} />
          <Step name="Next order" sign="]" go={neighbours.next} />
        </>
      )}
    </nav>
  );
}

function Step({ name, sign, go }: { name: string; sign: string; go: (() => void) | undefined }) {
  return (
    <button type="button" className="quiet step" aria-label={name} title={name} disabled={!go} onClick={go}>
      <kbd>{sign}</kbd>
    </button>
  );
}

/** What the order is, and what can be done with it. `actions` come first. */
export function Head({ order, actions }: { order: Order; actions: ReactNode }) {
  const { role } = useServices().session;
  const copy = useCopy();
  return (
    <header className="order-head">
      <div className="head">
        <h1>
          Order <code title={order.id}>{shortId(order.id)}</code>
        </h1>
        <span data-testid="status" aria-live="polite">
          <StatusChip status={order.status} role={role} />
        </span>
        <div className="tools">
          <button
            type="button"
            className="quiet"
            onClick={() => copy('Link', `${location.origin}/orders/${order.id}`)}
          >
            Copy link
          </button>
          <Menu label={<Icon name="more" />} name="More actions" className="more">
            <div className="menu-items">
              <Item onClick={() => copy('Order ID', order.id)}>Copy order ID</Item>
              {role === 'operator' && (
                <Item onClick={() => copy('JSON', JSON.stringify(order, null, 2))}>Copy JSON</Item>
              )}
              <Item onClick={() => print()}>{role === 'operator' ? 'Print' : 'Print receipt'}</Item>
            </div>
          </Menu>
          {actions}
        </div>
      </div>
      <p className="facts">
        {role === 'operator' && (
          <>
            <Link href={ordersOf(order.customer)}>{order.customer}</Link> ·{' '}
          </>
        )}
        <strong>{money(order.total, order.currency)}</strong>
        <span className="soft">
          {' '}
          · placed {dateTime(order.createdAt)} (<Time at={order.createdAt} />)
        </span>
      </p>
    </header>
  );
}

/** An item of the menu, which closes it. */
function Item({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      className="quiet"
      onClick={(event) => {
        const menu = event.currentTarget.closest<HTMLElement>(':popover-open');
        menu?.hidePopover();
        onClick();
      }}
    >
      {children}
    </button>
  );
}
