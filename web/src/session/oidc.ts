/** The authorization-code flow with PKCE: the browser proves that it is the one that asked, and holds no secret. */
import type { SessionConfig } from '../api/types';
import { NetworkError, SignInError } from '../api/problem';
import type { Session } from './session';

type OidcConfig = NonNullable<SessionConfig['oidc']>;

/** What the issuer gives; who that is to the server, the server says. */
export type Grant = Omit<Session, 'user' | 'role'>;

interface Discovery {
  authorization_endpoint: string;
  token_endpoint: string;
}

interface Tokens {
  access_token: string;
  id_token?: string;
  expires_in?: number;
}

interface Pending {
  state: string;
  verifier: string;
  /** Where the user was. */
  back: string;
}

const PENDING = 'orders.oidc';
const redirectUri = () => `${location.origin}/signed-in`;

/** Sends the browser to the issuer; with `afresh` the issuer must ask who it is, though it may remember somebody. */
export async function leaveForIssuer(
  config: OidcConfig,
  afresh: boolean,
  signal: AbortSignal,
): Promise<never> {
  // PKCE needs hashing, which browsers offer on https and localhost only.
  if ((crypto.subtle as SubtleCrypto | undefined) === undefined) {
    throw new SignInError('Sign-in requires HTTPS. Open this page with https://.');
  }
  const { authorization_endpoint } = await discover(config, signal);
  const pending: Pending = {
    state: randomText(),
    verifier: randomText(),
    back: location.pathname + location.search,
  };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const target = new URL(authorization_endpoint);
  const params = {
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: redirectUri(),
    scope: 'openid profile',
    audience: config.audience,
    state: pending.state,
    code_challenge: await challenge(pending.verifier),
    code_challenge_method: 'S256',
    ...(afresh ? { prompt: 'login' } : {}),
  };
  for (const [name, value] of Object.entries(params)) target.searchParams.set(name, value);
  location.assign(target);
  return new Promise((_, reject) => {
    // Back from the issuer's page, the browser may show this one again as it was left.
    addEventListener('pageshow', () => reject(cancelled()), { once: true, signal });
  });
}

/** Trades the code that the issuer sent back for a token. Undefined when this page is no answer of the issuer's. */
export async function returnFromIssuer(config: OidcConfig, signal: AbortSignal): Promise<Grant | undefined> {
  if (location.pathname !== '/signed-in') return undefined;
  const answer = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null') as Pending | null;
  sessionStorage.removeItem(PENDING);
  // The code works once, and must not stay in the history.
  history.replaceState(null, '', pending?.back ?? '/');
  // An answer to no question of ours is anybody's, and so is what it says.
  if (pending?.state !== answer.get('state')) return undefined;
  const code = answer.get('code');
  if (!code) throw refused(answer);

  const { token_endpoint } = await discover(config, signal);
  const tokens = await fetchJson<Tokens>(token_endpoint, {
    method: 'POST',
    signal,
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: config.clientId,
      redirect_uri: redirectUri(),
      code,
      code_verifier: pending.verifier,
    }),
  });
  return {
    token: tokens.access_token,
    expiresAt: Date.now() + (tokens.expires_in ?? 3600) * 1000,
    name: nameIn(tokens.id_token),
  };
}

const cancelled = () => new SignInError('Sign-in was cancelled.');

function refused(answer: URLSearchParams): SignInError {
  const error = answer.get('error');
  if (error === 'access_denied') return cancelled();
  return new SignInError(
    `The sign-in service rejected the request: ${answer.get('error_description') ?? error ?? 'no reason given'}`,
  );
}

/** The ID token is addressed to us, unlike the access token. Good enough for a name to show. */
function nameIn(idToken = ''): string | undefined {
  try {
    const part = (idToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(part), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return [claims['preferred_username'], claims['name']].find((one) => typeof one === 'string');
  } catch {
    return undefined;
  }
}

function discover(config: OidcConfig, signal: AbortSignal): Promise<Discovery> {
  return fetchJson(`${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, { signal });
}

async function fetchJson<T>(url: string, init: RequestInit): Promise<T> {
  const response = await globalThis.fetch(url, init).catch((cause: unknown) => {
    throw new NetworkError('Can’t reach the sign-in service.', { cause });
  });
  if (!response.ok) throw new NetworkError(`The sign-in service returned an error (${response.status}).`);
  return (await response.json()) as T;
}

function randomText(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challenge(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
