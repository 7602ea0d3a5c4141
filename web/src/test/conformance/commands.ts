import { describe, expect, it } from 'vitest';
import type { Problem } from '../../api/types';
import { orderOf } from './client';
import { badFields, type Fixture } from './suite';

export function testCommands(fixture: Fixture): void {
  describe('creating an order', () => testCreate(fixture));
  describe('cancelling an order', () => testCancel(fixture));
  describe('cancelling many orders', () => testCancelMany(fixture));
}

function testCreate({ newUser }: Fixture): void {
  it('returns the order', async () => {
    const { name, client } = await newUser();
    const { status, headers, body } = await client.create(orderOf('Green tea'));
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...orderOf('Green tea'),
      customer: name,
      status: 'created',
      version: 1,
      total: 900,
      payment: { status: 'pending', attempts: 0 },
      history: [{ version: 1, status: 'created', cause: 'created', by: 'customer', at: body.createdAt }],
    });
    expect([headers.get('Location'), headers.get('ETag')]).toEqual([`/v1/orders/${body.id}`, '"1"']);
    expect(headers.has('Idempotency-Replayed')).toBe(false);
  });

  it('says that an operator created it', async () => {
    const { client } = await newUser('operator');
    expect((await client.order()).history[0]?.by).toBe('operator');
  });

  it('belongs to the customer whom an operator names', async () => {
    const [owner, operator] = [await newUser(), await newUser('operator')];
    const key = { 'Idempotency-Key': 'key-1' };
    const request = { ...orderOf('Green tea'), customer: owner.name };
    const { status, body } = await operator.client.create(request, key);
    expect([status, body.customer]).toEqual([201, owner.name]);
    expect(body.history[0]).toMatchObject({ cause: 'created', by: 'operator', user: operator.name });
    const again = await operator.client.create(request, key);
    expect([again.body.id, again.headers.get('Idempotency-Replayed')]).toEqual([body.id, 'true']);
    const seen = (await owner.client.read(body.id)).body;
    expect([seen.history[0]?.by, seen.history[0]?.user]).toEqual(['operator', undefined]);
    expect((await owner.client.cancel(body.id)).body.changed).toBe(true);
    for (const other of [{ ...request, customer: 'bob' }, orderOf('Green tea')]) {
      const refused = await operator.client.create(other, key);
      expect([refused.status, (refused.body as unknown as Problem).code]).toEqual([
        422,
        'idempotency-key-reused',
      ]);
    }
  });

  it('is refused to a customer who names another one', async () => {
    const { name, client } = await newUser();
    const refused = await client.create({ ...orderOf('Green tea'), customer: 'bob' });
    expect([refused.status, (refused.body as unknown as Problem).code]).toEqual([403, 'forbidden']);
    const key = { 'Idempotency-Key': 'key-1' };
    const own = await client.create({ ...orderOf('Green tea'), customer: name }, key);
    expect((await client.create(orderOf('Green tea'), key)).body.id).toBe(own.body.id);
    const operator = await newUser('operator');
    for (const customer of [' ', 'a\nb', 'a'.repeat(256), 5]) {
      const { status, body } = await operator.client.create({ ...orderOf('Green tea'), customer });
      expect([status, badFields(body)]).toEqual([400, ['customer']]);
    }
  });

  it('returns the same order for the same key, in its current state', async () => {
    const { client } = await newUser();
    const send = () => client.create(orderOf('Green tea'), { 'Idempotency-Key': 'key-1' });
    const first = await send();
    await client.cancel(first.body.id);
    const second = await send();
    expect([second.status, second.headers.get('Idempotency-Replayed')]).toEqual([201, 'true']);
    expect(second.body).toMatchObject({ id: first.body.id, status: 'cancelled' });
    expect(second.headers.get('ETag')).toBe(`"${second.body.version}"`);
    expect((await client.list()).body.orders).toHaveLength(1);
  });

  it('ignores the order of the members when a key is used again', async () => {
    const { client } = await newUser();
    const { items, currency } = orderOf('Green tea');
    const key = { 'Idempotency-Key': 'key-1' };
    const first = await client.create({ items, currency }, key);
    const second = await client.create({ currency, items }, key);
    expect(second.body.id).toBe(first.body.id);
  });

  it('refuses a key that was used with another body', async () => {
    const { client } = await newUser();
    const key = { 'Idempotency-Key': 'key-1' };
    await client.create(orderOf('Green tea'), key);
    const { status, body } = await client.create(orderOf('Oolong'), key);
    expect([status, (body as unknown as Problem).code]).toEqual([422, 'idempotency-key-reused']);
  });

  it('creates another order without a key, and for the same key of another user', async () => {
    const [one, other] = [await newUser(), await newUser()];
    const key = { 'Idempotency-Key': 'key-1' };
    const ids = [
      (await one.client.create(orderOf('Green tea'), key)).body.id,
      (await other.client.create(orderOf('Green tea'), key)).body.id,
      (await one.client.order()).id,
      (await one.client.order()).id,
    ];
    expect(new Set(ids).size).toBe(4);
  });

  it.each([
    [{}, ['currency', 'items']],
    [{ items: [], currency: 'EUR' }, ['items']],
    [{ ...orderOf('Tea'), currency: 'XXX' }, ['currency']],
    [{ ...orderOf('Tea'), note: 'x' }, ['note']],
    [{ ...orderOf(' ') }, ['items[0].name']],
    [{ ...orderOf('a\u0000b') }, ['items[0].name']],
    [{ ...orderOf('a'.repeat(201)) }, ['items[0].name']],
    [{ ...orderOf('Tea', -1) }, ['items[0].unitPrice']],
    [
      { items: [{ sku: ' ', name: 'Tea', quantity: 0, unitPrice: 1 }], currency: 'EUR' },
      ['items[0].quantity', 'items[0].sku'],
    ],
    [{ items: [{ sku: 'a', name: 'Tea', quantity: 1 }], currency: 'EUR' }, ['items[0].unitPrice']],
    [{ items: Array.from({ length: 101 }, () => orderOf('Tea').items[0]), currency: 'EUR' }, ['items']],
    [
      {
        items: [
          { sku: 'a', name: 'Tea', quantity: 1_000, unitPrice: 10_000_000 },
          { sku: 'b', name: 'Tea', quantity: 1, unitPrice: 1 },
        ],
        currency: 'EUR',
      },
      ['items'],
    ],
  ])('refuses invalid fields: %j', async (request, fields) => {
    const { client } = await newUser();
    const { status, body } = await client.create(request);
    expect([status, (body as unknown as Problem).code, badFields(body)]).toEqual([
      400,
      'invalid-request',
      fields,
    ]);
  });

  it('refuses an invalid key', async () => {
    const { client } = await newUser();
    for (const key of ['two words', 'a'.repeat(201)]) {
      const { status, body } = await client.create(orderOf('Tea'), { 'Idempotency-Key': key });
      expect([status, badFields(body)]).toEqual([400, ['Idempotency-Key']]);
    }
  });

  it('refuses a body that is not JSON', async () => {
    const { client } = await newUser();
    for (const text of ['', '{', 'tea']) {
      const { status, body } = await client.post('/v1/orders', { text });
      expect([status, body.code]).toEqual([400, 'invalid-json']);
    }
    const form = await client.post('/v1/orders', { text: 'a=b', headers: { 'Content-Type': 'text/plain' } });
    expect([form.status, form.body.code]).toEqual([415, 'unsupported-media-type']);
  });
}

