import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { map } from 'rxjs';
import { fromPromise } from 'xstate';
import { createApi, toPromise } from './api/client';
import { createServerClock } from './api/clock';
import { App } from './app/App';
import { applyTheme } from './app/theme';
import { redirectToIssuer, returnFromIssuer } from './session/oidc';
import { sessionStore } from './session/session';
import { sessionMachine } from './session/session.machine';
import './ui/base.css';
import './ui/components.css';
import './app/app.css';
import './session/sign-in.css';
import './pages/orders/filters.css';
import './pages/orders/list.css';
import './pages/order/order.css';
import './pages/create/create.css';

applyTheme();

const api = createApi({ clock: createServerClock() });
const store = sessionStore();

const machine = sessionMachine.provide({
  actors: {
    loadConfig: fromPromise(({ signal }) => toPromise(api.sessionConfig(), signal)),
    completeSignIn: fromPromise(async ({ input, signal }) => {
      const grant = input.config?.oidc && (await returnFromIssuer(input.config.oidc, signal));
      if (!grant) return undefined;
      const { identity } = createApi({ clock: createServerClock(), token: () => grant.token });
      return { ...grant, ...(await toPromise(identity(), signal)) };
    }),
    signIn: fromPromise(({ input: { user, role }, signal }) =>
      toPromise(
        api
          .devToken(user, role)
          .pipe(map(({ token, expiresAt }) => ({ token, user, role, expiresAt: Date.parse(expiresAt) }))),
        signal,
      ),
    ),
    redirect: fromPromise(({ input, signal }) => {
      if (!input.config?.oidc) throw new Error('no issuer is configured');
      return redirectToIssuer(input.config.oidc, input.forceLogin, signal);
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
