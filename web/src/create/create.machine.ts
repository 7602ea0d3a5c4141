/**
 * Writing an order and sending it. Once an attempt has gone out it is kept, key and all, until its fate is known: a second
 * click, a retry and a reload repeat the same request, so they never make a second order.
 */
import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { ApiError, hasCode, isTemporary } from '../api/problem';
import type { FieldError, Order } from '../api/types';
import { type Attempt, attemptFor, check, type Draft, emptyDraft, type Saved, toRequest } from './draft';

export interface CreateContext {
  draft: Draft;
  attempt: Attempt | undefined;
  /** Shown from the first try to send on. */
  errors: readonly FieldError[];
  error: unknown;
  order: Order | undefined;
}

export type CreateEvent =
  | { type: 'EDIT'; draft: Draft }
  | { type: 'SUBMIT' }
  | { type: 'RETRY' }
  | { type: 'ONLINE' }
  | { type: 'OFFLINE' };

export const createOrderMachine = setup({
  types: { context: {} as CreateContext, events: {} as CreateEvent, input: {} as Saved },
  actors: {
    send: fromPromise<Order, Attempt>(() => Promise.reject(new Error('send is not provided'))),
    /** Tells ONLINE and OFFLINE; the state of now at once. */
    network: fromCallback(() => undefined),
  },
  actions: {
    save: (_, _saved: Saved) => undefined,
    edit: assign({
      draft: (_, { draft }: { draft: Draft }) => draft,
      // Faults that are shown go away as they are mended; new ones wait for the next try.
      errors: ({ context }, { draft }: { draft: Draft }) => {
        const left = new Set(check(draft).map(({ field }) => field));
        return context.errors.filter(({ field }) => left.has(field));
      },
      error: undefined,
    }),
  },
  guards: {
    valid: ({ context }) => check(context.draft).length === 0,
    // A session that has ended says nothing of an earlier try: the attempt is kept, and goes on after signing in again.
    refused: (_, { error }: { error: unknown }) =>
      error instanceof ApiError && !isTemporary(error) && !hasCode(error, 'unauthenticated'),
  },
  delays: { again: 3_000 },
}).createMachine({
  id: 'create-order',
  context: ({ input }) => ({ ...input, errors: [], error: undefined, order: undefined }),
  initial: 'restoring',
  states: {
    /** An attempt from before a reload goes on. */
    restoring: {
      always: [{ guard: ({ context }) => context.attempt !== undefined, target: 'sending' }, 'editing'],
    },
    editing: {
      on: {
        EDIT: {
          actions: [
            { type: 'edit', params: ({ event }) => ({ draft: event.draft }) },
            {
              type: 'save',
              params: ({ context, event }) => ({ draft: event.draft, attempt: context.attempt }),
            },
          ],
        },
        SUBMIT: [
          {
            guard: 'valid',
            target: 'sending',
            actions: assign({
              attempt: ({ context }) =>
                attemptFor(toRequest(context.draft), context.attempt, () => crypto.randomUUID()),
              errors: [],
              error: undefined,
            }),
          },
          { actions: assign({ errors: ({ context }) => check(context.draft) }) },
        ],
      },
    },
    sending: {
      // Before the request leaves, or a reload right after would not know its key.
      entry: { type: 'save', params: ({ context }) => ({ draft: context.draft, attempt: context.attempt }) },
      invoke: {
        src: 'send',
        input: ({ context }) => context.attempt ?? { key: '', request: toRequest(context.draft) },
        onDone: { target: 'created', actions: assign({ order: ({ event }) => event.output }) },
        onError: [
          {
            guard: { type: 'refused', params: ({ event }) => ({ error: event.error }) },
            target: 'editing',
            actions: [
              assign({
                attempt: undefined,
                error: ({ event }) => event.error,
                errors: ({ event }) =>
                  event.error instanceof ApiError ? (event.error.problem.errors ?? []) : [],
              }),
              { type: 'save', params: ({ context }) => ({ draft: context.draft, attempt: undefined }) },
            ],
          },
          { target: 'waiting', actions: assign({ error: ({ event }) => event.error }) },
        ],
      },
    },
    /** No answer: the order may exist or not. The same attempt goes out again until we know. */
    waiting: {
      invoke: { src: 'network' },
      initial: 'online',
      on: { RETRY: 'sending' },
      states: {
        online: { after: { again: '#create-order.sending' }, on: { OFFLINE: 'offline' } },
        offline: { on: { ONLINE: '#create-order.sending' } },
      },
    },
    created: {
      entry: { type: 'save', params: { draft: emptyDraft, attempt: undefined } },
      type: 'final',
    },
  },
});
