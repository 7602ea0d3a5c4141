/**
 * Writing an order. Once submitted it belongs to the outbox, which sends it until its outcome is known, on this page or off
 * it. This page watches: it leads to the order that was made, or back to the form with what the server refused.
 */
import { assign, fromObservable, setup } from 'xstate';
import { randomId } from '../../api/ids';
import type { FieldError } from '../../api/types';
import type { Entry } from '../../live/outbox.store';
import { check, type Draft, emptyDraft, toRequest } from '../../domain/draft';
import type { Saved } from './draft.store';

/** What the outbox knows of an order that was submitted here. */
export type Progress =
  | { state: 'sending' | 'waiting' | 'discarded' }
  | { state: 'created'; id: string }
  | { state: 'refused'; refusal: NonNullable<Entry['refusal']> };

export interface CreateContext extends Saved {
  /** Shown from the first try to send on. */
  errors: readonly FieldError[];
  /** Why the server refused the order as a whole. */
  refused: string | undefined;
  progress: Progress;
}

export type CreateEvent = { type: 'EDIT'; draft: Draft } | { type: 'SUBMIT' };

const SENDING: Progress = { state: 'sending' };

export const createOrderMachine = setup({
  types: { context: {} as CreateContext, events: {} as CreateEvent, input: {} as Saved },
  actors: {
    watch: fromObservable<Progress, { key: string }>(() => {
      throw new Error('watch is not provided');
    }),
  },
  actions: {
    save: (_, _saved: Saved) => undefined,
    submit: (_, _entry: Pick<Entry, 'key' | 'request' | 'draft'>) => undefined,
    /** Takes a refused order out of the outbox: it is edited here. */
    takeBack: (_, _entry: { key: string }) => undefined,
    edit: assign({
      draft: (_, { draft }: { draft: Draft }) => draft,
      // Errors that are shown go away as they are corrected; new ones wait for the next try.
      errors: ({ context }, { draft }: { draft: Draft }) => {
        const left = new Set(check(draft).map(({ field }) => field));
        return context.errors.filter(({ field }) => left.has(field));
      },
      refused: undefined,
    }),
    showRefusal: assign(({ context: { progress } }) =>
      progress.state === 'refused'
        ? { errors: progress.refusal.errors, refused: progress.refusal.detail }
        : {},
    ),
    // With a used key the draft could never be sent: sending it again is another order, on the user's word.
    dropUsedKey: assign({
      key: ({ context: { progress, key } }) =>
        progress.state === 'refused' && progress.refusal.keyReused ? undefined : key,
    }),
  },
  guards: {
    valid: ({ context }) => check(context.draft).length === 0,
    created: ({ context }) => context.progress.state === 'created',
    refused: ({ context }) => context.progress.state === 'refused',
    discarded: ({ context }) => context.progress.state === 'discarded',
  },
}).createMachine({
  id: 'create-order',
  context: ({ input }) => ({ ...input, errors: [], refused: undefined, progress: SENDING }),
  initial: 'editing',
  states: {
    editing: {
      on: {
        EDIT: {
          actions: [
            { type: 'edit', params: ({ event }) => ({ draft: event.draft }) },
            { type: 'save', params: ({ context, event }) => ({ draft: event.draft, key: context.key }) },
          ],
        },
        SUBMIT: [
          {
            guard: 'valid',
            target: 'submitted',
            actions: assign({
              key: ({ context }) => context.key ?? randomId(),
              errors: [],
              refused: undefined,
              progress: SENDING,
            }),
          },
          { actions: assign({ errors: ({ context }) => check(context.draft) }) },
        ],
      },
    },
    submitted: {
      entry: [
        {
          type: 'submit',
          params: ({ context: { key = '', draft } }) => ({ key, draft, request: toRequest(draft) }),
        },
        // The outbox keeps it from here on.
        { type: 'save', params: { draft: emptyDraft, key: undefined } },
      ],
      invoke: {
        src: 'watch',
        input: ({ context }) => ({ key: context.key ?? '' }),
        onSnapshot: {
          actions: assign(({ context, event }) => ({
            progress: event.snapshot.context ?? context.progress,
          })),
        },
      },
      always: [
        { guard: 'created', target: 'created' },
        {
          guard: 'refused',
          target: 'editing',
          actions: [
            { type: 'takeBack', params: ({ context }) => ({ key: context.key ?? '' }) },
            'showRefusal',
            'dropUsedKey',
            { type: 'save', params: ({ context: { draft, key } }) => ({ draft, key }) },
          ],
        },
        {
          guard: 'discarded',
          target: 'editing',
          actions: assign({ draft: emptyDraft, key: undefined }),
        },
      ],
    },
    created: { type: 'final' },
  },
});
