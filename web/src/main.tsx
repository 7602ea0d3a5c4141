import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { map } from 'rxjs';
import { fromPromise } from 'xstate';
import { answer, createApi } from './api/client';
import { createServerClock } from './api/clock';
import { App } from './app/App';
import { applyTheme } from './app/theme';
import { leaveForIssuer, returnFromIssuer } from './session/oidc';
import { sessionStore } from './session/session';
import { sessionMachine } from './session/session.machine';
import './styles.css';

applyTheme();

const api = createApi({ clock: createServerClock() });
const store = sessionStore();

const machine = sessionMachine.provide({
  actors: {
    prepare: fromPromise(async ({ signal }) => {
      const config = await answer(api.sessionConfig(), signal);
      return { config, session: config.oidc ? await returnFromIssuer(config.oidc, signal) : undefined };
    }),
    signIn: fromPromise(({ input: { user, role }, signal }) =>
      answer(
        api
          .devToken(user, role)
          .pipe(map(({ token, expiresAt }) => ({ token, user, role, expiresAt: Date.parse(expiresAt) }))),
        signal,
      ),
    ),
    leave: fromPromise(({ input, signal }) => {
      if (!input.config?.oidc) throw new Error('there is no issuer to leave for');
      return leaveForIssuer(input.config.oidc, signal);
    }),
  },
  actions: {
    remember: (_, session) => {
      if (session) store.save(session);
    },
    forget: () => store.clear(),
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
    <App machine={machine} session={store.load()} />
  </StrictMode>,
);
