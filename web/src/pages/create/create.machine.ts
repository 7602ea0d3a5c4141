/**
 * The form of a new order. Submitting hands the order to the outbox, which sends it until its outcome is known, also after
 * the page was left. The page observes the outbox: it opens the created order, or shows the server's errors in the form.
 */
import { assign, fromObservable, setup } from 'xstate';
import { randomId } from '../../api/ids';
import type { FieldError } from '../../api/types';
import type { Entry } from '../../live/outbox.store';
import { check, type Draft, emptyDraft, toRequest } from '../../domain/draft';
import type { Saved } from '../../live/draft.store';

/** The state of a submitted order in the outbox. */
export type Progress =
  | { state: 'sending' | 'waiting' | 'discarded' }
  | { state: 'created'; id: string }
  | { state: 'refused'; refusal: NonNullable<Entry['refusal']> };

export interface CreateContext extends Saved {
  /** Shown after the first attempt to submit. */
  errors: readonly FieldError[];
  /** The server's error for the order as a whole. */
  refused: string | undefined;
  progress: Progress;
  /** What a change of the catalogue did to the draft; empty for nothing. */
  notice: string;
}

export type CreateEvent =
  { type: 'EDIT'; draft: Draft; notice?: string } | { type: 'SUBMIT' } | { type: 'DISMISS' };

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
    /** Removes a refused order from the outbox, to edit it here. */
    removeFromOutbox: (_, _entry: { key: string }) => undefined,
    edit: assign({
      draft: (_, { draft }: { draft: Draft }) => draft,
      // Corrected errors disappear; new ones are shown at the next attempt to submit.
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
    // With a used key the draft would always be refused. With a new key the next submit creates another order.
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
  context: ({ input }) => ({ ...input, errors: [], refused: undefined, progress: SENDING, notice: '' }),
  initial: 'editing',
  states: {
    editing: {
      on: {
        EDIT: {
          actions: [
            { type: 'edit', params: ({ event }) => ({ draft: event.draft }) },
            assign({ notice: ({ context, event }) => event.notice ?? context.notice }),
            { type: 'save', params: ({ context, event }) => ({ draft: event.draft, key: context.key }) },
          ],
        },
        DISMISS: { actions: assign({ notice: '' }) },
        SUBMIT: [
          {
            guard: 'valid',
            target: 'submitted',
            actions: assign({
              key: ({ context }) => context.key ?? randomId(),
              errors: [],
              refused: undefined,
              progress: SENDING,
              notice: '',
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
        // The outbox stores it from now on.
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
            { type: 'removeFromOutbox', params: ({ context }) => ({ key: context.key ?? '' }) },
            'showRefusal',
            'dropUsedKey',
            { type: 'save', params: ({ context: { draft, key } }) => ({ draft, key }) },
          ],
        },
        {
          guard: 'discarded',
          target: 'editing',
          actions: assign({
            draft: ({ context: { draft } }) =>
              draft.customer === undefined ? emptyDraft : { ...emptyDraft, customer: '' },
            key: undefined,
          }),
        },
      ],
    },
    created: { type: 'final' },
  },
});
