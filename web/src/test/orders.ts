import type { Order, OrderSummary } from '../api/types';
import { Backend } from '../mock/backend';

const START = Date.parse('2026-11-24T09:30:00.120Z');
const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };

/** One order's whole life, as the backend tells it: created, confirmed, then delivered or cancelled. */
export function life(end: 'delivered' | 'cancelled' = 'delivered'): [Order, Order, Order] {
  const backend = new Backend(() => START);
  const created = backend.create('alice', { items: [tea], currency: 'EUR' });
  const confirmed = backend.confirm(created.id, START + 10_000, START + 400);
  const last =
    end === 'delivered'
      ? backend.move(created.id, 'delivery-due', 'system', {}, START + 10_000)
      : backend.cancel(created.id, 'operator', 'out of stock', START + 5_000);
  if (!confirmed || !last) throw new Error('the machine has changed');
  return [created, confirmed, last];
}

export function summaryOf({ history: _, ...order }: Order): OrderSummary {
  return order;
}

/** An order of the list, alike but for what is said. */
export function aSummary(more: Partial<OrderSummary> = {}): OrderSummary {
  return { ...summaryOf(life()[0]), id: '01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77', ...more };
}
