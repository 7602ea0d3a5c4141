import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { type OrderSummary, statuses } from '../../api/types';
import { setTitle } from '../../ui/title';
import { useServices } from '../../services';
import { Link, useAddress } from '../../ui/router';
import { plural } from '../../domain/format';
import { allows } from '../../domain/order.machine';
import { formatQuery, isFiltered, noFilters, parseQuery, refine, toParams } from '../../domain/query';
import { isSelectable } from '../../domain/selection';
import { isStale, totalOf } from '../../live/list';
import { useMedia } from '../../ui/media';
import { useCommands } from '../../ui/commands';
import { Menu } from '../../ui/Menu';
import { Message } from '../../ui/Message';
import { BulkCancel, useBulkCancel } from './BulkCancel';
import { type Column, columnNames, columns, toggleColumn, useDisplay } from './display';
import { useExport } from './exportCsv';
import { CustomerHead } from './CustomerHead';
import { Filters } from './Filters';
import { LoadError } from './LoadError';
import { Tabs } from './Tabs';
import { Pager } from './Pager';
import { Cards, Skeleton } from './Rows';
import { Table } from './Table';
import { useList } from './useList';
import { useListKeys } from './useListKeys';
import { useSelection } from './useSelection';

const cancellable = statuses.filter((status) => allows(status, 'cancel'));

