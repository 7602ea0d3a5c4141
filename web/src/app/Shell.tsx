import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { defer, mergeMap, retry, scan, timer } from 'rxjs';
import { clockTime, timeZone } from '../domain/format';
import { ListPage } from '../pages/orders/ListPage';
import type { Connection } from '../live/feedConnection';
import { OutboxNotice } from './OutboxNotice';
import { Icon } from '../ui/Icon';
import { usePhone } from '../ui/media';
import { Menu } from '../ui/Menu';
import { Message } from '../ui/Message';
import { useNow } from '../ui/now';
import { useShortcuts } from '../ui/shortcuts';
import { Toaster } from './Toaster';
import { useObservable } from '../ui/useObservable';
import { parseRoute } from './routes';
import { ErrorBoundary } from './ErrorBoundary';
import { Help } from './Help';
import { Link, navigate, useAddress } from '../ui/router';
import { useServices } from '../services';
import { Account } from './Account';
import { loadPalette, PaletteButton } from './palette/PaletteButton';
import { ThemeChoice } from './ThemeChoice';

const loadOrderPage = () => import('../pages/order/OrderPage');
const loadCreatePage = () => import('../pages/create/CreatePage');
const OrderPage = lazy(() => loadOrderPage().catch(reportMissing));
const CreatePage = lazy(() => loadCreatePage().catch(reportMissing));
const LabPage = lazy(() => import('../pages/lab/LabPage').catch(reportMissing));

/** Makes public/recover.js reload the page. A failed preload does not, because the current page works. */
function reportMissing(error: unknown): never {
  dispatchEvent(new Event('orders:part-missing'));
  throw error;
}

/** The delay before the other pages are preloaded, and between attempts, in ms. */
const PRELOAD_AFTER = 2_000;
const PRELOAD_RETRY = 10_000;

const preloaded: readonly (() => Promise<unknown>)[] = [
  loadOrderPage,
  loadCreatePage,
  loadPalette,
  () => import('../pages/orders/BulkDialog'),
  () => import('../pages/order/Diagram'),
  () => import('../pages/order/Inspect'),
];

/** Preloads the other pages, so that they open also while the server is unreachable or being replaced. */
function usePreload() {
  useEffect(() => {
    const loading = timer(PRELOAD_AFTER)
      .pipe(
        mergeMap(() => preloaded),
        mergeMap((load) => defer(load).pipe(retry({ delay: PRELOAD_RETRY }))),
      )
      .subscribe();
    return () => loading.unsubscribe();
  }, []);
}

export function Shell({ onSignOut }: { onSignOut: () => void }) {
  const phone = usePhone();
  const [help, setHelp] = useState(false);
  usePreload();
  const address = useAddress();
  useShortcuts({ '?': () => setHelp(true), n: () => navigate('/new'), g: () => navigate('/') });
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="top">
        <div className="container">
          <Link href="/" className="brand">
            Orders
          </Link>
          <Badge />
          <nav aria-label="Main">
            <PaletteButton hidden={phone} onHelp={() => setHelp(true)} onSignOut={onSignOut} />
            <Link
              href="/new"
              className="button primary new"
              aria-label="New order"
              aria-current={address === '/new' ? 'page' : undefined}
            >
              <Icon name="plus" />
              {!phone && 'New order'}
              {!phone && <kbd>N</kbd>}
            </Link>
            {!phone && (
              <button
                type="button"
                className="quiet square"
                aria-label="Keyboard shortcuts"
                title="Keyboard shortcuts (?)"
                onClick={() => setHelp(true)}
              >
                <Icon name="help" />
              </button>
            )}
            {!phone && (
              <Menu name="Theme" className="quiet square" label={<Icon name="theme" />}>
                <ThemeChoice />
              </Menu>
            )}
            <Account compact={phone} onSignOut={onSignOut} />
          </nav>
        </div>
      </header>
      <main id="main" className="container" tabIndex={-1}>
        <OutboxNotice />
        <ErrorBoundary key={address.split('?')[0]}>
          <Suspense fallback={<div className="skeleton page" aria-label="Loading" role="status" />}>
            <Page address={address} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <footer className="container">Times in {timeZone}</footer>
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
    case 'lab':
      return <LabPage />;
    case 'order':
      return <OrderPage key={route.id} id={route.id} />;
    case 'unknown':
      return (
        <Message title="Page not found" level={1}>
          <Link href="/">Go to orders</Link>
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

interface Freshness {
  connection: Connection;
  /** The time until which the shown data was current, in ms; undefined before the first connection. */
  until: number | undefined;
}

const unknown: Freshness = { connection: 'connecting', until: undefined };

function follow(before: Freshness, connection: Connection): Freshness {
  const live = connection === 'live' || before.connection === 'live';
  return { connection, until: live ? Date.now() : before.until };
}

function connectionHint({ connection, until }: Freshness, now: number): string {
  if (connection === 'connecting') return 'Connecting to live updates';
  if (connection === 'live') return 'Live updates are on';
  const cause = connection === 'offline' ? 'You are offline.' : 'Can’t reach the server.';
  return until === undefined
    ? `${cause} Reconnecting.`
    : `${cause} Showing data from ${clockTime(until, now)}; reconnecting.`;
}

function Badge() {
  const { connection$ } = useServices().feed;
  const freshness$ = useMemo(() => connection$.pipe(scan(follow, unknown)), [connection$]);
  const freshness = useObservable(freshness$, unknown);
  const now = useNow();
  return (
    <span
      className={`badge ${freshness.connection}`}
      role="status"
      data-testid="connection"
      title={connectionHint(freshness, now)}
    >
      {connectionNames[freshness.connection]}
    </span>
  );
}
