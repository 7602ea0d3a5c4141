import { memo, type ReactNode } from 'react';
import type { OrderSummary } from '../../api/types';
import { Link } from '../../ui/router';
import { money, shortId } from '../../domain/format';
import { allows } from '../../domain/order.machine';
import { usePhone } from '../../ui/media';
import { StatusChip } from '../../ui/StatusChip';
import { Time } from '../../ui/Time';
import { type Column, columnNames } from './columns';
import type { ListView } from '../../live/list';

interface RowsProps {
  view: ListView;
  columns: readonly Column[];
  /** The rows belong to another query. */
  stale: boolean;
  ticked: ReadonlySet<string>;
  onTick: (order: OrderSummary, on: boolean) => void;
  onTickAll: (on: boolean) => void;
}

/** A table, or cards on a phone. Both show the same. Rows can't be ticked while others are on their way. */
export function Rows({ view, columns, stale, ticked, onTick, onTickAll }: RowsProps) {
  const phone = usePhone();
  if (view.orders.length === 0) return <Skeleton rows={phone ? 4 : 8} />;
  const busy = view.loading || undefined;
  const fixed = view.loading || stale;
  if (phone) {
    return (
      <ul className="cards" aria-busy={busy} inert={stale}>
        {view.orders.map((order) => (
          <li key={order.id} data-order={order.id}>
            <Tick order={order} fixed={fixed} ticked={ticked.has(order.id)} onTick={onTick} />
            <Link href={`/orders/${order.id}`}>
              <code>{shortId(order.id)}</code> {order.customer}
            </Link>
            <StatusChip status={order.status} />
            <span className="what">{itemNames(order)}</span>
            <strong>{money(order.total, order.currency)}</strong>
            <Time at={order.createdAt} />
          </li>
        ))}
      </ul>
    );
  }
  const cancellable = view.orders.filter((order) => allows(order.status, 'cancel'));
  return (
    <table aria-busy={busy} inert={stale}>
      <caption className="hidden">Orders</caption>
      <thead>
        <tr>
          <th className="tick-cell">
            <input
              type="checkbox"
              aria-label="Select all cancellable orders"
              disabled={fixed || cancellable.length === 0}
              checked={cancellable.length > 0 && cancellable.every(({ id }) => ticked.has(id))}
              onChange={(event) => onTickAll(event.target.checked)}
            />
          </th>
          <th scope="col">Order</th>
          {columns.map((column) => (
            <th key={column} scope="col" className={column}>
              {columnNames[column]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {view.orders.map((order) => (
          <Row
            key={order.id}
            order={order}
            columns={columns}
            fixed={fixed}
            ticked={ticked.has(order.id)}
            onTick={onTick}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  order: OrderSummary;
  columns: readonly Column[];
  /** Can't be ticked now. */
  fixed: boolean;
  ticked: boolean;
  onTick: RowsProps['onTick'];
}

/** Drawn anew only when its own order has changed: a burst on other rows costs this one nothing. */
const Row = memo(function Row({ order, columns, fixed, ticked, onTick }: RowProps) {
  return (
    <tr data-order={order.id}>
      <td className="tick-cell">
        <Tick order={order} fixed={fixed} ticked={ticked} onTick={onTick} />
      </td>
      <th scope="row">
        <Link href={`/orders/${order.id}`} title={order.id}>
          <code>{shortId(order.id)}</code>
        </Link>
      </th>
      {columns.map((column) => (
        <td key={column} className={column}>
          {cells[column](order)}
        </td>
      ))}
    </tr>
  );
});

function Tick({ order, fixed, ticked, onTick }: Omit<RowProps, 'columns'>) {
  return (
    <input
      type="checkbox"
      aria-label={`Select order ${shortId(order.id)}`}
      disabled={fixed || !allows(order.status, 'cancel')}
      checked={ticked && allows(order.status, 'cancel')}
      onChange={(event) => onTick(order, event.target.checked)}
    />
  );
}

const cells: Record<Column, (order: OrderSummary) => ReactNode> = {
  customer: (order) => order.customer,
  items: (order) => (
    <span title={order.items.map(({ name, quantity }) => `${quantity} × ${name}`).join('\n')}>
      {itemNames(order)}
    </span>
  ),
  status: (order) => <StatusChip status={order.status} />,
  total: (order) => money(order.total, order.currency),
  created: (order) => <Time at={order.createdAt} />,
  updated: (order) => <Time at={order.updatedAt} />,
  due: (order) => (order.status === 'confirmed' && order.deliverAt ? <Time at={order.deliverAt} /> : null),
};

function itemNames({ items }: OrderSummary): string {
  const first = items[0];
  if (!first) return '';
  const more = items.length - 1;
  return `${first.quantity} × ${first.name}${more > 0 ? ` + ${more} more` : ''}`;
}

function Skeleton({ rows }: { rows: number }) {
  return (
    <div role="status" aria-label="Loading orders">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton row" />
      ))}
    </div>
  );
}
