import { sentence } from '../../api/problem';
import type { Order } from '../../api/types';
import { useNow } from '../../ui/now';

/** A payment usually takes less than a second. */
const LATE_AFTER = 30_000;

/** Says why an order is still waiting for its payment, and that nothing has to be done. */
export function PaymentNotice({ order }: { order: Order }) {
  const waiting = useNow() - Date.parse(order.createdAt);
  const { attempts, lastError } = order.payment;
  if (order.status !== 'created' || (lastError === undefined && waiting < LATE_AFTER)) return null;
  return (
    <div className="banner">
      <div>
        Waiting for the payment service for {duration(waiting)}.{' '}
        {/* Only this part is announced: the time changes too often. */}
        <span role="status">
          {lastError !== undefined && `Attempt ${attempts} failed: ${sentence(lastError)} `}
          It is retried automatically.
        </span>
      </div>
    </div>
  );
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** In the largest unit that fits, cut down: `8 min`. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [unit, size] = units.find(([, size]) => seconds >= size) ?? ['second', 1];
  return new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'short' }).format(
    Math.floor(seconds / size),
  );
}
