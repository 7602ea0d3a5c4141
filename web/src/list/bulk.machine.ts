/** Cancelling the ticked rows: what may be done when. The rows themselves are not its business. */
import { assign, fromPromise, setup } from 'xstate';
import type { CancelOutcome } from '../api/types';

export interface BulkContext {
  ids: readonly string[];
  reason: string;
  outcomes: readonly CancelOutcome[];
  error: unknown;
}

export type BulkEvent =
  | { type: 'ASK'; ids: readonly string[] }
  | { type: 'CONFIRM'; reason: string }
  | { type: 'RETRY' }
  | { type: 'DISMISS' };

/** What is worth another try. */
const failedIds = (outcomes: readonly CancelOutcome[]) =>
  outcomes.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id);

export const bulkMachine = setup({
  types: { context: {} as BulkContext, events: {} as BulkEvent },
  actors: {
    cancelMany: fromPromise<CancelOutcome[], { ids: readonly string[]; reason: string }>(() =>
      Promise.reject(new Error('cancelMany is not provided')),
    ),
  },
  guards: {
    someFailed: ({ context }) => failedIds(context.outcomes).length > 0,
  },
}).createMachine({
  id: 'bulk-cancel',
  context: { ids: [], reason: '', outcomes: [], error: undefined },
  initial: 'idle',
  states: {
    idle: {
      on: {
        ASK: {
          guard: ({ event }) => event.ids.length > 0,
          target: 'confirming',
          actions: assign({ ids: ({ event }) => event.ids, outcomes: [], error: undefined, reason: '' }),
        },
      },
    },
    confirming: {
      on: {
        CONFIRM: { target: 'cancelling', actions: assign({ reason: ({ event }) => event.reason }) },
        DISMISS: 'idle',
      },
    },
    cancelling: {
      invoke: {
        src: 'cancelMany',
        input: ({ context }) => ({ ids: context.ids, reason: context.reason }),
        onDone: {
          target: 'done',
          actions: assign({
            // A retry asked only for the failed ones: the others keep the outcome that they had.
            outcomes: ({ context, event }) => [
              ...context.outcomes.filter((old) => event.output.every(({ id }) => id !== old.id)),
              ...event.output,
            ],
          }),
        },
        onError: { target: 'failed', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    done: {
      on: {
        RETRY: {
          guard: 'someFailed',
          target: 'cancelling',
          actions: assign({ ids: ({ context }) => failedIds(context.outcomes) }),
        },
        DISMISS: 'idle',
      },
    },
    failed: {
      on: { RETRY: 'cancelling', DISMISS: 'idle' },
    },
  },
});
