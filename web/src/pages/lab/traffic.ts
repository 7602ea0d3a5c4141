/**
 * The customers of one run. They create orders with idempotency keys, repeat requests whose answer was lost, cancel at random moments,
 * and read; and one operator follows the feed. Everything that they see is recorded for the checker.
 */
import {
  asyncScheduler,
  BehaviorSubject,
  catchError,
  concat,
  concatMap,
  defaultIfEmpty,
  defer,
  EMPTY,
  expand,
  filter,
  forkJoin,
  ignoreElements,
  last,
  map,
  merge,
  mergeMap,
  type MonoTypeOperatorFunction,
  Observable,
  of,
  range,
  ReplaySubject,
  retry,
  type SchedulerLike,
  shareReplay,
  Subject,
  switchMap,
  takeUntil,
  takeWhile,
  tap,
  throttleTime,
  throwError,
  timeout,
  timer,
} from 'rxjs';
import type { Api } from '../../api/client';
import { randomId } from '../../api/ids';
import { ApiError, NetworkError } from '../../api/problem';
import type { Order, OrderSummary, Role, Status } from '../../api/types';
import { followFeed } from '../../live/feedConnection';
import type { Call, LabRecord, Reading } from './api';

/** Requests at once. A browser has six connections to a server; the others are for the feed and for this page. */
const CONNECTIONS = 3;
const CUSTOMERS = 6;
const ORDERS_PER_SECOND = 5;
/** Orders whose customers are still busy. While the product is down, no more arrive. */
const MAX_BUSY = 60;
/** A customer waits for an answer for this time, in ms, then repeats the request. */
const PATIENCE = 5_000;
const MAX_ATTEMPTS = 12;
/** How long customers may go on after the last order has arrived, in ms. */
const GRACE = 15_000;
/** DELIVER_AFTER of the lab, in ms. */
const DELIVER_AFTER = 5_000;

export interface TrafficOptions {
  /** The API as a user of dev mode. */
  as: (user: string, role: Role) => Observable<Api>;
  /** Makes the customers of this run different from those of others. */
  run?: string;
  random?: () => number;
  scheduler?: SchedulerLike;
}

export interface View {
  /** The statuses of the orders, oldest first. */
  orders: readonly Status[];
  /** Requests that were sent again. */
  retries: number;
  /** Requests without a reply. */
  lost: number;
  /** Replies that the product is not available at the moment. */
  unavailable: number;
  cancelled: number;
  tooLate: number;
  reads: number;
  events: number;
}

export const emptyView: View = {
  orders: [],
  retries: 0,
  lost: 0,
  unavailable: 0,
  cancelled: 0,
  tooLate: 0,
  reads: 0,
  events: 0,
};

interface Reply {
  order: Order;
  replayed?: boolean;
}

type Request = Omit<Call, 'sent' | 'got' | 'status'>;

