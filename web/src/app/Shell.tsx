import { lazy, Suspense, useEffect, useState } from 'react';
import { ListPage } from '../pages/orders/ListPage';
import type { Connection } from '../live/feed';
import { OutboxNotice } from './OutboxNotice';
import { Message } from '../ui/Message';
import { useShortcuts } from '../ui/shortcuts';
import { Toaster } from './Toaster';
import { useObservable } from '../ui/useObservable';
import { parseRoute } from './routes';
import { ErrorBoundary } from './ErrorBoundary';
import { Help } from './Help';
import { Link, navigate, useAddress } from '../ui/router';
import { useServices } from '../session/services';
import { useTheme } from './theme';

const loadOrderPage = () => import('../pages/order/OrderPage');
const loadCreatePage = () => import('../pages/create/CreatePage');
const OrderPage = lazy(() => loadOrderPage().catch(missing));
const CreatePage = lazy(() => loadCreatePage().catch(missing));

/** Has public/recover.js reload the page. A preload that fails does not: what is shown works. */
function missing(error: unknown): never {
  dispatchEvent(new Event('orders:part-missing'));
  throw error;
}

/** How long the first page has to load before the others are, in ms. */
const PRELOAD_AFTER = 2_000;

/** Loads the pages that aren't shown yet: they must open also while the server is away or replaced. */
function usePreload() {
  useEffect(() => {
    const load = () => void Promise.allSettled([loadOrderPage(), loadCreatePage()]);
    const handle = setTimeout(load, PRELOAD_AFTER);
    return () => clearTimeout(handle);
  }, []);
}

export function Shell({ onSignOut }: { onSignOut: () => void }) {
  const { session } = useServices();
  const [help, setHelp] = useState(false);
  usePreload();
  const [theme, nextTheme] = useTheme();
  const address = useAddress();
  useShortcuts({ '?': () => setHelp(true), n: () => navigate('/new'), g: () => navigate('/') });
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <Link href="/" className="brand">
          Orders
        </Link>
        <Badge />
        <nav aria-label="Main">
          <Link href="/new" className="button primary" aria-current={address === '/new' ? 'page' : undefined}>
            New order
          </Link>
          <button
            type="button"
            className="quiet"
            aria-label="Keyboard help"
            title="Keyboard help (?)"
            onClick={() => setHelp(true)}
          >
            ?
          </button>
          <button type="button" className="quiet" title="Change the colours" onClick={nextTheme}>
            {theme === 'system' ? 'Auto' : theme === 'light' ? 'Light' : 'Dark'}
            <span className="hidden"> colours</span>
          </button>
          <span className="who">
            {session.name ?? session.user}
            {session.role === 'operator' && <small> operator</small>}
          </span>
          <button type="button" className="quiet" onClick={onSignOut}>
            Sign out
          </button>
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        <OutboxNotice />
        <ErrorBoundary key={address.split('?')[0]}>
          <Suspense fallback={<div className="skeleton page" aria-label="Loading" role="status" />}>
            <Page address={address} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <Toaster />
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}

function Page({ address }: { address: string }) {
  const route = parseRoute(address);
  switch (route.page) {
    case 'list':
      return <ListPage />;
    case 'new':
      return <CreatePage />;
    case 'order':
      return <OrderPage key={route.id} id={route.id} />;
    case 'unknown':
      return (
        <Message title="There is no such page" level={1}>
          <Link href="/">To the orders</Link>
        </Message>
      );
  }
}

const connectionNames: Record<Connection, string> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
};

const connectionHints: Record<Connection, string> = {
  connecting: 'Looking for the live feed',
  live: 'Changes show as they happen',
  reconnecting: 'The server is away; what you see may be old. It catches up by itself.',
  offline: 'This device is offline; what you see may be old. It catches up by itself.',
};

function Badge() {
  const connection = useObservable(useServices().feed.connection$, 'connecting');
  return (
    <span
      className={`badge ${connection}`}
      role="status"
      data-testid="connection"
      title={connectionHints[connection]}
    >
      {connectionNames[connection]}
    </span>
  );
}
