import { describe, expect, it, vi } from 'vitest';
import { createActor, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError, SignInError } from '../api/problem';
import type { Role, SessionConfig } from '../api/types';
import type { Session } from './session';
import { type SessionEvent, sessionMachine } from './session.machine';

const valid = { signedIn: 'valid' };
const NOW = Date.parse('2026-11-24T12:00:00Z');
const alice: Session = { token: 't', user: 'alice', role: 'operator', expiresAt: NOW + 60_000 };
const dev: SessionConfig = { authMode: 'dev' };
const oidc: SessionConfig = {
  authMode: 'oidc',
  oidc: { issuer: 'https://id.example', clientId: 'orders', audience: 'orders', scope: 'openid' },
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

/** The session's machine with a server that responds when the test calls `answer` or `fail`. */
function start(session?: Session, refused = 0) {
  vi.spyOn(Date, 'now').mockReturnValue(NOW);
  const calls = {
    loadConfig: 0,
    completeSignIn: [] as unknown[],
    signIn: [] as unknown[],
    redirect: [] as unknown[],
    renew: [] as unknown[],
  };
  const store: (Session | undefined)[] = [];
  const refusals: number[] = [];
  let settle: { resolve: (value: never) => void; reject: (error: unknown) => void } | undefined;
  const pending = <T>() => new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  const clock = new SimulatedClock();
  const machine = sessionMachine.provide({
    actors: {
      loadConfig: fromPromise<SessionConfig>(() => {
        calls.loadConfig++;
        return pending();
      }),
      completeSignIn: fromPromise<Session | undefined, { config: SessionConfig | undefined }>(({ input }) => {
        calls.completeSignIn.push(input);
        return pending();
      }),
      signIn: fromPromise<Session, { user: string; role: Role }>(({ input }) => {
        calls.signIn.push(input);
        return pending();
      }),
      redirect: fromPromise<never, { config: SessionConfig | undefined; forceLogin: boolean }>(
        ({ input }) => {
          calls.redirect.push(input);
          return pending();
        },
      ),
      renew: fromPromise<Session, { session: Session | undefined }>(({ input }) => {
        calls.renew.push(input.session);
        return pending();
      }),
    },
    actions: {
      saveSession: (_, session) => store.push(session),
      clearSession: () => store.push(undefined),
      saveRefusals: ({ context }) => refusals.push(context.refusals),
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
    send: (...events: SessionEvent[]) => events.forEach((event) => actor.send(event)),
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
  it('continues after a reload without a request', () => {
    const page = start(alice);
    expect([page.state(), page.calls.loadConfig, page.store]).toEqual([valid, 0, []]);
  });

  it('is created by name in dev mode, and saved', async () => {
    const page = await signedOut(dev);
    expect(page.state()).toBe('signedOut');
    page.send({ type: 'SIGN_IN_OIDC' }, SIGN_IN, SIGN_IN);
    expect(page.state()).toBe('signingIn');
    expect(page.calls.redirect).toEqual([]);
    expect(page.calls.signIn).toEqual([SIGN_IN]);
    await page.answer(alice);
    expect([page.state(), page.context().session, page.store]).toEqual([valid, alice, [alice]]);
  });

  it('reports a failed sign-in, which can be repeated', async () => {
    const page = await signedOut(dev);
    page.send(SIGN_IN);
    await page.fail();
    expect([page.state(), page.context().error, page.store]).toEqual(['signedOut', away, []]);
    page.send(SIGN_IN);
    await page.answer(alice);
    expect([page.state(), page.context().error]).toEqual([valid, undefined]);
  });

  it('redirects to the issuer in oidc mode, and returns if that fails', async () => {
    const page = await signedOut(oidc);
    page.send(SIGN_IN, { type: 'SIGN_IN_OIDC' });
    expect([page.state(), page.calls.signIn, page.calls.redirect]).toEqual([
      'leaving',
      [],
      [{ config: oidc, forceLogin: false }],
    ]);
    await page.fail();
    expect([page.state(), page.context().error]).toEqual(['signedOut', away]);
  });

  it('is created after the redirect from the issuer', async () => {
    const page = start();
    await page.answer(oidc);
    expect([page.state(), page.calls.completeSignIn]).toEqual(['returning', [{ config: oidc }]]);
    await page.answer(alice);
    expect([page.state(), page.context().config, page.store]).toEqual([valid, oidc, [alice]]);
  });

  it('keeps the issuer’s error until the next sign-in', async () => {
    const refused = new SignInError('cancelled');
    const page = start();
    await page.answer(oidc);
    await page.fail(refused);
    page.clock.increment(60_000);
    expect([page.state(), page.context().error, page.calls.loadConfig]).toEqual(['signedOut', refused, 1]);
    page.send({ type: 'SIGN_IN_OIDC' });
    expect(page.state()).toBe('leaving');
  });

  it('forces a login at the issuer after a sign-out, but not after it expired', async () => {
    const page = start(alice);
    page.send({ type: 'SIGN_OUT' });
    await page.answer(oidc);
    await page.answer(undefined);
    page.send({ type: 'SIGN_IN_OIDC' });
    expect(page.calls.redirect).toEqual([{ config: oidc, forceLogin: true }]);

    const other = start(alice);
    other.send({ type: 'REFUSED', token: alice.token, error: refusal });
    await other.answer(oidc);
    await other.answer(undefined);
    other.send({ type: 'SIGN_IN_OIDC' });
    expect(other.calls.redirect).toEqual([{ config: oidc, forceLogin: false }]);
  });

  it('retries an unreachable server on request and after 3 s', async () => {
    const page = start();
    await page.fail();
    expect([page.state(), page.context().error]).toEqual(['unreachable', away]);
    page.send({ type: 'RETRY' });
    await page.fail();
    page.clock.increment(3_000);
    expect([page.state(), page.calls.loadConfig]).toEqual(['preparing', 3]);
    await page.answer(dev);
    await page.answer(undefined);
    expect([page.state(), page.context().error]).toEqual(['signedOut', undefined]);
  });

  it.each<[SessionEvent, string]>([
    [{ type: 'SIGN_OUT' }, 'signed out'],
    [{ type: 'REFUSED', token: alice.token, error: refusal }, 'expired'],
  ])('is cleared on %o', async (event, ended) => {
    const page = await signedOut(dev);
    page.send(SIGN_IN);
    await page.answer(alice);
    page.send({ type: 'ACCEPTED', token: alice.token }, event);
    expect([page.state(), page.store, page.calls.loadConfig]).toEqual(['signedOut', [alice, undefined], 1]);
    expect(page.context()).toMatchObject({ session: undefined, ended });
  });

  it('expires, and is reported as expired until the next one', async () => {
    const page = start(alice);
    page.clock.increment(59_999);
    expect(page.state()).toEqual(valid);
    page.clock.increment(1);
    // It was restored after a reload, so the configuration is not loaded yet.
    expect([page.state(), page.context().ended]).toEqual(['preparing', 'expired']);
    await page.answer(dev);
    await page.answer(undefined);
    expect([page.state(), page.context().ended]).toEqual(['signedOut', 'expired']);
    page.send(SIGN_IN);
    await page.answer(alice);
    expect(page.context().ended).toBeUndefined();
  });

  it('does not end at once when it expires after the limit of setTimeout', () => {
    const page = start({ ...alice, expiresAt: NOW + 2 ** 33 });
    page.clock.increment(2 ** 31 - 2);
    expect(page.state()).toEqual(valid);
  });

  it('counts refused sign-ins, and forces a login at the issuer', async () => {
    const page = start();
    await page.answer(oidc);
    await page.fail(refusal); // by GET /v1/session
    expect(page.context()).toMatchObject({ refusal, refusals: 1, ended: undefined });
    page.send({ type: 'SIGN_IN_OIDC' });
    expect(page.calls.redirect).toEqual([{ config: oidc, forceLogin: true }]);

    const back = start(undefined, 1);
    await back.answer(oidc);
    await back.answer(alice);
    back.send({ type: 'REFUSED', token: alice.token, error: refusal }); // by GET /v1/orders
    expect([back.state(), back.store, back.refusals]).toEqual(['signedOut', [alice, undefined], [2]]);
    expect(back.context()).toMatchObject({ refusal, refusals: 2, ended: undefined });

    const fixed = start(undefined, 2);
    await fixed.answer(oidc);
    await fixed.answer(alice);
    fixed.send({ type: 'ACCEPTED', token: alice.token }, { type: 'ACCEPTED', token: alice.token });
    expect(fixed.refusals).toEqual([0]);
  });

  it('ignores a refusal of an earlier session’s token', async () => {
    const page = await signedOut(dev);
    page.send(SIGN_IN);
    await page.answer(bob);
    page.send({ type: 'REFUSED', token: alice.token, error: refusal });
    expect([page.state(), page.context().session]).toEqual([valid, bob]);
  });

  it('follows another tab’s sign-in and sign-out without changing the store', async () => {
    const page = start(alice);
    page.send({ type: 'FOLLOW', session: bob });
    expect([page.state(), page.context().session]).toEqual([valid, bob]);
    page.send({ type: 'FOLLOW', session: undefined });
    await page.answer(oidc);
    await page.answer(undefined);
    expect([page.state(), page.context().ended]).toEqual(['signedOut', 'signed out']);
    page.send({ type: 'FOLLOW', session: undefined }, { type: 'SIGN_IN_OIDC' });
    expect(page.calls.redirect).toEqual([{ config: oidc, forceLogin: true }]);
    page.send({ type: 'FOLLOW', session: alice });
    expect([page.state(), page.context().session]).toEqual([valid, alice]);
    expect(page.store.filter(Boolean)).toEqual([]);
  });

  it('expires with the session of another tab', () => {
    const page = start(alice);
    page.clock.increment(50_000);
    page.send({ type: 'FOLLOW', session: bob });
    page.clock.increment(59_999);
    expect(page.state()).toEqual(valid);
    page.clock.increment(1);
    expect(page.state()).toBe('preparing');
  });
});

describe('a session with a refresh token', () => {
  const renewable: Session = { ...alice, refreshToken: 'r', expiresAt: NOW + 3_600_000 };
  const renewed: Session = { ...renewable, token: 't2', refreshToken: 'r2', expiresAt: NOW + 7_200_000 };
  const renewing = { signedIn: 'renewing' };
  const waiting = { signedIn: 'waiting' };

  it('is renewed a minute before it expires, again and again', async () => {
    const page = start(renewable);
    page.clock.increment(3_539_999);
    expect(page.state()).toEqual(valid);
    page.clock.increment(1);
    expect(page.calls.renew).toEqual([renewable]);
    await page.answer(renewed);
    expect([page.state(), page.context().session]).toEqual([valid, renewed]);
    page.clock.increment(7_140_000);
    expect(page.calls.renew).toEqual([renewable, renewed]);
  });

  it('is renewed after half of a life of less than two minutes', () => {
    const page = start({ ...renewable, expiresAt: NOW + 60_000 });
    page.clock.increment(29_999);
    expect(page.state()).toEqual(valid);
    page.clock.increment(1);
    expect(page.state()).toEqual(renewing);
  });

  it('is renewed at once when the page is opened after it expired', () => {
    const page = start({ ...renewable, expiresAt: NOW - 60_000 });
    page.clock.increment(0);
    expect(page.state()).toEqual(renewing);
  });

  it('waits for an issuer that is unreachable', async () => {
    const page = start(renewable);
    page.clock.increment(3_540_000);
    await page.fail();
    expect(page.state()).toEqual(waiting);
    page.send({ type: 'REFUSED', token: renewable.token, error: refusal });
    expect(page.state()).toEqual(waiting);
    page.clock.increment(3_000);
    expect(page.state()).toEqual(renewing);
    await page.answer(renewed);
    expect(page.context().session).toEqual(renewed);
  });

  it('ends as expired when the issuer refuses to renew it', async () => {
    const page = start(renewable);
    page.clock.increment(3_540_000);
    await page.fail(new SignInError('revoked'));
    expect([page.state(), page.context().ended, page.store]).toEqual(['preparing', 'expired', [undefined]]);
  });

  it('is renewed when the server refuses its token, but not when it refuses the new one too', async () => {
    const page = start(renewable);
    const refuse = (token: string) => page.send({ type: 'REFUSED', token, error: refusal });
    refuse(renewable.token);
    refuse(renewable.token);
    expect([page.state(), page.calls.renew]).toEqual([renewing, [renewable]]);
    await page.answer(renewed);
    refuse(renewable.token);
    expect(page.state()).toEqual(valid);
    refuse(renewed.token);
    expect([page.state(), page.calls.renew.length, page.refusals]).toEqual(['preparing', 1, [1]]);
  });

  it('is renewed again after the server accepted the new token', async () => {
    const page = start(renewable);
    page.send({ type: 'REFUSED', token: renewable.token, error: refusal });
    await page.answer(renewed);
    page.send({ type: 'ACCEPTED', token: renewed.token });
    page.send({ type: 'REFUSED', token: renewed.token, error: refusal });
    expect(page.calls.renew).toEqual([renewable, renewed]);
  });

  it('takes over what another tab renewed', () => {
    const page = start(renewable);
    page.clock.increment(3_540_000);
    page.send({ type: 'FOLLOW', session: renewed });
    expect([page.state(), page.context().session]).toEqual([valid, renewed]);
  });

  it('ends on sign-out during a renewal', () => {
    const page = start(renewable);
    page.clock.increment(3_540_000);
    page.send({ type: 'SIGN_OUT' });
    expect([page.state(), page.context().session, page.store]).toEqual(['preparing', undefined, [undefined]]);
  });
});
