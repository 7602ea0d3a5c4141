/** Plain HTTP calls for the conformance suite. Every response is checked against the contract. */
import type { Observable } from 'rxjs';
import { textChunks } from '../../api/client';
import { parseSse, type SseMessage } from '../../api/sse';
import type {
  CancelledOrder,
  CancelOutcome,
  Catalogue,
  CreateOrder,
  DevToken,
  Events,
  Inspection,
  Order,
  OrderCounts,
  OrderList,
  Problem,
  ReconciledOrder,
  Stats,
  Role,
  Status,
} from '../../api/types';
import { violations } from './contract';

export interface Reply<T> {
  status: number;
  headers: Headers;
  body: T;
}

type Headings = Record<string, string>;

interface Request {
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  text?: string;
  headers?: Headings;
}

export class Client {
  private constructor(
    private readonly url: string,
    private readonly headers: Headings,
  ) {}

  static anonymous(url: string): Client {
    return new Client(url, {});
  }

  static async signIn(url: string, user: string, role: Role): Promise<Client> {
    const { body } = await Client.anonymous(url).post<DevToken>('/v1/dev/token', { body: { user, role } });
    return new Client(url, { Authorization: `Bearer ${body.token}` });
  }

  get<T = Problem>(path: string, headers: Headings = {}): Promise<Reply<T>> {
    return this.#call('GET', path, { headers });
  }

  post<T = Problem>(path: string, request: Request = {}): Promise<Reply<T>> {
    return this.#call('POST', path, request);
  }

  send<T = Problem>(method: string, path: string): Promise<Reply<T>> {
    return this.#call(method, path, {});
  }

  create(order: unknown, headers: Headings = {}): Promise<Reply<Order>> {
    return this.post('/v1/orders', { body: order, headers });
  }

  catalogue(headers: Headings = {}): Promise<Reply<Catalogue>> {
    return this.get('/v1/catalogue', headers);
  }

  /** Creates an order of one item with this name. */
  async order(name = 'Green tea', unitPrice = 450): Promise<Order> {
    const { body } = await this.create(orderOf(name, unitPrice));
    return body;
  }

  read(id: string, headers: Headings = {}): Promise<Reply<Order>> {
    return this.get(`/v1/orders/${id}`, headers);
  }

  cancel(id: string, body?: { reason?: unknown }, headers: Headings = {}): Promise<Reply<CancelledOrder>> {
    return this.post(`/v1/orders/${id}/cancel`, { ...(body ? { body } : {}), headers });
  }

  cancelMany(ids: unknown, reason?: string): Promise<Reply<{ outcomes: CancelOutcome[] }>> {
    return this.post('/v1/orders/cancel', { body: reason === undefined ? { ids } : { ids, reason } });
  }

  list(query = ''): Promise<Reply<OrderList>> {
    return this.get(`/v1/orders${query}`);
  }

  counts(query = ''): Promise<Reply<OrderCounts>> {
    return this.get(`/v1/orders/counts${query}`);
  }

  inspect(id: string): Promise<Reply<Inspection>> {
    return this.get(`/v1/orders/${id}/inspect`);
  }

  reconcile(id: string, body: unknown, headers: Headings = {}): Promise<Reply<ReconciledOrder>> {
    return this.post(`/v1/orders/${id}/reconcile`, { body, headers });
  }

  stats(query = ''): Promise<Reply<Stats>> {
    return this.get(`/v1/stats${query}`);
  }

  events(query: string, wait?: number): Promise<Reply<Events>> {
    return this.get(`/v1/orders/events${query}`, wait === undefined ? {} : { Prefer: `wait=${wait}` });
  }

  /** Waits for a status by long polls. */
  async until(id: string, status: Status): Promise<Order> {
    for (let etag = '"0"'; ;) {
      const reply = await this.read(id, { Prefer: 'wait=30', 'If-None-Match': etag });
      if (reply.status === 200 && reply.body.status === status) return reply.body;
      etag = reply.headers.get('ETag') ?? etag;
    }
  }

  /** The messages of the event stream. Unsubscribing closes it. */
  async stream(headers: Headings = {}): Promise<Observable<SseMessage>> {
    const path = '/v1/orders/events';
    const response = await fetch(`${this.url}${path}`, {
      headers: { ...this.headers, Accept: 'text/event-stream', ...headers },
    });
    check('GET', path, response, undefined);
    return textChunks(response).pipe(parseSse());
  }

  async #call<T>(method: string, path: string, { body, text, headers }: Request): Promise<Reply<T>> {
    const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      cache: 'no-store',
      headers: {
        ...this.headers,
        ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
    });
    const received = await response.text();
    check(method, path, response, received);
    const json = response.headers.get('Content-Type')?.split(';')[0]?.endsWith('json') ?? false;
    return {
      status: response.status,
      headers: response.headers,
      body: (json ? JSON.parse(received) : received) as T,
    };
  }
}

function check(method: string, path: string, response: Response, body: string | undefined): void {
  const found = violations(method, path.split('?')[0] ?? '', response, body);
  if (found.length > 0) {
    throw new Error(
      `${method} ${path} ${response.status} violates the contract: ${found.join('; ')}\n${body ?? ''}`,
    );
  }
}

export function orderOf(name: string, unitPrice = 450): CreateOrder {
  return { items: [{ sku: 'tea-1', name, quantity: 2, unitPrice }], currency: 'EUR' };
}
