/** Signing in and out. */
import { and, assign, fromPromise, setup } from 'xstate';
import { hasCode, isTemporary } from '../api/problem';
import type { Role, SessionConfig } from '../api/types';
import type { Session } from './session';

export interface SessionContext {
  session: Session | undefined;
  config: SessionConfig | undefined;
  /** How the last session ended. */
  ended: 'expired' | 'signed out' | undefined;
  error: unknown;
  /** Whether the server has accepted the token of this session. A token that it has not accepted yet is not renewed after a 401. */
  accepted: boolean;
  /** The error with which the server refused the last token. */
  refusal: unknown;
  /** The number of consecutive sign-ins whose token the server did not accept. */
  refusals: number;
}

export type SessionEvent =
  | { type: 'SIGN_IN'; user: string; role: Role }
  | { type: 'SIGN_IN_OIDC' }
  | { type: 'SIGN_OUT' }
  /** The server accepted or refused a request with this token. */
  | { type: 'ACCEPTED'; token: string }
  | { type: 'REFUSED'; token: string; error: unknown }
  /** Another tab signed in or out. */
  | { type: 'FOLLOW'; session: Session | undefined }
  | { type: 'RETRY' };

/** The limit of setTimeout, in ms. Longer sessions end with the server's 401. */
const MAX_TIMEOUT = 2 ** 31 - 1;
/** A session is renewed this long before it expires, in ms. */
const RENEW_BEFORE = 60_000;

const notProvided = () => Promise.reject(new Error('not provided'));

export const sessionMachine = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent,
    input: {} as { session: Session | undefined; refusals?: number },
  },
  actors: {
    /** Loads how to sign in. */
    loadConfig: fromPromise<SessionConfig>(notProvided),
    /** Returns the session after a redirect from the issuer. */
    completeSignIn: fromPromise<Session | undefined, { config: SessionConfig | undefined }>(notProvided),
    signIn: fromPromise<Session, { user: string; role: Role }>(notProvided),
    /** Redirects to the issuer; returns only if that fails. After a sign-out the user may be another one. */
    redirect: fromPromise<never, { config: SessionConfig | undefined; forceLogin: boolean }>(notProvided),
    /** Returns and stores the session with a new token. Only one tab may use the refresh token. */
    renew: fromPromise<Session, { session: Session | undefined }>(notProvided),
  },
  actions: {
    saveSession: (_, _session: Session | undefined) => undefined,
    clearSession: (_, _session: Session | undefined) => undefined,
    /** Stores `context.refusals`, so that it survives the redirects. */
    saveRefusals: () => undefined,
    refuse: assign({
      refusal: (_, { error }: { error: unknown }) => error,
      refusals: ({ context }) => context.refusals + 1,
    }),
  },
  guards: {
    /** Whether the event belongs to this session and not to an earlier one. */
    current: ({ context, event }) => 'token' in event && event.token === context.session?.token,
    renewable: ({ context }) => context.session?.refreshToken !== undefined,
  },
  delays: {
    again: 3_000,
    /** Until the session expires, or is renewed. */
    lifetime: ({ context: { session } }) => {
      const left = (session?.expiresAt ?? 0) - Date.now();
      // Half of the life of short tokens: a token must not be renewed as soon as it was issued.
      const early = session?.refreshToken === undefined ? 0 : Math.min(RENEW_BEFORE, left / 2);
      return Math.min(MAX_TIMEOUT, Math.max(0, left - early));
    },
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
    // The other tab has updated the store.
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
        src: 'loadConfig',
        onDone: {
          target: 'returning',
          actions: assign({ config: ({ event }) => event.output, error: undefined }),
        },
        onError: { target: 'unreachable', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    returning: {
      invoke: {
        src: 'completeSignIn',
        input: ({ context }) => ({ config: context.config }),
        onDone: [
          {
            guard: ({ event }) => event.output !== undefined,
            target: 'signedIn',
            actions: [
              assign({ session: ({ event }) => event.output, accepted: false }),
              { type: 'saveSession', params: ({ event }) => event.output },
            ],
          },
          'signedOut',
        ],
        onError: [
          {
            guard: ({ event }) => hasCode(event.error, 'unauthenticated'),
            target: 'signedOut',
            actions: [{ type: 'refuse', params: ({ event }) => ({ error: event.error }) }, 'saveRefusals'],
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
            { type: 'saveSession', params: ({ event }) => event.output },
          ],
        },
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    leaving: {
      invoke: {
        src: 'redirect',
        // Without a login prompt the issuer could return the same refused token again.
        input: ({ context }) => ({
          config: context.config,
          forceLogin: context.ended === 'signed out' || context.refusals > 0,
        }),
        onError: { target: 'signedOut', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    signedIn: {
      entry: assign({ ended: undefined, error: undefined }),
      initial: 'valid',
      states: {
        valid: {
          after: {
            lifetime: [
              { guard: 'renewable', target: 'renewing' },
              { target: '#session.ended', actions: assign({ ended: 'expired' }) },
            ],
          },
        },
        renewing: {
          invoke: {
            src: 'renew',
            input: ({ context }) => ({ session: context.session }),
            onDone: {
              target: 'valid',
              actions: assign({ session: ({ event }) => event.output, accepted: false }),
            },
            onError: [
              { guard: ({ event }) => isTemporary(event.error), target: 'waiting' },
              { target: '#session.ended', actions: assign({ ended: 'expired' }) },
            ],
          },
          on: { REFUSED: {} },
        },
        // The issuer is unreachable.
        waiting: {
          after: { again: 'renewing' },
          on: { REFUSED: {} },
        },
      },
      on: {
        SIGN_OUT: { target: 'ended', actions: assign({ ended: 'signed out' }) },
        ACCEPTED: {
          guard: and(['current', ({ context }) => !context.accepted]),
          actions: [assign({ accepted: true, refusal: undefined, refusals: 0 }), 'saveRefusals'],
        },
        REFUSED: [
          { guard: and(['current', 'renewable', ({ context }) => context.accepted]), target: '.renewing' },
          {
            guard: and(['current', ({ context }) => context.accepted]),
            target: 'ended',
            actions: assign({ ended: 'expired', refusal: ({ event }) => event.error }),
          },
          {
            guard: 'current',
            target: 'ended',
            actions: [{ type: 'refuse', params: ({ event }) => event }, 'saveRefusals'],
          },
        ],
      },
    },
    ended: {
      entry: [
        { type: 'clearSession', params: ({ context }) => context.session },
        assign({ session: undefined, error: undefined }),
      ],
      always: [{ guard: ({ context }) => context.config !== undefined, target: 'signedOut' }, 'preparing'],
    },
  },
});
