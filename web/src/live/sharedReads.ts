/**
 * Reads that several tabs of a user make at the same time: one tab requests, and posts its answer to the others. So ten tabs
 * cost the server about as much as one.
 *
 * A tab takes an answer only when it was requested after the tab asked, or at most `maxAge` before: an earlier answer may
 * lack the change that caused the question.
 */
import {
  asyncScheduler,
  catchError,
  defer,
  filter,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  switchMap,
  take,
  tap,
  throwError,
  timeout,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import { ApiError, isTemporary, NetworkError } from '../api/problem';
import type { Problem } from '../api/types';
import { type Channel, type Tabs, withLock } from './feedAcrossTabs';

export interface Reading<T> {
  value: T;
  /** When it was requested, in ms. */
  at: number;
}

/** `key` names what is read; `maxAge` is in ms. */
export type Read = <T>(key: string, load$: Observable<T>, maxAge?: number) => Observable<Reading<T>>;

export interface SharedReads {
  read: Read;
  /** Begins to share. Returns a function that ends it. */
  open(): () => void;
}

interface Answer {
  key: string;
  at: number;
  value?: unknown;
  /** A temporary failure. Tabs can't post errors. */
  failure?: { problem?: Problem; retryAfter?: number | undefined };
}

/** From a question to the request, in ms: tabs ask within this time after the same event. */
export const GATHER_TIME = 50;
/** How long to wait for another tab, in ms. Some systems suspend tabs with their locks. */
export const READ_TIMEOUT = 20_000;
/** How long answers are kept, in ms. It is at least each `maxAge`. */
const KEPT = 60_000;

/** Without `tabs` nothing is shared. */
export function createSharedReads(
  tabs: Tabs | undefined,
  scheduler: SchedulerLike = asyncScheduler,
): SharedReads {
  const latest = new Map<string, Answer>();
  const answers$ = new Subject<Answer>();
  let channel: Channel | undefined;

  function receive(answer: Answer) {
    for (const [key, { at }] of latest) if (at < scheduler.now() - KEPT) latest.delete(key);
    latest.set(answer.key, answer);
    answers$.next(answer);
  }

  const request = <T>(key: string, load$: Observable<T>): Observable<Answer> =>
    defer(() => {
      const at = scheduler.now();
      return load$.pipe(
        take(1),
        map((value): Answer => ({ key, at, value })),
        catchError((error: unknown) =>
          isTemporary(error) ? of<Answer>({ key, at, failure: failureOf(error) }) : throwError(() => error),
        ),
        tap((answer) => {
          channel?.postMessage(answer);
          receive(answer);
        }),
      );
    });

  const read: Read = <T>(key: string, load$: Observable<T>, maxAge = 0) =>
    defer(() => {
      const request$ = request(key, load$);
      const since = scheduler.now() - maxAge;
      const known = latest.get(key);
      if (!tabs || !channel) return request$;
      if (known && known.at > since) return of(known);
      const own$ = timer(GATHER_TIME, scheduler).pipe(switchMap(() => request$));
      const others$ = answers$.pipe(filter((answer) => answer.key === key && answer.at > since));
      return merge(others$, withLock({ ...tabs, name: `${tabs.name} ${key}` }, false, own$)).pipe(
        take(1),
        timeout({ first: READ_TIMEOUT, with: () => request$, scheduler }),
        // Web Locks may be forbidden.
        catchError((error: unknown) => (error instanceof DOMException ? request$ : throwError(() => error))),
      );
    }).pipe(
      map(({ at, value, failure }) => {
        if (failure) throw errorOf(failure);
        return { at, value: value as T };
      }),
    );

  return {
    read,
    open() {
      const opened = tabs?.channel();
      channel = opened;
      opened?.addEventListener('message', ({ data }: MessageEvent<Answer>) => receive(data));
      return () => {
        channel = undefined;
        opened?.close();
      };
    },
  };
}

/** The API with shared counts. */
export function shareCounts(api: Api, { read }: SharedReads): Api {
  return {
    ...api,
    counts: (params) =>
      read(`counts ${JSON.stringify(params)}`, api.counts(params)).pipe(map(({ value }) => value)),
  };
}

const failureOf = (error: unknown): NonNullable<Answer['failure']> =>
  error instanceof ApiError ? { problem: error.problem, retryAfter: error.retryAfter } : {};

const errorOf = ({ problem, retryAfter }: NonNullable<Answer['failure']>): Error =>
  problem ? new ApiError(problem, retryAfter) : new NetworkError();
