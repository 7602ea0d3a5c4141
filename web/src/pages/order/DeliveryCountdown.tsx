import { useMemo } from 'react';
import { interval, map, startWith } from 'rxjs';
import type { OrderSummary } from '../../api/types';
import { useServices } from '../../services';
import { duration, exactTime } from '../../domain/format';
import { useObservable } from '../../ui/useObservable';

const radius = 26;
const circumference = 2 * Math.PI * radius;

/** The time until the delivery, by the server's clock. */
export function DeliveryCountdown({ order, deliverAt }: { order: OrderSummary; deliverAt: string }) {
  const { clock } = useServices();
  const left$ = useMemo(() => {
    const left = () => Math.max(0, Date.parse(deliverAt) - clock.now());
    return interval(250).pipe(startWith(0), map(left));
  }, [clock, deliverAt]);
  const whole = Math.max(1, Date.parse(deliverAt) - Date.parse(order.updatedAt));
  const left = useObservable(left$, whole);
  return (
    <div className="ring" role="timer" aria-label="Time until delivery" title={exactTime(deliverAt)}>
      <svg viewBox="0 0 64 64" aria-hidden="true">
        <circle cx="32" cy="32" r={radius} />
        <circle
          className="left"
          cx="32"
          cy="32"
          r={radius}
          strokeDasharray={circumference}
          strokeDashoffset={circumference * (1 - Math.min(1, left / whole))}
        />
      </svg>
      <span>{left > 0 ? `Delivery in ${duration(Math.ceil(left / 1000))}` : 'Delivery any moment now'}</span>
    </div>
  );
}
