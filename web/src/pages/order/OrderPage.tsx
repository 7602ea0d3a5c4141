import { useMachine } from '@xstate/react';
import { Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { fromObservable, fromPromise } from 'xstate';
import { toPromise } from '../../api/client';
import { explain, isTemporary } from '../../api/problem';
import type { Order } from '../../api/types';
import { clockTime, nameOf, shortId } from '../../domain/format';
import { isUndoable } from '../../live/holds';
import { watchOrder } from '../../live/order';
import { setTitle } from '../../ui/title';
import { useServices } from '../../services';
import { lazyPart } from '../../ui/lazyPart';
import { prefersReducedMotion } from '../../ui/media';
import { Message } from '../../ui/Message';
import { useNow } from '../../ui/now';
import { useShortcuts } from '../../ui/shortcuts';
import { ActivityCard } from './ActivityCard';
import { CancelDialog } from './CancelDialog';
import { Crumbs, Head } from './Head';
import { Items } from './Items';
import { type OrderPageContext, orderPageMachine } from './order-page.machine';
import { OrderAgain } from './OrderAgain';
import { Progress } from './Progress';
import { CustomerCard, DetailsCard, PaymentCard } from './Sidebar';
import { StateMachine } from './StateMachine';
import { useCopy } from './useCopy';
import { useNeighbours } from './useNeighbours';
import { WaitNotice } from './WaitNotice';

const Inspect = lazyPart(() => import('./Inspect'));

export default function OrderPage({ id }: { id: string }) {
  const { api, cancels, clock, feed, holds, session, toasts, lastList } = useServices();
  const machine = useMemo(
    () =>
      orderPageMachine.provide({
        actors: {
          watch: fromObservable(({ input }) => {
            const known = lastList.view?.orders.find((order) => order.id === input.id);
            return watchOrder(input.id, { order: api.order, feed, known });
          }),
          cancel: fromPromise(({ input, signal }) =>
            toPromise(cancels.cancel(input.id, input.reason), signal),
          ),
          released: fromPromise(({ input }) => holds.released(input.id)),
          waiting: fromObservable(({ input }) => cancels.waiting$(input.id)),
        },
        guards: {
          undoable: ({ context: { order } }) => order !== undefined && isUndoable(order, clock.now()),
        },
        actions: {
          holdCancel: (_, { id, reason }) => holds.hold(id, reason),
          stopCancel: (_, { id }) => cancels.stop(id),
        },
      }),
    [api, cancels, clock, feed, holds, lastList],
  );
  const [state, send] = useMachine(machine, {
    input: { id, cancelling: cancels.running(id), held: holds.held(id) },
  });
  const { order } = state.context;
  const cancelled = state.matches('cancelled');
  const cancelling = state.matches('cancelling');
  const waiting = cancelling && state.context.waiting;
  const quiet = cancelling && state.context.quiet;
  const copy = useCopy();
  const neighbours = useNeighbours(id);
  useShortcuts({
    c: () => send({ type: 'ASK' }),
    y: () => copy('Order ID', id),
    '[': () => neighbours?.previous?.(),
    ']': () => neighbours?.next?.(),
  });
  useEffect(() => {
    setTitle(`Order ${shortId(id)}`);
  }, [id]);
  useEffect(() => {
    if (cancelled) toasts.show('Order cancelled', { order: id });
  }, [cancelled, id, toasts]);

  if (state.matches('missing')) {
    return (
      <>
        <Crumbs id={id} />
        <Message title="Order not found" level={1}>
          <p>Check the link; you may not have access to it.</p>
        </Message>
      </>
    );
  }
  if (!order) {
    return (
      <>
        <Crumbs id={id} />
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
      <Crumbs id={id} />
      <Head
        order={order}
        actions={
          <>
            {session.role === 'customer' && <OrderAgain order={order} />}
            {state.matches('holding') && (
              <button type="button" onClick={() => holds.undo(id)}>
                Undo cancellation
              </button>
            )}
            {quiet && !waiting && (
              <button type="button" disabled>
                Cancelling…
              </button>
            )}
            {state.can({ type: 'ASK' }) && (
              <button type="button" className="danger" onClick={() => send({ type: 'ASK' })}>
                Cancel order
              </button>
            )}
          </>
        }
      />
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
      <Parts {...state.context} order={order} />
      {(state.matches('confirming') || (cancelling && !waiting && !quiet)) && (
        <CancelDialog
          order={order}
          reason={state.context.reason}
          error={state.context.refusal}
          busy={cancelling}
          undoable={isUndoable(order, clock.now())}
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

/** The answers first, then what they rest on. */
function Parts({ order, error }: OrderPageContext & { order: Order }) {
  const { role } = useServices().session;
  const flash = useRef<HTMLDivElement>(null);
  const [repairAsked, setRepairAsked] = useState(0);
  const { version } = order;
  useEffect(() => {
    if (version > 1 && !prefersReducedMotion())
      flash.current?.animate([{ opacity: 0.6 }, { opacity: 1 }], { duration: 300 });
  }, [version]);
  return (
    <div ref={flash}>
      <Progress order={order} />
      <WaitNotice order={order} onRetry={() => setRepairAsked(repairAsked + 1)} />
      {role === 'customer' && order.payment.status === 'declined' && (
        <div className="banner bad">Your payment was declined. Nothing was charged.</div>
      )}
      <div className="columns">
        <div>
          <Items order={order} />
          <ActivityCard order={order} error={error} />
          {role === 'operator' && <StateMachine order={order} />}
        </div>
        <div>
          {role === 'operator' && <CustomerCard customer={order.customer} />}
          <PaymentCard order={order} />
          <DetailsCard order={order} />
          {role === 'operator' && (
            <Suspense fallback={<div className="skeleton parts" role="status" aria-label="Loading" />}>
              <Inspect order={order} asked={repairAsked} />
            </Suspense>
          )}
        </div>
      </div>
    </div>
  );
}
