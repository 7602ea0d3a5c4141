import { useMachine } from '@xstate/react';
import { useMemo } from 'react';
import { fromObservable, fromPromise } from 'xstate';
import { toPromise } from '../../api/client';
import { explain, sentence } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';
import { useServices } from '../../services';
import { nameOf, plural, shortId } from '../../domain/format';
import { ReasonForm } from '../../ui/ReasonForm';
import { Dialog } from '../../ui/Dialog';
import { bulkMachine } from './bulk.machine';

interface BulkCancelProps {
  ids: readonly string[];
  /** Clears the selection. */
  onDone: () => void;
}

/** The bar with the number of selected orders, and the dialog that cancels them and shows the outcomes. */
export function BulkCancel({ ids, onDone }: BulkCancelProps) {
  const { cancels } = useServices();
  const machine = useMemo(
    () =>
      bulkMachine.provide({
        actors: {
          cancelMany: fromPromise(({ input, signal }) =>
            toPromise(cancels.cancelMany(input.ids, input.reason), signal),
          ),
          waiting: fromObservable(({ input }) => cancels.waiting$(input.ids[0] ?? '')),
        },
        actions: { stopCancel: (_, { ids }) => cancels.stop(ids[0] ?? '') },
      }),
    [cancels],
  );
  const [state, send] = useMachine(machine);
  const { context } = state;
  const close = () => {
    if (state.matches('done')) onDone();
    send({ type: 'DISMISS' });
  };
  const waiting = state.matches('cancelling') && context.waiting;
  const many = plural(context.ids.length, 'order');
  return (
    <>
      {ids.length > 0 && (
        <div className="bulk">
          <span>{ids.length.toLocaleString()} selected</span>
          <button type="button" className="danger" onClick={() => send({ type: 'ASK', ids })}>
            Cancel {plural(ids.length, 'order')}
          </button>
          <button type="button" className="quiet" onClick={onDone}>
            Clear
          </button>
        </div>
      )}
      {!state.matches('idle') && (
        <Dialog title={state.matches('done') ? summary(context.outcomes) : `Cancel ${many}?`} onClose={close}>
          {(state.matches('confirming') || (state.matches('cancelling') && !waiting)) && (
            <ReasonForm
              reason={context.reason}
              error={context.error}
              busy={state.matches('cancelling')}
              ready={state.can({ type: 'CONFIRM', reason: '' })}
              keep="Keep orders"
              confirm={`Cancel ${many}`}
              onConfirm={(reason) => send({ type: 'CONFIRM', reason })}
              onClose={close}
            />
          )}
          {waiting && (
            <>
              <p role="status">
                Orders can’t be cancelled right now. Retrying automatically; you can close this dialog.
              </p>
              <div className="actions">
                <button type="button" onClick={() => send({ type: 'STOP' })}>
                  Stop retrying
                </button>
                <button type="button" onClick={close}>
                  Close
                </button>
              </div>
            </>
          )}
          {state.matches('failed') && <p role="alert">{explain(context.error)}</p>}
          {state.matches('done') && (
            <ul className="outcomes">
              {context.outcomes.map((outcome) => (
                <li key={outcome.id} className={outcome.outcome}>
                  <code>{shortId(outcome.id)}</code> {describe(outcome)}
                </li>
              ))}
            </ul>
          )}
          {(state.matches('failed') || state.matches('done')) && (
            <div className="actions">
              <button type="button" onClick={close}>
                Close
              </button>
              {state.can({ type: 'RETRY' }) && (
                <button type="button" className="danger" onClick={() => send({ type: 'RETRY' })}>
                  Retry
                </button>
              )}
            </div>
          )}
        </Dialog>
      )}
    </>
  );
}

function summary(outcomes: readonly CancelOutcome[]): string {
  const cancelled = outcomes.filter(
    ({ outcome, changed }) => outcome === 'cancelled' && changed !== false,
  ).length;
  return `${cancelled.toLocaleString()} of ${plural(outcomes.length, 'order')} cancelled`;
}

function describe({ outcome, order, changed, problem }: CancelOutcome): string {
  if (outcome === 'cancelled') {
    const change = order?.lastChange ?? order?.cancellation;
    return changed === false ? `Already cancelled${change ? ` by ${nameOf(change)}` : ''}.` : 'Cancelled.';
  }
  if (outcome === 'not-found') return 'Order not found.';
  if (problem?.code === 'already-delivered') return 'Already delivered.';
  return sentence(problem?.detail ?? problem?.title ?? outcome);
}
