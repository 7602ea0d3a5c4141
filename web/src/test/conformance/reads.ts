import { describe, expect, it } from 'vitest';
import type { OrderStatus, Problem } from '../../api/types';
import { type Client } from './client';
import { badFields, type Fixture } from './suite';

export function testReads(fixture: Fixture): void {
  describe('the catalogue', () => testCatalogue(fixture));
  describe('reading an order', () => testOrder(fixture));
  describe('the list', () => testList(fixture));
  describe('the counts', () => testCounts(fixture));
}

function testOrder({ newUser }: Fixture): void {
  it.each(['', '/status'])('sends no body for a known version: %j', async (suffix) => {
    const { client } = await newUser();
    const { id } = await client.order();
    await client.until(id, 'confirmed');
    const first = await client.get<OrderStatus>(`/v1/orders/${id}${suffix}`);
    expect([first.status, first.headers.get('ETag'), first.body.version]).toEqual([200, '"2"', 2]);
    for (const etag of ['"2"', 'W/"2"', '"1", "2"', '*']) {
      const { status, headers, body } = await client.get(`/v1/orders/${id}${suffix}`, {
        'If-None-Match': etag,
      });
      expect([status, headers.get('ETag'), body]).toEqual([304, '"2"', '']);
    }
    const changed = await client.get(`/v1/orders/${id}${suffix}`, { 'If-None-Match': '"1"' });
    expect(changed.status).toBe(200);
  });

  it('waits for the next version', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    await client.until(id, 'confirmed');
    const waiting = client.read(id, { Prefer: 'wait=30', 'If-None-Match': '"2"' });
    await client.cancel(id);
    const { body, headers } = await waiting;
    expect([body.status, headers.get('Preference-Applied')]).toEqual(['cancelled', 'wait=30']);
    const unchanged = await client.read(id, { Prefer: 'wait=0', 'If-None-Match': '"3"' });
    expect([unchanged.status, unchanged.headers.get('Preference-Applied')]).toEqual([304, 'wait=0']);
  });

  it('is limited to the customer and operators', async () => {
    const [owner, other, operator] = [await newUser(), await newUser(), await newUser('operator')];
    const { id } = await owner.client.order();
    const refused = await other.client.get(`/v1/orders/${id}`);
    expect([refused.status, refused.body.code]).toEqual([404, 'order-not-found']);
    expect((await operator.client.read(id)).body.customer).toBe(owner.name);
  });

  it('refuses an invalid id', async () => {
    const { client } = await newUser();
    const { status, body } = await client.get('/v1/orders/nonsense');
    expect([status, body.code, badFields(body)]).toEqual([400, 'invalid-request', ['id']]);
  });
}

