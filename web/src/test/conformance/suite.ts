/**
 * The behaviour of the API that the SPA relies on. The suite runs on the mock backend (src/mock) and on the real one (e2e), so
 * that component tests do not pass on a backend that does not exist.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Role } from '../../api/types';
import { Client } from './client';
import { testCommands, testDecline, testDelivered } from './commands';
import { testFeed } from './feed';
import { testOperator } from './operator';
import { testReads } from './reads';
import { testSignIn } from './sign-in';

export interface Settings {
  /** The time from the confirmation of the payment to the delivery. */
  deliverAfter: 'long' | 'short';
  paymentsConfirm: boolean;
}

export interface RunningBackend {
  url: string;
  close(): void | Promise<void>;
}

export interface Fixture {
  /** The backend's URL. */
  url: () => string;
  /** Signs in as a new user. */
  newUser: (role?: Role) => Promise<{ name: string; client: Client }>;
}

let users = 0;

export function testBackend(start: (settings: Settings) => Promise<RunningBackend>): void {
  const running = (settings: Settings): Fixture => {
    let backend: RunningBackend | undefined;
    beforeAll(async () => {
      backend = await start(settings);
    });
    afterAll(() => backend?.close());
    const url = () => backend?.url ?? '';
    return {
      url,
      async newUser(role = 'customer') {
        const name = `user-${++users}`;
        return { name, client: await Client.signIn(url(), name, role) };
      },
    };
  };
  describe('before the delivery', () => {
    const fixture = running({ deliverAfter: 'long', paymentsConfirm: true });
    testSignIn(fixture);
    testCommands(fixture);
    testReads(fixture);
    testFeed(fixture);
    testOperator(fixture);
  });
  describe('after the delivery', () =>
    testDelivered(running({ deliverAfter: 'short', paymentsConfirm: true })));
  describe('when payments are declined', () =>
    testDecline(running({ deliverAfter: 'long', paymentsConfirm: false })));
}

/** The names of the bad fields in a problem, in alphabetical order. */
export function badFields(body: unknown): string[] {
  const { errors = [] } = body as { errors?: { field: string }[] };
  return errors.map(({ field }) => field).sort();
}
