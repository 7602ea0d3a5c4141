/** Sign-in by OpenID Connect: the authorization code flow with PKCE, without a client secret. */
import type { SessionConfig } from '../api/types';
import { NetworkError, SignInError } from '../api/problem';
import type { Session } from './session';

type OidcConfig = NonNullable<SessionConfig['oidc']>;

/** What the issuer grants. User and role come from our server. */
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
  /** The address to return to. */
  back: string;
}

const PENDING = 'orders.oidc';
const redirectUri = () => `${location.origin}/signed-in`;

/** Redirects to the issuer. With `forceLogin` the issuer asks for credentials even if it has a session. */
export async function redirectToIssuer(
  config: OidcConfig,
  forceLogin: boolean,
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
    ...(forceLogin ? { prompt: 'login' } : {}),
  };
  for (const [name, value] of Object.entries(params)) target.searchParams.set(name, value);
  location.assign(target);
  return new Promise((_, reject) => {
    // On Back from the issuer's page the browser may restore this page.
    addEventListener('pageshow', () => reject(cancelled()), { once: true, signal });
  });
}

/** Exchanges the code of the issuer's redirect for a token. Undefined when this page was not opened by a redirect. */
export async function returnFromIssuer(config: OidcConfig, signal: AbortSignal): Promise<Grant | undefined> {
  if (location.pathname !== '/signed-in') return undefined;
  const answer = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null') as Pending | null;
  sessionStorage.removeItem(PENDING);
  // The code must not stay in the browser's history.
  history.replaceState(null, '', pending?.back ?? '/');
  // Unknown state: a forged or stale redirect. Ignore it, including its error text.
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

/** The display name in the ID token, which is not verified: it is only shown. */
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
