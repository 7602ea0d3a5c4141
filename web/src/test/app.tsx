import { configure, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import type { RequestHandler } from 'msw';
import { onTestFinished } from 'vitest';
import { BehaviorSubject, EMPTY, map, mergeMap, of, pairwise, Subject } from 'rxjs';
import { createApi } from '../api/client';
import { createServerClock } from '../api/clock';
import type { Role } from '../api/types';
import { type Services, ServicesProvider } from '../services';
import { Shell } from '../app/Shell';
import type { Connection } from '../live/feedConnection';
import { Backend } from '../mock/backend';
import { handlers } from '../mock/handlers';
import { createCancels } from '../live/cancels';
import { createHolds } from '../live/holds';
import { watchStats } from '../live/stats';
import { createOutbox } from '../live/outbox';
import { outboxStore } from '../live/outbox.store';
import { createToasts } from '../live/toasts';
import { createNow, NowProvider } from '../ui/now';
import { server } from './server';

// Tests also run on busy machines.
configure({ asyncUtilTimeout: 30_000 });
// happy-dom has neither animations nor popovers.
Object.assign(Element.prototype, { animate: () => undefined, hidePopover: () => undefined });

interface Opened {
  at?: string;
  user?: string;
  role?: Role;
  backend?: Backend;
  /** Request handlers that take precedence over the backend. */
  answers?: RequestHandler[];
  /** Whether a cancel can be undone for a while. Otherwise it is sent at once, as when the tab is closed. */
  undo?: boolean;
}

/** Renders the app for a signed-in user. REST calls go to the mocked network; the feed comes from the backend. */
export function open({
  at = '/',
  user = 'olivia',
  role = 'operator',
  backend = new Backend(),
  answers = [],
  undo = false,
}: Opened = {}) {
  server.use(...answers, ...handlers(backend, { paymentTakes: 3_600_000 }));
  history.replaceState(null, '', at);
  const clock = createServerClock();
  const connection$ = new BehaviorSubject<Connection>('live');
  const signedOut: string[] = [];
  let starts = 0;
  const api = createApi({ clock, tokens: { token: () => `mock.${user}.${role}` } });
  const toasts = createToasts();
  const cancels = createCancels({ api, toasts });
  const services: Services = {
    clock,
    api,
    cancels,
    holds: createHolds({ api, cancels, toasts, ...(undo ? {} : { leave$: of(undefined) }) }),
    feed: {
      orders$: backend.head$.pipe(
        pairwise(),
        mergeMap(([before]) => backend.changesAfter(before, role === 'operator' ? undefined : user)),
        map(({ order }) => order),
      ),
      resets$: new Subject<void>(),
      connection$,
      start: () => {
        starts++;
      },
      open: () => () => undefined,
    },
    outbox: createOutbox({ user, store: outboxStore(user), create: api.create, toasts }),
    session: { token: `mock.${user}.${role}`, user, role, expiresAt: Infinity },
    stats$: role === 'operator' ? watchStats({ api, clock }) : EMPTY,
    toasts,
    lastList: { address: '', view: undefined },
  };
  const now$ = createNow(clock);
  const close = services.outbox.open();
  const page = render(
    <ServicesProvider value={services}>
      <NowProvider value={now$}>
        <Shell onSignOut={() => signedOut.push(user)} />
      </NowProvider>
    </ServicesProvider>,
  );
  const unmount = () => {
    close();
    page.unmount();
  };
  onTestFinished(close);
  return { ...page, unmount, backend, connection$, signedOut, starts: () => starts, user: userEvent.setup() };
}

/** Waits for a toast with this text. */
export const findToast = (text: string) => screen.findByText(text, { selector: '.toast span' });
