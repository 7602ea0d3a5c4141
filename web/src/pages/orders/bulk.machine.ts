/** Cancelling the selected orders: dialog, request, outcomes and retry. */
import { assign, fromObservable, fromPromise, not, setup } from 'xstate';
import { isRefused, retryDelay } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';

export interface BulkContext {
  ids: readonly string[];
  reason: string;
  outcomes: readonly CancelOutcome[];
  /** The error of the last request. */
  error: unknown;
  /** Whether the request waits for a server that can't carry out commands at the moment. */
  waiting: boolean;
}

export type BulkEvent =
  | { type: 'ASK'; ids: readonly string[] }
  | { type: 'CONFIRM'; reason: string }
  | { type: 'RETRY' }
  | { type: 'STOP' }
  | { type: 'DISMISS' };

/** The orders to retry. */
const failedIds = (outcomes: readonly CancelOutcome[]) =>
  outcomes.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id);

export const bulkMachine = setup({
  types: { context: {} as BulkContext, events: {} as BulkEvent },
  actors: {
    cancelMany: fromPromise<CancelOutcome[], { ids: readonly string[]; reason: string }>(() =>
      Promise.reject(new Error('cancelMany is not provided')),
    ),
    /** Whether the request in flight waits. */
    waiting: fromObservable<boolean, { ids: readonly string[] }>(() => {
      throw new Error('waiting is not provided');
    }),
  },
  guards: {
    some: (_, { ids }: { ids: readonly string[] }) => ids.length > 0,
    someFailed: ({ context }) => failedIds(context.outcomes).length > 0,
    throttled: ({ context }) => retryDelay(context.error) > 0,
  },
  actions: {
    /** Gives up a request that waits. */
    stopCancel: (_, _request: { ids: readonly string[] }) => undefined,
    ask: assign((_, { ids }: { ids: readonly string[] }) => ({
      ids,
      outcomes: [],
      error: undefined,
      reason: '',
    })),
  },
  delays: {
    throttle: ({ context }) => retryDelay(context.error),
  },
}).createMachine({
  id: 'bulk-cancel',
  context: { ids: [], reason: '', outcomes: [], error: undefined, waiting: false },
  initial: 'idle',
  // Other orders can be selected in every state but while the dialog is open or a request is in flight.
  on: {
    ASK: {
      guard: { type: 'some', params: ({ event }) => event },
      target: '.confirming',
      actions: { type: 'ask', params: ({ event }) => event },
    },
  },
  states: {
    idle: {},
    confirming: {
      after: { throttle: { guard: 'throttled', actions: assign({ error: undefined }) } },
      on: {
        ASK: {},
        CONFIRM: {
          guard: not('throttled'),
          target: 'cancelling',
          actions: assign({ reason: ({ event }) => event.reason, error: undefined }),
        },
        DISMISS: 'idle',
      },
    },
    cancelling: {
      entry: assign({ waiting: false }),
      on: {
        ASK: {},
        // The request continues.
        DISMISS: { guard: ({ context }) => context.waiting, target: 'idle' },
        STOP: {
          guard: ({ context }) => context.waiting,
          target: 'confirming',
          actions: { type: 'stopCancel', params: ({ context }) => ({ ids: context.ids }) },
        },
      },
      invoke: [
        {
          src: 'waiting',
          input: ({ context }) => ({ ids: context.ids }),
          onSnapshot: {
            actions: assign({
              waiting: ({ context, event }) => context.waiting || event.snapshot.context === true,
            }),
          },
        },
        {
          src: 'cancelMany',
          input: ({ context }) => ({ ids: context.ids, reason: context.reason }),
          onDone: {
            target: 'done',
            actions: assign({
              // A retry only has the failed orders; the others keep their outcomes.
              outcomes: ({ context, event }) => [
                ...context.outcomes.filter((old) => event.output.every(({ id }) => id !== old.id)),
                ...event.output,
              ],
            }),
          },
          onError: [
            {
              guard: ({ event }) => isRefused(event.error),
              target: 'confirming',
              actions: assign({ error: ({ event }) => event.error }),
            },
            { target: 'failed', actions: assign({ error: ({ event }) => event.error }) },
          ],
        },
      ],
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
    /** The outcome is unknown. A cancel is idempotent, so it can be repeated. */
    failed: {
      on: { RETRY: 'cancelling', DISMISS: 'idle' },
    },
  },
});
