/** The filters, order and page of the list. The address bar is their only store, so views can be shared and Back works. */
import type { ListParams } from '../api/client';
import { type OrderSummary, type Status, statuses } from '../api/types';
import { findable, searchable } from './search';

export const sorts = ['-created', 'created', '-updated', 'updated', '-total', 'total'] as const;
export type Sort = (typeof sorts)[number];

export const sortNames: Record<Sort, string> = {
  '-created': 'Newest first',
  created: 'Oldest first',
  '-updated': 'Recently updated',
  updated: 'Least recently updated',
  '-total': 'Largest total first',
  total: 'Smallest total first',
};

export interface ListQuery {
  status: Status | undefined;
  q: string;
  /** First and last day in local time, such as `2026-11-24`; both are included. */
  from: string;
  to: string;
  sort: Sort;
  cursor: string | undefined;
}

export const PAGE_SIZE = 50;

export function parseQuery(search: string): ListQuery {
  const params = new URLSearchParams(search);
  const status = params.get('status');
  const sort = params.get('sort');
  const q = (params.get('q') ?? '').slice(0, 100);
  return {
    status: statuses.find((known) => known === status),
    q: searchable(q) ? q : '', // the server refuses a text without a letter or digit
    from: day(params.get('from')),
    to: day(params.get('to')),
    sort: sorts.find((known) => known === sort) ?? '-created',
    cursor: params.get('cursor') ?? undefined,
  };
}

export function formatQuery(query: ListQuery): string {
  const params = new URLSearchParams();
  if (query.status) params.set('status', query.status);
  if (query.q) params.set('q', query.q);
  if (query.from) params.set('from', query.from);
  if (query.to) params.set('to', query.to);
  if (query.sort !== '-created') params.set('sort', query.sort);
  if (query.cursor) params.set('cursor', query.cursor);
  const text = params.toString();
  return text === '' ? '/' : `/?${text}`;
}

/** Changes the query and goes to its first page. */
export function refine(query: ListQuery, change: Partial<ListQuery>): ListQuery {
  return { ...query, cursor: undefined, ...change };
}

export function isFiltered(query: ListQuery): boolean {
  return query.q !== '' || query.from !== '' || query.to !== '';
}

export function toParams(query: ListQuery): ListParams {
  return {
    ...(query.status ? { status: [query.status] } : {}),
    q: query.q,
    ...(query.from ? { from: midnight(query.from).toISOString() } : {}),
    ...(query.to ? { to: midnight(query.to, 1).toISOString() } : {}),
    sort: query.sort,
    limit: PAGE_SIZE,
    ...(query.cursor ? { cursor: query.cursor } : {}),
  };
}

/** Whether an order from the feed matches the query, by the server's rules. */
export function matches(query: ListQuery, order: OrderSummary): boolean {
  if (query.status && order.status !== query.status) return false;
  const created = Date.parse(order.createdAt);
  if (query.from && created < midnight(query.from).getTime()) return false;
  if (query.to && created >= midnight(query.to, 1).getTime()) return false;
  return findable(query.q, order);
}

function day(text: string | null): string {
  return text !== null && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) ? text : '';
}

function midnight(date: string, plusDays = 0): Date {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, dayOfMonth + plusDays);
}
