/** What pages use of the outside: made once per session, given by context, replaced in tests. */
import { createContext, use } from 'react';
import { map, type Observable, share, startWith, timer } from 'rxjs';
import type { Api } from '../api/client';
import type { ServerClock } from '../api/clock';
import type { LiveFeed } from '../live/liveFeed';
import type { ListView } from '../live/list';
import type { Cancels } from '../live/cancels';
import type { Outbox } from '../live/outbox';
import type { Session } from './session';
import type { Toasts } from '../live/toasts';
import { useObservable } from '../ui/useObservable';

export interface Services {
  api: Api;
  cancels: Cancels;
  clock: ServerClock;
  feed: LiveFeed;
  outbox: Outbox;
  session: Session;
  toasts: Toasts;
  /** The server's time in ms, every second. */
  now$: Observable<number>;
  /** The list as it was left, so that Back shows it at once. */
  lastList: { address: string; view: ListView | undefined };
}

const ServicesContext = createContext<Services | undefined>(undefined);
export const ServicesProvider = ServicesContext.Provider;

export function useServices(): Services {
  const services = use(ServicesContext);
  if (!services) throw new Error('useServices needs a ServicesProvider');
  return services;
}

export function createNow(clock: ServerClock): Observable<number> {
  return timer(1_000, 1_000).pipe(
    startWith(0),
    map(() => clock.now()),
    share(),
  );
}

const started = Date.now();

export function useNow(): number {
  return useObservable(useServices().now$, started);
}
