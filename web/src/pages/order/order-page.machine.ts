/**
 * The page of one order: loading it and cancelling it. The order comes from a stream that lives as long as the page; the
 * order's state machine decides whether it can be cancelled. If the order becomes final while the user is asked to confirm
 * the cancel, the dialog closes and the page shows what happened. If the delivery leaves time, a confirmed cancel is held for a
 * moment, in which it can be undone.
 */
import { and, assign, fromObservable, fromPromise, not, setup } from 'xstate';
import { hasCode, isRefused, retryDelay } from '../../api/problem';
import type { Order } from '../../api/types';
import { allows } from '../../domain/order.machine';
import type { Cancelled } from '../../live/cancels';
import type { OrderView } from '../../live/order';

export interface OrderPageContext extends OrderView {
  id: string;
  reason: string;
  /** Whether to observe a cancel, held or in flight, once the order is loaded. */
  rejoin: 'held' | 'in flight' | undefined;
  /** Whether the dialog stays closed during the cancel: the user confirmed it a while ago. */
  quiet: boolean;
  /** The error of the last cancel. */
  refusal: unknown;
  /** Whether the cancel waits for a server that can't carry out commands at the moment. */
  waiting: boolean;
  /** Whether the order was cancelled before our cancel. */
  cancelledBefore: boolean;
}

export type OrderPageEvent =
  { type: 'ASK' } | { type: 'CONFIRM'; reason: string } | { type: 'DISMISS' } | { type: 'RETRY' };

