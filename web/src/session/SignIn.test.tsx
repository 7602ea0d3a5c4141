import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse, type RequestHandler } from 'msw';
import { map } from 'rxjs';
import { StrictMode } from 'react';
import { describe, expect, it } from 'vitest';
import { fromPromise } from 'xstate';
import { answer, createApi } from '../api/client';
import { createServerClock } from '../api/clock';
import { SignInError } from '../api/problem';
import type { SessionConfig } from '../api/types';
import { App } from '../app/App';
import { Backend } from '../mock/backend';
import { handlers } from '../mock/handlers';
import '../test/app';
import { server } from '../test/server';
import type { Session } from './session';
import { sessionMachine } from './session.machine';

const alice: Session = { token: 'mock.alice.customer', user: 'alice', role: 'customer', expiresAt: Infinity };

interface Started {
  session?: Session;
  strict?: boolean;
  answers?: RequestHandler[];
  comeBack?: () => Promise<Session | undefined>;
  refusals?: number;
}

/** The whole app over the mocked network, with nobody signed in unless somebody is remembered. */
function start({
  session,
  strict = false,
  answers = [],
  comeBack = () => Promise.resolve(undefined),
  refusals = 0,
}: Started = {}) {
  server.use(...answers, ...handlers(new Backend()));
  const api = createApi({ clock: createServerClock() });
  const remembered: (string | undefined)[] = [];
  const left: (SessionConfig | undefined)[] = [];
  const machine = sessionMachine.provide({
    actors: {
      prepare: fromPromise(({ signal }) => answer(api.sessionConfig(), signal)),
      comeBack: fromPromise(comeBack),
      signIn: fromPromise(({ input: { user, role }, signal }) =>
        answer(
          api.devToken(user, role).pipe(map(({ token }) => ({ token, user, role, expiresAt: Infinity }))),
          signal,
        ),
      ),
      leave: fromPromise(({ input }) => {
        left.push(input.config);
        return new Promise<never>(() => undefined);
      }),
    },
    actions: {
      remember: (_, session) => remembered.push(session?.user),
      forget: (_, session) => {
        if (session) remembered.push(undefined);
      },
    },
  });
  let tell: (session: Session | undefined) => void = () => undefined;
  const store = {
    load: () => session,
    refusals: () => refusals,
    listen: (changed: typeof tell) => {
      tell = changed;
      return () => undefined;
    },
  };
  const app = <App machine={machine} store={store} />;
  render(strict ? <StrictMode>{app}</StrictMode> : app);
  /** What another tab does. */
  const elsewhere = (session: Session | undefined) => act(() => tell(session));
  return { user: userEvent.setup(), remembered, left, elsewhere };
}

const config: SessionConfig = {
  authMode: 'oidc',
  oidc: { issuer: 'https://issuer.test', clientId: 'web', audience: 'orders' },
};
const byIssuer = http.get('*/v1/session/config', () => HttpResponse.json(config));

const person = (name: string) => screen.findByRole('button', { name: new RegExp(`^${name}`) });
const page = () => screen.findByRole('heading', { name: 'Orders' });
const bar = () => within(screen.getByRole('navigation', { name: 'Main' }));

