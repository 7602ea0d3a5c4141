/**
 * The REST calls that the SPA makes, each a cold observable: subscribing sends it, unsubscribing aborts it, and it fails
 * with ApiError or NetworkError and nothing else.
 */
import { from, map, mergeMap, Observable } from 'rxjs';
import { parseSse } from './sse';
import type { ServerClock } from './clock';
import { type ApiError, NetworkError, readProblem } from './problem';
import type {
  CancelledOrder,
  CancelOutcome,
  CreateOrder,
  DevToken,
  Events,
  Identity,
  Order,
  OrderList,
  OrderSummary,
  Role,
  SessionConfig,
  Status,
} from './types';

export interface ListParams {
  status?: readonly Status[];
  q?: string;
  from?: string;
  to?: string;
  sort?: string;
  limit?: number;
  cursor?: string;
}

/** One message of the stream; the first one of a connection says that it is open, whatever it holds. */
export interface StreamMessage {
  cursor?: string;
  order?: OrderSummary;
}

export interface ApiOptions {
  clock: ServerClock;
  token?: () => string | undefined;
  /** The server has answered a request with this token. */
  onAccepted?: () => void;
  onUnauthenticated?: (error: ApiError) => void;
}

interface Call {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: unknown;
  /** How long to wait for the answer's head. */
  within?: number;
}

const REQUEST_DEADLINE = 15_000;

export type Api = ReturnType<typeof createApi>;

export function createApi({ clock, token, onAccepted, onUnauthenticated }: ApiOptions) {
  /** The one place that touches fetch. A stream's body may go on for long: the deadline covers the head only. */
  function send<T>(path: string, call: Call, read: (response: Response) => Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      const abort = new AbortController();
      const deadline = setTimeout(() => abort.abort(), call.within ?? REQUEST_DEADLINE);
      const headers = new Headers({ Accept: 'application/json', ...call.headers });
      const bearer = token?.();
      if (bearer !== undefined) headers.set('Authorization', `Bearer ${bearer}`);
      if (call.body !== undefined) headers.set('Content-Type', 'application/json');

      const respond = async (): Promise<Response> => {
        const sent = Date.now();
        let response: Response;
        try {
          response = await globalThis.fetch(new URL(path, globalThis.location.origin), {
            method: call.method ?? 'GET',
            headers,
            signal: abort.signal,
            cache: 'no-store',
            ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
          });
        } catch (cause) {
          throw new NetworkError(undefined, { cause });
        } finally {
          clearTimeout(deadline);
        }
        clock.observe(response.headers.get('Date'), sent, Date.now());
        if (response.ok) {
          onAccepted?.();
          return response;
        }
        const error = await readProblem(response);
        if (response.status === 401) onUnauthenticated?.(error);
        throw error;
      };

      const subscription = from(respond()).pipe(mergeMap(read)).subscribe(subscriber);
      return () => {
        clearTimeout(deadline);
        subscription.unsubscribe();
        abort.abort();
      };
    });
  }

  const json = <T>(path: string, call: Call = {}): Observable<T> =>
    send(path, call, (response) => from(body<T>(response)));

  return {
    list: (params: ListParams): Observable<OrderList> => json(`/v1/orders${search(params)}`),

    order: (id: string): Observable<Order> => json(`/v1/orders/${encodeURIComponent(id)}`),

    create: (order: CreateOrder, key: string): Observable<{ order: Order; replayed: boolean }> =>
      send('/v1/orders', { method: 'POST', body: order, headers: { 'Idempotency-Key': key } }, (response) =>
        from(body<Order>(response)).pipe(
          map((made) => ({ order: made, replayed: response.headers.get('Idempotency-Replayed') === 'true' })),
        ),
      ),

    cancel: (id: string, reason: string): Observable<CancelledOrder> =>
      json(`/v1/orders/${encodeURIComponent(id)}/cancel`, { method: 'POST', body: withReason({}, reason) }),

    cancelMany: (ids: readonly string[], reason: string): Observable<CancelOutcome[]> =>
      json<{ outcomes: CancelOutcome[] }>('/v1/orders/cancel', {
        method: 'POST',
        body: withReason({ ids }, reason),
        within: 60_000,
      }).pipe(map(({ outcomes }) => outcomes)),

    csv: (params: ListParams): Observable<Blob> =>
      send(`/v1/orders${search(params)}`, { headers: { Accept: 'text/csv' }, within: 60_000 }, (response) =>
        from(whole(response.blob())),
      ),

    /** The live feed as a stream; its first message says that it is open. */
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
          text(response).pipe(
            parseSse(),
            map(({ id, event, data }) => ({
              ...(id === undefined ? {} : { cursor: id }),
              ...(event === 'order' && data !== '' ? { order: JSON.parse(data) as OrderSummary } : {}),
            })),
          ),
      ),

    /** The same feed by long polling. */
    poll: (cursor: string | undefined, wait: number): Observable<Events> =>
      json(`/v1/orders/events${search({ ...(cursor === undefined ? {} : { after: cursor }), limit: 500 })}`, {
        headers: { Prefer: `wait=${wait}` },
        within: wait * 1000 + REQUEST_DEADLINE,
      }),

    /** Whom the server takes us for. */
    identity: (): Observable<Identity> => json('/v1/session'),

    sessionConfig: (): Observable<SessionConfig> => json('/v1/session/config'),

    devToken: (user: string, role: Role): Observable<DevToken> =>
      json('/v1/dev/token', { method: 'POST', body: { user, role } }),
  };
}

/**
 * Awaits a call's answer for an XState actor. An abort ends the call, and the promise never settles: its caller wants no
 * outcome any more, and an actor that was stopped and started again (StrictMode) would take the old rejection for its own.
 */
export function answer<T>(call: Observable<T>, signal: AbortSignal): Promise<T> {
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
  return (await whole(response.json())) as T;
}

/** A body that breaks off halfway is the network's fault, like an answer that never came. */
async function whole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new NetworkError('The connection was interrupted.', { cause });
  }
}

/** A response's body as text, chunk by chunk. */
function text(response: Response): Observable<string> {
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