function testCancel({ newUser }: Fixture): void {
  it('says whether this call changed the order', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    const first = await client.cancel(id, { reason: 'two\r\nlines' });
    const cancellation = { by: 'customer', reason: 'two\nlines' };
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ id, status: 'cancelled', changed: true, cancellation });
    expect(first.body.payment.status).toBe('voided');
    expect(first.body.deliverAt).toBeUndefined();
    expect(first.body.history.at(-1)).toMatchObject({ status: 'cancelled', cause: 'cancel', by: 'customer' });
    expect(first.headers.get('ETag')).toBe(`"${first.body.version}"`);
    const second = await client.cancel(id, { reason: 'another' });
    expect(second.body).toMatchObject({ version: first.body.version, changed: false, cancellation });
  });

  it('is refused with the id of the request’s trace', async () => {
    const { client } = await newUser();
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const unknown = '01890000-0000-7000-8000-000000000000';
    const refused = await client.cancel(unknown, {}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    expect(refused.body).toMatchObject({ code: 'order-not-found', traceId });
    expect((await client.cancel(unknown)).body).not.toHaveProperty('traceId');
  });

  it('names its user, request and reason to operators, and only the role and the reason to customers', async () => {
    const owner = await newUser();
    const { name, client: operator } = await newUser('operator');
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const request = (requestId: string) => ({
      'X-Request-Id': requestId,
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    });
    const created = (await owner.client.create(orderOf('Green tea'), request('create-1'))).body;
    const byOwner = { cause: 'created', by: 'customer', user: owner.name, requestId: 'create-1', traceId };
    expect([created.lastChange, created.history[0]]).toMatchObject([byOwner, byOwner]);
    const before = (await operator.list(`?q=${created.id}`)).body.feed;

    const { id } = await owner.client.until(created.id, 'confirmed');
    const reason = 'out of stock';
    const { body } = await operator.cancel(id, { reason }, request('cancel-1'));
    const shown = { cause: 'cancel', by: 'operator', reason };
    const full = { ...shown, user: name, requestId: 'cancel-1', traceId };
    expect(body.lastChange).toEqual(full);
    expect(body.history).toMatchObject([
      byOwner,
      { cause: 'payment-confirmed', by: 'payment', traceId },
      full,
    ]);

    for (const [client, change] of [
      [operator, full],
      [owner.client, shown],
    ] as const) {
      const read = (await client.read(id)).body;
      const entry = { version: 3, status: 'cancelled', at: read.updatedAt, ...change };
      expect([read.history.at(-1), read.lastChange]).toEqual([entry, change]);
      expect((await client.list(`?q=${id}`)).body.orders[0]?.lastChange).toEqual(change);
      expect((await client.cancel(id)).body.lastChange).toEqual(change);
      expect((await client.cancelMany([id])).body.outcomes[0]?.order?.lastChange).toEqual(change);
      const lastEvent = async () => {
        const { events } = (await client.events(`?after=${before}&limit=500`)).body;
        return events.findLast(({ order }) => order.id === id)?.order.lastChange;
      };
      await expect.poll(lastEvent, { timeout: 10_000 }).toEqual(change); // the feed may be later than the reply
    }
  });

  it('needs neither a body nor a reason', async () => {
    const { client } = await newUser();
    for (const body of [undefined, {}, { reason: ' \n' }]) {
      const { id } = await client.order();
      expect((await client.cancel(id, body)).body.cancellation).toEqual({ by: 'customer' });
    }
  });

  it('is possible after the payment, and by an operator', async () => {
    const { client } = await newUser();
    const { client: operator } = await newUser('operator');
    const { id } = await client.order();
    const confirmed = await client.until(id, 'confirmed');
    expect(confirmed).toMatchObject({ version: 2, payment: { status: 'confirmed', attempts: 1 } });
    expect(Date.parse(confirmed.deliverAt ?? '')).toBeGreaterThan(Date.parse(confirmed.updatedAt));
    const { body } = await operator.cancel(id);
    expect(body).toMatchObject({
      changed: true,
      cancellation: { by: 'operator' },
      payment: { status: 'voided' },
    });
    expect(body.deliverAt).toBeUndefined();
  });

  it('refuses another version than the required one', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    await client.until(id, 'confirmed');
    const late = await client.cancel(id, {}, { 'If-Match': '"1"' });
    const problem = late.body as unknown as Problem;
    expect([late.status, problem.code]).toEqual([412, 'version-mismatch']);
    expect([problem.current, late.headers.get('ETag')]).toEqual([{ status: 'confirmed', version: 2 }, '"2"']);
    expect((await client.cancel(id, {}, { 'If-Match': '"2"' })).body.changed).toBe(true);
    const invalid = await client.cancel(id, {}, { 'If-Match': 'two' });
    expect([invalid.status, badFields(invalid.body)]).toEqual([400, ['If-Match']]);
  });

  it('refuses invalid reasons', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    for (const reason of ['a'.repeat(501), 'a\u0000b', 5]) {
      const { status, body } = await client.cancel(id, { reason });
      expect([status, badFields(body)]).toEqual([400, ['reason']]);
    }
    expect((await client.cancel(id, { reason: 'é'.repeat(500) })).status).toBe(200);
  });

  it('does not find unknown orders and those of other customers', async () => {
    const [owner, other] = [await newUser(), await newUser()];
    const { id } = await owner.client.order();
    for (const unknown of [id, '01890000-0000-7000-8000-000000000000']) {
      const { status, body } = await other.client.cancel(unknown);
      expect([status, (body as unknown as Problem).code]).toEqual([404, 'order-not-found']);
    }
    const invalid = await other.client.cancel('nonsense');
    expect([invalid.status, badFields(invalid.body)]).toEqual([400, ['id']]);
  });
}

