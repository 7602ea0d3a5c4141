/**
 * The REST calls of the SPA. Each is a cold observable: subscribing sends the request, unsubscribing aborts it. Its only
 * errors are ApiError and NetworkError.
 */
import { from, map, mergeMap, Observable } from 'rxjs';
import { parseSse } from './sse';
import type { ServerClock } from './clock';
import { type ApiError, NetworkError, readProblem } from './problem';
import type {
  CancelledOrder,
  CancelOutcome,
  Catalogue,
  CreateOrder,
  Currency,
  DevToken,
  Events,
  Identity,
  Inspection,
  Order,
  OrderCounts,
  OrderList,
  OrderSummary,
  PaymentStatus,
  ReconciledOrder,
  Role,
  SessionConfig,
  Stats,
  Status,
} from './types';

export interface ListParams {
  status?: readonly Status[];
  customer?: string;
  attention?: 'true';
  q?: string;
  from?: string;
  to?: string;
  updatedFrom?: string;
  dueBefore?: string;
  currency?: Currency;
  minTotal?: number;
  maxTotal?: number;
  payment?: PaymentStatus;
  cancelledBy?: 'customer' | 'operator' | 'payment';
  sort?: string;
  limit?: number;
  cursor?: string;
}

export interface CountParams extends ListParams {
  totals?: 'true';
}

/** One message of the event stream. The first message shows that the connection is open; it may be empty. */
export interface StreamMessage {
  cursor?: string;
  order?: OrderSummary;
}

export interface ApiOptions {
  clock: ServerClock;
  /** The tokens for the requests. Without them the requests are anonymous. */
  tokens?: Tokens;
}

export interface Tokens {
  token(): string;
  /** Called after each successful response. */
  accept?(token: string): void;
  /** Called after each 401 response. Returns whether there is a newer token: then the request is sent again. */
  refuse?(token: string, error: ApiError): Promise<boolean>;
}

interface Call {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: unknown;
  /** Whether the request goes on when the page is closed. */
  keepalive?: boolean;
  /** Until the response headers arrive, in ms. */
  timeout?: number;
}

const REQUEST_TIMEOUT = 15_000;

export type Api = ReturnType<typeof createApi>;

