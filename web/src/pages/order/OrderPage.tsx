import { useMachine } from '@xstate/react';
import { useEffect, useMemo, useRef } from 'react';
import { fromObservable, fromPromise } from 'xstate';
import { answer } from '../../api/client';
import { explain } from '../../api/problem';
import type { Order } from '../../api/types';
import { Link } from '../../ui/router';
import { useServices } from '../../session/services';
import { money, partyNames, paymentNames, shortId, statusNames } from '../../domain/format';
import { prefersReducedMotion } from '../../ui/media';
import { Message } from '../../ui/Message';
import { useShortcuts } from '../../ui/shortcuts';
import { StatusChip } from '../../ui/StatusChip';
import { Time } from '../../ui/Time';
import { CancelDialog } from './CancelDialog';
import { Diagram } from './Diagram';
import { watchOrder } from '../../live/order';
import { type OrderPageContext, orderPageMachine } from './order-page.machine';
import { PaymentNotice } from './PaymentNotice';
import { Ring } from './Ring';
import { Timeline } from './Timeline';

export default function OrderPage({ id }: { id: string }) {
  const { api, cancels, feed, toasts, lastList } = useServices();
  const machine = useMemo(
    () =>
      orderPageMachine.provide({
        actors: {
          watch: fromObservable(({ input }) => watchOrder(input.id, { order: api.order, feed })),
          cancel: fromPromise(({ input, signal }) => answer(cancels.cancel(input.id, input.reason), signal)),
        },
      }),
    [api, cancels, feed],
  );
  const [state, send] = useMachine(machine, { input: { id, cancelling: cancels.running(id) } });
  const { order } = state.context;
  const cancelled = state.matches('cancelled');
  useShortcuts({ c: () => send({ type: 'ASK' }) });
  useEffect(() => {
    document.title = `Order ${shortId(id)}`;
  }, [id]);
  useEffect(() => {
    if (cancelled) toasts.show(`Order ${shortId(id)} is cancelled.`);
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
        <Message title="There is no such order" level={1}>
          <p>It may be somebody else’s, or the address is incomplete.</p>
        </Message>
      </>
    );
  }
  if (!order) {
    return (
      <>
        {back}
        {state.matches('failed') ? (
          <Message title="The order did not load" level={1}>
            <p role="alert">{explain(state.context.error)} It is tried again by itself.</p>
          </Message>
        ) : (
          <div className="skeleton page" role="status" aria-label="Loading the order" />
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
          {overtaken(state.context)}{' '}
          <button type="button" onClick={() => send({ type: 'DISMISS' })}>
            OK
          </button>
        </div>
      )}
      {state.matches('cancelFailed') && (
        <div className="banner bad" role="alert">
          We don’t know whether the cancel arrived. {explain(state.context.refusal)} Repeating it is safe.{' '}
          <button type="button" onClick={() => send({ type: 'RETRY' })}>
            Cancel again
          </button>{' '}
          <button type="button" className="quiet" onClick={() => send({ type: 'DISMISS' })}>
            Leave it
          </button>
        </div>
      )}
      <PaymentNotice order={order} />
      <Details order={order} />
      {(state.matches('confirming') || state.matches('cancelling')) && (
        <CancelDialog
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

/** Who was faster than the cancel. */
function overtaken({ order, refusal, cancelledBefore }: OrderPageContext): string {
  if (order?.status === 'delivered')
    return 'The order was delivered before the cancel came: it stays delivered.';
  if (order?.status === 'cancelled') {
    const by = order.cancellation ? partyNames[order.cancellation.by] : 'somebody else';
    return `The order was cancelled by ${by} already${cancelledBefore ? '; your cancel changed nothing' : ''}.`;
  }
  return explain(refusal);
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
      <section className="card wide" aria-labelledby="way">
        <h2 id="way">Its way</h2>
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
                Sum
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
      <section className="card" aria-labelledby="facts">
        <h2 id="facts">Facts</h2>
        {order.status === 'confirmed' && order.deliverAt && (
          <Ring order={order} deliverAt={order.deliverAt} />
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
          {order.cancellation && (
            <>
              <dt>Cancelled by</dt>
              <dd>
                {partyNames[order.cancellation.by]}
                {order.cancellation.reason && <q>{order.cancellation.reason}</q>}
              </dd>
            </>
          )}
          <dt>Created</dt>
          <dd>
            <Time at={order.createdAt} />
          </dd>
          <dt>Changed</dt>
          <dd>
            <Time at={order.updatedAt} />
          </dd>
          {order.deliverAt && (
            <>
              <dt>{order.status === 'delivered' ? 'Was due' : 'Due'}</dt>
              <dd>
                <Time at={order.deliverAt} />
              </dd>
            </>
          )}
          <dt>Version</dt>
          <dd>{order.version}</dd>
          <dt>Id</dt>
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
