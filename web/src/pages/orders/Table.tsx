import { memo, type ReactNode, useEffect, useRef, useState } from 'react';
import type { OrderSummary } from '../../api/types';
import { money } from '../../domain/format';
import { formatQuery, type ListQuery, refine, type Sort } from '../../domain/query';
import { isSelectable } from '../../domain/selection';
import { Link } from '../../ui/router';
import { allItems, At, itemNames, OrderId, Status } from './cells';
import { CustomerLink } from './CustomerLink';
import { type Column, columnNames } from './display';
import { rowProps, type RowsProps, SelectBox } from './Rows';
import { useRowPointer } from './useRowPointer';

interface TableProps extends RowsProps {
  query: ListQuery;
  columns: readonly Column[];
  compact: boolean;
  /** Whether the rows have checkboxes. */
  selectable: boolean;
  onSelectPage: (on: boolean) => void;
}

export function Table({
  query,
  view,
  columns,
  compact,
  selectable,
  stale,
  disabled,
  selected,
  onSelect,
  onSelectPage,
}: TableProps) {
  const pointer = useRowPointer();
  const candidates = view.orders.filter(isSelectable);
  const count = candidates.filter(({ id }) => selected.has(id)).length;
  return (
    <table
      className={compact ? 'orders compact' : 'orders'}
      aria-busy={view.loading || undefined}
      inert={stale}
      {...pointer}
    >
      <caption className="hidden">Orders</caption>
      <colgroup>
        {selectable && <col className="select" />}
        <col className="order" />
        {columns.map((column) => (
          <col key={column} className={column} />
        ))}
      </colgroup>
      <thead>
        <tr>
          {selectable &&
            (candidates.length === 0 ? (
              <td className="select" /> // a header cell must not be empty
            ) : (
              <th className="select">
                <SelectAll
                  disabled={disabled}
                  checked={count === candidates.length}
                  mixed={count > 0 && count < candidates.length}
                  onChange={onSelectPage}
                />
              </th>
            ))}
          <th scope="col">Order</th>
          {columns.map((column) => (
            <Heading key={column} column={column} query={query} />
          ))}
        </tr>
      </thead>
      <tbody>
        {view.orders.map((order) => (
          <Row
            key={order.id}
            order={order}
            columns={columns}
            selectable={selectable}
            disabled={disabled}
            selected={selected.has(order.id)}
            {...rowProps(view, order)}
            onSelect={onSelect}
          />
        ))}
      </tbody>
    </table>
  );
}

interface SelectAllProps {
  disabled: boolean;
  checked: boolean;
  mixed: boolean;
  onChange: (on: boolean) => void;
}

function SelectAll({ disabled, checked, mixed, onChange }: SelectAllProps) {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = mixed;
  });
  return (
    <label className="select-box">
      <input
        ref={box}
        type="checkbox"
        aria-label="Select all cancellable orders"
        disabled={disabled}
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
    </label>
  );
}

/** The sorts of a column: first the one of the first click. */
const columnSorts: Partial<Record<Column, readonly [Sort, Sort]>> = {
  total: ['-total', 'total'],
  created: ['-created', 'created'],
  updated: ['-updated', 'updated'],
};

function Heading({ column, query }: { column: Column; query: ListQuery }) {
  const sorts = sortable(column, query) ? columnSorts[column] : undefined;
  if (!sorts)
    return (
      <th
        scope="col"
        className={column}
        title={columnSorts[column] && 'To sort by total, filter by currency'}
      >
        {columnNames[column]}
      </th>
    );
  const sorted = sorts.includes(query.sort);
  const descending = query.sort.startsWith('-');
  const next = sorted ? (sorts.find((sort) => sort !== query.sort) ?? sorts[0]) : sorts[0];
  return (
    <th
      scope="col"
      className={column}
      aria-sort={sorted ? (descending ? 'descending' : 'ascending') : undefined}
    >
      <Link className="sort" href={formatQuery(refine(query, { sort: next }))}>
        {columnNames[column]}
        <span aria-hidden="true">{(sorted ? descending : next.startsWith('-')) ? '↓' : '↑'}</span>
      </Link>
    </th>
  );
}

/** Totals of several currencies can’t be compared. */
function sortable(column: Column, query: ListQuery): boolean {
  return column !== 'total' || query.currency !== undefined;
}

interface RowProps {
  order: OrderSummary;
  columns: readonly Column[];
  selectable: boolean;
  /** Whether the row can't be selected now. */
  disabled: boolean;
  selected: boolean;
  className: string | undefined;
  /** Whether the order left the filter of the list. */
  left: boolean;
  onSelect: RowsProps['onSelect'];
}

/** Renders again only when its own order changes. */
const Row = memo(function Row({
  order,
  columns,
  selectable,
  disabled,
  selected,
  className,
  left,
  onSelect,
}: RowProps) {
  const [first] = useState(order.version);
  return (
    <tr data-order={order.id} className={className} aria-selected={selected || undefined}>
      {selectable && (
        <td className="select">
          <SelectBox order={order} disabled={disabled} selected={selected} onSelect={onSelect} />
        </td>
      )}
      <th scope="row">
        <Link className="order-id" href={`/orders/${order.id}`} title={order.id}>
          <OrderId id={order.id} />
        </Link>
      </th>
      {columns.map((column) => (
        <td key={column} className={column}>
          {changing.includes(column) ? (
            // A new key starts the animation again.
            <span key={order.version} className={order.version > first ? 'flash' : undefined}>
              {cells[column](order, left)}
            </span>
          ) : (
            cells[column](order, left)
          )}
        </td>
      ))}
    </tr>
  );
});

/** The columns that change with the order. */
const changing: readonly Column[] = ['status', 'updated'];

const cells: Record<Column, (order: OrderSummary, left: boolean) => ReactNode> = {
  customer: ({ customer }) => <CustomerLink customer={customer} />,
  items: (order) => <span title={allItems(order)}>{itemNames(order)}</span>,
  status: (order, left) => <Status order={order} left={left} />,
  total: ({ total, currency }) => money(total, currency),
  created: ({ createdAt }) => <At at={createdAt} />,
  updated: ({ updatedAt }) => <At at={updatedAt} />,
};
