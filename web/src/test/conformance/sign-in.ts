import { describe, expect, it } from 'vitest';
import { Client } from './client';
import { badFields, type Fixture } from './suite';

export function testSignIn({ url, newUser }: Fixture): void {
  describe('signing in', () => {
    it('is by name in dev mode', async () => {
      const { body: config } = await Client.anonymous(url()).get('/v1/session/config');
      expect(config).toEqual({ authMode: 'dev' });
      for (const role of ['customer', 'operator'] as const) {
        const { name, client } = await newUser(role);
        expect((await client.get('/v1/session')).body).toEqual({ user: name, role });
      }
    });

    it('refuses invalid names and roles', async () => {
      const post = (body: unknown) => Client.anonymous(url()).post('/v1/dev/token', { body });
      const name = await post({ user: 'José García', role: 'customer' });
      expect([name.status, name.body.code, badFields(name.body)]).toEqual([400, 'invalid-request', ['user']]);
      const role = await post({ user: 'alice', role: 'admin' });
      expect([role.status, badFields(role.body)]).toEqual([400, ['role']]);
    });

    it.each([{}, { Authorization: 'Bearer nonsense' }])('is required: %j', async (headers) => {
      for (const path of ['/v1/orders', '/v1/orders/events', '/v1/session']) {
        const { status, body } = await Client.anonymous(url()).get(path, headers);
        expect([status, body.code]).toEqual([401, 'unauthenticated']);
      }
    });
  });

  describe('a request outside of the contract', () => {
    it('is 404 for an unknown path', async () => {
      const { client } = await newUser();
      const { status, body } = await client.get('/v1/nothing');
      expect([status, body.code]).toEqual([404, 'not-found']);
    });

    it('is 405 for an unknown method', async () => {
      const { client } = await newUser();
      const { status, body, headers } = await client.send('DELETE', '/v1/orders');
      expect([status, body.code]).toEqual([405, 'method-not-allowed']);
      expect(headers.get('Allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST']);
    });

    it('is 406 for an unknown media type', async () => {
      const { client } = await newUser();
      const { status, body } = await client.get('/v1/orders', { Accept: 'text/html' });
      expect([status, body.code]).toEqual([406, 'not-acceptable']);
    });
  });
}
