import { useEffect } from 'react';
import type { OrderSummary } from '../../api/types';
import { statusNames } from '../../domain/format';
import { isSelectable } from '../../domain/selection';
import { useServices } from '../../services';
import { useShortcuts } from '../../ui/shortcuts';

interface ListKeys {
  orders: readonly OrderSummary[];
  /** Whether the rows can't be used now. */
  stale: boolean;
  selected: ReadonlyMap<string, unknown>;
  select: (id: string, on: boolean, range: boolean) => void;
  /** Asks to cancel the selected orders. */
  cancelSelected: () => void;
  /** Asks to cancel one order. */
  cancelOne: (order: OrderSummary) => void;
}

const rowElements = () => [...document.querySelectorAll<HTMLElement>('[data-order]')];
const focusedRow = () => document.activeElement?.closest<HTMLElement>('[data-order]') ?? undefined;

/** The keys of the list. They move from row to row, from wherever the focus is in a row. */
export function useListKeys({ orders, stale, selected, select, cancelSelected, cancelOne }: ListKeys): void {
  const { lastList, toasts } = useServices();

  // The place in the list is the row that had the focus last, also after a visit to its order.
  useEffect(() => {
    const remember = () => {
      const focused = focusedRow()?.dataset['order'];
      if (focused !== undefined) Object.assign(lastList, { focused });
    };
    document.addEventListener('focusin', remember);
    return () => document.removeEventListener('focusin', remember);
  }, [lastList]);

  /** Moves the focus to another order, so that Enter opens it and screen readers announce it. */
  const move = (step: 1 | -1): string | undefined => {
    const rows = rowElements();
    const from = focusedRow() ?? rows.find(({ dataset }) => dataset['order'] === lastList.focused);
    const at = from ? rows.indexOf(from) : -1;
    const next = at === -1 ? rows.at(step === 1 ? 0 : -1) : rows[at + step];
    next?.querySelector('a')?.focus();
    next?.scrollIntoView({ block: 'nearest' });
    return next?.dataset['order'];
  };
  const extend = (step: 1 | -1) => {
    const from = focusedRow()?.dataset['order'];
    const to = move(step);
    if (from !== undefined && !selected.has(from)) select(from, true, false);
    if (to !== undefined) select(to, true, from !== undefined);
  };
  const focusedOrder = () => {
    const id = focusedRow()?.dataset['order'];
    return orders.find((order) => order.id === id);
  };
  const refuse = ({ status }: OrderSummary) =>
    toasts.show(`${statusNames[status]} orders can’t be selected: there is nothing to cancel.`);

  const keys: Record<string, () => void> = {
    j: () => move(1),
    k: () => move(-1),
    J: () => extend(1),
    K: () => extend(-1),
    x: () => {
      const order = focusedOrder();
      if (order && !isSelectable(order)) refuse(order);
      else if (order) select(order.id, !selected.has(order.id), false);
    },
    c: () => {
      const order = focusedOrder();
      if (selected.size > 0) cancelSelected();
      else if (order && isSelectable(order)) cancelOne(order);
      else if (order) refuse(order);
    },
  };
  useShortcuts({
    '/': () => document.getElementById('search')?.focus(),
    ...(stale ? {} : keys),
  });
}
