import { memo, type ReactNode } from 'react';
import type { OrderSummary } from '../../api/types';
import { Link } from '../../ui/router';
import { money, nameOf, shortId } from '../../domain/format';
import { allows } from '../../domain/order.machine';
import { usePhone } from '../../ui/media';
import { StatusChip } from '../../ui/StatusChip';
import { Time } from '../../ui/Time';
import { type Column, columnNames } from './columns';
import { CustomerLink } from './CustomerLink';
import type { ListView } from '../../live/list';

interface RowsProps {
  view: ListView;
  columns: readonly Column[];
  /** The rows belong to another query. */
  stale: boolean;
  selected: ReadonlySet<string>;
  onSelect: (order: OrderSummary, on: boolean) => void;
  onSelectAll: (on: boolean) => void;
}

/** The orders as a table, or as cards on a phone. They can't be selected while others are loading. */
export function Rows({ view, columns, stale, selected, onSelect, onSelectAll }: RowsProps) {
  const phone = usePhone();
  if (view.orders.length === 0) return <Skeleton rows={phone ? 4 : 8} />;
  const busy = view.loading || undefined;
  const disabled = view.loading || stale;
  if (phone) {
    return (
      <ul className="cards" aria-busy={busy} inert={stale}>
        {view.orders.map((order) => (
          <li key={order.id} data-order={order.id}>
            <SelectBox
              order={order}
              disabled={disabled}
              selected={selected.has(order.id)}
              onSelect={onSelect}
            />
            <Link href={`/orders/${order.id}`}>
              <code>{shortId(order.id)}</code> {order.customer}
            </Link>
            <Status order={order} />
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
              disabled={disabled || cancellable.length === 0}
              checked={cancellable.length > 0 && cancellable.every(({ id }) => selected.has(id))}
              onChange={(event) => onSelectAll(event.target.checked)}
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
            disabled={disabled}
            selected={selected.has(order.id)}
            onSelect={onSelect}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  order: OrderSummary;
  columns: readonly Column[];
  /** Whether the row can't be selected now. */
  disabled: boolean;
  selected: boolean;
  onSelect: RowsProps['onSelect'];
}

/** Renders again only when its own order changes. */
const Row = memo(function Row({ order, columns, disabled, selected, onSelect }: RowProps) {
  return (
    <tr data-order={order.id}>
      <td className="tick-cell">
        <SelectBox order={order} disabled={disabled} selected={selected} onSelect={onSelect} />
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

function SelectBox({ order, disabled, selected, onSelect }: Omit<RowProps, 'columns'>) {
  return (
    <input
      type="checkbox"
      aria-label={`Select order ${shortId(order.id)}`}
      disabled={disabled || !allows(order.status, 'cancel')}
      checked={selected && allows(order.status, 'cancel')}
      onChange={(event) => onSelect(order, event.target.checked)}
    />
  );
}

const cells: Record<Column, (order: OrderSummary) => ReactNode> = {
  customer: (order) => <CustomerLink customer={order.customer} />,
  items: (order) => (
    <span title={order.items.map(({ name, quantity }) => `${quantity} × ${name}`).join('\n')}>
      {itemNames(order)}
    </span>
  ),
  status: (order) => <Status order={order} />,
  total: (order) => money(order.total, order.currency),
  created: (order) => <Time at={order.createdAt} />,
  updated: (order) => <Time at={order.updatedAt} />,
  due: (order) => (order.status === 'confirmed' && order.deliverAt ? <Time at={order.deliverAt} /> : null),
};

/** The status, and the operator who cancelled the order. */
function Status({ order: { status, lastChange } }: { order: OrderSummary }) {
  const byOperator = lastChange?.cause === 'cancel' && lastChange.by === 'operator';
  return (
    <span>
      <StatusChip status={status} />
      {byOperator && <small className="soft"> by {nameOf(lastChange)}</small>}
    </span>
  );
}

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
