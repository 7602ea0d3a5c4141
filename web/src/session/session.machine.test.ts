import { describe, expect, it, vi } from 'vitest';
import { createActor, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError, SignInError } from '../api/problem';
import type { Role, SessionConfig } from '../api/types';
import type { Session } from './session';
import { type SessionEvent, sessionMachine } from './session.machine';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const alice: Session = { token: 't', user: 'alice', role: 'operator', expiresAt: NOW + 60_000 };
const dev: SessionConfig = { authMode: 'dev' };
const oidc: SessionConfig = {
  authMode: 'oidc',
  oidc: { issuer: 'https://id.example', clientId: 'orders', audience: 'orders' },
};
const away = new NetworkError();
const refusal = new ApiError({
  type: 'about:blank',
  title: 'Unauthenticated',
  status: 401,
  code: 'unauthenticated',
  detail: 'the token is not valid: it has 40000 bytes',
});
const bob: Session = { ...alice, token: 'u', user: 'bob', role: 'customer' };
const SIGN_IN: SessionEvent = { type: 'SIGN_IN', user: 'alice', role: 'operator' };

/** The session's machine, whose server answers when it is told to. */
function start(session?: Session, refused = 0) {
  vi.spyOn(Date, 'now').mockReturnValue(NOW);
  const calls = { prepare: 0, comeBack: [] as unknown[], signIn: [] as unknown[], leave: [] as unknown[] };
  const store: (Session | undefined)[] = [];
  const refusals: number[] = [];
  let settle: { resolve: (value: never) => void; reject: (error: unknown) => void } | undefined;
  const pending = <T>() => new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  const clock = new SimulatedClock();
  const machine = sessionMachine.provide({
    actors: {
      prepare: fromPromise<SessionConfig>(() => {
        calls.prepare++;
        return pending();
      }),
      comeBack: fromPromise<Session | undefined, { config: SessionConfig | undefined }>(({ input }) => {
        calls.comeBack.push(input);
        return pending();
      }),
      signIn: fromPromise<Session, { user: string; role: Role }>(({ input }) => {
        calls.signIn.push(input);
        return pending();
      }),
      leave: fromPromise<never, { config: SessionConfig | undefined; afresh: boolean }>(({ input }) => {
        calls.leave.push(input);
        return pending();
      }),
    },
    actions: {
      remember: (_, session) => store.push(session),
      forget: () => store.push(undefined),
      countRefusals: ({ context }) => refusals.push(context.refusals),
    },
  });
  const actor = createActor(machine, { input: { session, refusals: refused }, clock }).start();
  const moved = (from: unknown) => waitFor(actor, ({ value }) => value !== from);
  const state = () => actor.getSnapshot().value;
  return {
    calls,
    store,
    refusals,
    clock,
    state,
    context: () => actor.getSnapshot().context,
    say: (...events: SessionEvent[]) => events.forEach((event) => actor.send(event)),
    async answer(value: SessionConfig | Session | undefined) {
      const from = state();
      settle?.resolve(value as never);
      await moved(from);
    },
    async fail(error: unknown = away) {
      const from = state();
      settle?.reject(error);
      await moved(from);
    },
  };
}

async function signedOut(config: SessionConfig) {
  const page = start();
  await page.answer(config);
  await page.answer(undefined);
  return page;
}

