import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createApi } from '../api/client';
import { createServerClock } from '../api/clock';
import { server } from '../test/server';
import { Backend } from './backend';
import { handlers } from './handlers';

const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };

/** Orders of alice in three statuses, and one of bob. */
function shop(user = 'alice', role = 'customer') {
  const backend = new Backend();
  server.use(...handlers(backend));
  const make = (customer = 'alice') => backend.create(customer, { items: [tea], currency: 'EUR' }).id;
  const [created, delivered, cancelled, bobs] = [make(), make(), make(), make('bob')];
  backend.confirm(delivered, Date.now());
  backend.move(delivered, 'delivery-due', 'system');
  backend.cancel(cancelled, 'operator', 'out of stock');
  const api = createApi({ clock: createServerClock(), token: () => `mock.${user}.${role}` });
  return { api, created, delivered, cancelled, bobs };
}

describe('the mocked cancel', () => {
  it('reports whether this call changed the order', async () => {
    const { api, created } = shop();
    const cancel = () => firstValueFrom(api.cancel(created, 'two\nlines'));
    const cancellation = { by: 'customer', reason: 'two\nlines' };
    expect(await cancel()).toMatchObject({ status: 'cancelled', changed: true, cancellation });
    expect(await cancel()).toMatchObject({ status: 'cancelled', changed: false, cancellation });
  });

  it('returns an outcome for each of many orders', async () => {
    const { api, created, delivered, cancelled, bobs } = shop();
    const outcomes = await firstValueFrom(api.cancelMany([created, delivered, cancelled, bobs], ''));
    expect(outcomes).toMatchObject([
      { id: created, outcome: 'cancelled', changed: true, order: { status: 'cancelled' } },
      {
        id: delivered,
        outcome: 'refused',
        problem: { code: 'already-delivered', current: { status: 'delivered' } },
      },
      { id: cancelled, outcome: 'cancelled', changed: false, order: { cancellation: { by: 'operator' } } },
      { id: bobs, outcome: 'not-found', problem: { code: 'order-not-found' } },
    ]);
  });

  it('refuses an invalid reason', async () => {
    const { api, created } = shop();
    const problem = { status: 400, errors: [{ field: 'reason' }] };
    await expect(firstValueFrom(api.cancel(created, 'a'.repeat(501)))).rejects.toMatchObject({ problem });
    await expect(firstValueFrom(api.cancelMany([created], 'a\u0000b'))).rejects.toMatchObject({ problem });
  });
});
