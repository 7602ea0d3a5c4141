import { useMemo } from 'react';
import { catchError, map, of } from 'rxjs';
import type { Counts, Order } from '../../api/types';
import { dateTime, money, paymentNames, plural } from '../../domain/format';
import { useServices } from '../../services';
import { Link } from '../../ui/router';
import { Time } from '../../ui/Time';
import { useObservable } from '../../ui/useObservable';
import { Copyable } from './Copyable';

/** The list of a customer's orders. */
export const ordersOf = (customer: string) => `/?${new URLSearchParams({ customer }).toString()}`;

export function CustomerCard({ customer }: { customer: string }) {
  const { api } = useServices();
  const counts$ = useMemo(
    () =>
      api.counts({ customer }).pipe(
        map(({ counts, atLeast = [] }) => (atLeast.length === 0 ? counts : undefined)),
        catchError(() => of(undefined)), // the page works without
      ),
    [api, customer],
  );
  const counts = useObservable<Counts | undefined>(counts$, undefined);
  return (
    <section className="card" aria-labelledby="customer">
      <h2 id="customer">Customer</h2>
      <Link href={ordersOf(customer)}>{customer}</Link>
      <div className="soft line">{counts && summaryOf(counts)}</div>
    </section>
  );
}

function summaryOf({ created, confirmed, delivered, cancelled }: Counts): string {
  const all = plural(created + confirmed + delivered + cancelled, 'order');
  return cancelled === 0 ? all : `${all} · ${cancelled.toLocaleString()} cancelled`;
}

export function PaymentCard({ order: { payment, total, currency } }: { order: Order }) {
  const operator = useServices().session.role === 'operator';
  return (
    <section className="card" aria-labelledby="payment">
      <h2 id="payment">Payment</h2>
      <dl>
        <dt>Status</dt>
        <dd>{paymentNames[payment.status]}</dd>
        {payment.reason !== undefined && (
          <>
            <dt>Reason</dt>
            <dd>{payment.reason}</dd>
          </>
        )}
        <dt>Amount</dt>
        <dd>{money(total, currency)}</dd>
        {operator && (
          <>
            <dt>Attempts</dt>
            <dd>{payment.attempts.toLocaleString()}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

export function DetailsCard({ order }: { order: Order }) {
  const operator = useServices().session.role === 'operator';
  return (
    <section className="card" aria-labelledby="details">
      <h2 id="details">Details</h2>
      <dl>
        <dt>Order ID</dt>
        <dd>
          <Copyable name="order ID" text={order.id} />
        </dd>
        <dt>Placed</dt>
        <dd>{dateTime(order.createdAt)}</dd>
        <dt>Updated</dt>
        <dd>
          <Time at={order.updatedAt} />
        </dd>
        {operator && order.deliverAt && (
          <>
            <dt>{order.status === 'delivered' ? 'Delivery was due' : 'Delivery'}</dt>
            <dd>{dateTime(order.deliverAt)}</dd>
          </>
        )}
      </dl>
    </section>
  );
}
