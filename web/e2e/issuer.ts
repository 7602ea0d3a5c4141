import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

interface Account {
  accountId: string;
}

interface GrantContext {
  oidc: { params?: { grant_type?: string } };
}

const audience = 'orders';
const clientId = 'orders-web';
const resource = 'urn:orders';

const origin = (server: Server) => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;

/**
 * An OpenID Connect provider that accepts any name and password. Names that begin with olivia are operators. It issues tokens on
 * another origin than its pages, like Amazon Cognito.
 */
export class Issuer {
  readonly #server: Server;
  readonly #tokens: Server;
  readonly url: string;
  /** The lifetime of new tokens, in s. */
  tokenLife = 3600;
  /** Whether new sessions get a refresh token, which is valid once. */
  refreshTokens = false;
  /** The number of requests with a refresh token. */
  renewals = 0;

  private constructor(server: Server, tokens: Server) {
    this.#server = server;
    this.#tokens = tokens;
    this.url = origin(server);
  }

  /** Listens. Requests are answered only after `serve`. */
  static async start(): Promise<Issuer> {
    const listen = () =>
      new Promise<Server>((listening) => {
        const server = createServer().listen(0, '127.0.0.1', () => listening(server));
      });
    return new Issuer(await listen(), await listen());
  }

  /** The settings of the stack, with a roles claim that is not the default. */
  get settings(): Record<string, string> {
    return {
      AUTH_MODE: 'oidc',
      OIDC_ISSUER: this.url,
      OIDC_AUDIENCE: audience,
      OIDC_CLIENT_ID: clientId,
      OIDC_ROLES_CLAIM: 'realm_access.roles',
      OIDC_OPERATOR_ROLE: 'orders-admin',
    };
  }

  serve(app: string): void {
    const provider = new Provider(this.url, {
      clients: [
        {
          client_id: clientId,
          token_endpoint_auth_method: 'none', // a public client: PKCE instead of a secret
          grant_types: ['authorization_code', 'refresh_token'],
          redirect_uris: [`${app}/signed-in`],
        },
      ],
      clientBasedCORS: (_: unknown, origin: string) => origin === app,
      jwks: {
        keys: [
          {
            ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
            use: 'sig',
            alg: 'RS256',
          },
        ],
      },
      cookies: { keys: ['not a secret'] },
      issueRefreshToken: () => this.refreshTokens,
      rotateRefreshToken: true,
      discovery: { token_endpoint: `${origin(this.#tokens)}/token` },
      claims: { profile: ['preferred_username'] },
      conformIdTokenClaims: false, // puts the name into the ID token, like most issuers
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id, preferred_username: `${id}@example.com` }),
      }),
      // `operator` is not the operator role of these settings, `orders-admin` is.
      extraTokenClaims: (_: unknown, { accountId }: Account) => ({
        realm_access: { roles: accountId.startsWith('olivia') ? ['clerk', 'orders-admin'] : ['operator'] },
      }),
      ttl: {
        AccessToken: () => this.tokenLife,
        Grant: 3600,
        IdToken: 3600,
        RefreshToken: 3600,
        Interaction: 3600,
        Session: 3600,
      },
      features: {
        devInteractions: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => resource,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: '',
            audience,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    });
    provider.on('grant.success', ({ oidc }: GrantContext) => {
      if (oidc.params?.grant_type === 'refresh_token') this.renewals++;
    });
    this.#server.on('request', provider.callback());
    this.#tokens.on('request', provider.callback());
  }

  async close(): Promise<void> {
    for (const server of [this.#server, this.#tokens]) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  }
}
