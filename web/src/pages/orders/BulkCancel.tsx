import { useMachine } from '@xstate/react';
import { Suspense, useMemo } from 'react';
import { fromObservable, fromPromise } from 'xstate';
import { toPromise } from '../../api/client';
import type { OrderSummary } from '../../api/types';
import { useServices } from '../../services';
import { BulkProgress } from '../../ui/BulkProgress';
import { plural } from '../../domain/format';
import type { Selection } from '../../domain/selection';
import { formatTotals, totalsOf } from '../../domain/totals';
import type { BulkTarget } from '../../live/bulk';
import type { Total } from '../../live/list';
import { lazyPart } from '../../ui/lazyPart';
import { useObservable } from '../../ui/useObservable';
import { bulkMachine } from './bulk.machine';

const BulkDialog = lazyPart(() => import('./BulkDialog'));

/** The machine of the bulk cancel, connected to the session's cancels. */
export function useBulkCancel() {
  const { cancels } = useServices();
  const machine = useMemo(
    () =>
      bulkMachine.provide({
        actors: {
          cancelMany: fromPromise(({ input, signal }) =>
            toPromise(cancels.cancelMany(input.target, input.reason), signal),
          ),
          progress: fromObservable(() => cancels.progress$),
        },
        actions: { stopCancel: () => cancels.stopMany() },
      }),
    [cancels],
  );
  const [state, send] = useMachine(machine);
  const progress = useObservable(cancels.progress$, undefined);
  return {
    state,
    send,
    progress,
    stop: () => cancels.stopMany(),
    /** Opens the dialog, unless a cancel of many orders runs already. */
    ask: (target: BulkTarget) => {
      if (!progress) send({ type: 'ASK', target });
    },
  };
}

interface BulkCancelProps {
  bulk: ReturnType<typeof useBulkCancel>;
  selection: Selection;
  /** What Cancel cancels. */
  target: BulkTarget;
  /** The number of selected orders that other pages have. */
  hidden: number;
  /** All orders that match the filters, if they can be selected now. */
  matching: Total | undefined;
  onSelectAll: () => void;
  onClear: () => void;
}

/** The bar of the selection, at the bottom of the window, and the dialog that cancels the selected orders. */
export function BulkCancel(props: BulkCancelProps) {
  const { bulk, selection, target, hidden, matching, onSelectAll, onClear } = props;
  const { state, send, progress } = bulk;
  const orders = [...selection.orders.values()];
  const count = 'ids' in target ? target.ids.length : target.total;
  return (
    <>
      {progress && state.matches('idle') ? (
        <BulkProgress progress={progress} onStop={bulk.stop} />
      ) : (
        count > 0 && (
          <div className="bulk" role="region" aria-label="Selection">
            <strong role="status">
              {selection.all
                ? `All ${count.toLocaleString()} that match are selected`
                : `${count.toLocaleString()} selected`}
              {hidden > 0 && !selection.all && `, ${hidden.toLocaleString()} not shown`}
            </strong>
            {!selection.all && <span className="soft sums">{formatTotals(totalsOf(orders))}</span>}
            {matching && (
              <button type="button" className="quiet" onClick={onSelectAll}>
                Select all {matching.count.toLocaleString()}
                {matching.more && '+'} that match
              </button>
            )}
            <button type="button" className="danger" onClick={() => bulk.ask(target)}>
              Cancel {plural(count, 'order')}
            </button>
            <button type="button" className="quiet" onClick={onClear}>
              Clear
            </button>
          </div>
        )
      )}
      {!state.matches('idle') && (
        <Suspense>
          <BulkDialog
            state={state}
            send={send}
            progress={progress}
            summary={'ids' in target ? summaryOf(orders) : undefined}
            onDone={onClear}
          />
        </Suspense>
      )}
    </>
  );
}

/** What the dialog says about the orders: `€4,210.50, US$890.00 · 14 customers`. */
function summaryOf(orders: readonly OrderSummary[]): string {
  const customers = new Set(orders.map(({ customer }) => customer)).size;
  return `${formatTotals(totalsOf(orders))} · ${plural(customers, 'customer')}`;
}
