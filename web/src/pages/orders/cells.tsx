import type { AttentionReason, OrderSummary, Role } from '../../api/types';
import { exactTime, listTime, nameOf, roughDuration, shortId } from '../../domain/format';
import { useNowAs } from '../../ui/now';
import { useServices } from '../../services';
import { StatusChip } from '../../ui/StatusChip';

/** The last part of the id; its end, by which people tell orders apart, is bold. */
export function OrderId({ id }: Pick<OrderSummary, 'id'>) {
  const short = shortId(id);
  return (
    <>
      {short.slice(0, -6)}
      <b>{short.slice(-6)}</b>
    </>
  );
}

/** A time that does not tick: the time of day, with the date unless it is today. */
export function At({ at }: { at: string }) {
  const text = useNowAs((now) => listTime(at, now));
  return (
    <time dateTime={at} title={exactTime(at)}>
      {text}
    </time>
  );
}

/** The status, and what the order waits for. `left` is whether it left the filter of the list. */
export function Status({ order, left }: { order: OrderSummary; left: boolean }) {
  const { role } = useServices().session;
  const hint = useNowAs((now) => hintOf(order, now));
  return (
    <>
      {left && <span>moved to </span>}
      <StatusChip status={order.status} role={role}>
        {causeOf(order, role)}
      </StatusChip>
      {hint !== undefined && (
        <small
          className={order.attention ? 'warn' : 'soft'}
          title={order.deliverAt && exactTime(order.deliverAt)}
        >
          {hint}
        </small>
      )}
    </>
  );
}

/** Why and by whom an order was cancelled. */
function causeOf({ status, cancellation, lastChange }: OrderSummary, role: Role): string | undefined {
  if (status !== 'cancelled') return undefined;
  const by = lastChange?.cause === 'cancel' ? lastChange.by : cancellation?.by;
  if (lastChange?.cause === 'payment-declined' || by === 'payment') return 'Declined';
  if (role === 'customer') return undefined;
  if (by === 'customer') return 'Cancelled by customer';
  return by === 'operator' ? `Cancelled by ${nameOf(lastChange ?? { by })}` : undefined;
}

const attentionTexts: Record<AttentionReason, (waited: string) => string> = {
  unpaid: (waited) => `unpaid ${waited}`,
  overdue: (waited) => `due ${waited} ago`,
  'void-pending': (waited) => `void pending ${waited}`,
  inconsistent: () => 'inconsistent',
};

/** What the order waits for. It changes once a minute. */
function hintOf({ status, attention = [], updatedAt, deliverAt }: OrderSummary, now: number) {
  const [reason] = attention;
  const away = (at: string) => roughDuration(Math.abs(Date.parse(at) - now));
  if (reason)
    return attentionTexts[reason](away(reason === 'overdue' ? (deliverAt ?? updatedAt) : updatedAt));
  if (status !== 'confirmed' || deliverAt === undefined) return undefined;
  return Date.parse(deliverAt) > now ? `in ${away(deliverAt)}` : 'due';
}

export function itemNames({ items }: OrderSummary): string {
  const first = items[0];
  if (!first) return '';
  const more = items.length - 1;
  return `${first.quantity} × ${first.name}${more > 0 ? ` + ${more} more` : ''}`;
}

export function allItems({ items }: OrderSummary): string {
  return items.map(({ name, quantity }) => `${quantity} × ${name}`).join('\n');
}
