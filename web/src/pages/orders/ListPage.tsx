import { useEffect, useMemo, useState } from 'react';
import { finalize, Subject, take, tap } from 'rxjs';
import { explain } from '../../api/problem';
import type { OrderSummary } from '../../api/types';
import { Link, navigate, useAddress } from '../../ui/router';
import { useServices } from '../../services';
import { plural } from '../../domain/format';
import { allows } from '../../domain/order.machine';
import { usePhone } from '../../ui/media';
import { Menu } from '../../ui/Menu';
import { Message } from '../../ui/Message';
import { useShortcuts } from '../../ui/shortcuts';
import { useObservable } from '../../ui/useObservable';
import { BulkCancel } from './BulkCancel';
import { columnNames, columns, useColumns } from './columns';
import { CustomerHead } from './CustomerHead';
import { Filters } from './Filters';
import { LoadError } from './LoadError';
import { Tabs } from './Tabs';
import { emptyView, isStale, watchList } from '../../live/list';
import {
  formatQuery,
  isFiltered,
  type ListQuery,
  noFilters,
  parseQuery,
  refine,
  toParams,
} from '../../domain/query';
import { Rows } from './Rows';

const none: ReadonlySet<string> = new Set();

export function ListPage() {
  const address = useAddress();
  const services = useServices();
  const { api, feed, toasts, lastList } = services;
  const query = useMemo(() => parseQuery(address.slice(1)), [address]);
  const [reload$] = useState(() => new Subject<void>());
  const [initial, view$] = useMemo(() => {
    // A new query shows the rows of the last one, dimmed, until its own are loaded, to avoid layout shifts.
    const initial = {
      ...(lastList.view ?? emptyView),
      loading: true,
      arrived: new Set<string>(),
      error: undefined,
    };
    const view$ = watchList(query, { api, feed, reload$, initial }).pipe(
      tap((view) => Object.assign(lastList, { address, view })),
    );
    return [initial, view$];
  }, [address, query, api, feed, reload$, lastList]);
  const view = useObservable(view$, initial);

  const stale = isStale(view, query);
  const unknown = stale || !view.loaded;
  // A new query starts with no selected orders.
  const [selection, setSelection] = useState<{ query: ListQuery; ids: ReadonlySet<string> }>({
    query,
    ids: none,
  });
  const selected = selection.query === query && !stale ? selection.ids : none;
  const setSelected = (ids: ReadonlySet<string>) => setSelection({ query, ids });
  const [shown, toggleColumn] = useColumns();
  const phone = usePhone(); // cards have no columns
  const [exporting, setExporting] = useState(false);

  useEffect(() => {
    document.title = 'Orders';
  }, []);
  useShortcuts({
    '/': () => document.getElementById('search')?.focus(),
    j: () => stale || moveFocus(1),
    k: () => stale || moveFocus(-1),
    x: () =>
      stale ||
      document.activeElement?.closest('[data-order]')?.querySelector<HTMLInputElement>('input')?.click(),
  });

  const cancellable = view.orders.filter((order) => allows(order.status, 'cancel'));
  const selectedIds = cancellable.filter(({ id }) => selected.has(id)).map(({ id }) => id);
  const select = (order: OrderSummary, on: boolean) => {
    const next = new Set(selected);
    if (on) next.add(order.id);
    else next.delete(order.id);
    setSelected(next);
  };

  const exportCsv = () => {
    setExporting(true);
    api
      .csv(toParams({ ...query, cursor: undefined }))
      .pipe(
        take(1),
        finalize(() => setExporting(false)),
      )
      .subscribe({
        next: (file) => download(file, 'orders.csv'),
        error: (error: unknown) => toasts.show(`Export failed. ${explain(error)}`, { tone: 'bad' }),
      });
  };

  return (
    <>
      <div className="head">
        <h1>Orders</h1>
        {view.arrived.size > 0 && (
          <button type="button" className="pill" onClick={() => reload$.next()}>
            {view.arrived.size} new
          </button>
        )}
        <div className="tools">
          <button type="button" disabled={exporting} onClick={exportCsv}>
            {exporting ? 'Exporting…' : 'Export CSV'}
          </button>
          {!phone && (
            <Menu label="Columns">
              <fieldset>
                <legend className="hidden">Visible columns</legend>
                {columns.map((column) => (
                  <label key={column} className="tick">
                    <input
                      type="checkbox"
                      checked={shown.includes(column)}
                      onChange={() => toggleColumn(column)}
                    />
                    {columnNames[column]}
                  </label>
                ))}
              </fieldset>
            </Menu>
          )}
        </div>
      </div>
      {query.customer && services.session.role === 'operator' && (
        <CustomerHead key={query.customer} customer={query.customer} />
      )}
      <Tabs
        query={query}
        counts={stale && !view.loading ? undefined : view.counts}
        atLeast={view.atLeast}
        attention={stale && !view.loading ? undefined : view.attention}
      />
      <Filters query={query} />
      {view.error !== undefined && (
        <LoadError error={view.error} query={query} onRetry={() => reload$.next()} />
      )}
      <BulkCancel ids={selectedIds} onDone={() => setSelected(none)} />
      {view.orders.length > 0 || (unknown && view.error === undefined) ? (
        <Rows
          view={view}
          columns={shown}
          stale={stale}
          selected={selected}
          onSelect={select}
          onSelectAll={(on) => setSelected(on ? new Set(cancellable.map(({ id }) => id)) : none)}
        />
      ) : unknown ? null : isFiltered(query) || query.status ? (
        <Message title="No orders match these filters">
          <p>
            <Link href={formatQuery(refine(query, { ...noFilters, status: undefined }))}>Clear filters</Link>
          </p>
        </Message>
      ) : (
        <Message title="No orders yet">
          <p>New orders appear here right away.</p>
          <Link href="/new" className="button primary">
            Create order
          </Link>
        </Message>
      )}
      {(view.loaded || query.cursor) && (
        <nav className="pages" aria-label="Pages">
          {query.cursor && (
            <button type="button" onClick={() => navigate(formatQuery(refine(query, {})))}>
              First page
            </button>
          )}
          {!unknown && <span>{plural(view.orders.length, 'order')}</span>}
          {!unknown && view.next && (
            <Link
              className="button"
              href={formatQuery({ ...query, cursor: view.next, asOf: view.query?.asOf })}
            >
              Next page
            </Link>
          )}
        </nav>
      )}
    </>
  );
}

/** Moves the focus to another order, so that Enter opens it and screen readers announce it. */
function moveFocus(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('[data-order] a:not(.customer-link)')];
  const at = links.findIndex((link) => link === document.activeElement);
  const next = at === -1 ? links.at(step === 1 ? 0 : -1) : links[at + step];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

function download(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
