/** The orders that are selected in the list. They are kept while other pages of the same filters are shown. */
import type { OrderSummary } from '../api/types';
import { formatQuery, type ListQuery } from './query';
import { allows } from './order.machine';

export interface Selection {
  /** The filters that the selection belongs to. */
  filters: string;
  orders: ReadonlyMap<string, OrderSummary>;
  /** Whether all orders that match are selected, also those of other pages. */
  all: boolean;
  /** The order that was selected or cleared last: where a range begins. */
  anchor: string | undefined;
}

type Rows = readonly OrderSummary[];

export const isSelectable = ({ status }: OrderSummary) => allows(status, 'cancel');

export function nothingSelected(query: ListQuery): Selection {
  return { filters: filtersOf(query), orders: new Map(), all: false, anchor: undefined };
}

/** The selection, or an empty one if the filters are others. */
export function selectionFor(query: ListQuery, selection: Selection | undefined): Selection {
  return selection?.filters === filtersOf(query) ? selection : nothingSelected(query);
}

/** Selects or clears one row; with `range`, all rows from the anchor to it. */
export function select(selection: Selection, rows: Rows, id: string, on: boolean, range = false): Selection {
  const at = rows.findIndex((row) => row.id === id);
  const from = range ? rows.findIndex((row) => row.id === selection.anchor) : -1;
  const first = from === -1 ? at : from;
  const some = rows.slice(Math.min(first, at), Math.max(first, at) + 1);
  return { ...change(selection, some, on), anchor: id };
}

/** Selects or clears all rows of the page. */
export function selectPage(selection: Selection, rows: Rows, on: boolean): Selection {
  return change(selection, rows, on);
}

/** The selection with the rows as they are now, without those that can no longer be cancelled. */
export function current(selection: Selection, rows: Rows): Selection {
  const known = rows.filter(({ id }) => selection.orders.has(id));
  if (known.every((row) => selection.orders.get(row.id) === row && isSelectable(row))) return selection;
  const orders = new Map(selection.orders);
  for (const row of known) {
    if (isSelectable(row)) orders.set(row.id, row);
    else orders.delete(row.id);
  }
  return { ...selection, orders };
}

function change(selection: Selection, rows: Rows, on: boolean): Selection {
  const orders = new Map(selection.orders);
  for (const row of rows.filter(isSelectable)) {
    if (on) orders.set(row.id, row);
    else orders.delete(row.id);
  }
  return { ...selection, orders, all: selection.all && on };
}

/** The filters of a query, without its sort and page. */
export function filtersOf(query: ListQuery): string {
  return formatQuery({ ...query, sort: '-created', cursor: undefined });
}