export function createTraffic({
  as,
  run = randomId().slice(0, 4),
  random = Math.random,
  scheduler = asyncScheduler,
}: TrafficOptions) {
  const calls: Call[] = [];
  const reading: Reading = { reader: 'the reader of the feed', events: [], complete: false };
  const names = Array.from({ length: CUSTOMERS }, (_, i) => `lab-${run}-${i + 1}`);
  const orders = new Map<string, { status: Status; version: number }>();
  const counts = { retries: 0, lost: 0, unavailable: 0, cancelled: 0, tooLate: 0, reads: 0, events: 0 };
  const changed$ = new Subject<void>();
  const view$ = new BehaviorSubject<View>(emptyView);
  const now = () => Math.round(scheduler.now());
  const wait = (ms: number) => timer(ms, scheduler);
  const chance = (share: number) => random() < share;
  let cursor: string | undefined;

  changed$
    .pipe(throttleTime(150, scheduler, { leading: true, trailing: true }))
    .subscribe(() => view$.next({ orders: [...orders.values()].map(({ status }) => status), ...counts }));

  const see = ({ id, status, version }: Pick<OrderSummary, 'id' | 'status' | 'version'>) => {
    const known = orders.get(id);
    if (!known) orders.set(id, { status, version });
    else if (known.version < version) Object.assign(known, { status, version });
    changed$.next();
  };

  const record = (call: Call) => {
    calls.push(call);
    if (call.status === 0) counts.lost++;
    else if (call.status >= 500) counts.unavailable++;
    else if (call.op === 'cancel' && call.status === 200) counts.cancelled++;
    else if (call.code === 'already-delivered') counts.tooLate++;
    else if (call.op === 'read' && call.status === 200) counts.reads++;
    changed$.next();
    return call;
  };

  const inTurn = limiter(CONNECTIONS);

  /** Sends a request once, and records it also if it is cut off. With `cut` the answer is lost after that time, in ms. */
  const once = (about: Request, request$: Observable<Reply>, cut?: number): Observable<Call> =>
    inTurn(
      new Observable<Call>((subscriber) => {
        const sent = now();
        let open = true;
        const end = (result: Pick<Call, 'status' | 'code' | 'reply' | 'replayed' | 'order'>) => {
          open = false;
          return record({ ...about, sent, got: now(), ...result });
        };
        const subscription = request$
          .pipe(
            cut === undefined ? (same$) => same$ : takeUntil(wait(cut)),
            timeout({ first: PATIENCE, scheduler }),
            map(({ order, replayed }) => {
              see(order);
              const result = { status: about.op === 'create' ? 201 : 200, reply: order, order: order.id };
              return end(replayed ? { ...result, replayed } : result);
            }),
            catchError((error: unknown) =>
              of(
                end(
                  error instanceof ApiError
                    ? { status: error.problem.status, code: error.problem.code }
                    : { status: 0 },
                ),
              ),
            ),
            (answered$) =>
              concat(
                answered$,
                defer(() => (open ? of(end({ status: 0 })) : EMPTY)),
              ),
          )
          .subscribe(subscriber);
        return () => {
          subscription.unsubscribe();
          if (open) end({ status: 0 });
        };
      }),
    );

  /** Repeats a request until its outcome is known. The first answer may be lost on its way. */
  const persist = (about: Request, request$: Observable<Reply>): Observable<Call> => {
    const attempt = (n: number) =>
      defer(() => once(about, request$, n === 0 && chance(0.08) ? 5 + random() * 60 : undefined));
    return attempt(0).pipe(
      expand((call, i) => {
        if (!isUnknown(call) || i + 1 >= MAX_ATTEMPTS) return EMPTY;
        counts.retries++;
        return wait(Math.min(3_000, 200 * 2 ** i) * (0.5 + random() / 2)).pipe(
          mergeMap(() => attempt(i + 1)),
        );
      }),
      last(),
    );
  };

  /** One order: create it, perhaps twice with the same key, and then cancel or read it. */
  const script = (api: Api, client: string, n: number): Observable<never> => {
    const key = `${run}-${n}`;
    const items = [
      { sku: `tea-${run}-${n}`, name: 'Green tea', quantity: 1 + Math.floor(random() * 3), unitPrice: 450 },
    ];
    const create$ = persist(
      { op: 'create', client, key, items, currency: 'EUR' },
      defer(() => api.create({ items, currency: 'EUR' }, key)),
    );
    const use = ({ order }: Call): Observable<Call> => {
      if (order === undefined) return EMPTY;
      const read$ = once(
        { op: 'read', client, order },
        defer(() => api.order(order)).pipe(map((found) => ({ order: found }))),
      );
      if (chance(0.3)) {
        const moments = [0, random() * 600, random() * 4_000, DELIVER_AFTER + random() * 1_200];
        return wait(moments[Math.floor(random() * moments.length)] ?? 0).pipe(
          mergeMap(() =>
            persist(
              { op: 'cancel', client, order },
              defer(() => api.cancel(order, 'changed my mind')).pipe(map((found) => ({ order: found }))),
            ),
          ),
          mergeMap(() => read$),
        );
      }
      return chance(0.6) ? wait(random() * 4_000).pipe(mergeMap(() => read$)) : EMPTY;
    };
    const again$ = chance(0.12)
      ? create$
      : chance(0.12)
        ? wait(random() * 8_000).pipe(mergeMap(() => create$))
        : EMPTY;
    return merge(create$.pipe(mergeMap(use)), again$).pipe(ignoreElements());
  };

  /** Everything that a run needs before it begins. */
  const ready$ = defer(() => as('lab-operator', 'operator')).pipe(
    switchMap((operator) =>
      forkJoin({
        operator: of(operator),
        begin: operator.list({ limit: 1 }),
        customers: forkJoin(names.map((name) => as(name, 'customer'))),
      }),
    ),
    retryForever(scheduler),
    tap(({ begin }) => (cursor = begin.feed)),
    shareReplay({ bufferSize: 1, refCount: false }),
  );

  const note = (order: OrderSummary, at: string | undefined) => {
    if (at === undefined || !names.includes(order.customer)) return;
    reading.events.push({ cursor: at, order, at: now() });
    counts.events++;
    see(order);
  };

  return {
    view$,

    /** Orders arrive for a time in seconds. Completes when all customers have finished. */
    traffic: (seconds: number): Observable<never> =>
      ready$.pipe(
        switchMap(({ customers }) => {
          let busy = 0;
          const arrivals = seconds * ORDERS_PER_SECOND;
          return range(0, arrivals).pipe(
            concatMap((n) => wait(1_000 / ORDERS_PER_SECOND).pipe(map(() => n))),
            filter(() => busy < MAX_BUSY),
            mergeMap((n) => {
              const i = n % customers.length;
              const api = customers[i];
              const name = names[i];
              if (!api || name === undefined) return EMPTY;
              busy++;
              return concat(
                script(api, name, n),
                defer(() => (busy--, EMPTY)),
              );
            }),
            takeUntil(wait(seconds * 1_000 + GRACE)),
          );
        }),
      ),

    /** Follows the feed, and resumes after lost connections, until it is unsubscribed. */
    feed$: ready$.pipe(
      switchMap(({ operator }) =>
        followFeed(
          { stream: operator.stream, poll: operator.poll, connectivity$: of('online'), scheduler },
          cursor,
        ),
      ),
      tap((signal) => {
        if (signal.type !== 'order' && signal.type !== 'position') return;
        cursor = signal.cursor ?? cursor;
        if (signal.type === 'order') note(signal.order, signal.cursor);
      }),
      ignoreElements(),
    ),

    /** Reads the feed to its end, and returns everything that was seen. Only after `feed$` was unsubscribed. */
    finish: (): Observable<LabRecord> =>
      ready$.pipe(
        switchMap(({ operator }) => {
          const page$ = defer(() => operator.poll(cursor, 0)).pipe(retryForever(scheduler));
          return page$.pipe(
            tap(({ events, next }) => {
              for (const event of events) note(event.order, event.cursor);
              cursor = next;
            }),
            expand(({ events }) => (events.length === 0 ? EMPTY : page$)),
            takeWhile(({ events }) => events.length > 0),
          );
        }),
        ignoreElements(),
        defaultIfEmpty(undefined),
        map(() => {
          reading.complete = true;
          return { calls, readings: [reading] };
        }),
      ),
  };
}

export type Traffic = ReturnType<typeof createTraffic>;

/** Whether the request may have been executed or not, so that it should be repeated. */
function isUnknown({ status }: Call): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

function retryForever<T>(scheduler: SchedulerLike): MonoTypeOperatorFunction<T> {
  return (source$) =>
    source$.pipe(
      timeout({ first: 10_000, scheduler, with: () => throwError(() => new NetworkError()) }),
      retry({ delay: () => timer(1_000, scheduler) }),
    );
}

/** Runs at most n observables at once; the others wait. */
function limiter(n: number) {
  const queue$ = new Subject<Observable<unknown>>();
  queue$.pipe(mergeMap((job$) => job$, n)).subscribe();
  return <T>(job$: Observable<T>): Observable<T> =>
    new Observable((subscriber) => {
      const gone$ = new ReplaySubject<void>(1); // a job may be unsubscribed while it waits
      queue$.next(
        job$.pipe(
          tap(subscriber),
          takeUntil(gone$),
          catchError(() => EMPTY),
        ),
      );
      return () => gone$.next();
    });
}
