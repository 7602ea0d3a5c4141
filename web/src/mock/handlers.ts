/** MSW handlers that implement the REST API with a Backend. The suite in src/test/conformance tests them and the server. */
import { delay, HttpResponse, type RequestHandler } from 'msw';
import { filter, firstValueFrom, map, type Observable, race, timer } from 'rxjs';
import type {
  CancelledOrder,
  CancelOutcome,
  Order,
  OrderList,
  OrderStatus,
  ReconciledOrder,
} from '../api/types';
import { type Backend, visibleTo } from './backend';
import { csv } from './csv';
import { badFields, type Call, caller, type Caller, negotiate, Refused, refuse, route } from './http';
import {
  feedCursor,
  pageCursor,
  readBulkCancel,
  readCancel,
  readCreate,
  readFeed,
  readId,
  readIfMatch,
  readKey,
  readCounts,
  readList,
  readReconcile,
  readStats,
  readTokenRequest,
  readWait,
} from './requests';
import { stream } from './stream';

const JSON_TYPE = 'application/json';
const TOKEN_LIFE = 12 * 3_600_000;

export interface MockOptions {
  /** The duration of a payment, and of the time from its confirmation to the delivery; both in ms. */
  paymentTakes?: number;
  deliverAfter?: number;
  confirmRate?: number;
}

