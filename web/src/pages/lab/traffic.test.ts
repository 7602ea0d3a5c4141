import { mergeMap, NEVER, Observable, of, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, it } from 'vitest';
import type { Api } from '../../api/client';
import { NetworkError } from '../../api/problem';
import type { CreateOrder, Order } from '../../api/types';
import type { LabRecord } from './api';
import { createTraffic } from './traffic';

interface Sent {
  key: string;
  body: CreateOrder;
}

/** A service on virtual time. `fails` decides which creates get no answer. */
function service(scheduler: TestScheduler, fails: (sent: Sent, n: number) => boolean) {
  const sent: Sent[] = [];
  let open = 0;
  const most = { requests: 0 };
  const orderOf = (customer: string, key: string): Order =>
    ({ id: `order-${key}`, customer, status: 'created', version: 1 }) as Order;
  const as = (user: string) => {
    const answer = <T>(value: () => Observable<T>) =>
      new Observable<T>((subscriber) => {
        most.requests = Math.max(most.requests, ++open);
        const subscription = timer(100, scheduler).pipe(mergeMap(value)).subscribe(subscriber);
        return () => {
          open--;
          subscription.unsubscribe();
        };
      });
    return of({
      list: () => of({ feed: 'begin' }),
      stream: () => NEVER,
      poll: () => of({ events: [], next: 'end' }),
      order: (id: string) => answer(() => of(orderOf(user, id.slice(6)))),
      cancel: (id: string) =>
        answer(() => of({ ...orderOf(user, id.slice(6)), status: 'cancelled', version: 2 })),
      create: (body: CreateOrder, key: string) => {
        const one = { key, body };
        const n = sent.push(one);
        return answer(() =>
          fails(one, n)
            ? throwError(() => new NetworkError())
            : of({ order: orderOf(user, key), replayed: false }),
        );
      },
    } as unknown as Api);
  };
  return { as, sent, most };
}

/** Runs traffic for some seconds, and returns what was recorded. */
function run(fails: (sent: Sent, n: number) => boolean, seconds: number, random = 0.5) {
  const scheduler = new TestScheduler(() => undefined);
  const backend = service(scheduler, fails);
  const traffic = createTraffic({ as: backend.as, run: 'r', random: () => random, scheduler });
  const result: { completed: boolean; record: LabRecord | undefined } = {
    completed: false,
    record: undefined,
  };
  scheduler.maxFrames = Infinity;
  traffic.traffic(seconds).subscribe({ complete: () => (result.completed = true) });
  scheduler.flush();
  traffic.finish().subscribe((record) => (result.record = record));
  scheduler.flush();
  if (!result.record) throw new Error('nothing was recorded');
  return { ...backend, completed: result.completed, record: result.record, view: traffic.view$.value };
}

it('ends by itself, and records each request', () => {
  const { completed, record, sent, view, most } = run(() => false, 4);
  expect(completed).toBe(true);
  expect(sent).toHaveLength(20);
  expect(view.orders).toHaveLength(20);
  const creates = record.calls.filter(({ op }) => op === 'create');
  expect(creates).toHaveLength(20);
  expect(creates[0]).toMatchObject({
    client: 'lab-r-1',
    key: 'r-0',
    status: 201,
    order: 'order-r-0',
    currency: 'EUR',
    items: [{ sku: 'tea-r-0' }],
  });
  expect(record.readings).toEqual([{ reader: 'the reader of the feed', events: [], complete: true }]);
  expect(most.requests).toBeLessThanOrEqual(3);
});

it('repeats a create without an answer with the same key and body, and records every attempt', () => {
  const { record, sent } = run((_, n) => n <= 2, 0.2);
  expect(sent.map(({ key }) => key)).toEqual(['r-0', 'r-0', 'r-0']);
  expect(new Set(sent.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(record.calls.filter(({ op }) => op === 'create').map(({ status }) => status)).toEqual([0, 0, 201]);
});

it('gives up a request after a number of attempts', () => {
  const { completed, sent, record } = run(() => true, 0.2);
  expect(completed).toBe(true);
  expect(sent.length).toBeGreaterThan(5);
  expect(sent.length).toBeLessThanOrEqual(12);
  expect(record.calls.every(({ status }) => status === 0)).toBe(true);
});

it('loses some answers on purpose: the request is recorded without a reply, and sent again', () => {
  const { record } = run(() => false, 0.2, 0.01);
  const creates = record.calls.filter(({ op }) => op === 'create');
  expect(creates[0]?.status).toBe(0);
  expect(creates.at(-1)?.status).toBe(201);
  expect(new Set(creates.map(({ key }) => key))).toEqual(new Set(['r-0']));
});
