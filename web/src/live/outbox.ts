/**
 * Orders that are being sent. They belong to the session, not to a page: an order without a response is sent again from any
 * page and after a reload, with the same idempotency key, until its outcome is known. Old orders need a confirmation.
 */
import {
  asyncScheduler,
  BehaviorSubject,
  exhaustMap,
  from,
  fromEvent,
  lastValueFrom,
  map,
  merge,
  type Observable,
  ReplaySubject,
  type SchedulerLike,
  Subject,
  switchMap,
  takeUntil,
  timer,
} from 'rxjs';
import { ApiError, explain, isTemporary, retryDelay } from '../api/problem';
import type { CreateOrder, Order } from '../api/types';
import { RETRY_DELAY } from './retry';
import type { Toasts } from './toasts';
import { exclusive } from './exclusive';
import { type Entry, isOld, type OutboxStore, type Stored } from './outbox.store';

export interface OutboxView extends Stored {
  /** The key of the order that this tab is sending. */
  sending: string | undefined;
  /** The error of the last request; undefined after a success or a refusal. */
  failure: unknown;
  /** Whether the orders are stored beyond the tab. */
  kept: boolean;
}

export interface Outbox {
  view$: Observable<OutboxView>;
  view(): OutboxView;
  /** Stores an order and sends it. */
  submit(entry: Pick<Entry, 'key' | 'request' | 'draft'>): void;
  /** Sends an order again at once, also an old one. */
  sendNow(key: string): void;
  discard(key: string): void;
  old(entry: Entry): boolean;
  /** Starts sending. Returns a function that stops it. */
  open(): () => void;
}

export interface OutboxOptions {
  user: string;
  store: OutboxStore;
  create: (request: CreateOrder, key: string) => Observable<{ order: Order }>;
  toasts: Pick<Toasts, 'show'>;
  now?: () => number;
  scheduler?: SchedulerLike;
  lock?: typeof exclusive;
}

const MAX_RETRY_DELAY = 60_000;
/** Longer than the timeout of a request. All times are in ms. */
const LEASE = 30_000;

export function createOutbox(options: OutboxOptions): Outbox {
  const {
    user,
    store,
    create,
    toasts,
    now = Date.now,
    scheduler = asyncScheduler,
    lock = exclusive,
  } = options;
  let failure: unknown;
  const view = (sending?: string): OutboxView => ({
    ...store.load(),
    sending,
    failure,
    kept: store.kept(),
  });
  const view$ = new BehaviorSubject(view());
  /** Schedules a pass over the waiting orders in this many ms. */
  const passIn$ = new Subject<number>();
  let failures = 0;

  const show = (sending = view$.value.sending) => view$.next(view(sending));
  const find = (key: string) => store.load().entries.find((entry) => entry.key === key);
  const isWaiting = (entry: Entry) => entry.refusal === undefined && !isOld(entry, now());

  function change(update: (stored: Stored) => Stored) {
    store.update(update);
    show();
  }
  function edit(key: string, more: Partial<Entry>) {
    change(({ entries, settled }) => ({
      settled,
      entries: entries.map((entry) => (entry.key === key ? { ...entry, ...more } : entry)),
    }));
  }
  const without = (key: string, entries: readonly Entry[]) => entries.filter((entry) => entry.key !== key);

  /** Sends one order. Returns `known` when its outcome is known, otherwise the server's Retry-After in ms; 0 without one. */
  async function send({ key, request }: Entry, closed$: Observable<unknown>): Promise<'known' | number> {
    show(key);
    try {
      const made = await lastValueFrom(create(request, key).pipe(takeUntil(closed$)), {
        defaultValue: undefined,
      });
      if (!made) return 0;
      failure = undefined;
      // If another tab sent it first, that tab showed the toast.
      if (find(key)) toasts.show('Order created', { order: made.order.id });
      store.update(({ entries, settled }) => ({
        entries: without(key, entries),
        settled: [...settled.filter((one) => one.key !== key), { key, id: made.order.id }],
      }));
      return 'known';
    } catch (error) {
      // After the end of a session the order is sent at the next sign-in.
      const problem = error instanceof ApiError ? error.problem : undefined;
      if (!problem || isTemporary(error) || problem.code === 'unauthenticated') {
        failure = error;
        return retryDelay(error);
      }
      failure = undefined;
      const keyReused = problem.code === 'idempotency-key-reused';
      const detail = keyReused
        ? 'This order was already sent with different contents. Check your orders first: sending it again creates a second order.'
        : explain(error);
      edit(key, { refusal: { detail, errors: problem.errors ?? [], keyReused } });
      return 'known';
    } finally {
      view$.next(view());
    }
  }

  /** Sends all waiting orders, one after the other. Returns the delay of the next pass in ms; undefined for none. */
  async function pass(closed$: Observable<unknown>): Promise<number | undefined> {
    const tried = new Set<string>();
    const result = { failed: false, retryAfter: 0 };
    const next = () => store.load().entries.find((entry) => isWaiting(entry) && !tried.has(entry.key));
    const done = await lock(`orders.outbox.${user}.sending`, LEASE, async () => {
      for (let entry = next(); entry; entry = next()) {
        tried.add(entry.key);
        const outcome = await send(entry, closed$);
        if (outcome === 'known') continue;
        result.failed = true;
        result.retryAfter = Math.max(result.retryAfter, outcome);
      }
      return true;
    });
    const left = store.load().entries.filter(isWaiting);
    if (left.length === 0) return undefined;
    // Submitted at the end of this pass.
    if (done && left.some(({ key }) => !tried.has(key))) return 0;
    failures = result.failed ? failures + 1 : 0;
    // Another tab is sending, and may be closed before it has finished.
    if (!done) return RETRY_DELAY;
    if (result.retryAfter > 0) return Math.max(RETRY_DELAY, result.retryAfter);
    return Math.min(MAX_RETRY_DELAY, RETRY_DELAY * 2 ** Math.max(0, failures - 1));
  }

  const retryNow = () => {
    failures = 0;
    passIn$.next(0);
  };

  return {
    view$,
    view: () => view$.value,
    old: (entry) => isOld(entry, now()),
    submit({ key, request, draft }) {
      change(({ entries, settled }) => ({
        settled,
        entries: [...without(key, entries), { key, request, draft, at: now() }],
      }));
      retryNow();
    },
    sendNow(key) {
      edit(key, { confirmedAt: now() });
      retryNow();
    },
    discard(key) {
      change(({ entries, settled }) => ({ entries: without(key, entries), settled }));
    },
    open() {
      // Replayed, so that a pass that starts late sends nothing.
      const closed$ = new ReplaySubject<void>(1);
      const passes = passIn$
        .pipe(
          switchMap((wait) => timer(wait, scheduler)),
          exhaustMap(() => from(pass(closed$))),
        )
        .subscribe((wait) => {
          if (wait !== undefined) passIn$.next(wait);
        });
      const online = merge(fromEvent(window, 'online'), fromEvent(window, 'pageshow'))
        .pipe(map(retryNow))
        .subscribe();
      const unlisten = store.listen(() => {
        show();
        passIn$.next(RETRY_DELAY);
      });
      passIn$.next(0);
      return () => {
        closed$.next();
        passes.unsubscribe();
        online.unsubscribe();
        unlisten();
      };
    },
  };
}
