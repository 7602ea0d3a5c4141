import { concatMap, filter, firstValueFrom, take, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { OrderSummary } from '../../api/types';
import type { Fixture } from './suite';

export function testFeed({ newUser }: Fixture): void {
  const after = (cursor: string) => `?after=${encodeURIComponent(cursor)}`;

  describe('the feed', () => {
    it('has every change after a list’s cursor, in order and once', async () => {
      const { client } = await newUser();
      await client.order('Earlier');
      let cursor = (await client.list()).body.feed;
      const { id } = await client.order();
      await client.until(id, 'confirmed');
      await client.cancel(id);
      const versions: number[] = [];
      while (versions.length < 3) {
        const { body } = await client.events(`${after(cursor)}&limit=1`, 30);
        expect(body.events.length).toBeLessThanOrEqual(1);
        for (const { order, cursor: position } of body.events) {
          if (order.id === id) versions.push(order.version);
          expect(order).not.toHaveProperty('history');
          expect(body.next).toBe(position);
        }
        cursor = body.next;
      }
      expect(versions).toEqual([1, 2, 3]);
      expect((await client.events(after(cursor))).body.events).toEqual([]);
    });

    it('waits for the next change when asked to', async () => {
      const { client } = await newUser();
      const { feed } = (await client.list()).body;
      const at = await client.events(after(feed));
      expect([at.body.events, at.headers.has('Preference-Applied')]).toEqual([[], false]);
      const waiting = client.events(after(feed), 30);
      const { id } = await client.order();
      const { body, headers } = await waiting;
      expect([body.events[0]?.order.id, headers.get('Preference-Applied')]).toEqual([id, 'wait=30']);
    });

    it('starts now without a cursor', async () => {
      const { client } = await newUser();
      await client.order();
      const { body } = await client.events('');
      expect(body.events).toEqual([]);
      const { id } = await client.order();
      expect((await client.events(after(body.next), 30)).body.events[0]?.order.id).toBe(id);
    });

    it('has a customer’s own orders only', async () => {
      const [one, other, operator] = [await newUser(), await newUser(), await newUser('operator')];
      const { feed } = (await operator.client.list('?limit=1')).body;
      const theirs = await other.client.order();
      const mine = await one.client.order();
      const ids = async ({ client }: typeof one) =>
        new Set((await client.events(after(feed), 30)).body.events.map(({ order }) => order.id));
      expect(await ids(one)).toEqual(new Set([mine.id]));
      expect(await ids(operator)).toContain(theirs.id);
    });

    it.each(['text/event-stream', 'application/json'])('refuses an unknown cursor: %s', async (type) => {
      const { client } = await newUser();
      const { status, body } = await client.get('/v1/orders/events?after=nonsense', {
        Accept: type,
      });
      expect([status, body.code]).toEqual([410, 'cursor-expired']);
    });
  });

  describe('the event stream', () => {
    it('begins with its position, and resumes after the last event', async () => {
      const { client } = await newUser();
      const read = async (headers: Record<string, string>, count: number, act: () => Promise<unknown>) => {
        const messages$ = await client.stream(headers);
        let opened = false;
        return firstValueFrom(
          messages$.pipe(
            concatMap(async (message) => {
              if (!opened) await act();
              opened = true;
              return message;
            }),
            filter(({ data }, i) => i === 0 || data !== ''),
            take(count),
            toArray(),
          ),
        );
      };
      const { feed } = (await client.list()).body;
      const [first, created] = await read({ 'Last-Event-ID': feed }, 2, () => client.order());
      expect([first?.data, first?.id === undefined]).toEqual(['', false]);
      expect(created?.event).toBe('order');
      const { id, version } = JSON.parse(created?.data ?? '') as OrderSummary;
      expect(version).toBe(1);
      await client.until(id, 'confirmed');
      const [, confirmed] = await read({ 'Last-Event-ID': created?.id ?? '' }, 2, () => Promise.resolve());
      expect(JSON.parse(confirmed?.data ?? '')).toMatchObject({ id, version: 2, status: 'confirmed' });
    });
  });
}
