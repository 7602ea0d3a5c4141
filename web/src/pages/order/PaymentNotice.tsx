import { sentence } from '../../api/problem';
import type { Order } from '../../api/types';
import { duration } from '../../domain/format';
import { useNow } from '../../ui/now';

/** In ms. A payment usually takes less than a second. */
const LATE_AFTER = 30_000;

/** Explains why an order is still waiting for its payment. */
export function PaymentNotice({ order }: { order: Order }) {
  const waiting = Math.max(0, useNow() - Date.parse(order.createdAt));
  const seconds = Math.floor(waiting / 1000);
  const { attempts, lastError } = order.payment;
  if (order.status !== 'created' || (lastError === undefined && waiting < LATE_AFTER)) return null;
  return (
    <div className="banner">
      <div>
        Waiting for the payment service for {duration(seconds < 60 ? seconds : seconds - (seconds % 60))}.{' '}
        {/* Screen readers announce only this part, because the duration changes every minute. */}
        <span role="status">
          {lastError !== undefined && `Attempt ${attempts} failed: ${sentence(lastError)} `}
          Retrying automatically.
        </span>
      </div>
    </div>
  );
}