describe('signing in', () => {
  it('is a choice of people in a development set-up', async () => {
    const { user, remembered } = start();
    await user.click(await person('olivia'));
    await page();
    expect(bar().getByText('olivia').textContent).toBe('olivia operator');
    expect(remembered).toEqual(['olivia']);
  });

  it('offers the choice at once though StrictMode starts everything twice', async () => {
    start({ strict: true });
    const alerts: string[] = [];
    const watcher = new MutationObserver(() => {
      for (const alert of screen.queryAllByRole('alert')) alerts.push(alert.textContent);
    });
    watcher.observe(document.body, { childList: true, subtree: true });
    await person('alice');
    watcher.disconnect();
    expect(alerts).toEqual([]);
  });

  it('takes any other name, as a customer or as an operator', async () => {
    const { user } = start();
    const other = await screen.findByLabelText('Or enter another name');
    const button = screen.getByRole<HTMLButtonElement>('button', { name: 'Sign in' });
    await user.type(other, '  ');
    expect(button.disabled).toBe(true);
    await user.type(other, 'zoe ');
    await user.click(screen.getByLabelText('Sign in as operator'));
    await user.click(button);
    await page();
    expect(bar().getByText('zoe').textContent).toBe('zoe operator');
  });

  it('is not asked of whom the browser remembers', async () => {
    start({ session: alice });
    await page();
    expect(screen.queryByRole('heading', { name: 'Sign in to Orders' })).toBeNull();
  });

  it('says that it was refused, and lets try again', async () => {
    const problem = { type: '/docs', title: 'No', status: 400, code: 'invalid-request', detail: 'not you' };
    const refuse = http.post('*/v1/dev/token', () => HttpResponse.json(problem, { status: 400 }), {
      once: true,
    });
    const { user } = start({ answers: [refuse] });
    await user.click(await person('bob'));
    expect((await screen.findByRole('alert')).textContent).toBe('Not you.');
    await user.click(await person('bob'));
    await page();
  });

  it('says that the server is away, and goes on when it is asked again', async () => {
    let away = true;
    const lose = http.get('*/v1/session/config', () => (away ? HttpResponse.error() : undefined));
    const { user } = start({ answers: [lose] });
    expect((await screen.findByRole('alert')).textContent).toBe('Can’t reach the server.');
    away = false;
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    await person('alice');
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it("is the issuer's where there is one", async () => {
    const { user, left } = start({ answers: [byIssuer] });
    const button = await screen.findByRole<HTMLButtonElement>('button', {
      name: 'Sign in with your account',
    });
    expect(screen.queryByLabelText('Or enter another name')).toBeNull();
    await user.click(button);
    expect(left).toEqual([config]);
    expect(button.disabled).toBe(true);
  });

  it("shows the issuer's name for the user, where it has one", async () => {
    const bond: Session = { ...alice, user: '7', name: 'James', role: 'operator' };
    start({ answers: [byIssuer], comeBack: () => Promise.resolve(bond) });
    await page();
    expect(bar().getByText('James').textContent).toBe('James operator');
  });

  it('says why the issuer did not sign in, and offers it again', async () => {
    start({ answers: [byIssuer], comeBack: () => Promise.reject(new SignInError('you left')) });
    expect((await screen.findByRole('alert')).textContent).toBe('You left.');
    expect(
      screen.getByRole<HTMLButtonElement>('button', { name: 'Sign in with your account' }).disabled,
    ).toBe(false);
  });
});

describe('the end of a session', () => {
  it('comes when the user signs out, and is forgotten', async () => {
    const { user, remembered } = start({ session: alice });
    await page();
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    await person('alice');
    expect(screen.queryByText(/session has ended/)).toBeNull();
    expect(remembered).toEqual([undefined]);
  });

  it('is explained when the server ends it, and the user goes on where they were', async () => {
    history.replaceState(null, '', '/?status=created');
    const { user } = start({ session: { ...alice, token: 'expired' } });
    await screen.findByText(/^Your session has ended/);
    await user.click(await person('alice'));
    await page();
    expect(location.search).toBe('?status=created');
  });

  it('comes with that of another tab, and so does another user', async () => {
    const { elsewhere, remembered } = start({ session: alice });
    await page();
    elsewhere({ token: 'mock.olivia.operator', user: 'olivia', role: 'operator', expiresAt: Infinity });
    await page();
    expect(bar().getByText('olivia').textContent).toBe('olivia operator');
    elsewhere(undefined);
    await person('alice');
    elsewhere(alice);
    await page();
    expect(bar().getByText('alice').textContent).toBe('alice');
    expect(remembered).not.toContain('olivia');
  });
});

describe('a token that the server refuses', () => {
  const problem = { type: '/docs', title: 'No', status: 401, code: 'unauthenticated' };
  const refuse = http.get('*/v1/orders', () =>
    HttpResponse.json({ ...problem, detail: 'the token is too long: 40000 bytes' }, { status: 401 }),
  );

  it('is explained, and after the second time another account is offered', async () => {
    const { user } = start({ answers: [refuse] });
    await user.click(await person('alice'));
    const first = await screen.findByRole('alert');
    expect(first.textContent).toBe('The server rejected your sign-in. The token is too long: 40000 bytes.');
    expect(screen.queryByText(/session has ended/)).toBeNull();
    await user.click(await person('alice'));
    await screen.findByText(/Signing in again won’t help. Use another account/);
  });

  it('is counted across the way to the issuer and back', async () => {
    const comeBack = () => Promise.resolve(alice);
    const { user, left } = start({ answers: [byIssuer, refuse], comeBack, refusals: 1 });
    await screen.findByText(/The token is too long.*Signing in again won’t help/);
    await user.click(screen.getByRole('button', { name: 'Use another account' }));
    expect(left).toEqual([config]);
  });

  it('is explained too when it was accepted before', async () => {
    start({ session: alice, answers: [refuse] });
    const ended = await screen.findByText(/^Your session has ended/);
    expect(ended.textContent).toContain('The token is too long: 40000 bytes. Sign in again');
  });
});
