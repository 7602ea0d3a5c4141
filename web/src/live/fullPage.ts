/** Pages of the list. With filters that match few of many orders, the server may end a page before it is full. */
import { map, type Observable, of, switchMap } from 'rxjs';
import type { Api, ListParams } from '../api/client';
import type { OrderList } from '../api/types';

/** The most requests for one page. */
export const PAGE_REQUESTS = 20;

/** A page with `limit` orders, unless the list or the number of requests ends before. Its counts and feed are the first ones. */
export function fullPage(
  list: Api['list'],
  params: ListParams & { limit: number },
  requests = PAGE_REQUESTS,
): Observable<OrderList> {
  return list(params).pipe(
    switchMap((page) => {
      const missing = params.limit - page.orders.length;
      if (page.next === null || missing <= 0 || requests <= 1) return of(page);
      return fullPage(list, { ...params, cursor: page.next, limit: missing }, requests - 1).pipe(
        map(({ orders, next }) => ({ ...page, orders: [...page.orders, ...orders], next })),
      );
    }),
  );
}
