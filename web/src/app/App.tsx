import { useMachine } from '@xstate/react';
import { Suspense, useEffect, useLayoutEffect, useMemo, useState } from 'react';
import type { ActorRefFrom } from 'xstate';
import { createApi } from '../api/client';
import { createServerClock } from '../api/clock';
import { createFeed } from '../live/feed';
import { browserConnectivity } from '../live/connectivity';
import { browserTabs } from '../live/feedAcrossTabs';
import { createSharedReads, shareCounts, type SharedReads } from '../live/sharedReads';
import { createCancels } from '../live/cancels';
import { createHolds } from '../live/holds';
import { EMPTY } from 'rxjs';
import { watchStats } from '../live/stats';
import { createOutbox } from '../live/outbox';
import { outboxStore } from '../live/outbox.store';
import type { Session, SessionStore } from '../session/session';
import type { sessionMachine } from '../session/session.machine';
import { tokensOf } from '../session/tokens';
import { createToasts } from '../live/toasts';
import { lazyPart } from '../ui/lazyPart';
import { createNow, NowProvider } from '../ui/now';
import { type Services, ServicesProvider } from '../services';
import { Shell } from './Shell';

/** Signed-in users do not need it. */
const SignIn = lazyPart(() => import('../session/SignIn'));

interface AppProps {
  /** The session's machine with its actors, from main.tsx. */
  machine: typeof sessionMachine;
  store: Pick<SessionStore, 'load' | 'listen' | 'refusals'>;
}

export function App({ machine, store }: AppProps) {
  const [input] = useState(() => ({ session: store.load(), refusals: store.refusals() }));
  const [state, send, actor] = useMachine(machine, { input });
  useEffect(() => store.listen((session) => send({ type: 'FOLLOW', session })), [store, send]);
  if (state.matches('signedIn') && state.context.session) {
    const { session } = state.context;
    return <SignedIn key={`${session.role} ${session.user}`} session={session} actor={actor} />;
  }
  return (
    <Suspense>
      <SignIn state={state} send={send} />
    </Suspense>
  );
}

interface SignedInProps {
  /** The component is created anew for another user or role, not for another token. */
  session: Session;
  actor: ActorRefFrom<typeof sessionMachine>;
}

function SignedIn({ session, actor }: SignedInProps) {
  const [services] = useState((): Services & { reads: SharedReads } => {
    const toasts = createToasts();
    const clock = createServerClock();
    const reads = createSharedReads(browserTabs('reads', session.user, session.role));
    const api = shareCounts(createApi({ clock, tokens: tokensOf(actor, session) }), reads);
    const feed = createFeed({
      stream: api.stream,
      poll: api.poll,
      connectivity$: browserConnectivity(),
      tabs: browserTabs('feed', session.user, session.role),
    });
    const cancels = createCancels({ api, toasts });
    return {
      api,
      cancels,
      clock,
      feed,
      holds: createHolds({ api, cancels, toasts }),
      outbox: createOutbox({
        user: session.user,
        store: outboxStore(session.user),
        create: api.create,
        toasts,
      }),
      session,
      stats$: session.role === 'operator' ? watchStats({ api, clock, read: reads.read }) : EMPTY,
      toasts,
      lastList: { address: '', view: undefined },
      reads,
    };
  });
  const now$ = useMemo(() => createNow(services.clock), [services]);
  // A layout effect runs before the pages' effects, which load: the feed must already listen by then.
  useLayoutEffect(() => services.feed.open(), [services]);
  useLayoutEffect(() => services.reads.open(), [services]);
  useEffect(() => services.holds.open(), [services]);
  useEffect(() => services.cancels.open(), [services]);
  useEffect(() => services.outbox.open(), [services]);
  return (
    <ServicesProvider value={services}>
      <NowProvider value={now$}>
        <Shell onSignOut={() => actor.send({ type: 'SIGN_OUT' })} />
      </NowProvider>
    </ServicesProvider>
  );
}