function testList({ newUser }: Fixture): void {
  const names = async (client: Client, query: string) =>
    (await client.list(query)).body.orders.map(({ items }) => items[0]?.name);

  it('has a customer’s own orders, and the orders of all for operators', async () => {
    const [one, other, operator] = [await newUser(), await newUser(), await newUser('operator')];
    await one.client.order('Mine');
    await other.client.order('Theirs');
    expect(await names(one.client, '')).toEqual(['Mine']);
    expect(await names(one.client, `?customer=${one.name}`)).toEqual(['Mine']);
    expect(await names(operator.client, `?customer=${other.name}`)).toEqual(['Theirs']);
    expect((await names(operator.client, '?limit=200')).length).toBeGreaterThan(1);
    const { status, body } = await one.client.list(`?customer=${other.name}`);
    expect([status, (body as unknown as Problem).code]).toEqual([403, 'forbidden']);
  });

  it('has no history in its orders', async () => {
    const { client } = await newUser();
    await client.order();
    expect((await client.list()).body.orders[0]).not.toHaveProperty('history');
  });

  it('counts all statuses, whatever status is selected', async () => {
    const { client } = await newUser();
    const [kept, gone] = [await client.order('Kept'), await client.order('Gone')];
    await client.until(kept.id, 'confirmed');
    await client.cancel(gone.id);
    expect(await names(client, '?status=cancelled')).toEqual(['Gone']);
    expect(await names(client, '?status=created')).toEqual([]);
    expect((await names(client, '?status=cancelled&status=confirmed')).sort()).toEqual(['Gone', 'Kept']);
    const counts = { created: 0, confirmed: 1, delivered: 0, cancelled: 1 };
    for (const query of ['', '?status=cancelled', '?status=delivered']) {
      expect((await client.list(query)).body.counts).toEqual(counts);
    }
    expect((await client.list('?q=gone')).body.counts).toEqual({ ...counts, confirmed: 0 });
  });

  it('is sorted as requested, newest first by default', async () => {
    const { client } = await newUser();
    for (const [name, price] of [
      ['Middle', 200],
      ['Cheap', 100],
      ['Dear', 300],
    ] as const)
      await client.order(name, price);
    expect(await names(client, '?currency=EUR&sort=total')).toEqual(['Cheap', 'Middle', 'Dear']);
    expect(await names(client, '?currency=EUR&sort=-total')).toEqual(['Dear', 'Middle', 'Cheap']);
    for (const [query, sign] of [
      ['', -1],
      ['?sort=created', 1],
    ] as const) {
      const times = (await client.list(query)).body.orders.map(({ createdAt }) => Date.parse(createdAt));
      expect(times).toEqual([...times].sort((a, b) => sign * (a - b)));
    }
    const updated = (await client.list('?sort=-updated')).body.orders.map(({ updatedAt }) =>
      Date.parse(updatedAt),
    );
    expect(updated).toEqual([...updated].sort((a, b) => b - a));
  });

  it('has pages that stay correct while orders are created', async () => {
    const { client } = await newUser();
    for (const name of ['One', 'Two', 'Three']) await client.order(name);
    const first = (await client.list('?limit=2')).body;
    expect(first.orders).toHaveLength(2);
    await client.order('Four');
    const second = (await client.list(`?limit=2&cursor=${encodeURIComponent(first.next ?? '')}`)).body;
    const listed = [...first.orders, ...second.orders].map(({ items }) => items[0]?.name);
    expect([listed.sort(), second.next]).toEqual([['One', 'Three', 'Two'], null]);
  });

  it('is searched by the beginnings of words in items and customers, and by ids', async () => {
    const { name, client } = await newUser();
    const { id } = await client.order('Crème brûlée');
    await client.order('Oolong');
    for (const q of ['creme', 'BRÛ CR', id, id.slice(0, 13), id.slice(24), `${name} brul`]) {
      expect(await names(client, `?q=${encodeURIComponent(q)}`)).toEqual(['Crème brûlée']);
    }
    expect(await names(client, '?q=reme')).toEqual([]);
    expect((await names(client, '?q=tea-1')).length).toBe(2);
  });

  it('is filtered by the time of creation', async () => {
    const { client } = await newUser();
    const { createdAt } = await client.order();
    const after = new Date(Date.parse(createdAt) + 1).toISOString();
    const inBerlin = `${new Date(Date.parse(createdAt) + 3_600_000).toISOString().slice(0, -1)}+01:00`;
    for (const [query, count] of [
      [`from=${createdAt}`, 1],
      [`from=${after}`, 0],
      [`to=${after}`, 1],
      [`to=${createdAt}`, 0],
      [`from=${encodeURIComponent(inBerlin)}`, 1],
    ] as const) {
      expect((await client.list(`?${query}`)).body.orders, query).toHaveLength(count);
    }
  });

  it('is filtered by currency and total', async () => {
    const { client } = await newUser();
    await client.order('Cheap', 100);
    await client.order('Dear', 300);
    for (const [query, found] of [
      ['currency=EUR', ['Dear', 'Cheap']],
      ['currency=JPY', []],
      ['currency=EUR&minTotal=201', ['Dear']],
      ['currency=EUR&minTotal=600&maxTotal=600', ['Dear']],
      ['currency=EUR&maxTotal=599', ['Cheap']],
      ['currency=EUR&minTotal=601', []],
    ] as const) {
      expect(await names(client, `?${query}`), query).toEqual(found);
      const { created, confirmed } = (await client.counts(`?${query}`)).body.counts;
      expect(created + confirmed, query).toBe(found.length);
    }
  });

  it('is filtered by payment, by who cancelled, and by the last change', async () => {
    const { client } = await newUser();
    const [kept, gone] = [await client.order('Kept'), await client.order('Gone')];
    await client.until(kept.id, 'confirmed');
    const { updatedAt } = (await client.cancel(gone.id)).body;
    const later = new Date(Date.parse(updatedAt) + 1).toISOString();
    for (const [query, found] of [
      ['payment=confirmed', ['Kept']],
      ['payment=voided', ['Gone']],
      ['payment=declined', []],
      ['cancelledBy=customer', ['Gone']],
      ['cancelledBy=operator', []],
      ['payment=confirmed&cancelledBy=customer', []],
      [`status=cancelled&updatedFrom=${updatedAt}`, ['Gone']],
      [`status=cancelled&updatedFrom=${later}`, []],
      ['dueBefore=2100-01-01T00:00:00Z', ['Kept']],
      ['dueBefore=2020-01-01T00:00:00Z', []],
    ] as const)
      expect(await names(client, `?${query}`), query).toEqual(found);
  });

  it.each([
    ['q=!!', ['q']],
    ['sort=-total', ['currency']],
    ['minTotal=1', ['currency']],
    ['maxTotal=1', ['currency']],
    ['currency=EUR&minTotal=2&maxTotal=1', ['maxTotal']],
    ['currency=eur', ['currency']],
    ['currency=EUR&minTotal=1.5', ['minTotal']],
    ['payment=done', ['payment']],
    ['cancelledBy=system', ['cancelledBy']],
    ['updatedFrom=x&dueBefore=y', ['dueBefore', 'updatedFrom']],
    ['totals=true', ['totals']],
    [`q=${'a'.repeat(101)}`, ['q']],
    ['from=yesterday', ['from']],
    ['to=2026-11-24', ['to']],
    ['sort=name', ['sort']],
    ['limit=0', ['limit']],
    ['limit=201', ['limit']],
    ['status=lost', ['status']],
    ['cursor=nonsense', ['cursor']],
    ['color=red', ['color']],
    ['q=a&q=b', ['q']],
    ['sort=name&limit=x', ['limit', 'sort']],
  ])('refuses invalid parameters: %s', async (query, fields) => {
    const { client } = await newUser();
    const { status, body } = await client.list(`?${query}`);
    expect([status, (body as unknown as Problem).code, badFields(body)]).toEqual([
      400,
      'invalid-request',
      fields,
    ]);
  });

  it('is exported as CSV, all pages at once', async () => {
    const { name, client } = await newUser();
    const order = await client.order('Tea, "green"');
    const cancelled = await client.order('Oolong');
    const { body } = await client.cancel(cancelled.id, { reason: '=1+1' });
    await client.until(order.id, 'confirmed');
    const current = (await client.read(order.id)).body;
    const csv = await client.get<string>('/v1/orders?limit=1&sort=created', { Accept: 'text/csv' });
    expect(csv.headers.get('Content-Disposition')).toContain('attachment');
    const rows = [
      [
        'id,customer,status,version,currency,totalDecimal,createdAt,updatedAt,deliverAt',
        'payment,cancelledBy,cancelReason,items',
      ],
      [
        `${order.id},${name},confirmed,2,EUR,9.00,${order.createdAt},${current.updatedAt},${current.deliverAt ?? ''}`,
        'confirmed,,,"2 x tea-1 (Tea, ""green"")"',
      ],
      [
        `${cancelled.id},${name},cancelled,${body.version},EUR,9.00,${cancelled.createdAt},${body.updatedAt},`,
        "voided,customer,'=1+1,2 x tea-1 (Oolong)",
      ],
    ].map((row) => row.join(','));
    // Removed by Response.text: the byte order mark.
    expect(csv.body.split('\n').slice(0, 1)).toEqual([rows[0]]);
    expect(csv.body.split('\n').slice(1).sort()).toEqual(['', ...rows.slice(1)].sort());
  });
}

