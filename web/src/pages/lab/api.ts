/** The fault lab's server (faults/lab). `make run` and production have none. */
import {
  catchError,
  concat,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  map,
  merge,
  mergeMap,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  switchMap,
  tap,
  timer,
} from 'rxjs';
import { fromFetch } from 'rxjs/fetch';
import type { Item } from '../../api/types';

export type PartState = 'running' | 'starting' | 'killed' | 'exited';

export interface Part {
  name: string;
  state: PartState;
  /** Since when, in ms. */
  since: number;
  kills: number;
}

export type Payments = 'normal' | 'slow' | 'failing';

export interface Status {
  parts: readonly Part[];
  payments: Payments;
}

/** One request of a customer and its reply, as the checker takes it. Times are in ms. */
export interface Call {
  op: 'create' | 'cancel' | 'read';
  client: string;
  order?: string;
  key?: string;
  items?: readonly Item[];
  currency?: string;
  sent: number;
  got: number;
  /** HTTP status; 0 if there was no reply, so that the outcome is unknown. */
  status: number;
  code?: string;
  replayed?: boolean;
  /** The body of a successful reply. */
  reply?: unknown;
}

export interface Reading {
  reader: string;
  events: { cursor: string; order: unknown; at: number }[];
  complete: boolean;
}

/** What all customers of one run saw. */
export interface LabRecord {
  calls: readonly Call[];
  readings: readonly Reading[];
}

export interface Violation {
  order?: string;
  detail: string;
  trace: string;
}

export interface Outcome {
  number: number;
  name: string;
  checked: number;
  /** What `checked` counts. */
  facts: string;
  violated: number;
  /** The first violations. */
  violations: readonly Violation[];
}

export interface Verdict {
  settled: boolean;
  orders: number;
  delivered: number;
  cancelled: number;
  /** Of the latest delivery after its due time, in ms. */
  lateness: number;
  invariants: readonly Outcome[];
}

/** There is no fault lab at this address. */
export class NoLab extends Error {
  constructor() {
    super('There is no fault lab here.');
    this.name = 'NoLab';
  }
}

export function labApi() {
  const call = <T>(path: string, init: RequestInit = {}): Observable<T> =>
    fromFetch(new URL(`/lab/api/${path}`, location.origin).href, {
      cache: 'no-store',
      ...init,
      selector: async (response) => {
        const isJson = /^application\/(problem\+)?json/.test(response.headers.get('Content-Type') ?? '');
        if (!isJson || response.status === 404) throw new NoLab();
        const body = (await response.json()) as T & { detail?: string };
        if (!response.ok) throw new Error(body.detail ?? `The fault lab answers ${response.status}.`);
        return body;
      },
    });
  const post = <T>(path: string, body?: unknown): Observable<T> =>
    call(path, {
      method: 'POST',
      ...(body === undefined
        ? {}
        : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    });
  return {
    parts: () => call<Status>('parts'),
    kill: (part: string) => post<Status>(`parts/${part}/kill`),
    /** Replies when the part serves. */
    start: (part: string) => post<Status>(`parts/${part}/start`),
    payments: (mode: Payments) => post<Status>('payments', { mode }),
    /** Starts all parts, and replies when all orders are final or after 3 minutes. */
    settle: () => post<{ settled: boolean }>('settle'),
    check: (record: LabRecord) => post<Verdict>('check', record),
  };
}

export type LabApi = ReturnType<typeof labApi>;

/** `missing`: there is no fault lab here. `lost`: its server does not answer. */
export type Presence = { state: 'loading' | 'missing' | 'lost' } | { state: 'here'; status: Status };

const POLL_EVERY = 1_000;

/** The parts' states, polled, and how to change them. */
export function createParts(api: LabApi, scheduler?: SchedulerLike) {
  const replies$ = new Subject<Status>();
  const polled$ = timer(0, POLL_EVERY, scheduler).pipe(
    exhaustMap(() =>
      api.parts().pipe(
        map((status): Presence => ({ state: 'here', status })),
        catchError((error: unknown) => of<Presence>({ state: error instanceof NoLab ? 'missing' : 'lost' })),
      ),
    ),
  );
  const presence$ = merge(
    polled$,
    replies$.pipe(map((status): Presence => ({ state: 'here', status }))),
  ).pipe(distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)));
  const shown = (change$: Observable<Status>) => change$.pipe(tap((status) => replies$.next(status)));
  return {
    presence$,
    kill: (part: string) => shown(api.kill(part)),
    start: (part: string) => shown(api.start(part)),
    payments: (mode: Payments) => shown(api.payments(mode)),
  };
}

export type Parts = ReturnType<typeof createParts>;

interface Crashes {
  parts: Pick<Parts, 'kill' | 'start'>;
  api: Pick<LabApi, 'parts'>;
  random?: () => number;
  scheduler?: SchedulerLike;
}

/** Kills a random running part every 2.5 s on average, and starts it again after 0.5 to 2.5 s. Two may be down at once. */
export function crashParts({ parts, api, random = Math.random, scheduler }: Crashes): Observable<Status> {
  const between = (from: number, to: number) => timer(from + random() * (to - from), scheduler);
  const crash$ = between(0, 2_000).pipe(
    switchMap(() => api.parts()),
    switchMap(({ parts: all }) => {
      const running = all.filter(({ state }) => state === 'running');
      const victim = running[Math.floor(random() * running.length)];
      if (!victim) return EMPTY;
      return concat(
        parts.kill(victim.name),
        between(500, 2_500).pipe(switchMap(() => parts.start(victim.name))),
      );
    }),
    catchError(() => EMPTY),
  );
  return timer(1_000, 2_500, scheduler).pipe(mergeMap(() => crash$, 2));
}
