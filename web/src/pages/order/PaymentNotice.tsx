import { sentence } from '../../api/problem';
import type { Order } from '../../api/types';
import { duration } from '../../domain/format';
import { useNow } from '../../ui/now';

/** A payment usually takes less than a second. */
const LATE_AFTER = 30_000;

/** Says why an order is still waiting for its payment, and that nothing has to be done. */
export function PaymentNotice({ order }: { order: Order }) {
  const waiting = Math.max(0, useNow() - Date.parse(order.createdAt));
  const seconds = Math.floor(waiting / 1000);
  const { attempts, lastError } = order.payment;
  if (order.status !== 'created' || (lastError === undefined && waiting < LATE_AFTER)) return null;
  return (
    <div className="banner">
      <div>
        Waiting for the payment service for {duration(seconds < 60 ? seconds : seconds - (seconds % 60))}.{' '}
        {/* Only this part is announced: the time changes too often. */}
        <span role="status">
          {lastError !== undefined && `Attempt ${attempts} failed: ${sentence(lastError)} `}
          Retrying automatically.
        </span>
      </div>
    </div>
  );
}
