/** Cancelling the selected orders: dialog, progress, outcomes and retry. */
import { assign, fromObservable, fromPromise, not, setup } from 'xstate';
import { isRefused, retryDelay } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';
import { BATCH_SIZE, type BulkProgress, type BulkResult, type BulkTarget, sizeOf } from '../../live/bulk';

export interface BulkContext {
  target: BulkTarget;
  reason: string;
  outcomes: readonly CancelOutcome[];
  /** Whether the cancel was stopped before its last batch. */
  stopped: boolean;
  /** The error of the last request. */
  error: unknown;
  /** Whether the cancel waits for a server that can't carry out commands at the moment. */
  waiting: boolean;
}

export type BulkEvent =
  | { type: 'ASK'; target: BulkTarget }
  | { type: 'CONFIRM'; reason: string }
  | { type: 'RETRY' }
  | { type: 'STOP' }
  | { type: 'DISMISS' };

/** The orders to retry. */
const failedIds = (outcomes: readonly CancelOutcome[]) =>
  outcomes.filter(({ outcome }) => outcome === 'failed').map(({ id }) => id);

const nothing: BulkTarget = { ids: [] };

export const bulkMachine = setup({
  types: { context: {} as BulkContext, events: {} as BulkEvent },
  actors: {
    cancelMany: fromPromise<BulkResult, { target: BulkTarget; reason: string }>(() =>
      Promise.reject(new Error('cancelMany is not provided')),
    ),
    progress: fromObservable<BulkProgress | undefined, undefined>(() => {
      throw new Error('progress is not provided');
    }),
  },
  guards: {
    some: (_, { target }: { target: BulkTarget }) => sizeOf(target) > 0,
    someFailed: ({ context }) => failedIds(context.outcomes).length > 0,
    /** A cancel that takes long can be left or stopped. A short one shows its outcome soon. */
    long: ({ context }) => context.waiting || sizeOf(context.target) > BATCH_SIZE,
    noneKnown: (_, { outcomes }: BulkResult) => outcomes.length === 0,
    throttled: ({ context }) => retryDelay(context.error) > 0,
  },
  actions: {
    stopCancel: () => undefined,
    ask: assign((_, { target }: { target: BulkTarget }) => ({
      target,
      outcomes: [],
      stopped: false,
      error: undefined,
      reason: '',
    })),
  },
  delays: {
    throttle: ({ context }) => retryDelay(context.error),
  },
}).createMachine({
  id: 'bulk-cancel',
  context: { target: nothing, reason: '', outcomes: [], stopped: false, error: undefined, waiting: false },
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
        // The cancel continues.
        DISMISS: { guard: 'long', target: 'idle' },
        STOP: { guard: 'long', actions: 'stopCancel' },
      },
      invoke: [
        {
          src: 'progress',
          onSnapshot: {
            actions: assign({
              waiting: ({ context, event }) => event.snapshot.context?.waiting ?? context.waiting,
            }),
          },
        },
        {
          src: 'cancelMany',
          input: ({ context }) => ({ target: context.target, reason: context.reason }),
          onDone: [
            {
              guard: { type: 'noneKnown', params: ({ event }) => event.output },
              target: 'confirming',
            },
            {
              target: 'done',
              actions: assign({
                stopped: ({ event }) => event.output.stopped,
                // A retry only has the failed orders; the others keep their outcomes.
                outcomes: ({ context, event }) => [
                  ...context.outcomes.filter((old) => event.output.outcomes.every(({ id }) => id !== old.id)),
                  ...event.output.outcomes,
                ],
              }),
            },
          ],
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
          actions: assign({ target: ({ context }) => ({ ids: failedIds(context.outcomes) }) }),
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
