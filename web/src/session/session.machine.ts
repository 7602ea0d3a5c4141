/** Signing in and out. The token is the server's business; here it only has an end. */
import { assign, fromPromise, setup } from 'xstate';
import type { Role, SessionConfig } from '../api/types';
import type { Session } from './session';

export interface SessionContext {
  session: Session | undefined;
  config: SessionConfig | undefined;
  /** How the last session ended. */
  ended: 'expired' | 'signed out' | undefined;
  error: unknown;
}

export type SessionEvent =
  | { type: 'SIGN_IN'; user: string; role: Role }
  | { type: 'SIGN_IN_OIDC' }
  | { type: 'SIGN_OUT' }
  | { type: 'EXPIRED' }
  | { type: 'RETRY' };

/** setTimeout takes no more than this; a longer session is ended by the server's 401. */
const LONGEST_TIMER = 2 ** 31 - 1;

const unprovided = () => Promise.reject(new Error('not provided'));

export const sessionMachine = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent,
    input: {} as { session: Session | undefined },
  },
  actors: {
    /** How to sign in here. */
    prepare: fromPromise<SessionConfig>(unprovided),
    /** The session, when the browser has just come back from the issuer. */
    comeBack: fromPromise<Session | undefined, { config: SessionConfig | undefined }>(unprovided),
    signIn: fromPromise<Session, { user: string; role: Role }>(unprovided),
    /** Leaves for the issuer; comes back only if that fails. After a sign-out, it may be somebody else who comes. */
    leave: fromPromise<never, { config: SessionConfig | undefined; afresh: boolean }>(unprovided),
  },
  actions: {
    remember: (_, _session: Session | undefined) => undefined,
    forget: () => undefined,
  },
  delays: {
    again: 3_000,
    lifetime: ({ context }) =>
      Math.min(LONGEST_TIMER, Math.max(0, (context.session?.expiresAt ?? 0) - Date.now())),
  },
}).createMachine({
  id: 'session',
  context: ({ input }) => ({ session: input.session, config: undefined, ended: undefined, error: undefined }),
  initial: 'restoring',
  states: {
    restoring: {
      always: [{ guard: ({ context }) => context.session !== undefined, target: 'signedIn' }, 'preparing'],
    },
    preparing: {
      invoke: {
        src: 'prepare',
        onDone: {
          target: 'returning',
          actions: assign({ config: ({ event }) => event.output, error: undefined }),
        },
        onError: { target: 'unreachable', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    returning: {
      invoke: {
        src: 'comeBack',
        input: ({ context }) => ({ config: context.config }),
        onDone: [
          {
            guard: ({ event }) => event.output !== undefined,
            target: 'signedIn',
            actions: assign({ session: ({ event }) => event.output }),
          },
          'signedOut',
        ],
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    unreachable: {
      after: { again: 'preparing' },
      on: { RETRY: 'preparing' },
    },
    signedOut: {
      on: {
        SIGN_IN: { guard: ({ context }) => context.config?.authMode === 'dev', target: 'signingIn' },
        SIGN_IN_OIDC: { guard: ({ context }) => context.config?.authMode === 'oidc', target: 'leaving' },
      },
    },
    signingIn: {
      invoke: {
        src: 'signIn',
        input: ({ event }) => event as Extract<SessionEvent, { type: 'SIGN_IN' }>,
        onDone: {
          target: 'signedIn',
          actions: assign({ session: ({ event }) => event.output, error: undefined }),
        },
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    leaving: {
      invoke: {
        src: 'leave',
        input: ({ context }) => ({ config: context.config, afresh: context.ended === 'signed out' }),
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    signedIn: {
      entry: [assign({ ended: undefined }), { type: 'remember', params: ({ context }) => context.session }],
      exit: ['forget', assign({ session: undefined, error: undefined })],
      after: { lifetime: { target: 'ended', actions: assign({ ended: 'expired' }) } },
      on: {
        SIGN_OUT: { target: 'ended', actions: assign({ ended: 'signed out' }) },
        EXPIRED: { target: 'ended', actions: assign({ ended: 'expired' }) },
      },
    },
    ended: {
      always: [{ guard: ({ context }) => context.config !== undefined, target: 'signedOut' }, 'preparing'],
    },
  },
});
