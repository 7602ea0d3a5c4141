/** Signing in and out. The token is the server's business; here it only has an end. */
import { and, assign, fromPromise, setup } from 'xstate';
import { hasCode } from '../api/problem';
import type { Role, SessionConfig } from '../api/types';
import type { Session } from './session';

export interface SessionContext {
  session: Session | undefined;
  config: SessionConfig | undefined;
  /** How the last session ended. */
  ended: 'expired' | 'signed out' | undefined;
  error: unknown;
  /** Whether the server has accepted the token of this session. */
  accepted: boolean;
  /** Why the server refused the last token. */
  refusal: unknown;
  /** Sign-ins in a row whose token the server never accepted. */
  refusals: number;
}

export type SessionEvent =
  | { type: 'SIGN_IN'; user: string; role: Role }
  | { type: 'SIGN_IN_OIDC' }
  | { type: 'SIGN_OUT' }
  /** What the server said to a request with this token. */
  | { type: 'ACCEPTED'; token: string }
  | { type: 'REFUSED'; token: string; error: unknown }
  /** Another tab has signed in, or out. */
  | { type: 'FOLLOW'; session: Session | undefined }
  | { type: 'RETRY' };

/** setTimeout takes no more than this; a longer session is ended by the server's 401. */
const LONGEST_TIMER = 2 ** 31 - 1;

const unprovided = () => Promise.reject(new Error('not provided'));

export const sessionMachine = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent,
    input: {} as { session: Session | undefined; refusals?: number },
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
    forget: (_, _session: Session | undefined) => undefined,
    /** Keeps `context.refusals` where it survives the way to the issuer and back. */
    countRefusals: () => undefined,
    refuse: assign({
      refusal: (_, { error }: { error: unknown }) => error,
      refusals: ({ context }) => context.refusals + 1,
    }),
  },
  guards: {
    /** Of this session, not of one that has ended. */
    current: ({ context, event }) => 'token' in event && event.token === context.session?.token,
  },
  delays: {
    again: 3_000,
    lifetime: ({ context }) =>
      Math.min(LONGEST_TIMER, Math.max(0, (context.session?.expiresAt ?? 0) - Date.now())),
  },
}).createMachine({
  id: 'session',
  context: ({ input }) => ({
    session: input.session,
    config: undefined,
    ended: undefined,
    error: undefined,
    accepted: input.session !== undefined,
    refusal: undefined,
    refusals: input.refusals ?? 0,
  }),
  on: {
    // Nothing is stored or forgotten: the other tab has done it.
    FOLLOW: [
      {
        guard: ({ context, event }) =>
          event.session !== undefined && event.session.token !== context.session?.token,
        target: '.signedIn',
        reenter: true,
        actions: assign({ session: ({ event }) => event.session, accepted: true, refusal: undefined }),
      },
      {
        guard: ({ context, event }) => event.session === undefined && context.session !== undefined,
        target: '.ended',
        actions: assign({ ended: 'signed out' }),
      },
    ],
  },
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
            actions: [
              assign({ session: ({ event }) => event.output, accepted: false }),
              { type: 'remember', params: ({ event }) => event.output },
            ],
          },
          'signedOut',
        ],
        onError: [
          {
            guard: ({ event }) => hasCode(event.error, 'unauthenticated'),
            target: 'signedOut',
            actions: [{ type: 'refuse', params: ({ event }) => ({ error: event.error }) }, 'countRefusals'],
          },
          { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
        ],
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
          actions: [
            assign({ session: ({ event }) => event.output, accepted: false }),
            { type: 'remember', params: ({ event }) => event.output },
          ],
        },
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    leaving: {
      invoke: {
        src: 'leave',
        // Without a question the issuer would hand out the same refused token again.
        input: ({ context }) => ({
          config: context.config,
          afresh: context.ended === 'signed out' || context.refusals > 0,
        }),
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    signedIn: {
      entry: assign({ ended: undefined, error: undefined }),
      after: { lifetime: { target: 'ended', actions: assign({ ended: 'expired' }) } },
      on: {
        SIGN_OUT: { target: 'ended', actions: assign({ ended: 'signed out' }) },
        ACCEPTED: {
          guard: and(['current', ({ context }) => !context.accepted]),
          actions: [assign({ accepted: true, refusal: undefined, refusals: 0 }), 'countRefusals'],
        },
        REFUSED: [
          {
            guard: and(['current', ({ context }) => context.accepted]),
            target: 'ended',
            actions: assign({ ended: 'expired', refusal: ({ event }) => event.error }),
          },
          {
            guard: 'current',
            target: 'ended',
            actions: [{ type: 'refuse', params: ({ event }) => event }, 'countRefusals'],
          },
        ],
      },
    },
    ended: {
      entry: [
        { type: 'forget', params: ({ context }) => context.session },
        assign({ session: undefined, error: undefined }),
      ],
      always: [{ guard: ({ context }) => context.config !== undefined, target: 'signedOut' }, 'preparing'],
    },
  },
});