describe('the session', () => {
  it('goes on after a reload without asking the server', () => {
    const page = start(alice);
    expect([page.state(), page.calls.prepare, page.store]).toEqual(['signedIn', 0, []]);
  });

  it('signs in by name where that is allowed, and is remembered', async () => {
    const page = await signedOut(dev);
    expect(page.state()).toBe('signedOut');
    page.say({ type: 'SIGN_IN_OIDC' }, SIGN_IN, SIGN_IN);
    expect(page.state()).toBe('signingIn');
    expect(page.calls.leave).toEqual([]);
    expect(page.calls.signIn).toEqual([SIGN_IN]);
    await page.answer(alice);
    expect([page.state(), page.context().session, page.store]).toEqual(['signedIn', alice, [alice]]);
  });

  it('tells why signing in failed, and lets one try again', async () => {
    const page = await signedOut(dev);
    page.say(SIGN_IN);
    await page.fail();
    expect([page.state(), page.context().error, page.store]).toEqual(['signedOut', away, []]);
    page.say(SIGN_IN);
    await page.answer(alice);
    expect([page.state(), page.context().error]).toEqual(['signedIn', undefined]);
  });

  it('leaves for the issuer where there is one, and only comes back by itself if that fails', async () => {
    const page = await signedOut(oidc);
    page.say(SIGN_IN, { type: 'SIGN_IN_OIDC' });
    expect([page.state(), page.calls.signIn, page.calls.leave]).toEqual([
      'leaving',
      [],
      [{ config: oidc, afresh: false }],
    ]);
    await page.fail();
    expect([page.state(), page.context().error]).toEqual(['signedOut', away]);
  });

  it('is there when the browser comes back from the issuer', async () => {
    const page = start();
    await page.answer(oidc);
    expect([page.state(), page.calls.comeBack]).toEqual(['returning', [{ config: oidc }]]);
    await page.answer(alice);
    expect([page.state(), page.context().config, page.store]).toEqual(['signedIn', oidc, [alice]]);
  });

  it('tells why the issuer did not sign in, for as long as it takes to read, and lets one try again', async () => {
    const refused = new SignInError('cancelled');
    const page = start();
    await page.answer(oidc);
    await page.fail(refused);
    page.clock.increment(60_000);
    expect([page.state(), page.context().error, page.calls.prepare]).toEqual(['signedOut', refused, 1]);
    page.say({ type: 'SIGN_IN_OIDC' });
    expect(page.state()).toBe('leaving');
  });

  it('is asked for afresh by the issuer once somebody has signed out, but not when it has expired', async () => {
    const page = start(alice);
    page.say({ type: 'SIGN_OUT' });
    await page.answer(oidc);
    await page.answer(undefined);
    page.say({ type: 'SIGN_IN_OIDC' });
    expect(page.calls.leave).toEqual([{ config: oidc, afresh: true }]);

    const other = start(alice);
    other.say({ type: 'REFUSED', token: alice.token, error: refusal });
    await other.answer(oidc);
    await other.answer(undefined);
    other.say({ type: 'SIGN_IN_OIDC' });
    expect(other.calls.leave).toEqual([{ config: oidc, afresh: false }]);
  });

  it('asks an unreachable server again, when told to or by itself', async () => {
    const page = start();
    await page.fail();
    expect([page.state(), page.context().error]).toEqual(['unreachable', away]);
    page.say({ type: 'RETRY' });
    await page.fail();
    page.clock.increment(3_000);
    expect([page.state(), page.calls.prepare]).toEqual(['preparing', 3]);
    await page.answer(dev);
    await page.answer(undefined);
    expect([page.state(), page.context().error]).toEqual(['signedOut', undefined]);
  });

  it.each<[SessionEvent, string]>([
    [{ type: 'SIGN_OUT' }, 'signed out'],
    [{ type: 'REFUSED', token: alice.token, error: refusal }, 'expired'],
  ])('is forgotten by %o', async (event, ended) => {
    const page = await signedOut(dev);
    page.say(SIGN_IN);
    await page.answer(alice);
    page.say({ type: 'ACCEPTED', token: alice.token }, event);
    expect([page.state(), page.store, page.calls.prepare]).toEqual(['signedOut', [alice, undefined], 1]);
    expect(page.context()).toMatchObject({ session: undefined, ended });
  });

  it('ends when its time is over, and says so until the next one', async () => {
    const page = start(alice);
    page.clock.increment(59_999);
    expect(page.state()).toBe('signedIn');
    page.clock.increment(1);
    // It came from before a reload: how to sign in is not known yet.
    expect([page.state(), page.context().ended]).toEqual(['preparing', 'expired']);
    await page.answer(dev);
    await page.answer(undefined);
    expect([page.state(), page.context().ended]).toEqual(['signedOut', 'expired']);
    page.say(SIGN_IN);
    await page.answer(alice);
    expect(page.context().ended).toBeUndefined();
  });

  it('does not end at once when its end is further away than a timer can tell', () => {
    const page = start({ ...alice, expiresAt: NOW + 2 ** 33 });
    page.clock.increment(2 ** 31 - 2);
    expect(page.state()).toBe('signedIn');
  });

  it('counts the sign-ins that the server refuses at once, and has the issuer ask who it is', async () => {
    const page = start();
    await page.answer(oidc);
    await page.fail(refusal); // told who the user is
    expect(page.context()).toMatchObject({ refusal, refusals: 1, ended: undefined });
    page.say({ type: 'SIGN_IN_OIDC' });
    expect(page.calls.leave).toEqual([{ config: oidc, afresh: true }]);

    const back = start(undefined, 1);
    await back.answer(oidc);
    await back.answer(alice);
    back.say({ type: 'REFUSED', token: alice.token, error: refusal }); // by the list
    expect([back.state(), back.store, back.refusals]).toEqual(['signedOut', [alice, undefined], [2]]);
    expect(back.context()).toMatchObject({ refusal, refusals: 2, ended: undefined });

    const fixed = start(undefined, 2);
    await fixed.answer(oidc);
    await fixed.answer(alice);
    fixed.say({ type: 'ACCEPTED', token: alice.token }, { type: 'ACCEPTED', token: alice.token });
    expect(fixed.refusals).toEqual([0]);
  });

  it('ignores what the server says to the token of an earlier session', async () => {
    const page = await signedOut(dev);
    page.say(SIGN_IN);
    await page.answer(bob);
    page.say({ type: 'REFUSED', token: alice.token, error: refusal });
    expect([page.state(), page.context().session]).toEqual(['signedIn', bob]);
  });

  it('follows another tab that signs out, and one that signs in, and leaves the store to it', async () => {
    const page = start(alice);
    page.say({ type: 'FOLLOW', session: bob });
    expect([page.state(), page.context().session]).toEqual(['signedIn', bob]);
    page.say({ type: 'FOLLOW', session: undefined });
    await page.answer(oidc);
    await page.answer(undefined);
    expect([page.state(), page.context().ended]).toEqual(['signedOut', 'signed out']);
    page.say({ type: 'FOLLOW', session: undefined }, { type: 'SIGN_IN_OIDC' });
    expect(page.calls.leave).toEqual([{ config: oidc, afresh: true }]);
    page.say({ type: 'FOLLOW', session: alice });
    expect([page.state(), page.context().session]).toEqual(['signedIn', alice]);
    expect(page.store.filter(Boolean)).toEqual([]);
  });

  it('ends when the session that it followed to ends', () => {
    const page = start(alice);
    page.clock.increment(50_000);
    page.say({ type: 'FOLLOW', session: bob });
    page.clock.increment(59_999);
    expect(page.state()).toBe('signedIn');
    page.clock.increment(1);
    expect(page.state()).toBe('preparing');
  });
});
