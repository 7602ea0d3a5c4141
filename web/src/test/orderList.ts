import { screen, waitFor } from '@testing-library/react';
import { shortId } from '../domain/format';
import { Backend } from '../mock/backend';

export const NOON = Date.parse('2026-11-24T12:00:00Z');
export const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };
const mug = { sku: 'mug-1', name: 'Stoneware mug', quantity: 1, unitPrice: 1450 };

/** A delivered order of alice, a confirmed one of bob and a created one of carol, who is the newest. */
export function seedOrders() {
  const backend = new Backend(() => NOON);
  const make = (customer: string, minute: number, items = [tea]) =>
    backend.create(customer, { items, currency: 'EUR' }, { at: NOON + minute * 60_000 });
  const alice = make('alice', 1);
  backend.confirm(alice.id, NOON);
  backend.move(alice.id, 'delivery-due', 'system');
  const bob = make('bob', 2, [mug, tea]);
  backend.confirm(bob.id, NOON + 3_600_000);
  const carol = make('carol', 3);
  return { backend, make, alice, bob, carol };
}

/** The row or card of an order. */
export const rowOf = ({ id }: { id: string }) =>
  waitFor(() => {
    const row = document.querySelector<HTMLElement>(`[data-order="${id}"]`);
    if (!row) throw new Error(`the list does not show ${shortId(id)}`);
    return row;
  });
export const checkboxOf = ({ id }: { id: string }) =>
  screen.findByRole<HTMLInputElement>('checkbox', { name: `Select order ${shortId(id)}` });
