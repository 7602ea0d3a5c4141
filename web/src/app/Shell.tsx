import { lazy, Suspense, useEffect, useState } from 'react';
import { defer, mergeMap, retry, timer } from 'rxjs';
import { timeZone } from '../domain/format';
import { noStats } from '../live/stats';
import { OutboxNotice } from './OutboxNotice';
import { Icon } from '../ui/Icon';
import { lazyPart } from '../ui/lazyPart';
import { usePhone } from '../ui/media';
import { Menu } from '../ui/Menu';
import { Message } from '../ui/Message';
import { useShortcuts } from '../ui/shortcuts';
import { Toaster } from './Toaster';
import { useObservable } from '../ui/useObservable';
import { parseRoute } from './routes';
import { ErrorBoundary } from './ErrorBoundary';
import { Link, navigate, useAddress } from '../ui/router';
import { useServices } from '../services';
import { Account } from './Account';
import { loadPalette, PaletteButton } from './palette/PaletteButton';
import { Badge } from './Badge';
import { BulkProgress } from '../ui/BulkProgress';
import { useArrival } from './useArrival';
import { setTitleCount } from '../ui/title';
import { ThemeChoice } from './ThemeChoice';

const loadListPage = () => import('../pages/orders/ListPage');
const loadOrderPage = () => import('../pages/order/OrderPage');
const loadCreatePage = () => import('../pages/create/CreatePage');
const loadOverview = () => import('../pages/overview/Overview');
const loadHelp = () => import('./Help');
const Overview = lazyPart(loadOverview);
const Help = lazyPart(loadHelp);
const ListPage = lazy(() => loadListPage().catch(reportMissing));
const OrderPage = lazy(() => loadOrderPage().catch(reportMissing));
const CreatePage = lazy(() => loadCreatePage().catch(reportMissing));
const LabPage = lazy(() => import('../pages/lab/LabPage').catch(reportMissing));

// Most visits begin with the list: load it while the session is restored.
if (parseRoute(location.pathname).page === 'list') loadListPage().catch(() => undefined);

/** Makes public/recover.js reload the page. A failed preload does not, because the current page works. */
function reportMissing(error: unknown): never {
  dispatchEvent(new Event('orders:part-missing'));
  throw error;
}

/** The delay before the other pages are preloaded, and between attempts, in ms. */
const PRELOAD_AFTER = 2_000;
const PRELOAD_RETRY = 10_000;

const preloaded: readonly (() => Promise<unknown>)[] = [
  loadListPage,
  loadOrderPage,
  loadCreatePage,
  loadPalette,
  loadHelp,
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
  const path = address.split('?')[0] ?? '/';
  const arrived = useArrival(path);
  const { page } = parseRoute(address);
  const { cancels, feed, lastList, stats$ } = useServices();
  const bulk = useObservable(cancels.progress$, undefined);
  useEffect(() => {
    // These pages load no list and no order, which would start it.
    if (page === 'new' || page === 'unknown') feed.start();
  }, [page, feed]);
  const { stats } = useObservable(stats$, noStats);
  const attention = stats?.current.attention ?? 0;
  useEffect(() => setTitleCount(attention), [attention]);
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
              aria-label={phone ? 'New order' : undefined}
              aria-current={address === '/new' ? 'page' : undefined}
            >
              <Icon name="plus" />
              {!phone && 'New order'}
              {!phone && <kbd aria-hidden="true">N</kbd>}
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
        <ErrorBoundary key={path}>
          <Suspense fallback={<div className="skeleton page" aria-label="Loading" role="status" />}>
            <Page address={address} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <footer className="container">Times in {timeZone}</footer>
      {bulk && page !== 'list' && (
        <BulkProgress progress={bulk} onStop={() => cancels.stopMany()} back={lastList.address || '/'} />
      )}
      <Toaster />
      <div className="hidden" role="status">
        {arrived}
      </div>
      {help && (
        <Suspense>
          <Help onClose={() => setHelp(false)} />
        </Suspense>
      )}
    </>
  );
}

function Page({ address }: { address: string }) {
  const { session } = useServices();
  const route = parseRoute(address);
  switch (route.page) {
    case 'list':
      return (
        <ListPage
          overview={
            session.role === 'operator' && (
              <Suspense fallback={<div className="overview" />}>
                <Overview />
              </Suspense>
            )
          }
        />
      );
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
