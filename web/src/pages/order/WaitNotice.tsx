import { sentence } from '../../api/problem';
import type { Order } from '../../api/types';
import { clockTime, duration } from '../../domain/format';
import { useServices } from '../../services';
import { useNow } from '../../ui/now';
import { wholeUnits } from './Progress';

/** In ms. A payment usually takes less than a second, and a delivery comes within a second. */
const LATE_AFTER = 30_000;
/** The longest pause between two attempts of the service for one order (orders-actor/reconcile). */
const RETRIES = 'Retrying at least every 30 s.';

interface Wait {
  /** What it waits for. The duration follows. */
  what: string;
  /** In ms. */
  since: number;
  detail: string;
}

/** Explains what a late order waits for, since when, and how often it is retried. */
export function WaitNotice({ order, onRetry }: { order: Order; onRetry?: (() => void) | undefined }) {
  const { role } = useServices().session;
  const now = useNow();
  const wait = role === 'operator' ? waitOf(order, now) : customersWait(order, now);
  if (wait === undefined) return null;
  return (
    <div className="banner warn wait">
      <div>
        <strong>
          {wait.what}
          {role === 'operator' && ` for ${duration(wholeUnits(now - wait.since))}`}.
        </strong>{' '}
        {/* Screen readers announce only this part, because the duration changes every minute. */}
        <span role="status">{wait.detail}</span>
      </div>
      {onRetry && role === 'operator' && (
        <button type="button" onClick={onRetry}>
          Try now…
        </button>
      )}
    </div>
  );
}

function waitOf(order: Order, now: number): Wait | undefined {
  const { status, payment, createdAt, updatedAt, deliverAt, attention = [] } = order;
  if (status === 'created') {
    const since = Date.parse(createdAt);
    const { attempts, lastError, lastErrorAt } = payment;
    if (lastError === undefined && now - since < LATE_AFTER) return undefined;
    const at = lastErrorAt === undefined ? '' : ` at ${clockTime(Date.parse(lastErrorAt), now)}`;
    const failure = lastError === undefined ? '' : `Attempt ${attempts} failed${at}: ${sentence(lastError)} `;
    return { what: 'Waiting for the payment service', since, detail: `${failure}${RETRIES}` };
  }
  if (status === 'confirmed' && deliverAt !== undefined) {
    const since = Date.parse(deliverAt);
    if (now - since < LATE_AFTER) return undefined;
    return {
      what: 'Waiting for the delivery',
      since,
      detail: `It was due at ${clockTime(since, now)}. ${RETRIES}`,
    };
  }
  if (attention.includes('void-pending')) {
    return {
      what: 'Waiting for the payment service to void the payment',
      since: Date.parse(updatedAt),
      detail: RETRIES,
    };
  }
  return undefined;
}

/** The same without the words of the service. */
function customersWait({ status, createdAt, deliverAt = '' }: Order, now: number): Wait | undefined {
  if (status === 'created' && now - Date.parse(createdAt) >= LATE_AFTER) {
    return {
      what: 'Your payment takes longer than usual',
      since: Date.parse(createdAt),
      detail: 'We keep trying, and you won’t be charged twice.',
    };
  }
  if (status === 'confirmed' && now - Date.parse(deliverAt) >= LATE_AFTER) {
    return {
      what: 'Your delivery is late',
      since: Date.parse(deliverAt),
      detail: 'We’re working on it.',
    };
  }
  return undefined;
}
