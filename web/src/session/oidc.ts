/**
 * Sign-in by OpenID Connect: the authorization code flow with PKCE, without a client secret. Loaded only where an issuer is
 * configured.
 */
import * as oauth from 'oauth4webapi';
import type { SessionConfig } from '../api/types';
import { NetworkError, SignInError } from '../api/problem';
import type { Session } from './session';

type OidcConfig = NonNullable<SessionConfig['oidc']>;

/** What the issuer grants. User and role come from our server. */
export type Grant = Omit<Session, 'user' | 'role'>;

interface Pending {
  state: string;
  verifier: string;
  /** The address to return to. */
  back: string;
}

const PENDING = 'orders.oidc';
/** The lifetime of a token whose issuer does not tell it, in s. */
const DEFAULT_LIFE = 3600;
/** In s. The ID token is only used for the name to show, and the clock of the user's computer may be wrong. */
const CLOCK_TOLERANCE = 86_400;
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
  if (authorization_endpoint === undefined) throw new SignInError('The sign-in service has no sign-in page.');
  const pending: Pending = {
    state: oauth.generateRandomState(),
    verifier: oauth.generateRandomCodeVerifier(),
    back: location.pathname + location.search,
  };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const target = new URL(authorization_endpoint);
  const params = {
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: redirectUri(),
    scope: config.scope,
    audience: config.audience,
    state: pending.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
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

  const issuer = await discover(config, signal);
  const client = clientOf(config);
  const tokens = await explained(async () => {
    const code = oauth.validateAuthResponse(issuer, client, answer, pending.state);
    const response = await oauth.authorizationCodeGrantRequest(
      issuer,
      client,
      oauth.None(),
      code,
      redirectUri(),
      pending.verifier,
      requestOptions(config, signal),
    );
    return oauth.processAuthorizationCodeResponse(issuer, client, response);
  });
  return grantOf(tokens);
}

/**
 * Exchanges the refresh token for a new token. Fails with a SignInError when the issuer refuses it, and with a NetworkError
 * when it did not answer.
 */
export async function renewGrant(config: OidcConfig, grant: Grant, signal: AbortSignal): Promise<Grant> {
  const issuer = await discover(config, signal);
  const client = clientOf(config);
  const tokens = await explained(async () => {
    const response = await oauth.refreshTokenGrantRequest(
      issuer,
      client,
      oauth.None(),
      grant.refreshToken ?? '',
      requestOptions(config, signal),
    );
    return oauth.processRefreshTokenResponse(issuer, client, response);
  });
  const renewed = grantOf(tokens);
  // An issuer may keep the refresh token, and may omit the ID token (RFC 6749, section 6; OpenID Connect Core, section 12.2).
  return {
    ...renewed,
    refreshToken: renewed.refreshToken ?? grant.refreshToken,
    name: renewed.name ?? grant.name,
  };
}

const cancelled = () => new SignInError('Sign-in was cancelled.');

const clientOf = (config: OidcConfig): oauth.Client => ({
  client_id: config.clientId,
  [oauth.clockTolerance]: CLOCK_TOLERANCE,
});

/** Issuers on loopback, for development, have no certificate. The server decides which issuers may be used. */
const requestOptions = (config: OidcConfig, signal: AbortSignal) => ({
  signal,
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that it is noticed
  [oauth.allowInsecureRequests]: config.issuer.startsWith('http:'),
});

function grantOf(tokens: oauth.TokenEndpointResponse): Grant {
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const name = [claims?.['preferred_username'], claims?.['name']].find((one) => typeof one === 'string');
  return {
    token: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresAt: Date.now() + (tokens.expires_in ?? DEFAULT_LIFE) * 1000,
    name,
  };
}

function discover(config: OidcConfig, signal: AbortSignal): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(config.issuer);
  return explained(async () =>
    oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, requestOptions(config, signal)),
    ),
  );
}

/** Calls the issuer, and turns the library's errors into ours. */
async function explained<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof oauth.AuthorizationResponseError && cause.error === 'access_denied')
      throw cancelled();
    const temporary =
      cause instanceof oauth.ResponseBodyError && (cause.status >= 500 || cause.status === 429);
    if (temporary || cause instanceof oauth.OperationProcessingError)
      throw new NetworkError('The sign-in service returned an error.', { cause });
    if (cause instanceof oauth.AuthorizationResponseError || cause instanceof oauth.ResponseBodyError) {
      throw new SignInError(
        `The sign-in service rejected the request: ${cause.error_description ?? cause.error}`,
      );
    }
    throw new NetworkError('Can’t reach the sign-in service.', { cause });
  }
}
