/** The fault lab of the page: its parts, the customers of the current run, and the machine's actors. */
import {
  BehaviorSubject,
  catchError,
  concatMap,
  EMPTY,
  forkJoin,
  map,
  type Observable,
  of,
  switchMap,
  timeout,
} from 'rxjs';
import { fromObservable, fromPromise } from 'xstate';
import { createApi, toPromise } from '../../api/client';
import { createServerClock } from '../../api/clock';
import type { Role } from '../../api/types';
import { crashParts, createParts, labApi, type Status } from './api';
import { labMachine } from './lab.machine';
import { createTraffic, emptyView, type View } from './traffic';

/** How often all parts together were killed. */
export function kills({ parts }: Status): number {
  return parts.reduce((sum, part) => sum + part.kills, 0);
}

/** The API as a user of dev mode. */
function as(user: string, role: Role): Observable<ReturnType<typeof createApi>> {
  const clock = createServerClock();
  return createApi({ clock })
    .devToken(user, role)
    .pipe(map(({ token }) => createApi({ clock, tokens: { token: () => token } })));
}

export function createLab() {
  const api = labApi();
  const parts = createParts(api);
  const killing$ = new BehaviorSubject(true);
  const traffic$ = new BehaviorSubject<ReturnType<typeof createTraffic> | undefined>(undefined);
  const current = () => {
    if (!traffic$.value) throw new Error('no run has begun');
    return traffic$.value;
  };

  const machine = labMachine.provide({
    actors: {
      traffic: fromObservable(({ input }) => current().traffic(input.seconds)),
      feed: fromObservable(() => current().feed$),
      crashes: fromObservable(() =>
        killing$.pipe(switchMap((on) => (on ? crashParts({ parts, api }) : EMPTY))),
      ),
      settle: fromPromise(({ signal }) => toPromise(api.settle(), signal)),
      check: fromPromise(({ input, signal }) =>
        toPromise(
          current()
            .finish()
            .pipe(
              timeout({ first: 120_000 }),
              concatMap((record) => forkJoin({ verdict: api.check(record), status: api.parts() })),
              map(({ verdict, status }) => ({ verdict, crashes: kills(status) - input.killsBefore })),
            ),
          signal,
        ),
      ),
    },
    actions: { prepare: () => traffic$.next(createTraffic({ as })) },
  });

  const view$: Observable<View> = traffic$.pipe(switchMap((traffic) => traffic?.view$ ?? of(emptyView)));
  const quietly = (change$: Observable<unknown>) => void change$.pipe(catchError(() => EMPTY)).subscribe();
  return {
    machine,
    presence$: parts.presence$,
    view$,
    killing$,
    kill: (part: string) => quietly(parts.kill(part)),
    start: (part: string) => quietly(parts.start(part)),
    payments: (mode: Status['payments']) => quietly(parts.payments(mode)),
  };
}

export type Lab = ReturnType<typeof createLab>;
