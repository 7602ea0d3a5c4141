import { useMachine } from '@xstate/react';
import { useEffect, useMemo, useRef } from 'react';
import { fromObservable, fromPromise } from 'xstate';
import { toPromise } from '../../api/client';
import { explain, isTemporary, sentence } from '../../api/problem';
import type { Order } from '../../api/types';
import { Link } from '../../ui/router';
import { useServices } from '../../services';
import { clockTime, money, nameOf, paymentNames, shortId, statusNames } from '../../domain/format';
import { prefersReducedMotion } from '../../ui/media';
import { Message } from '../../ui/Message';
import { useNow } from '../../ui/now';
import { useShortcuts } from '../../ui/shortcuts';
import { StatusChip } from '../../ui/StatusChip';
import { Time } from '../../ui/Time';
import { CancelDialog } from './CancelDialog';
import { Diagram } from './Diagram';
import { watchOrder } from '../../live/order';
import { type OrderPageContext, orderPageMachine } from './order-page.machine';
import { PaymentNotice } from './PaymentNotice';
import { DeliveryCountdown } from './DeliveryCountdown';
import { Timeline } from './Timeline';

export default function OrderPage({ id }: { id: string }) {
  const { api, cancels, feed, toasts, lastList } = useServices();
  const machine = useMemo(
    () =>
      orderPageMachine.provide({
        actors: {
          watch: fromObservable(({ input }) => watchOrder(input.id, { order: api.order, feed })),
          cancel: fromPromise(({ input, signal }) =>
            toPromise(cancels.cancel(input.id, input.reason), signal),
          ),
          waiting: fromObservable(({ input }) => cancels.waiting$(input.id)),
        },
        actions: { stopCancel: (_, { id }) => cancels.stop(id) },
      }),
    [api, cancels, feed],
  );
  const [state, send] = useMachine(machine, { input: { id, cancelling: cancels.running(id) } });
  const { order } = state.context;
  const cancelled = state.matches('cancelled');
  const waiting = state.matches('cancelling') && state.context.waiting;
  useShortcuts({ c: () => send({ type: 'ASK' }) });
  useEffect(() => {
    document.title = `Order ${shortId(id)}`;
  }, [id]);
  useEffect(() => {
    if (cancelled) toasts.show('Order cancelled', { order: id });
  }, [cancelled, id, toasts]);

  const back = (
    <Link className="back" href={lastList.address || '/'}>
      ← Orders
    </Link>
  );
  if (state.matches('missing')) {
    return (
      <>
        {back}
        <Message title="Order not found" level={1}>
          <p>Check the link; you may not have access to it.</p>
        </Message>
      </>
    );
  }
  if (!order) {
    return (
      <>
        {back}
        {state.matches('failed') ? (
          <Message title="Couldn’t load the order" level={1}>
            <p role="alert">
              {explain(state.context.error)}
              {isTemporary(state.context.error) && ' Retrying…'}
            </p>
          </Message>
        ) : (
          <div className="skeleton page" role="status" aria-label="Loading order" />
        )}
      </>
    );
  }
  return (
    <>
      {back}
      <div className="head">
        <h1>
          Order <code title={order.id}>{shortId(order.id)}</code>
        </h1>
        <span data-testid="status" aria-live="polite">
          <StatusChip status={order.status} />
        </span>
        {state.can({ type: 'ASK' }) && (
          <button type="button" className="danger" onClick={() => send({ type: 'ASK' })}>
            Cancel order
          </button>
        )}
      </div>
      {state.matches('overtaken') && (
        <div className="banner" role="alert">
          <Overtaken {...state.context} />{' '}
          <button type="button" onClick={() => send({ type: 'DISMISS' })}>
            OK
          </button>
        </div>
      )}
      {state.matches('cancelFailed') && (
        <div className="banner bad" role="alert">
          We couldn’t confirm the cancellation. {explain(state.context.refusal)} It’s safe to try again.{' '}
          <button type="button" onClick={() => send({ type: 'RETRY' })}>
            Retry
          </button>{' '}
          <button type="button" className="quiet" onClick={() => send({ type: 'DISMISS' })}>
            Dismiss
          </button>
        </div>
      )}
      {waiting && (
        <div className="banner" role="status">
          Orders can’t be cancelled right now. Retrying automatically; you can leave this page.{' '}
          <button type="button" onClick={() => send({ type: 'DISMISS' })}>
            Stop retrying
          </button>
        </div>
      )}
      <PaymentNotice order={order} />
      <Details order={order} />
      {(state.matches('confirming') || (state.matches('cancelling') && !waiting)) && (
        <CancelDialog
          order={order}
          reason={state.context.reason}
          error={state.context.refusal}
          busy={state.matches('cancelling')}
          ready={state.can({ type: 'CONFIRM', reason: '' })}
          onConfirm={(reason) => send({ type: 'CONFIRM', reason })}
          onClose={() => send({ type: 'DISMISS' })}
        />
      )}
    </>
  );
}

