import { describe, expect, it } from 'vitest';
import type { Problem } from '../../api/types';
import { badFields, type Fixture } from './suite';

export function testOperator({ newUser }: Fixture): void {
  const confirmed = async () => {
    const [owner, operator] = [await newUser(), await newUser('operator')];
    const { id } = await owner.client.order();
    await owner.client.until(id, 'confirmed');
    return { id, owner, operator };
  };

  describe('inspecting an order', () => {
    it('says what each part knows, and that they agree', async () => {
      const { id, owner, operator } = await confirmed();
      const { status, body } = await operator.client.inspect(id);
      expect(status).toBe(200);
      const stored = { id, customer: owner.name, status: 'confirmed', version: 2, voidPending: false };
      expect(body).toMatchObject({
        id,
        verdict: 'consistent',
        findings: [],
        actor: { order: stored },
        database: { order: stored },
        ledger: {
          payment: { status: 'confirmed', amount: 900, entries: [{ kind: 'charged', amount: 900 }] },
        },
        reminder: { set: true },
        repairs: [],
      });
      const { deliverAt = '' } = (await owner.client.read(id)).body;
      expect(Math.abs(Date.parse(body.reminder.dueAt ?? '') - Date.parse(deliverAt))).toBeLessThan(60_000);
    });

    it('is for operators only', async () => {
      const { id, owner, operator } = await confirmed();
      const { status, body } = await owner.client.inspect(id);
      expect([status, (body as unknown as Problem).code]).toEqual([403, 'forbidden']);
      const unknown = await operator.client.inspect('01890000-0000-7000-8000-000000000000');
      expect([unknown.status, (unknown.body as unknown as Problem).code]).toEqual([404, 'order-not-found']);
    });
  });

  describe('reconciling an order', () => {
    it('returns what it did, and is recorded', async () => {
      const { id, operator } = await confirmed();
      const headers = { 'If-Match': '"2"', 'X-Request-Id': 'repair-1' };
      const {
        status,
        body,
        headers: answered,
      } = await operator.client.reconcile(id, { reason: 'a test' }, headers);
      expect([status, answered.get('ETag')]).toEqual([200, '"2"']);
      expect(body).toMatchObject({ id, version: 2, status: 'confirmed', repairs: ['reminder-set'] });
      const { repairs, verdict } = (await operator.client.inspect(id)).body;
      const repair = { user: operator.name, reason: 'a test', requestId: 'repair-1', done: true };
      expect(repairs).toMatchObject([{ ...repair, steps: ['reminder-set'] }]);
      expect(verdict).toBe('consistent');
    });

    it('requires a reason, the version and an operator', async () => {
      const { id, owner, operator } = await confirmed();
      for (const reason of [' \n', 5, 'a'.repeat(501)]) {
        const { status, body } = await operator.client.reconcile(id, { reason });
        expect([status, badFields(body)]).toEqual([400, ['reason']]);
      }
      const late = await operator.client.reconcile(id, { reason: 'a test' }, { 'If-Match': '"1"' });
      expect([late.status, (late.body as unknown as Problem).code]).toEqual([412, 'version-mismatch']);
      const refused = await owner.client.reconcile(id, { reason: 'a test' });
      expect([refused.status, (refused.body as unknown as Problem).code]).toEqual([403, 'forbidden']);
    });
  });

  describe('orders that need attention', () => {
    it('are counted and listed for operators only', async () => {
      const { id, owner, operator } = await confirmed();
      const query = `?customer=${owner.name}`;
      const { body } = await operator.client.list(query);
      expect([body.attention, body.orders[0]?.id]).toEqual([0, id]);
      const needing = (await operator.client.list(`${query}&attention=true`)).body;
      expect([needing.orders, needing.counts.confirmed]).toEqual([[], 0]);
      expect((await operator.client.counts(`${query}&attention=true`)).body.counts.confirmed).toBe(0);
      expect((await owner.client.list()).body).not.toHaveProperty('attention');
      const refused = await owner.client.list('?attention=true');
      expect([refused.status, (refused.body as unknown as Problem).code]).toEqual([403, 'forbidden']);
      const invalid = await operator.client.list('?attention=1');
      expect([invalid.status, badFields(invalid.body)]).toEqual([400, ['attention']]);
    });
  });

  describe('the stats', () => {
    it('sum up the minutes', async () => {
      const { operator } = await confirmed();
      const { status, body } = await operator.client.stats('?minutes=1440');
      expect(status).toBe(200);
      expect(Date.parse(body.from)).toBeLessThan(Date.parse(body.to));
      const created = body.minutes.reduce((sum, minute) => sum + minute.created, 0);
      expect(created).toBe(body.total.created);
    });

    it('count the orders that are open', async () => {
      const { operator } = await confirmed();
      const { current } = (await operator.client.stats()).body;
      expect(current.dueWithinHour).toBeGreaterThanOrEqual(0);
      expect(current.awaitingPayment).toBeGreaterThanOrEqual(0);
      expect(current.attention).toBeGreaterThanOrEqual(0);
    });

    it('are for operators, with a valid number of minutes', async () => {
      const [owner, operator] = [await newUser(), await newUser('operator')];
      const refused = await owner.client.stats();
      expect([refused.status, (refused.body as unknown as Problem).code]).toEqual([403, 'forbidden']);
      for (const minutes of ['0', '1441', 'x', '-1']) {
        const { status, body } = await operator.client.stats(`?minutes=${minutes}`);
        expect([status, badFields(body)]).toEqual([400, ['minutes']]);
      }
    });
  });
}
