import { http, HttpResponse } from 'msw';
import { afterEach, expect, it, vi } from 'vitest';
import { SignInError } from '../api/problem';
import { server } from '../test/server';
import { leaveForIssuer, returnFromIssuer } from './oidc';

const config = { issuer: 'https://issuer.test/realm/', clientId: 'web', audience: 'orders' };
let given = new AbortController();
afterEach(() => {
  sessionStorage.clear();
  given.abort();
  given = new AbortController();
});

/** Leaves for the issuer from a page, and returns what the issuer is asked. */
async function leave(from: string, afresh = false) {
  const discovery = {
    authorization_endpoint: 'https://issuer.test/auth?x=1',
    token_endpoint: 'https://issuer.test/token',
  };
  server.use(
    http.get('https://issuer.test/realm/.well-known/openid-configuration', () =>
      HttpResponse.json(discovery),
    ),
  );
  history.replaceState(null, '', from);
  const assign = vi.spyOn(location, 'assign').mockReturnValue();
  const back = leaveForIssuer(config, afresh, given.signal);
  await vi.waitFor(() => expect(assign).toHaveBeenCalled());
  const asked = new URL(String(assign.mock.calls[0]?.[0])).searchParams;
  return { asked, back };
}

const comeBack = (answer: Record<string, string>) => {
  history.replaceState(null, '', `/signed-in?${String(new URLSearchParams(answer))}`);
  return returnFromIssuer(config, given.signal);
};

it('trades the code for a token, once, and goes on where the user was', async () => {
  const { asked } = await leave('/orders/1?x=2');
  expect(Object.fromEntries(asked)).toMatchObject({
    x: '1',
    client_id: 'web',
    code_challenge_method: 'S256',
  });
  expect(asked.has('prompt')).toBe(false);
  let sent: URLSearchParams | undefined;
  server.use(
    http.post('https://issuer.test/token', async ({ request }) => {
      sent = new URLSearchParams(await request.text());
      const claims = btoa(JSON.stringify({ sub: '7', preferred_username: 'james' }));
      return HttpResponse.json({ access_token: 't', id_token: `x.${claims}.x`, expires_in: 60 });
    }),
  );
  const state = asked.get('state') ?? '';
  const grant = await comeBack({ code: 'c', state });
  expect(grant).toMatchObject({ token: 't', name: 'james' });
  expect(location.pathname + location.search).toBe('/orders/1?x=2');
  const digest = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(sent?.get('code_verifier') ?? ''),
  );
  expect(Buffer.from(digest).toString('base64url')).toBe(asked.get('code_challenge'));
  expect(await comeBack({ code: 'c', state })).toBeUndefined();
});

it('asks the issuer to ask again after somebody has signed out', async () => {
  expect((await leave('/', true)).asked.get('prompt')).toBe('login');
});

it('gives up when the browser shows the page again as it was left', async () => {
  const { back } = await leave('/');
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
])('tells what the issuer answers: %o', async (answer, message) => {
  const state = (await leave('/new')).asked.get('state') ?? '';
  await expect(comeBack({ ...answer, state })).rejects.toThrow(new SignInError(message));
  expect(location.pathname).toBe('/new');
});

it('says nothing that an answer to somebody else says', async () => {
  await leave('/');
  expect(await comeBack({ error: 'x', error_description: 'call 0123', state: 'y' })).toBeUndefined();
});

it('says that it needs https where the browser offers no hashing', async () => {
  vi.spyOn(crypto, 'subtle', 'get').mockReturnValue(undefined as unknown as SubtleCrypto);
  await expect(leaveForIssuer(config, false, given.signal)).rejects.toThrow(/requires HTTPS/);
});
