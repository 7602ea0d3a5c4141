/** MSW handlers that implement the REST API with a Backend. */
import { delay, http, HttpResponse, type RequestHandler } from 'msw';
import { filter, firstValueFrom, race, timer } from 'rxjs';
import type { CancelledOrder, CancelOutcome, CreateOrder, Problem } from '../api/types';
import { decimals } from '../domain/format';
import { validateReason } from '../domain/reason';
import { searchable } from '../domain/search';
import type { Backend, Change } from './backend';

/** A mock's token is `mock.<user>.<role>`. */
interface Caller {
  user: string;
  operator: boolean;
}

function caller(request: Request): Caller | undefined {
  const [kind, user, role] = (request.headers.get('Authorization') ?? '').replace('Bearer ', '').split('.');
  return kind === 'mock' && user ? { user, operator: role === 'operator' } : undefined;
}

function problem(
  status: number,
  code: Problem['code'],
  detail: string,
  more: Partial<Problem> = {},
): Problem {
  return { type: `/docs#${code}`, title: code, status, code, detail, ...more };
}

function refuse(refused: Problem) {
  return HttpResponse.json(refused, {
    status: refused.status,
    headers: { 'Content-Type': 'application/problem+json' },
  });
}

const signedOut = () => refuse(problem(401, 'unauthenticated', 'sign in first'));
const missing = () => problem(404, 'order-not-found', 'there is no such order');

/** The reason of a cancel as it is stored, or a problem. */
function readReason(given = ''): string | undefined | Problem {
  const reason = given.replace(/\r\n?/g, '\n');
  if (reason.trim() === '') return undefined;
  const message = validateReason(reason);
  if (message === undefined) return reason;
  return problem(400, 'invalid-request', 'the request has bad fields', {
    errors: [{ field: 'reason', message }],
  });
}

function cancel(backend: Backend, who: Caller, id: string, reason?: string): CancelledOrder | Problem {
  const order = backend.get(id, who.operator ? undefined : who.user);
  if (!order) return missing();
  if (order.status === 'cancelled') return { ...order, changed: false };
  const cancelled = backend.cancel(id, who.operator ? 'operator' : 'customer', reason);
  if (cancelled) return { ...cancelled, changed: true };
  return problem(409, 'already-delivered', 'the order is already delivered', {
    current: { status: order.status, version: order.version },
  });
}

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

  return [
    http.get('*/v1/session/config', () => HttpResponse.json({ authMode: 'dev' })),
    http.post('*/v1/dev/token', async ({ request }) => {
      const { user, role } = (await request.json()) as { user: string; role: string };
      return HttpResponse.json({
        token: `mock.${user}.${role}`,
        expiresAt: new Date(Date.now() + 12 * 3_600_000).toISOString(),
      });
    }),

    // Listed before /orders/:id, which matches this path too.
    http.get('*/v1/orders/events', async ({ request }) => {
      const who = caller(request);
      if (!who) return signedOut();
      const user = who.operator ? undefined : who.user;
      const url = new URL(request.url);
      const after = Number(
        request.headers.get('Last-Event-ID') ?? url.searchParams.get('after') ?? backend.head$.value,
      );
      if (request.headers.get('Accept') !== 'text/event-stream') {
        if (backend.head$.value <= after && request.headers.get('Prefer') !== 'wait=0') {
          await firstValueFrom(race(backend.head$.pipe(filter((head) => head > after)), timer(20_000)));
        }
        return HttpResponse.json({
          events: backend.changesAfter(after, user),
          next: String(backend.head$.value),
        });
      }
      return new HttpResponse(stream(backend, after, user), {
        headers: { 'Content-Type': 'text/event-stream' },
      });
    }),

    http.get('*/v1/orders', async ({ request }) => {
      const who = caller(request);
      if (!who) return signedOut();
      await delay();
      const { searchParams } = new URL(request.url);
      const q = searchParams.get('q') ?? '';
      if (q.trim() !== '' && !searchable(q)) {
        return refuse(problem(400, 'invalid-request', 'q holds no letter or digit to search for'));
      }
      const page = backend.list(who.operator ? undefined : who.user, searchParams);
      if (request.headers.get('Accept') !== 'text/csv') return HttpResponse.json(page);
      const lines = page.orders.map(({ id, customer, status, currency, total }) => [
        id,
        customer,
        status,
        currency,
        (total / 10 ** decimals(currency)).toFixed(decimals(currency)),
      ]);
      const csv = [['id', 'customer', 'status', 'currency', 'totalDecimal'], ...lines]
        .map((line) => line.join(','))
        .join('\r\n');
      return new HttpResponse(`\ufeff${csv}`, { headers: { 'Content-Type': 'text/csv' } });
    }),

    http.post('*/v1/orders', async ({ request }) => {
      const who = caller(request);
      if (!who) return signedOut();
      const order = backend.create(
        who.user,
        (await request.json()) as CreateOrder,
        request.headers.get('Idempotency-Key') ?? undefined,
      );
      if (order.version === 1) live(order.id);
      return HttpResponse.json(order, { status: 201 });
    }),

    http.post('*/v1/orders/cancel', async ({ request }) => {
      const who = caller(request);
      if (!who) return signedOut();
      const body = (await request.json()) as { ids: string[]; reason?: string };
      const reason = readReason(body.reason);
      if (typeof reason === 'object') return refuse(reason);
      const outcomes = body.ids.map((id): CancelOutcome => {
        const reply = cancel(backend, who, id, reason);
        if ('changed' in reply) {
          const { changed, ...order } = reply;
          return { id, outcome: 'cancelled', order, changed };
        }
        return { id, outcome: reply.status === 404 ? 'not-found' : 'refused', problem: reply };
      });
      return HttpResponse.json({ outcomes });
    }),

    http.get<{ id: string }>('*/v1/orders/:id', ({ request, params }) => {
      const who = caller(request);
      if (!who) return signedOut();
      const order = backend.get(params.id, who.operator ? undefined : who.user);
      return order ? HttpResponse.json(order) : refuse(missing());
    }),

    http.post<{ id: string }>('*/v1/orders/:id/cancel', async ({ request, params }) => {
      const who = caller(request);
      if (!who) return signedOut();
      const { reason: given } = (await request.json()) as { reason?: string };
      const reason = readReason(given);
      if (typeof reason === 'object') return refuse(reason);
      const reply = cancel(backend, who, params.id, reason);
      return 'changed' in reply ? HttpResponse.json(reply) : refuse(reply);
    }),
  ];
}

function stream(backend: Backend, after: number, user: string | undefined): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder();
  let stop: () => void = () => undefined;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.encode('retry: 1000\n\n'));
      let sent = after;
      const changes = backend.head$.subscribe((head) => {
        const news: Change[] = backend.changesAfter(sent, user);
        sent = head;
        for (const { cursor, order } of news) {
          controller.enqueue(bytes.encode(`id: ${cursor}\nevent: order\ndata: ${JSON.stringify(order)}\n\n`));
        }
      });
      const heartbeat = setInterval(() => controller.enqueue(bytes.encode(': here\n\n')), 15_000);
      stop = () => {
        changes.unsubscribe();
        clearInterval(heartbeat);
      };
    },
    cancel: () => stop(),
  });
}
