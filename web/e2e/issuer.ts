import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

interface Account {
  accountId: string;
}

const audience = 'orders';
const clientId = 'orders-web';
const resource = 'urn:orders';

/** An OpenID Connect provider that accepts any name and password. Names that begin with olivia are operators. */
export class Issuer {
  readonly #server: Server;
  readonly url: string;
  /** The lifetime of new tokens, in s. */
  tokenLife = 3600;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }

  /** Listens. Requests are answered only after `serve`. */
  static async start(): Promise<Issuer> {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return new Issuer(server);
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
          grant_types: ['authorization_code'],
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
    this.#server.on('request', provider.callback());
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}
