import type { SnapshotFrom } from 'xstate';
import { explain, sentence } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';
import { nameOf, plural, shortId } from '../../domain/format';
import { type BulkProgress, sizeOf } from '../../live/bulk';
import { Dialog } from '../../ui/Dialog';
import { ReasonForm } from '../../ui/ReasonForm';
import type { BulkEvent, bulkMachine } from './bulk.machine';

interface BulkDialogProps {
  state: SnapshotFrom<typeof bulkMachine>;
  send: (event: BulkEvent) => void;
  progress: BulkProgress | undefined;
  /** What is known about the orders to cancel. */
  summary: string | undefined;
  /** Called after the orders were cancelled and the dialog is closed. */
  onDone: () => void;
}

const presets = ['Customer request', 'Out of stock', 'Duplicate', 'Fraud'] as const;
/** More failures are only counted. */
const SHOWN_LIMIT = 100;

/** Asks for the reason, and shows progress and outcomes. */
export default function BulkDialog({ state, send, progress, summary, onDone }: BulkDialogProps) {
  const { target, reason, outcomes, error, stopped, waiting } = state.context;
  const close = () => {
    if (state.matches('done')) onDone();
    send({ type: 'DISMISS' });
  };
  const all = 'ids' in target ? '' : 'all ';
  const many = plural(sizeOf(target), 'order');
  const cancelling = state.matches('cancelling');
  const long = cancelling && state.can({ type: 'STOP' });
  return (
    <Dialog
      title={state.matches('done') ? title(outcomes, stopped) : `Cancel ${all}${many}?`}
      onClose={close}
    >
      {(state.matches('confirming') || (cancelling && !long)) && (
        <>
          <p>
            {summary ?? 'All orders that match the filters when the cancellation runs, on every page'}. Their
            payments will be voided. This can’t be undone.
          </p>
          <ReasonForm
            reason={reason}
            error={error}
            busy={cancelling}
            ready={state.can({ type: 'CONFIRM', reason: '' })}
            keep="Keep orders"
            confirm={`Cancel ${many}`}
            presets={presets}
            onConfirm={(text) => send({ type: 'CONFIRM', reason: text })}
            onClose={close}
          />
        </>
      )}
      {long && (
        <>
          {waiting && (
            <p role="status">
              Orders can’t be cancelled right now. Retrying automatically; you can close this dialog.
            </p>
          )}
          {progress && (
            <label className="progress">
              {progress.done.toLocaleString()} of {plural(progress.total, 'order')}
              <progress value={progress.done} max={progress.total} />
            </label>
          )}
          <div className="actions">
            <button type="button" disabled={progress?.stopping} onClick={() => send({ type: 'STOP' })}>
              {waiting ? 'Stop retrying' : progress?.stopping ? 'Stopping…' : 'Stop'}
            </button>
            <button type="button" onClick={close}>
              Close
            </button>
          </div>
        </>
      )}
      {state.matches('failed') && <p role="alert">{explain(error)}</p>}
      {state.matches('done') && <Outcomes outcomes={outcomes} />}
      {(state.matches('failed') || state.matches('done')) && (
        <div className="actions">
          <button type="button" onClick={close}>
            Close
          </button>
          {state.can({ type: 'RETRY' }) && (
            <button type="button" className="danger" onClick={() => send({ type: 'RETRY' })}>
              Retry {state.matches('done') && outcomes.filter(isFailed).length.toLocaleString()}
            </button>
          )}
        </div>
      )}
    </Dialog>
  );
}

const isDone = ({ outcome, changed }: CancelOutcome) => outcome === 'cancelled' && changed !== false;
const isFailed = ({ outcome }: CancelOutcome) => outcome === 'failed';

function title(outcomes: readonly CancelOutcome[], stopped: boolean): string {
  const cancelled = outcomes.filter(isDone).length;
  const text = `${cancelled.toLocaleString()} of ${plural(outcomes.length, 'order')} cancelled`;
  return stopped ? `Stopped: ${text}` : text;
}

/** First the orders that need eyes; the others are folded. */
function Outcomes({ outcomes }: { outcomes: readonly CancelOutcome[] }) {
  const done = outcomes.filter(isDone);
  const others = outcomes.filter((outcome) => !isDone(outcome));
  const sorted = [...others.filter(isFailed), ...others.filter((one) => !isFailed(one))];
  return (
    <div className="outcomes">
      {sorted.length > 0 && (
        <ul>
          {sorted.slice(0, SHOWN_LIMIT).map((outcome) => (
            <li key={outcome.id} className={outcome.outcome}>
              <code>{shortId(outcome.id)}</code> {describe(outcome)}
            </li>
          ))}
        </ul>
      )}
      {sorted.length > SHOWN_LIMIT && <p>And {plural(sorted.length - SHOWN_LIMIT, 'other')}.</p>}
      {done.length > 0 && (
        <details>
          <summary>{plural(done.length, 'order')} cancelled</summary>
          <ul>
            {done.slice(0, SHOWN_LIMIT).map(({ id }) => (
              <li key={id}>
                <code>{shortId(id)}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
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
