import { useMachine } from '@xstate/react';
import { useMemo, useState } from 'react';
import { fromPromise } from 'xstate';
import { answer } from '../api/client';
import { explain, sentence } from '../api/problem';
import type { CancelOutcome } from '../api/types';
import { useServices } from '../app/services';
import { plural, shortId } from '../orders/format';
import { Dialog } from '../ui/Dialog';
import { bulkMachine } from './bulk.machine';

interface BulkCancelProps {
  ids: readonly string[];
  /** The ticks have served. */
  onDone: () => void;
}

/** The bar over the ticked rows, and the dialog that cancels them and tells the outcome of each. */
export function BulkCancel({ ids, onDone }: BulkCancelProps) {
  const { api } = useServices();
  const machine = useMemo(
    () =>
      bulkMachine.provide({
        actors: {
          cancelMany: fromPromise(({ input, signal }) =>
            answer(api.cancelMany(input.ids, input.reason), signal),
          ),
        },
      }),
    [api],
  );
  const [state, send] = useMachine(machine);
  const [reason, setReason] = useState('');
  const { context } = state;
  const close = () => {
    if (state.matches('done')) onDone();
    setReason('');
    send({ type: 'DISMISS' });
  };
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
            Clear the selection
          </button>
        </div>
      )}
      {!state.matches('idle') && (
        <Dialog title={state.matches('done') ? 'Outcome' : `Cancel ${many}?`} onClose={close}>
          {(state.matches('confirming') || state.matches('cancelling')) && (
            <label>
              Reason (optional)
              <textarea
                value={reason}
                maxLength={500}
                rows={2}
                onChange={(event) => setReason(event.target.value)}
              />
            </label>
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
          <div className="actions">
            <button type="button" onClick={close} disabled={state.matches('cancelling')}>
              {state.matches('confirming') ? 'Keep them' : 'Close'}
            </button>
            {(state.matches('failed') || state.can({ type: 'RETRY' })) && (
              <button type="button" className="danger" onClick={() => send({ type: 'RETRY' })}>
                Try again
              </button>
            )}
            {(state.matches('confirming') || state.matches('cancelling')) && (
              <button
                type="button"
                className="danger"
                disabled={state.matches('cancelling')}
                onClick={() => send({ type: 'CONFIRM', reason })}
              >
                Cancel {many}
              </button>
            )}
          </div>
        </Dialog>
      )}
    </>
  );
}

function describe({ outcome, problem }: CancelOutcome): string {
  if (outcome === 'cancelled') return 'Cancelled.';
  return sentence(problem?.detail ?? problem?.title ?? outcome);
}