/** Why the order can no longer be cancelled. */
function Overtaken({ order, refusal, cancelledBefore }: OrderPageContext) {
  const now = useNow();
  const at = clockTime(Date.parse(order?.updatedAt ?? ''), now);
  if (order?.status === 'delivered') return <>Too late: the order was delivered at {at}.</>;
  if (order?.status === 'cancelled') {
    const change = order.lastChange ?? order.cancellation;
    return (
      <>
        This order was cancelled{change && ` by ${nameOf(change)}`} at {at}.
        {cancelledBefore && ' Nothing changed.'}
      </>
    );
  }
  return <>{explain(refusal)}</>;
}

function Details({ order }: { order: Order }) {
  const flash = useRef<HTMLDivElement>(null);
  const { version } = order;
  useEffect(() => {
    if (version > 1 && !prefersReducedMotion())
      flash.current?.animate([{ opacity: 0.6 }, { opacity: 1 }], { duration: 300 });
  }, [version]);
  return (
    <div className="details" ref={flash}>
      <section className="card wide" aria-labelledby="progress">
        <h2 id="progress">Progress</h2>
        <Diagram status={order.status} history={order.history} />
      </section>
      <section className="card" aria-labelledby="items">
        <h2 id="items">Items</h2>
        <table className="lines">
          <thead>
            <tr>
              <th scope="col">Item</th>
              <th scope="col" className="total">
                Quantity
              </th>
              <th scope="col" className="total">
                Price
              </th>
              <th scope="col" className="total">
                Amount
              </th>
            </tr>
          </thead>
          <tbody>
            {order.items.map((item, i) => (
              <tr key={i}>
                <th scope="row">
                  {item.name} <small className="soft">{item.sku}</small>
                </th>
                <td className="total">{item.quantity.toLocaleString()}</td>
                <td className="total">{money(item.unitPrice, order.currency)}</td>
                <td className="total">{money(item.quantity * item.unitPrice, order.currency)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={3}>
                Total
              </th>
              <td className="total">{money(order.total, order.currency)}</td>
            </tr>
          </tfoot>
        </table>
      </section>
      <section className="card" aria-labelledby="details">
        <h2 id="details">Details</h2>
        {order.status === 'confirmed' && order.deliverAt && (
          <DeliveryCountdown order={order} deliverAt={order.deliverAt} />
        )}
        <dl>
          <dt>Status</dt>
          <dd>{statusNames[order.status]}</dd>
          <dt>Customer</dt>
          <dd>{order.customer}</dd>
          <dt>Payment</dt>
          <dd>
            {paymentNames[order.payment.status]}
            {order.payment.reason && <span className="soft"> ({order.payment.reason})</span>}
            {order.payment.attempts > 1 && (
              <span className="soft"> after {order.payment.attempts} attempts</span>
            )}
          </dd>
          {order.payment.lastError !== undefined && (
            <>
              <dt>Last payment error</dt>
              <dd>
                {sentence(order.payment.lastError)}
                {order.payment.lastErrorAt !== undefined && (
                  <>
                    {' '}
                    <Time at={order.payment.lastErrorAt} />
                  </>
                )}
              </dd>
            </>
          )}
          {order.cancellation && (
            <>
              <dt>Cancelled by</dt>
              <dd>
                {nameOf(order.lastChange ?? order.cancellation)}
                {order.cancellation.reason && <q>{order.cancellation.reason}</q>}
              </dd>
            </>
          )}
          <dt>Created</dt>
          <dd>
            <Time at={order.createdAt} />
          </dd>
          <dt>Updated</dt>
          <dd>
            <Time at={order.updatedAt} />
          </dd>
          {order.deliverAt && (
            <>
              <dt>{order.status === 'delivered' ? 'Delivery was due' : 'Delivery'}</dt>
              <dd>
                <Time at={order.deliverAt} />
              </dd>
            </>
          )}
          <dt>Version</dt>
          <dd>{order.version}</dd>
          <dt>Order ID</dt>
          <dd>
            <code className="id">{order.id}</code>
          </dd>
        </dl>
      </section>
      <section className="card" aria-labelledby="history">
        <h2 id="history">History</h2>
        <Timeline history={order.history} />
      </section>
    </div>
  );
}