function testCounts({ newUser }: Fixture): void {
  it('are those of the list', async () => {
    const { client } = await newUser();
    const [kept, gone] = [await client.order('Kept'), await client.order('Gone')];
    await client.until(kept.id, 'confirmed');
    await client.cancel(gone.id);
    const counts = { created: 0, confirmed: 1, delivered: 0, cancelled: 1 };
    expect((await client.counts()).body).toEqual({ counts });
    expect((await client.counts('?q=gone')).body).toEqual({ counts: { ...counts, confirmed: 0 } });
    const none = { created: 0, confirmed: 0, delivered: 0, cancelled: 0 };
    expect((await client.counts('?to=2020-01-01T00:00:00Z')).body).toEqual({ counts: none });
    expect((await client.counts('?from=2020-01-01T00:00:00Z')).body).toEqual({ counts });
  });

  it('have the totals of orders that are not cancelled, if asked', async () => {
    const { client } = await newUser();
    const { id } = await client.order('Kept', 100);
    await client.order('Dear', 300);
    await client.cancel((await client.order('Gone')).id);
    await client.until(id, 'confirmed');
    expect((await client.counts()).body).not.toHaveProperty('totals');
    const { totals } = (await client.counts('?totals=true')).body;
    expect(totals).toEqual([{ currency: 'EUR', orders: 2, total: 800 }]);
    expect((await client.counts('?totals=true&payment=declined')).body).not.toHaveProperty('totals');
  });

  it('have every change from before the request', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    await client.until(id, 'confirmed');
    expect((await client.counts()).body.counts).toMatchObject({ confirmed: 1, cancelled: 0 });
    await client.cancel(id);
    expect((await client.counts()).body.counts).toMatchObject({ confirmed: 0, cancelled: 1 });
  });

  it('are of a customer’s own orders, and of the orders of all for operators', async () => {
    const [one, other, operator] = [await newUser(), await newUser(), await newUser('operator')];
    for (const { client } of [one, other]) await client.until((await client.order()).id, 'confirmed');
    const mine = { counts: { created: 0, confirmed: 1, delivered: 0, cancelled: 0 } };
    expect((await one.client.counts()).body).toEqual(mine);
    expect((await one.client.counts(`?customer=${one.name}`)).body).toEqual(mine);
    expect((await operator.client.counts(`?customer=${other.name}`)).body).toEqual({ ...mine, attention: 0 });
    expect((await operator.client.counts()).body.counts.confirmed).toBeGreaterThan(1);
    const { status, body } = await one.client.counts(`?customer=${other.name}`);
    expect([status, (body as unknown as Problem).code]).toEqual([403, 'forbidden']);
  });

  it.each([
    ['q=!!', ['q']],
    ['from=yesterday&to=2026-11-24', ['from', 'to']],
    ['status=created', ['status']],
    ['sort=total', ['sort']],
    ['totals=1', ['totals']],
    ['minTotal=1', ['currency']],
    ['limit=1', ['limit']],
    ['cursor=x', ['cursor']],
  ])('refuse invalid parameters: %s', async (query, fields) => {
    const { client } = await newUser();
    const { status, body } = await client.counts(`?${query}`);
    expect([status, (body as unknown as Problem).code, badFields(body)]).toEqual([
      400,
      'invalid-request',
      fields,
    ]);
  });
}

function testCatalogue({ newUser }: Fixture): void {
  it('has the prices of each item, and an ETag', async () => {
    const { client } = await newUser();
    const { status, headers, body } = await client.catalogue();
    expect([status, body.enforced]).toEqual([200, false]);
    expect(body.items[0]).toMatchObject({ sku: 'tea-1', name: 'Green tea', prices: { EUR: 450 } });
    const known = headers.get('ETag') ?? '';
    for (const tags of [known, `"0", W/${known}`]) {
      const again = await client.catalogue({ 'If-None-Match': tags });
      expect([again.status, again.headers.get('ETag')]).toEqual([304, known]);
    }
    expect((await client.catalogue({ 'If-None-Match': '"0"' })).status).toBe(200);
  });
}
