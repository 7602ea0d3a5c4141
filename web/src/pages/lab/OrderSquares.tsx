import { memo } from 'react';
import { statuses } from '../../api/types';
import { plural, statusNames } from '../../domain/format';
import type { View } from './traffic';

/** A moving picture of the run: one square per order in the colour of its status, and counters. */
export const OrderSquares = memo(function OrderSquares({ view, crashes }: { view: View; crashes: number }) {
  const { orders } = view;
  const counts = statuses.map((status) => ({ status, n: orders.filter((one) => one === status).length }));
  const facts: [name: string, value: number][] = [
    ['Crashes', crashes],
    ['Requests sent again', view.retries],
    ['Lost answers', view.lost],
    ['Answers “unavailable”', view.unavailable],
    ['Cancels acknowledged', view.cancelled],
    ['Cancels too late', view.tooLate],
    ['Reads', view.reads],
    ['Events from the feed', view.events],
  ];
  return (
    <section className="card lab-orders" aria-label="Orders">
      <h2>{plural(orders.length, 'order')}</h2>
      <ul className="lab-legend">
        {counts.map(({ status, n }) => (
          <li key={status} className={status}>
            {statusNames[status]} <b>{n}</b>
          </li>
        ))}
      </ul>
      <div
        className="lab-squares"
        role="img"
        aria-label={counts.map(({ status, n }) => `${n} ${statusNames[status].toLowerCase()}`).join(', ')}
      >
        {orders.map((status, i) => (
          <i key={i} className={status} />
        ))}
      </div>
      <dl className="lab-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
});