function testCancelMany({ newUser }: Fixture): void {
  it('returns an outcome for each order, in the order of the request', async () => {
    const [owner, other] = [await newUser(), await newUser()];
    const { client } = owner;
    const [one, cancelled, foreign] = [
      await client.order(),
      await client.order(),
      await other.client.order(),
    ];
    await client.cancel(cancelled.id, { reason: 'first' });
    const { body } = await client.cancelMany([one.id, cancelled.id, foreign.id], 'late');
    expect(body.outcomes).toMatchObject([
      { id: one.id, outcome: 'cancelled', changed: true, order: { cancellation: { reason: 'late' } } },
      {
        id: cancelled.id,
        outcome: 'cancelled',
        changed: false,
        order: { cancellation: { reason: 'first' } },
      },
      { id: foreign.id, outcome: 'not-found', problem: { status: 404, code: 'order-not-found' } },
    ]);
    expect((await other.client.read(foreign.id)).body.cancellation).toBeUndefined();
  });

  it('refuses invalid ids and reasons, and then cancels nothing', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    for (const [ids, fields] of [
      [[], ['ids']],
      [['x', id], ['ids[0]']],
      [[id, id], ['ids[1]']],
      [Array.from({ length: 101 }, () => id), ['ids']],
    ] as const) {
      const { status, body } = await client.cancelMany(ids);
      expect([status, badFields(body)]).toEqual([400, fields]);
    }
    expect(badFields((await client.cancelMany([id], 'a'.repeat(501))).body)).toEqual(['reason']);
    expect((await client.read(id)).body.cancellation).toBeUndefined();
  });
}

