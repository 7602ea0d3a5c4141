import type { CSSProperties, ReactNode } from 'react';
import type { HistoryEntry, Order, Role } from '../../api/types';
import { clockTime, duration, nameOf } from '../../domain/format';
import { useServices } from '../../services';
import { useNow } from '../../ui/now';
import { Time } from '../../ui/Time';

interface Step {
  name: string;
  state: 'done' | 'current' | 'ahead' | 'failed';
  detail: ReactNode;
  /** How much of the line to the next step is filled, from 0 to 1. */
  filled?: number;
}

/** The steps of the order on one line: placed, paid, delivered, or where it was cancelled, by whom and why. */
export function Progress({ order }: { order: Order }) {
  const { role } = useServices().session;
  const now = useNow();
  return (
    <section className="card progress" aria-label="Progress" data-status={order.status}>
      <ol>
        {stepsOf(order, role, now).map(({ name, state, detail, filled = 0 }) => (
          <li key={name} className={state} aria-current={state === 'current' ? 'step' : undefined}>
            <div>
              <strong>{name}</strong>
              <small>{detail}</small>
            </div>
            <i aria-hidden="true">
              <i style={{ '--filled': filled } as CSSProperties} />
            </i>
          </li>
        ))}
      </ol>
    </section>
  );
}

function stepsOf(order: Order, role: Role, now: number): Step[] {
  const { status, createdAt, updatedAt, deliverAt, history, payment } = order;
  const moment = (at: string | undefined) => (at === undefined ? null : <Time at={at} absolute />);
  const placed: Step = { name: 'Placed', state: 'done', detail: moment(createdAt), filled: 1 };
  const paidAt =
    history.find(({ cause }) => cause === 'payment-confirmed')?.at ??
    (status === 'confirmed' ? updatedAt : undefined);
  const paid: Step = { name: 'Paid', state: 'done', detail: moment(paidAt), filled: 1 };
  switch (status) {
    case 'created': {
      const waited = duration(wholeUnits(now - Date.parse(createdAt)));
      const tries = role === 'operator' && payment.attempts > 1 ? `, attempt ${payment.attempts}` : '';
      return [
        placed,
        { name: 'Awaiting payment', state: 'current', detail: `${waited}${tries}` },
        { name: 'Delivery', state: 'ahead', detail: 'after the payment' },
      ];
    }
    case 'confirmed': {
      const [from, to] = [Date.parse(paidAt ?? updatedAt), Date.parse(deliverAt ?? updatedAt)];
      const passed = Math.min(1, Math.max(0, (now - from) / Math.max(1, to - from)));
      return [
        placed,
        { ...paid, filled: passed },
        {
          name: `Delivery ${role === 'customer' ? byTheHour(to, now) : clockTime(to, now)}`,
          state: 'current',
          detail: <TimeLeft left={to - now} />,
        },
      ];
    }
    case 'delivered':
      return [placed, paid, { name: 'Delivered', state: 'done', detail: moment(updatedAt) }];
    case 'cancelled':
      return [placed, ...(paidAt === undefined ? [] : [paid]), cancelled(order, history.at(-1), role)];
  }
}

function cancelled(
  { updatedAt, lastChange, cancellation }: Order,
  last: HistoryEntry | undefined,
  role: Role,
): Step {
  const change = lastChange ?? last ?? cancellation;
  const reason = change?.reason ?? cancellation?.reason;
  const declined = (change?.by ?? cancellation?.by) === 'payment';
  const by =
    change === undefined
      ? ''
      : ` by ${role === 'customer' && change.by === 'customer' ? 'you' : nameOf(change)}`;
  return {
    name: declined ? 'Payment declined' : `Cancelled${by}`,
    state: 'failed',
    detail: (
      <>
        <Time at={updatedAt} absolute />
        {reason !== undefined && <q title={reason}>{reason}</q>}
      </>
    ),
  };
}

function TimeLeft({ left }: { left: number }) {
  return (
    <span role="timer" aria-label="Time until delivery">
      {left > 0 ? `in ${duration(Math.ceil(left / 1000))}` : 'any moment now'}
    </span>
  );
}

const HOUR = 3_600_000;

/** Customers plan by the hour: `by 15:00`, or the exact time when it is less than an hour away. */
function byTheHour(at: number, now: number): string {
  return at - now < HOUR ? clockTime(at, now) : `by ${clockTime(Math.ceil(at / HOUR) * HOUR, now)}`;
}

/** Whole seconds below a minute, whole minutes from there on, from ms. */
export function wholeUnits(ms: number): number {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 60 ? seconds : seconds - (seconds % 60);
}