/** `overview` is shown between the heading and the filters. */
export default function ListPage({ overview }: { overview?: ReactNode }) {
  const address = useAddress();
  const { session } = useServices();
  const customer = session.role === 'customer';
  const title = customer ? 'Your orders' : 'Orders';
  const query = useMemo(() => parseQuery(address.slice(1)), [address]);
  const [display, setDisplay] = useDisplay();
  const narrow = useMedia('(max-width: 767px)');
  const middle = useMedia('(max-width: 960px)');
  const [selecting, setSelecting] = useState(false);
  const [exporting, exportCsv] = useExport(query);
  const bulk = useBulkCancel();
  const busy = !bulk.state.matches('idle');
  const { view, reload } = useList(address, query, display.auto && !busy && !selecting);

  const stale = isStale(view, query);
  const unknown = stale || !view.loaded;
  const disabled = stale || view.loading;
  const { selection, select, selectPage, selectAll, clear } = useSelection(query, stale ? none : view.orders);
  const selected = stale ? nothing : selection.orders;
  const matching = unknown ? undefined : totalOf(view, query, cancellable);
  const all = selection.all && matching !== undefined;
  const target = all
    ? {
        params: {
          ...toParams({ ...query, cursor: undefined, asOf: view.query?.asOf }),
          status: cancellable.filter((status) => query.status === undefined || query.status === status),
        },
        total: matching.count,
      }
    : { ids: [...selected.keys()] };
  const page = view.orders.filter(isSelectable);
  const pageSelected = page.length > 0 && page.every(({ id }) => selected.has(id));

  useEffect(() => {
    setTitle(title);
  }, [title]);
  useListKeys({
    orders: view.orders,
    stale,
    selected,
    select: (id, on, range) => disabled || customer || select(id, on, range),
    cancelSelected: () => bulk.ask(target),
    cancelOne: ({ id }) => {
      select(id, true, false);
      bulk.ask({ ids: [id] });
    },
  });

  useCommands([
    ...(customer ? [] : [{ name: 'Export CSV', run: exportCsv }]),
    ...(selected.size > 0
      ? [{ name: `Cancel ${plural(selected.size, 'selected order')}…`, run: () => bulk.ask(target) }]
      : []),
  ]);

  // A customer sees no other customer, and cancels orders one by one.
  const isOffered = (column: Column) => column !== 'customer' || !customer;
  const rows = { view, stale, disabled, selected, onSelect: select };
  const shown = display.columns.filter(
    (column) =>
      isOffered(column) &&
      (!middle || (column !== 'items' && (column !== 'updated' || display.columns.length < 4))),
  );
  return (
    <>
      <div className="head">
        <h1>{title}</h1>
        <div className="tools">
          {narrow && !customer && (
            <>
              <button
                type="button"
                aria-pressed={selecting}
                onClick={() => {
                  if (selecting) clear();
                  setSelecting(!selecting);
                }}
              >
                {selecting ? 'Done' : 'Select'}
              </button>
            </>
          )}
          {!customer && (
            <button type="button" disabled={exporting} onClick={exportCsv}>
              {exporting ? 'Exporting…' : narrow ? 'Export' : 'Export CSV'}
            </button>
          )}
          {!narrow && (
            <Menu label="Display">
              <fieldset>
                <legend className="hidden">Visible columns</legend>
                {columns.filter(isOffered).map((column) => (
                  <label key={column} className="tick">
                    <input
                      type="checkbox"
                      checked={display.columns.includes(column)}
                      onChange={() => setDisplay({ columns: toggleColumn(display.columns, column) })}
                    />
                    {columnNames[column]}
                  </label>
                ))}
              </fieldset>
              <hr />
              <label className="tick">
                <input
                  type="checkbox"
                  checked={display.compact}
                  onChange={() => setDisplay({ compact: !display.compact })}
                />
                Compact rows
              </label>
              <label className="tick">
                <input
                  type="checkbox"
                  checked={display.auto}
                  onChange={() => setDisplay({ auto: !display.auto })}
                />
                Auto-update
              </label>
            </Menu>
          )}
        </div>
      </div>
      {overview}
      {query.customer && session.role === 'operator' && (
        <CustomerHead key={query.customer} customer={query.customer} />
      )}
      <Tabs
        query={query}
        counts={stale && !view.loading ? undefined : view.counts}
        atLeast={view.atLeast}
        attention={stale && !view.loading ? undefined : view.attention}
      />
      <Filters query={query} />
      {view.error !== undefined && <LoadError error={view.error} query={query} onRetry={reload} />}
      <div className="arrivals" role="status">
        {view.arrived.size > 0 && (
          <button
            type="button"
            className="pill"
            onClick={() => {
              scrollTo(0, 0);
              reload();
            }}
          >
            {plural(view.arrived.size, 'new order')} <span aria-hidden="true">↑</span>
          </button>
        )}
      </div>
      {view.orders.length > 0 || (unknown && view.error === undefined) ? (
        view.orders.length === 0 ? (
          <Skeleton rows={narrow ? 4 : 8} />
        ) : narrow ? (
          <Cards
            {...rows}
            selecting={selecting || selected.size > 0}
            onLongPress={(id) => {
              if (customer || disabled || !page.some((order) => order.id === id)) return;
              setSelecting(true);
              select(id, true, false);
            }}
          />
        ) : (
          <Table
            {...rows}
            query={query}
            columns={shown}
            compact={display.compact}
            selectable={!customer}
            onSelectPage={selectPage}
          />
        )
      ) : unknown ? null : isFiltered(query) || query.status ? (
        <Message
          title={view.next === null ? 'No orders match these filters' : 'No matches in the newest orders yet'}
        >
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
        <Pager
          query={query}
          asOf={view.query?.asOf}
          rows={unknown ? undefined : view.orders.length}
          next={unknown ? null : view.next}
          total={unknown ? undefined : totalOf(view, query)}
        />
      )}
      <BulkCancel
        bulk={bulk}
        selection={all ? selection : { ...selection, all: false, orders: selected }}
        target={target}
        hidden={selected.size - page.filter(({ id }) => selected.has(id)).length}
        matching={pageSelected && !all && matching && matching.count > selected.size ? matching : undefined}
        onSelectAll={selectAll}
        onClear={() => {
          clear();
          setSelecting(false);
        }}
      />
    </>
  );
}

const none: readonly never[] = [];
const nothing: ReadonlyMap<string, OrderSummary> = new Map();
