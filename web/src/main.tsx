import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { map, retry, throwError, timer } from 'rxjs';
import { fromPromise } from 'xstate';
import { createApi, toPromise } from './api/client';
import { createServerClock } from './api/clock';
import { isTemporary } from './api/problem';
import { delayAfter } from './live/retry';
import { App } from './app/App';
import { applyTheme } from './app/theme';
import { renewOnce } from './session/renewal';
import { type Session, sessionStore } from './session/session';
import { sessionMachine } from './session/session.machine';
import './ui/base.css';
import './ui/components.css';
import './app/app.css';
import './session/sign-in.css';
import './pages/overview/overview.css';
import './pages/orders/filters.css';
import './pages/orders/list.css';
import './pages/order/order.css';
import './pages/create/create.css';

applyTheme();

const api = createApi({ clock: createServerClock() });
const store = sessionStore();

/** The code for issuers, which the development mode does not need. */
const oidc = () => import('./session/oidc');

/** The limit of each request of a renewal, in ms. */
const RENEWAL_TIMEOUT = 10_000;

async function renew(session: Session): Promise<Session> {
  const config = await toPromise(api.sessionConfig(), AbortSignal.timeout(RENEWAL_TIMEOUT));
  if (!config.oidc) throw new Error('no issuer is configured');
  const { renewGrant } = await oidc();
  return { ...session, ...(await renewGrant(config.oidc, session, AbortSignal.timeout(RENEWAL_TIMEOUT))) };
}

const machine = sessionMachine.provide({
  actors: {
    loadConfig: fromPromise(({ signal }) => toPromise(api.sessionConfig(), signal)),
    completeSignIn: fromPromise(async ({ input, signal }) => {
      const issuer = input.config?.oidc;
      const grant = issuer && (await (await oidc()).returnFromIssuer(issuer, signal));
      if (!grant) return undefined;
      const { identity } = createApi({ clock: createServerClock(), tokens: { token: () => grant.token } });
      // The issuer accepts its code once, so a sign-in must not end because the server is away for a moment.
      const patient = identity().pipe(
        retry({
          count: 10,
          delay: (error: unknown) =>
            isTemporary(error) ? timer(delayAfter(error)) : throwError(() => error),
        }),
      );
      return { ...grant, ...(await toPromise(patient, signal)) };
    }),
    signIn: fromPromise(({ input: { user, role }, signal }) =>
      toPromise(
        api
          .devToken(user, role)
          .pipe(map(({ token, expiresAt }) => ({ token, user, role, expiresAt: Date.parse(expiresAt) }))),
        signal,
      ),
    ),
    redirect: fromPromise(async ({ input, signal }) => {
      if (!input.config?.oidc) throw new Error('no issuer is configured');
      return (await oidc()).redirectToIssuer(input.config.oidc, input.forceLogin, signal);
    }),
    renew: fromPromise(({ input: { session } }) => {
      if (!session) throw new Error('there is no session');
      return renewOnce(session, { store, request: renew });
    }),
  },
  actions: {
    saveSession: (_, session) => {
      if (session) store.save(session);
    },
    clearSession: (_, session) => {
      if (session) store.clear(session);
    },
    saveRefusals: ({ context }) => store.saveRefusals(context.refusals),
  },
});

if (import.meta.env.MODE === 'mock') {
  const { startMock } = await import('./mock/browser');
  await startMock();
}

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App machine={machine} store={store} />
  </StrictMode>,
);