export function testDelivered({ newUser }: Fixture): void {
  it('an order can no longer be cancelled', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    const delivered = await client.until(id, 'delivered');
    expect(delivered).toMatchObject({ version: 3, payment: { status: 'confirmed' } });
    expect(delivered.history.map(({ cause, by }) => [cause, by])).toEqual([
      ['created', 'customer'],
      ['payment-confirmed', 'payment'],
      ['delivery-due', 'system'],
    ]);
    const current = { status: 'delivered', version: 3 };
    const { status, body } = await client.cancel(id);
    expect([status, body]).toMatchObject([409, { code: 'already-delivered', current }]);
    const many = await client.cancelMany([id]);
    expect(many.body.outcomes).toMatchObject([
      { id, outcome: 'refused', problem: { status: 409, code: 'already-delivered', current } },
    ]);
  });
}

export function testDecline({ newUser }: Fixture): void {
  it('an order is cancelled with the reason', async () => {
    const { client } = await newUser();
    const { id } = await client.order();
    const order = await client.until(id, 'cancelled');
    expect(order).toMatchObject({
      payment: { status: 'declined', attempts: 1 },
      cancellation: { by: 'payment' },
    });
    expect(order.payment.reason).toBe(order.cancellation?.reason);
    expect(order.history.at(-1)).toMatchObject({ cause: 'payment-declined', by: 'payment' });
    expect((await client.cancel(id)).body.changed).toBe(false);
  });
}
