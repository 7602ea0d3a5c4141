import { useMemo } from 'react';
import { interval, map, startWith } from 'rxjs';
import type { OrderSummary } from '../../api/types';
import { useServices } from '../../session/services';
import { exactTime } from '../../domain/format';
import { useObservable } from '../../ui/useObservable';

const radius = 26;
const around = 2 * Math.PI * radius;

/** Counts down to the delivery on the server's clock. */
export function Ring({ order, deliverAt }: { order: OrderSummary; deliverAt: string }) {
  const { clock } = useServices();
  const left$ = useMemo(() => {
    const left = () => Math.max(0, Date.parse(deliverAt) - clock.now());
    return interval(250).pipe(startWith(0), map(left));
  }, [clock, deliverAt]);
  const whole = Math.max(1, Date.parse(deliverAt) - Date.parse(order.updatedAt));
  const left = useObservable(left$, whole);
  return (
    <div className="ring" role="timer" aria-label="Until delivery" title={exactTime(deliverAt)}>
      <svg viewBox="0 0 64 64" aria-hidden="true">
        <circle cx="32" cy="32" r={radius} />
        <circle
          className="left"
          cx="32"
          cy="32"
          r={radius}
          strokeDasharray={around}
          strokeDashoffset={around * (1 - Math.min(1, left / whole))}
        />
      </svg>
      <span>{left > 0 ? countdown(left) : 'any moment'}</span>
    </div>
  );
}

/** `1:05:09`, `5:09` or `9 s`. */
export function countdown(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
