import type { Order, OrderSummary } from '../api/types';
import { Backend } from '../mock/backend';

const START = Date.parse('2026-11-24T09:30:00.120Z');
const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };

/** An order of the backend in three versions: created, confirmed, then delivered or cancelled. */
export function orderVersions(end: 'delivered' | 'cancelled' = 'delivered'): [Order, Order, Order] {
  const backend = new Backend(() => START);
  const created = backend.create('alice', { items: [tea], currency: 'EUR' });
  const confirmed = backend.confirm(created.id, START + 10_000, START + 400);
  const last =
    end === 'delivered'
      ? backend.move(created.id, 'delivery-due', 'system', {}, START + 10_000)
      : backend.cancel(created.id, 'operator', 'out of stock', START + 5_000);
  if (!confirmed || !last) throw new Error('the state machine refused a transition');
  return [created, confirmed, last];
}

export function summaryOf({ history: _, ...order }: Order): OrderSummary {
  return order;
}

/** An order of the list, with `more` overriding its fields. */
export function aSummary(more: Partial<OrderSummary> = {}): OrderSummary {
  return { ...summaryOf(orderVersions()[0]), id: '01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77', ...more };
}