export function createApi({ clock, tokens }: ApiOptions) {
  /** The only caller of fetch. The timeout covers the headers only, because a stream's body stays open. */
  function send<T>(path: string, call: Call, read: (response: Response) => Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), call.timeout ?? REQUEST_TIMEOUT);
      const headers = new Headers({ Accept: 'application/json', ...call.headers });
      if (call.body !== undefined) headers.set('Content-Type', 'application/json');

      const respond = async (repeated = false): Promise<Response> => {
        const token = tokens?.token() ?? '';
        if (token !== '') headers.set('Authorization', `Bearer ${token}`);
        const sent = Date.now();
        let response: Response;
        try {
          response = await globalThis.fetch(new URL(path, globalThis.location.origin), {
            method: call.method ?? 'GET',
            headers,
            signal: abort.signal,
            cache: 'no-store',
            keepalive: call.keepalive ?? false,
            ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
          });
        } catch (cause) {
          throw new NetworkError(undefined, { cause });
        }
        clock.observe(response.headers.get('Date'), sent, Date.now());
        if (response.ok) {
          tokens?.accept?.(token);
          return response;
        }
        const error = await readProblem(response);
        if (response.status === 401 && (await tokens?.refuse?.(token, error)) && !repeated)
          return respond(true);
        throw error;
      };

      const subscription = from(respond().finally(() => clearTimeout(timer)))
        .pipe(mergeMap(read))
        .subscribe(subscriber);
      return () => {
        clearTimeout(timer);
        subscription.unsubscribe();
        abort.abort();
      };
    });
  }

  const json = <T>(path: string, call: Call = {}): Observable<T> =>
    send(path, call, (response) => from(body<T>(response)));

  return {
    list: (params: ListParams): Observable<OrderList> => json(`/v1/orders${search(params)}`),

    /**
     * The counts of the list, and with `totals` the sums per currency. The server shares them between pages, and takes up to a
     * second.
     */
    counts: ({
      status: _,
      sort: _1,
      limit: _2,
      cursor: _3,
      ...filters
    }: CountParams): Observable<OrderCounts> => json(`/v1/orders/counts${search(filters)}`),

    catalogue: (): Observable<Catalogue> => json('/v1/catalogue'),

    order: (id: string): Observable<Order> => json(`/v1/orders/${encodeURIComponent(id)}`),

    create: (order: CreateOrder, key: string): Observable<{ order: Order; replayed: boolean }> =>
      send('/v1/orders', { method: 'POST', body: order, headers: { 'Idempotency-Key': key } }, (response) =>
        from(body<Order>(response)).pipe(
          map((made) => ({ order: made, replayed: response.headers.get('Idempotency-Replayed') === 'true' })),
        ),
      ),

    cancel: (id: string, reason: string): Observable<CancelledOrder> =>
      json(`/v1/orders/${encodeURIComponent(id)}/cancel`, {
        method: 'POST',
        body: withReason({}, reason),
        keepalive: true,
      }),

    inspect: (id: string): Observable<Inspection> => json(`/v1/orders/${encodeURIComponent(id)}/inspect`),

    /** Repairs the order if it still has this version. */
    reconcile: (id: string, reason: string, version: number): Observable<ReconciledOrder> =>
      json(`/v1/orders/${encodeURIComponent(id)}/reconcile`, {
        method: 'POST',
        headers: { 'If-Match': `"${version}"` },
        body: { reason: reason.trim() },
      }),

    cancelMany: (ids: readonly string[], reason: string): Observable<CancelOutcome[]> =>
      json<{ outcomes: CancelOutcome[] }>('/v1/orders/cancel', {
        method: 'POST',
        body: withReason({ ids }, reason),
        timeout: 60_000,
      }).pipe(map(({ outcomes }) => outcomes)),

    csv: (params: ListParams): Observable<Blob> =>
      send(`/v1/orders${search(params)}`, { headers: { Accept: 'text/csv' }, timeout: 60_000 }, (response) =>
        from(readWhole(response.blob())),
      ),

    /** Numbers for operators, of the last `minutes`. */
    stats: (minutes: number): Observable<Stats> => json(`/v1/stats${search({ minutes })}`),

    /** The live feed as a stream of server-sent events. */
    stream: (cursor?: string): Observable<StreamMessage> =>
      send(
        '/v1/orders/events',
        {
          headers: {
            Accept: 'text/event-stream',
            ...(cursor === undefined ? {} : { 'Last-Event-ID': cursor }),
          },
        },
        (response) =>
          textChunks(response).pipe(
            parseSse(),
            map(({ id, event, data }) => ({
              ...(id === undefined ? {} : { cursor: id }),
              ...(event === 'order' && data !== '' ? { order: JSON.parse(data) as OrderSummary } : {}),
            })),
          ),
      ),

    /** The live feed by long polling; `wait` is in seconds. */
    poll: (cursor: string | undefined, wait: number): Observable<Events> =>
      json(`/v1/orders/events${search({ ...(cursor === undefined ? {} : { after: cursor }), limit: 500 })}`, {
        headers: { Prefer: `wait=${wait}` },
        timeout: wait * 1000 + REQUEST_TIMEOUT,
      }),

    /** The user and role that the server reads from the token. */
    identity: (): Observable<Identity> => json('/v1/session'),

    sessionConfig: (): Observable<SessionConfig> => json('/v1/session/config'),

    devToken: (user: string, role: Role): Observable<DevToken> =>
      json('/v1/dev/token', { method: 'POST', body: { user, role } }),
  };
}

/**
 * Converts a call to a promise for an XState actor. After an abort the promise never settles: React's StrictMode stops and
 * restarts actors, and the restarted actor would receive the rejection of the first one.
 */
export function toPromise<T>(call: Observable<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return;
    const subscription = call.subscribe({
      next: resolve,
      error: reject,
      complete: () => reject(new NetworkError('The server didn’t respond.')),
    });
    signal.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
  });
}

function withReason<T extends object>(payload: T, reason: string): T & { reason?: string } {
  return reason.trim() === '' ? payload : { ...payload, reason: reason.trim() };
}

function search(params: Record<string, unknown> | ListParams): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) if (one !== undefined && one !== '') query.append(name, String(one));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

async function body<T>(response: Response): Promise<T> {
  return (await readWhole(response.json())) as T;
}

/** Reads a body. If it is cut short, that is a NetworkError. */
async function readWhole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new NetworkError('The connection was interrupted.', { cause });
  }
}

/** The chunks of a response’s body as text. Unsubscribing cancels the response. */
export function textChunks(response: Response): Observable<string> {
  return new Observable((subscriber) => {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const pump = async () => {
      for (;;) {
        const chunk = await reader?.read();
        if (chunk === undefined || chunk.done) {
          subscriber.complete();
          return;
        }
        subscriber.next(chunk.value);
      }
    };
    pump().catch((cause: unknown) =>
      subscriber.error(new NetworkError('The connection was interrupted.', { cause })),
    );
    return () => void reader?.cancel().catch(() => undefined);
  });
}
