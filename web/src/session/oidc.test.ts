import { http, HttpResponse, type JsonBodyType } from 'msw';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NetworkError, SignInError } from '../api/problem';
import { server } from '../test/server';
import { redirectToIssuer, renewGrant, returnFromIssuer } from './oidc';

const config = { issuer: 'https://issuer.test/realm/', clientId: 'web', audience: 'orders', scope: 'openid' };
let abort = new AbortController();
afterEach(() => {
  sessionStorage.clear();
  abort.abort();
  abort = new AbortController();
});

/** Redirects to the issuer from a page, and returns the request's parameters. */
async function redirect(from: string, forceLogin = false) {
  const discovery = {
    issuer: config.issuer,
    authorization_endpoint: 'https://issuer.test/auth?x=1',
    token_endpoint: 'https://tokens.test/token',
  };
  server.use(
    http.get('https://issuer.test/realm/.well-known/openid-configuration', () =>
      HttpResponse.json(discovery),
    ),
  );
  history.replaceState(null, '', from);
  const assign = vi.spyOn(location, 'assign').mockReturnValue();
  const back = redirectToIssuer(config, forceLogin, abort.signal);
  await vi.waitFor(() => expect(assign).toHaveBeenCalled());
  const params = new URL(String(assign.mock.calls[0]?.[0])).searchParams;
  return { params, back };
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

const completeSignIn = (answer: Record<string, string>) => {
  history.replaceState(null, '', `/signed-in?${String(new URLSearchParams(answer))}`);
  return returnFromIssuer(config, abort.signal);
};

it('exchanges the code for a token once, and returns to the page before', async () => {
  const { params } = await redirect('/orders/1?x=2');
  expect(Object.fromEntries(params)).toMatchObject({
    x: '1',
    client_id: 'web',
    code_challenge_method: 'S256',
  });
  expect(params.has('prompt')).toBe(false);
  let sent: URLSearchParams | undefined;
  server.use(
    http.post('https://tokens.test/token', async ({ request }) => {
      sent = new URLSearchParams(await request.text());
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: config.issuer, aud: 'web', sub: '7', iat: now - 7200, exp: now - 3600 };
      return HttpResponse.json({
        access_token: 't',
        token_type: 'Bearer',
        refresh_token: 'r',
        id_token: `${part({ alg: 'RS256' })}.${part({ ...claims, preferred_username: 'james' })}.${part('x')}`,
        expires_in: 60,
      });
    }),
  );
  const state = params.get('state') ?? '';
  const grant = await completeSignIn({ code: 'c', state });
  expect(grant).toMatchObject({ token: 't', refreshToken: 'r', name: 'james' });
  expect(location.pathname + location.search).toBe('/orders/1?x=2');
  const digest = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(sent?.get('code_verifier') ?? ''),
  );
  expect(Buffer.from(digest).toString('base64url')).toBe(params.get('code_challenge'));
  expect(await completeSignIn({ code: 'c', state })).toBeUndefined();
});

describe('renewal', () => {
  const grant = { token: 't', refreshToken: 'r', expiresAt: 0, name: 'james' };
  /** Renews at an issuer whose token endpoint gives this answer. */
  async function renew(answer: () => HttpResponse<JsonBodyType>) {
    await redirect('/');
    let sent: URLSearchParams | undefined;
    server.use(
      http.post('https://tokens.test/token', async ({ request }) => {
        sent = new URLSearchParams(await request.text());
        return answer();
      }),
    );
    return { renewed: await renewGrant(config, grant, abort.signal), sent };
  }

  it('keeps the refresh token and the name when the issuer sends no others', async () => {
    const { renewed, sent } = await renew(() =>
      HttpResponse.json({ access_token: 't2', token_type: 'Bearer', expires_in: 60 }),
    );
    expect(renewed).toMatchObject({ token: 't2', refreshToken: 'r', name: 'james' });
    expect(sent?.get('refresh_token')).toBe('r');
  });

  it('takes a new refresh token', async () => {
    const { renewed } = await renew(() =>
      HttpResponse.json({ access_token: 't2', token_type: 'Bearer', refresh_token: 'r2' }),
    );
    expect(renewed.refreshToken).toBe('r2');
  });

  it.each([
    ['a refusal is final', SignInError, () => HttpResponse.json({ error: 'invalid_grant' }, { status: 400 })],
    ['an outage is not', NetworkError, () => HttpResponse.json({ error: 'server_error' }, { status: 503 })],
    ['a page of a proxy is not', NetworkError, () => HttpResponse.json({}, { status: 502 })],
    ['a lost connection is not', NetworkError, () => HttpResponse.error() as never],
  ])('fails by its cause: %s', async (_, error, answer) => {
    await expect(renew(answer)).rejects.toThrow(error);
  });
});

it('requests a login prompt when it is forced', async () => {
  expect((await redirect('/', true)).params.get('prompt')).toBe('login');
});

it('cancels sign-in when Back restores the page', async () => {
  const { back } = await redirect('/');
  dispatchEvent(new Event('pageshow'));
  await expect(back).rejects.toThrow('Sign-in was cancelled.');
});

it.each([
  [{ error: 'access_denied', error_description: 'End-User aborted' }, 'Sign-in was cancelled.'],
  [
    { error: 'invalid_scope', error_description: 'no profile' },
    'The sign-in service rejected the request: no profile',
  ],
  [{ error: 'server_error' }, 'The sign-in service rejected the request: server_error'],
])('reports the issuer’s error: %o', async (answer, message) => {
  const state = (await redirect('/new')).params.get('state') ?? '';
  await expect(completeSignIn({ ...answer, state })).rejects.toThrow(new SignInError(message));
  expect(location.pathname).toBe('/new');
});

it('ignores a redirect with an unknown state', async () => {
  await redirect('/');
  expect(await completeSignIn({ error: 'x', error_description: 'call 0123', state: 'y' })).toBeUndefined();
});

it('requires https where the browser has no crypto.subtle', async () => {
  vi.spyOn(crypto, 'subtle', 'get').mockReturnValue(undefined as unknown as SubtleCrypto);
  await expect(redirectToIssuer(config, false, abort.signal)).rejects.toThrow(/requires HTTPS/);
});
