import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse, type RequestHandler } from 'msw';
import { map } from 'rxjs';
import { StrictMode } from 'react';
import { describe, expect, it } from 'vitest';
import { fromPromise } from 'xstate';
import { createApi, toPromise } from '../api/client';
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
  completeSignIn?: () => Promise<Session | undefined>;
  renew?: () => Promise<Session>;
  refusals?: number;
}

/** The whole app on a mocked network, signed out unless a session is given. */
function start({
  session,
  strict = false,
  answers = [],
  completeSignIn = () => Promise.resolve(undefined),
  renew = () => Promise.reject(new Error('unexpected')),
  refusals = 0,
}: Started = {}) {
  server.use(...answers, ...handlers(new Backend()));
  const api = createApi({ clock: createServerClock() });
  const saved: (string | undefined)[] = [];
  const redirects: (SessionConfig | undefined)[] = [];
  const machine = sessionMachine.provide({
    actors: {
      loadConfig: fromPromise(({ signal }) => toPromise(api.sessionConfig(), signal)),
      completeSignIn: fromPromise(completeSignIn),
      renew: fromPromise(renew),
      signIn: fromPromise(({ input: { user, role }, signal }) =>
        toPromise(
          api.devToken(user, role).pipe(map(({ token }) => ({ token, user, role, expiresAt: Infinity }))),
          signal,
        ),
      ),
      redirect: fromPromise(({ input }) => {
        redirects.push(input.config);
        return new Promise<never>(() => undefined);
      }),
    },
    actions: {
      saveSession: (_, session) => saved.push(session?.user),
      clearSession: (_, session) => {
        if (session) saved.push(undefined);
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
  /** Signs in or out in another tab. */
  const inOtherTab = (session: Session | undefined) => act(() => tell(session));
  return { user: userEvent.setup(), saved, redirects, inOtherTab };
}

const config: SessionConfig = {
  authMode: 'oidc',
  oidc: { issuer: 'https://issuer.test', clientId: 'web', audience: 'orders', scope: 'openid' },
};
const byIssuer = http.get('*/v1/session/config', () => HttpResponse.json(config));

const userButton = (name: string) => screen.findByRole('button', { name: new RegExp(`^${name}`) });
const page = () => screen.findByRole('heading', { name: /^(Your o|O)rders$/ });
const bar = () => within(screen.getByRole('navigation', { name: 'Main' }));

describe('signing in', () => {
  it('is a choice of users in dev mode', async () => {
    const { user, saved } = start();
    await user.click(await userButton('olivia'));
    await page();
    expect(bar().getByText('olivia').textContent).toBe('olivia operator');
    expect(saved).toEqual(['olivia']);
  });

  it('shows at the field why a name is refused', async () => {
    const { user, saved } = start();
    const field = await screen.findByLabelText<HTMLInputElement>('Or enter another name');
    await user.type(field, 'José García{Enter}');
    const hint = await screen.findByRole('alert');
    expect(hint.textContent).toMatch(/^The name must/);
    expect(field.getAttribute('aria-invalid')).toBe('true');
    expect(field.getAttribute('aria-describedby')).toBe(hint.id);
    expect(saved).toEqual([]);
  });

  it('shows no error when StrictMode starts the actors twice', async () => {
    start({ strict: true });
    const alerts: string[] = [];
    const watcher = new MutationObserver(() => {
      for (const alert of screen.queryAllByRole('alert')) alerts.push(alert.textContent);
    });
    watcher.observe(document.body, { childList: true, subtree: true });
    await userButton('alice');
    watcher.disconnect();
    expect(alerts).toEqual([]);
  });

  it('accepts any other name, as customer or operator', async () => {
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

  it('is skipped with a saved session', async () => {
    start({ session: alice });
    await page();
    expect(screen.queryByRole('heading', { name: 'Sign in to Orders' })).toBeNull();
  });

  it('shows a refusal, and can be repeated', async () => {
    const problem = { type: '/docs', title: 'No', status: 400, code: 'invalid-request', detail: 'not you' };
    const refuse = http.post('*/v1/dev/token', () => HttpResponse.json(problem, { status: 400 }), {
      once: true,
    });
    const { user } = start({ answers: [refuse] });
    await user.click(await userButton('bob'));
    expect((await screen.findByRole('alert')).textContent).toBe('Not you.');
    await user.click(await userButton('bob'));
    await page();
  });

  it('shows that the server is unreachable, and can be retried', async () => {
    let away = true;
    const lose = http.get('*/v1/session/config', () => (away ? HttpResponse.error() : undefined));
    const { user } = start({ answers: [lose] });
    expect((await screen.findByRole('alert')).textContent).toBe('Can’t reach the server.');
    away = false;
    await user.click(screen.getByRole('button', { name: 'Retry' }));
    await userButton('alice');
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('redirects to the issuer in oidc mode', async () => {
    const { user, redirects } = start({ answers: [byIssuer] });
    const button = await screen.findByRole<HTMLButtonElement>('button', {
      name: 'Sign in with your account',
    });
    expect(screen.queryByLabelText('Or enter another name')).toBeNull();
    await user.click(button);
    expect(redirects).toEqual([config]);
    expect(button.disabled).toBe(true);
  });

  it('shows the display name of the issuer', async () => {
    const bond: Session = { ...alice, user: '7', name: 'James', role: 'operator' };
    start({ answers: [byIssuer], completeSignIn: () => Promise.resolve(bond) });
    await page();
    expect(bar().getByText('James').textContent).toBe('James operator');
  });

  it('shows the issuer’s error, and can be repeated', async () => {
    start({ answers: [byIssuer], completeSignIn: () => Promise.reject(new SignInError('you left')) });
    expect((await screen.findByRole('alert')).textContent).toBe('You left.');
    expect(
      screen.getByRole<HTMLButtonElement>('button', { name: 'Sign in with your account' }).disabled,
    ).toBe(false);
  });
});

describe('the end of a session', () => {
  it('clears the saved session on sign-out', async () => {
    const { user, saved } = start({ session: alice });
    await page();
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    await userButton('alice');
    expect(screen.queryByText(/session has ended/)).toBeNull();
    expect(saved).toEqual([undefined]);
  });

  it('is explained after a 401, and the user continues on the same page', async () => {
    history.replaceState(null, '', '/?status=created');
    const { user } = start({ session: { ...alice, token: 'expired' } });
    await screen.findByText(/^Your session has ended/);
    await user.click(await userButton('alice'));
    await page();
    expect(location.search).toBe('?status=created');
  });

  it('follows a sign-out and another user’s sign-in in another tab', async () => {
    const { inOtherTab, saved } = start({ session: alice });
    await page();
    inOtherTab({ token: 'mock.olivia.operator', user: 'olivia', role: 'operator', expiresAt: Infinity });
    await page();
    expect(bar().getByText('olivia').textContent).toBe('olivia operator');
    inOtherTab(undefined);
    await userButton('alice');
    inOtherTab(alice);
    await page();
    expect(bar().getByText('alice').textContent).toBe('alice');
    expect(saved).not.toContain('olivia');
  });
});

describe('a token that the server refuses', () => {
  const problem = { type: '/docs', title: 'No', status: 401, code: 'unauthenticated' };
  const refuse = http.get('*/v1/orders', () =>
    HttpResponse.json({ ...problem, detail: 'the token is too long: 40000 bytes' }, { status: 401 }),
  );

  it('is explained, and another account is offered after the second time', async () => {
    const { user } = start({ answers: [refuse] });
    await user.click(await userButton('alice'));
    const first = await screen.findByRole('alert');
    expect(first.textContent).toBe('The server rejected your sign-in. The token is too long: 40000 bytes.');
    expect(screen.queryByText(/session has ended/)).toBeNull();
    await user.click(await userButton('alice'));
    await screen.findByText(/Signing in again won’t help. Use another account/);
  });

  it('is counted across redirects to the issuer', async () => {
    const completeSignIn = () => Promise.resolve(alice);
    const { user, redirects } = start({ answers: [byIssuer, refuse], completeSignIn, refusals: 1 });
    await screen.findByText(/The token is too long.*Signing in again won’t help/);
    await user.click(screen.getByRole('button', { name: 'Use another account' }));
    expect(redirects).toEqual([config]);
  });

  it('is explained also when it was accepted before', async () => {
    start({ session: alice, answers: [refuse] });
    const ended = await screen.findByText(/^Your session has ended/);
    expect(ended.textContent).toContain('The token is too long: 40000 bytes. Sign in again');
  });
});

describe('a session that can be renewed', () => {
  /** Refuses this token, as the server does after it expired. */
  const refusing = (token: string) =>
    http.all('*/v1/*', ({ request }) =>
      request.headers.get('Authorization') === `Bearer ${token}`
        ? HttpResponse.json(
            { type: 'about:blank', title: 'Unauthenticated', status: 401, code: 'unauthenticated' },
            { status: 401 },
          )
        : undefined,
    );

  it('goes on when its token has expired: the requests are sent again with a new one', async () => {
    let renewals = 0;
    start({
      session: { ...alice, token: 'expired', refreshToken: 'r' },
      answers: [refusing('expired')],
      renew: () => {
        renewals++;
        return Promise.resolve({ ...alice, refreshToken: 'r2' });
      },
    });
    await page();
    await screen.findByText(/^No orders yet/);
    expect(renewals).toBe(1);
  });

  it('keeps what the user has typed when it is renewed in another tab', async () => {
    const { user, inOtherTab } = start({ session: { ...alice, refreshToken: 'r' } });
    await page();
    const search = screen.getByRole('searchbox');
    await user.type(search, 'tea');
    inOtherTab({ ...alice, token: 'mock.alice.customer.2', refreshToken: 'r2' });
    expect(screen.getByRole('searchbox')).toBe(search);
  });
});
