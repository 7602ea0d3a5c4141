import { lastValueFrom, of } from 'rxjs';
import { expect, it } from 'vitest';
import type { ListParams } from '../api/client';
import type { OrderList } from '../api/types';
import { aSummary } from '../test/orders';
import { fullPage, PAGE_REQUESTS } from './fullPage';

const counts = { created: 0, confirmed: 0, delivered: 0, cancelled: 0 };

/** A list whose pages have these numbers of orders; the last one repeats if `endless`. */
function listOf(sizes: number[], endless = false) {
  const asked: ListParams[] = [];
  const list = (params: ListParams) => {
    const i = asked.push(params) - 1;
    const orders = Array.from({ length: sizes[Math.min(i, sizes.length - 1)] ?? 0 }, () => aSummary({}));
    const next = endless || i < sizes.length - 1 ? `page-${i + 1}` : null;
    return of<OrderList>({ orders, next, counts, feed: `feed-${i}` });
  };
  return { list, asked };
}

it('continues short pages until the page is full, with the counts and the feed of the first one', async () => {
  const { list, asked } = listOf([1, 0, 2, 5]);
  const page = await lastValueFrom(fullPage(list, { limit: 3, currency: 'EUR' }));
  expect([page.orders.length, page.next, page.feed]).toEqual([3, 'page-3', 'feed-0']);
  expect(asked.map(({ cursor, limit, currency }) => [cursor, limit, currency])).toEqual([
    [undefined, 3, 'EUR'],
    ['page-1', 2, 'EUR'],
    ['page-2', 2, 'EUR'],
  ]);
});

it('ends with the list', async () => {
  const { list } = listOf([1, 1]);
  const page = await lastValueFrom(fullPage(list, { limit: 3 }));
  expect([page.orders.length, page.next]).toEqual([2, null]);
});

it('gives up after some requests, and can be continued', async () => {
  const { list, asked } = listOf([0], true);
  const page = await lastValueFrom(fullPage(list, { limit: 3 }));
  expect([page.orders.length, page.next, asked.length]).toEqual([0, `page-${PAGE_REQUESTS}`, PAGE_REQUESTS]);
});
