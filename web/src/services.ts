/** The services that pages use. They are created once per session and passed by context; tests replace them. */
import { createContext, use } from 'react';
import type { Api } from './api/client';
import type { ServerClock } from './api/clock';
import type { Feed } from './live/feed';
import type { LastList } from './live/list';
import type { StatsView } from './live/stats';
import type { Observable } from 'rxjs';
import type { Cancels } from './live/cancels';
import type { Holds } from './live/holds';
import type { Outbox } from './live/outbox';
import type { Session } from './session/session';
import type { Toasts } from './live/toasts';

export interface Services {
  api: Api;
  cancels: Cancels;
  clock: ServerClock;
  feed: Feed;
  holds: Holds;
  outbox: Outbox;
  session: Session;
  /** Numbers for operators; never emits for others. */
  stats$: Observable<StatsView>;
  toasts: Toasts;
  lastList: LastList;
}

const ServicesContext = createContext<Services | undefined>(undefined);
export const ServicesProvider = ServicesContext.Provider;

export function useServices(): Services {
  const services = use(ServicesContext);
  if (!services) throw new Error('useServices needs a ServicesProvider');
  return services;
}