export const orderPageMachine = setup({
  types: {
    context: {} as OrderPageContext,
    events: {} as OrderPageEvent,
    /** The reasons of a cancel in flight or held that was started before this page was opened. */
    input: {} as { id: string; cancelling?: string | undefined; held?: string | undefined },
  },
  actors: {
    watch: fromObservable<OrderView, { id: string }>(() => {
      throw new Error('watch is not provided');
    }),
    cancel: fromPromise<Cancelled, { id: string; reason: string }>(() =>
      Promise.reject(new Error('cancel is not provided')),
    ),
    /** Resolves when the held cancel was sent (true) or undone. */
    released: fromPromise<boolean, { id: string }>(() =>
      Promise.reject(new Error('released is not provided')),
    ),
    /** Whether the cancel in flight waits. */
    waiting: fromObservable<boolean, { id: string }>(() => {
      throw new Error('waiting is not provided');
    }),
  },
  guards: {
    /** Whether there is time to undo a cancel. */
    undoable: () => false,
    loaded: ({ context }) => context.order !== undefined,
    missing: ({ context }) => hasCode(context.error, 'order-not-found', 'invalid-request'),
    broken: ({ context }) => context.error !== undefined,
    cancellable: ({ context }) => context.order !== undefined && allows(context.order.status, 'cancel'),
    cancelled: ({ context }) => context.order?.cancellation !== undefined,
    throttled: ({ context }) => retryDelay(context.refusal) > 0,
    overtaken: ({ context }) => context.order === undefined || !allows(context.order.status, 'cancel'),
  },
  actions: {
    holdCancel: (_, _cancel: { id: string; reason: string }) => undefined,
    /** Gives up a cancel that waits. */
    stopCancel: (_, _order: { id: string }) => undefined,
    keepNewer: assign({
      order: ({ context }, { order }: { order: Order }) =>
        order.version >= (context.order?.version ?? 0) ? order : context.order,
    }),
  },
  delays: {
    throttle: ({ context }) => retryDelay(context.refusal),
  },
}).createMachine({
  id: 'order-page',
  context: ({ input }) => ({
    id: input.id,
    order: undefined,
    error: undefined,
    reason: input.held ?? input.cancelling ?? '',
    rejoin: input.held !== undefined ? 'held' : input.cancelling === undefined ? undefined : 'in flight',
    quiet: false,
    refusal: undefined,
    waiting: false,
    cancelledBefore: false,
  }),
  invoke: {
    id: 'watch',
    src: 'watch',
    input: ({ context }) => ({ id: context.id }),
    onSnapshot: {
      actions: assign(({ context, event }) => {
        const seen = event.snapshot.context;
        if (seen === undefined) return {};
        const newer = (seen.order?.version ?? 0) >= (context.order?.version ?? 0);
        return { order: newer ? seen.order : context.order, error: seen.error };
      }),
    },
  },
  initial: 'loading',
  states: {
    loading: {
      always: [
        { guard: 'loaded', target: 'ready' },
        { guard: 'missing', target: 'missing' },
        { guard: 'broken', target: 'failed' },
      ],
    },
    /** The stream retries temporary errors. */
    failed: {
      always: { guard: 'loaded', target: 'ready' },
    },
    missing: {
      always: { guard: 'loaded', target: 'ready' },
    },
    ready: {
      always: [
        { guard: ({ context }) => context.rejoin === 'held', target: 'holding' },
        { guard: ({ context }) => context.rejoin === 'in flight', target: 'cancelling' },
      ],
      on: {
        ASK: {
          guard: 'cancellable',
          target: 'confirming',
          actions: assign({ reason: '', refusal: undefined, cancelledBefore: false }),
        },
      },
    },
    /** The dialog is open: for the first time, or again with the refused reason and its error. */
    confirming: {
      always: { guard: 'overtaken', target: 'overtaken' },
      after: { throttle: { guard: 'throttled', actions: assign({ refusal: undefined }) } },
      on: {
        CONFIRM: [
          {
            guard: and([not('throttled'), 'undoable']),
            target: 'holding',
            actions: [
              assign({ reason: ({ event }) => event.reason, refusal: undefined }),
              {
                type: 'holdCancel',
                params: ({ context, event }) => ({ id: context.id, reason: event.reason }),
              },
            ],
          },
          {
            guard: not('throttled'),
            target: 'cancelling',
            actions: assign({ reason: ({ event }) => event.reason, refusal: undefined }),
          },
        ],
        DISMISS: 'ready',
      },
    },
    /** The cancel is sent in a moment, unless the user undoes it. */
    holding: {
      entry: assign({ rejoin: undefined }),
      invoke: {
        src: 'released',
        input: ({ context }) => ({ id: context.id }),
        onDone: [
          { guard: ({ event }) => event.output, target: 'cancelling', actions: assign({ quiet: true }) },
          { target: 'ready' },
        ],
      },
    },
    cancelling: {
      entry: assign({ rejoin: undefined, waiting: false }),
      exit: assign({ quiet: false }),
      // The dialog is closed while the cancel waits, so that the page can be read.
      on: {
        DISMISS: {
          guard: ({ context }) => context.waiting,
          target: 'ready',
          actions: { type: 'stopCancel', params: ({ context }) => ({ id: context.id }) },
        },
      },
      invoke: [
        {
          src: 'waiting',
          input: ({ context }) => ({ id: context.id }),
          onSnapshot: {
            actions: assign({
              waiting: ({ context, event }) => context.waiting || event.snapshot.context === true,
            }),
          },
        },
        {
          src: 'cancel',
          input: ({ context }) => ({ id: context.id, reason: context.reason }),
          onDone: [
            {
              guard: ({ event }) => event.output.changed === false,
              target: 'overtaken',
              actions: [
                { type: 'keepNewer', params: ({ event }) => ({ order: event.output }) },
                assign({ cancelledBefore: true }),
              ],
            },
            {
              target: 'cancelled',
              actions: { type: 'keepNewer', params: ({ event }) => ({ order: event.output }) },
            },
          ],
          onError: [
            {
              guard: ({ event }) => hasCode(event.error, 'already-delivered', 'version-mismatch'),
              target: 'overtaken',
              actions: assign({ refusal: ({ event }) => event.error }),
            },
            {
              guard: ({ event }) => hasCode(event.error, 'order-not-found'),
              target: 'missing',
              actions: assign({ order: undefined, error: ({ event }) => event.error }),
            },
            {
              guard: ({ event }) => isRefused(event.error),
              target: 'confirming',
              actions: assign({ refusal: ({ event }) => event.error }),
            },
            { target: 'cancelFailed', actions: assign({ refusal: ({ event }) => event.error }) },
          ],
        },
      ],
    },
    /** The outcome is unknown. A cancel is idempotent, so it can be repeated. */
    cancelFailed: {
      always: [
        // Probably by our request.
        { guard: 'cancelled', target: 'cancelled' },
        { guard: 'overtaken', target: 'overtaken' },
      ],
      on: { RETRY: 'cancelling', DISMISS: 'ready' },
    },
    overtaken: {
      on: { DISMISS: 'ready' },
    },
    cancelled: {},
  },
});
