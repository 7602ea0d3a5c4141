import type { OrderSummary } from '../../api/types';
import { money, shortId } from '../../domain/format';
import { inState } from '../../domain/query';
import { isSelectable } from '../../domain/selection';
import type { ListView } from '../../live/list';
import { Link } from '../../ui/router';
import { At, itemNames, OrderId, Status } from './cells';
import { useLongPress } from './useLongPress';

export interface RowsProps {
  view: ListView;
  /** The rows belong to another query. */
  stale: boolean;
  /** Whether no row can be selected now. */
  disabled: boolean;
  selected: ReadonlyMap<string, unknown>;
  /** `range` is whether to extend the selection to this row. */
  onSelect: (id: string, on: boolean, range: boolean) => void;
}

/** Whether a listed order left its filter by a change, and the class of its row. */
export function rowProps({ query, added }: ListView, order: OrderSummary) {
  const left = query !== undefined && !inState(query, order);
  const className = left ? 'left' : order.attention ? 'attention' : added.has(order.id) ? 'added' : undefined;
  return { left, className };
}

/** The orders as cards. With `selecting`, a card is selected instead of opened. */
export function Cards({
  view,
  stale,
  disabled,
  selected,
  selecting,
  onSelect,
  onLongPress,
}: RowsProps & {
  selecting: boolean;
  /** Called with the order whose card is touched for long. */
  onLongPress: (id: string) => void;
}) {
  const touch = useLongPress(onLongPress);
  return (
    <ul className="cards" aria-busy={view.loading || undefined} inert={stale} {...touch}>
      {view.orders.map((order) => {
        const { left, className } = rowProps(view, order);
        return (
          <li key={order.id} data-order={order.id} className={className}>
            {selecting && (
              <SelectBox
                order={order}
                disabled={disabled}
                selected={selected.has(order.id)}
                onSelect={onSelect}
              />
            )}
            <Link className="name" href={`/orders/${order.id}`}>
              {order.customer}
            </Link>
            <strong>{money(order.total, order.currency)}</strong>
            <span className="what">{itemNames(order)}</span>
            <At at={order.createdAt} />
            <span className="status">
              <Status order={order} left={left} />
            </span>
            <span className="order-id">
              <OrderId id={order.id} />
            </span>
          </li>
        );
      })}
    </ul>
  );
}

interface SelectBoxProps {
  order: OrderSummary;
  disabled: boolean;
  selected: boolean;
  onSelect: RowsProps['onSelect'];
}

/** The label fills the cell or card, so that a click beside the box selects too. Final orders have no box. */
export function SelectBox({ order, disabled, selected, onSelect }: SelectBoxProps) {
  if (!isSelectable(order)) return null;
  return (
    <label className="select-box">
      <input
        type="checkbox"
        aria-label={`Select order ${shortId(order.id)}`}
        disabled={disabled}
        checked={selected}
        onChange={(event) =>
          onSelect(order.id, event.target.checked, (event.nativeEvent as MouseEvent).shiftKey)
        }
      />
    </label>
  );
}

export function Skeleton({ rows }: { rows: number }) {
  return (
    <div role="status" aria-label="Loading orders">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="skeleton row" />
      ))}
    </div>
  );
}