export function handlers(backend: Backend, options: MockOptions = {}): RequestHandler[] {
  const { paymentTakes = 700, deliverAfter = 10_000, confirmRate = 0.8 } = options;

  function live(id: string) {
    setTimeout(() => {
      if (Math.random() >= confirmRate) {
        backend.decline(id);
        return;
      }
      if (backend.confirm(id, Date.now() + deliverAfter)) {
        setTimeout(() => backend.move(id, 'delivery-due', 'system'), deliverAfter);
      }
    }, paymentTakes);
  }

  function find(call: Call, who: Caller): Order {
    const order = backend.get(readId(call), who.sees);
    if (!order) throw missing();
    return order;
  }

  /** Responds with the order, after its next change if the client prefers to wait. */
  async function sendOrder(call: Call, body: (order: Order) => Order | OrderStatus) {
    const who = caller(call);
    negotiate(call, JSON_TYPE);
    const before = find(call, who);
    const known = call.request.headers.get('If-None-Match');
    const wait = readWait(call);
    const isKnown = ({ version }: Order) => hasTag(known ?? tag(before), version);
    const order$ = backend.head$.pipe(map(() => find(call, who)));
    const order = wait === undefined ? before : await firstWithin(order$, wait, (one) => !isKnown(one));
    const headers = { ETag: tag(order), ...applied(wait) };
    if (known !== null && hasTag(known, order.version))
      return new HttpResponse(null, { status: 304, headers });
    return HttpResponse.json(body(who.operator ? backend.care.mark(order) : order), { headers });
  }

  function checkVersion(order: Order, version?: number) {
    if (version === undefined || version === order.version) return;
    const current = { status: order.status, version: order.version };
    const detail = 'the order has changed since you saw it';
    throw refuse('version-mismatch', detail, { current }, { ETag: tag(order) });
  }

  function onlyOperator(call: Call): Caller {
    const who = caller(call);
    if (!who.operator) throw refuse('forbidden', 'only an operator may do this');
    negotiate(call, JSON_TYPE);
    return who;
  }

  function findAsOperator(call: Call): { order: Order; user: string } {
    const who = onlyOperator(call);
    return { order: find(call, who), user: who.user };
  }

  function cancel(call: Call, who: Caller, id: string, reason?: string, version?: number): CancelledOrder {
    const order = backend.get(id, who.sees);
    if (!order) throw missing();
    checkVersion(order, version);
    const current = { status: order.status, version: order.version };
    if (order.status === 'cancelled') return { ...order, changed: false };
    const cancelled = backend.cancel(id, who.operator ? 'operator' : 'customer', reason, undefined, {
      user: who.user,
      ...call.origin,
    });
    if (cancelled) return { ...cancelled, changed: true };
    throw refuse(
      'already-delivered',
      'the order was delivered before the cancel came',
      { current },
      { ETag: tag(order) },
    );
  }

  function outcomeOf(call: Call, who: Caller, id: string, reason?: string): CancelOutcome {
    try {
      const { changed, ...order } = cancel(call, who, id, reason);
      return { id, outcome: 'cancelled', order, changed };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { problem } = error;
      return { id, outcome: problem.status === 404 ? 'not-found' : 'refused', problem };
    }
  }

  return [
    route('*/v1/session/config', {
      GET: (call) => {
        negotiate(call, JSON_TYPE);
        return HttpResponse.json({ authMode: 'dev' });
      },
    }),
    route('*/v1/session', {
      GET: (call) => {
        const { user, operator } = caller(call);
        return HttpResponse.json({ user, role: operator ? 'operator' : 'customer' });
      },
    }),
    route('*/v1/dev/token', {
      POST: async (call) => {
        const { user, role } = await readTokenRequest(call);
        const expiresAt = new Date(Date.now() + TOKEN_LIFE).toISOString();
        return HttpResponse.json({ token: `mock.${user}.${role}`, expiresAt });
      },
    }),

    // Listed before /orders/:id, which matches these paths too.
    route('*/v1/orders/events', {
      GET: async (call) => {
        const { sees } = caller(call);
        const type = negotiate(call, JSON_TYPE, 'text/event-stream');
        const { after, limit } = readFeed(call, backend.head$.value);
        if (type !== JSON_TYPE)
          return new HttpResponse(stream(backend, after, sees), { headers: { 'Content-Type': type } });
        const wait = readWait(call);
        const changes$ = backend.head$.pipe(map(() => backend.changesAfter(after, sees)));
        const changes = await firstWithin(changes$, wait ?? 0, ({ length }) => length > 0);
        const sent = changes.slice(0, limit);
        const next = sent.length < changes.length ? (sent.at(-1)?.position ?? after) : backend.head$.value;
        const events = sent.map(({ position, order }) => ({ cursor: feedCursor(position), order }));
        return HttpResponse.json({ events, next: feedCursor(next) }, { headers: applied(wait) });
      },
    }),
    route('*/v1/orders/cancel', {
      POST: async (call) => {
        const who = caller(call);
        const { ids, reason } = await readBulkCancel(call);
        return HttpResponse.json({ outcomes: ids.map((id) => outcomeOf(call, who, id, reason)) });
      },
    }),

    route('*/v1/orders/counts', {
      GET: async (call) => {
        const who = caller(call);
        negotiate(call, JSON_TYPE);
        const request = readCounts(call, who);
        await delay();
        const { counts, attention, totals } = backend.list(request);
        return HttpResponse.json({
          counts,
          ...(request.totals && totals.length > 0 ? { totals } : {}),
          ...(who.operator ? { attention } : {}),
        });
      },
    }),
    route('*/v1/catalogue', {
      GET: (call) => {
        caller(call);
        negotiate(call, JSON_TYPE);
        const text = JSON.stringify(backend.catalogue);
        const hash = Array.from(text).reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) % 2 ** 32, 7);
        const etag = `"${hash.toString(16)}"`;
        const headers = { ETag: etag };
        const known = (call.request.headers.get('If-None-Match') ?? '').split(',');
        return known.some((one) => ['*', etag].includes(one.trim().replace(/^W\//, '')))
          ? new HttpResponse(null, { status: 304, headers })
          : HttpResponse.json(backend.catalogue, { headers });
      },
    }),
    route('*/v1/orders', {
      GET: async (call) => {
        const who = caller(call);
        const type = negotiate(call, JSON_TYPE, 'text/csv');
        const request = readList(call, who);
        await delay();
        if (type !== JSON_TYPE) {
          const { orders } = backend.list({ ...request, limit: Infinity, after: undefined });
          const headers = {
            'Content-Type': type,
            'Content-Disposition': 'attachment; filename="orders.csv"',
          };
          return new HttpResponse(csv(orders), { headers });
        }
        const { next, orders, counts, attention } = backend.list(request);
        const list: OrderList = {
          counts,
          orders: who.operator
            ? orders.map((order) => backend.care.mark(order))
            : orders.map((order) => visibleTo(who.user, order)),
          ...(who.operator ? { attention } : {}),
          next: next ? pageCursor(next) : null,
          feed: feedCursor(backend.head$.value),
        };
        return HttpResponse.json(list);
      },
      POST: async (call) => {
        const { user, operator } = caller(call);
        negotiate(call, JSON_TYPE);
        const key = readKey(call);
        const request = await readCreate(call);
        const known = key === undefined ? undefined : backend.replay(user, request, key);
        if (known === 'other')
          throw refuse('idempotency-key-reused', 'this Idempotency-Key was used before with another body');
        if (!known && backend.catalogue.enforced && !operator) {
          const differences = backend.differences(request);
          if (differences.length > 0) throw badFields(...differences);
        }
        const by = operator ? 'operator' : 'customer';
        const order =
          known ?? backend.create(request.customer ?? user, request, { user, key, by, origin: call.origin });
        if (!known) live(order.id);
        const headers = { Location: `/v1/orders/${order.id}`, ETag: tag(order) };
        return HttpResponse.json(order, {
          status: 201,
          headers: known ? { ...headers, 'Idempotency-Replayed': 'true' } : headers,
        });
      },
    }),
    route('*/v1/orders/:id', { GET: (call) => sendOrder(call, (order) => order) }),
    route('*/v1/orders/:id/status', {
      GET: (call) =>
        sendOrder(call, ({ id, status, version, deliverAt }) => ({
          id,
          status,
          version,
          ...(deliverAt === undefined ? {} : { deliverAt }),
        })),
    }),
    route('*/v1/orders/:id/cancel', {
      POST: async (call) => {
        const who = caller(call);
        const id = readId(call);
        const version = readIfMatch(call);
        const order = cancel(call, who, id, await readCancel(call), version);
        return HttpResponse.json(order, { headers: { ETag: tag(order) } });
      },
    }),
    route('*/v1/stats', {
      GET: (call) => {
        onlyOperator(call);
        return HttpResponse.json(backend.care.stats(backend.all(), readStats(call)));
      },
    }),
    route('*/v1/orders/:id/inspect', {
      GET: (call) => HttpResponse.json(backend.care.inspect(findAsOperator(call).order)),
    }),
    route('*/v1/orders/:id/reconcile', {
      POST: async (call) => {
        const { order, user } = findAsOperator(call);
        const version = readIfMatch(call);
        const reason = await readReconcile(call);
        checkVersion(order, version);
        const repairs = backend.care.repair(order, { user, reason, ...call.origin });
        const reconciled: ReconciledOrder = { ...order, repairs };
        return HttpResponse.json(reconciled, { headers: { ETag: tag(order) } });
      },
    }),
    route('*/v1/*', { GET: nothing, POST: nothing }),
  ];
}

const nothing = () => {
  throw refuse('not-found', 'there is nothing here');
};
const missing = () => refuse('order-not-found', 'there is no such order');
const tag = ({ version }: { version: number }) => `"${version}"`;
const hasTag = (tags: string, version: number) =>
  tags.split(',').some((one) => ['*', tag({ version })].includes(one.trim().replace(/^W\//, '')));
const applied = (wait: number | undefined): Record<string, string> =>
  wait === undefined ? {} : { 'Preference-Applied': `wait=${wait}` };

/** The first value that is `enough`, or the latest one after `seconds`. */
async function firstWithin<T>(
  values$: Observable<T>,
  seconds: number,
  enough: (value: T) => boolean,
): Promise<T> {
  if (seconds > 0) await firstValueFrom(race(values$.pipe(filter(enough)), timer(seconds * 1_000)));
  return firstValueFrom(values$);
}
