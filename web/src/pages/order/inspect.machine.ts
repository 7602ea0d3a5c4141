/**
 * The inspection of an order, and its repair. An order is repaired only with an inspection at hand that says that a repair
 * helps, for a reason, and at the version that was inspected. After a repair the order is inspected again.
 */
import { assign, fromPromise, setup } from 'xstate';
import { isRefused, isTemporary } from '../../api/problem';
import type { Inspection, RepairStep } from '../../api/types';

interface InspectContext {
  id: string;
  inspection: Inspection | undefined;
  /** Why the last inspection failed. */
  error: unknown;
  /** Whether the user asked for a repair before the inspection was there. */
  asked: boolean;
  reason: string;
  /** Why the last repair failed. */
  refusal: unknown;
  /** What the last repair did. */
  steps: readonly RepairStep[] | undefined;
}

type InspectEvent =
  | { type: 'INSPECT' }
  /** The order has changed. */
  | { type: 'CHANGED' }
  | { type: 'ASK' }
  | { type: 'CONFIRM'; reason: string }
  | { type: 'DISMISS' }
  | { type: 'RETRY' };

/** In ms. */
const RETRY_AFTER = 5_000;

export const inspectMachine = setup({
  types: { context: {} as InspectContext, events: {} as InspectEvent, input: {} as { id: string } },
  actors: {
    inspect: fromPromise<Inspection, { id: string }>(() =>
      Promise.reject(new Error('inspect is not provided')),
    ),
    reconcile: fromPromise<readonly RepairStep[], { id: string; reason: string; version: number }>(() =>
      Promise.reject(new Error('reconcile is not provided')),
    ),
  },
  guards: {
    temporary: ({ context }) => isTemporary(context.error),
    // Neither a backup nor a defect is repaired by a reconcile.
    repairable: ({ context: { inspection } }) =>
      inspection?.findings.some(({ fix }) => fix === 'reconcile' || fix === 'wait') ?? false,
    asked: ({ context }) => context.asked,
  },
  actions: { forget: assign({ asked: false }) },
  delays: { retry: RETRY_AFTER },
}).createMachine({
  id: 'inspect',
  context: ({ input }) => ({
    id: input.id,
    inspection: undefined,
    error: undefined,
    asked: false,
    reason: '',
    refusal: undefined,
    steps: undefined,
  }),
  initial: 'inspecting',
  states: {
    inspecting: {
      on: {
        ASK: { actions: assign({ asked: true }) },
        CHANGED: { target: 'inspecting', reenter: true },
      },
      invoke: {
        src: 'inspect',
        input: ({ context }) => ({ id: context.id }),
        onDone: {
          target: 'inspected',
          actions: assign({ inspection: ({ event }) => event.output, error: undefined }),
        },
        onError: { target: 'failed', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    failed: {
      after: { retry: { guard: 'temporary', target: 'inspecting' } },
      on: {
        INSPECT: 'inspecting',
        CHANGED: 'inspecting',
        ASK: { target: 'inspecting', actions: assign({ asked: true }) },
      },
    },
    inspected: {
      always: [{ guard: 'asked', target: 'answering' }],
      on: {
        INSPECT: { target: 'inspecting', actions: assign({ steps: undefined }) },
        CHANGED: 'inspecting',
        ASK: { guard: 'repairable', target: 'confirming', actions: assign({ refusal: undefined }) },
      },
    },
    /** The inspection that a repair waited for is there. */
    answering: {
      entry: 'forget',
      always: [{ guard: 'repairable', target: 'confirming' }, { target: 'inspected' }],
    },
    confirming: {
      on: {
        CONFIRM: {
          target: 'repairing',
          actions: assign({ reason: ({ event }) => event.reason, refusal: undefined, steps: undefined }),
        },
        DISMISS: 'inspected',
      },
    },
    repairing: {
      invoke: {
        src: 'reconcile',
        input: ({ context }) => ({
          id: context.id,
          reason: context.reason,
          version:
            context.inspection?.database.order?.version ?? context.inspection?.actor.order?.version ?? 0,
        }),
        onDone: { target: 'inspecting', actions: assign({ steps: ({ event }) => event.output, reason: '' }) },
        onError: [
          {
            guard: ({ event }) => isRefused(event.error) && event.error.problem.status === 400,
            target: 'confirming',
            actions: assign({ refusal: ({ event }) => event.error }),
          },
          { target: 'repairFailed', actions: assign({ refusal: ({ event }) => event.error }) },
        ],
      },
    },
    /** A repair may be repeated. After a change of the order it is inspected first. */
    repairFailed: {
      on: {
        RETRY: 'repairing',
        DISMISS: 'inspecting',
        CHANGED: 'inspecting',
      },
    },
  },
});
