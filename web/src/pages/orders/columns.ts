/** The visible columns of the table, stored in this browser. The order's id is always visible. */
import { useState } from 'react';

export const columns = ['customer', 'items', 'status', 'total', 'created', 'updated', 'due'] as const;
export type Column = (typeof columns)[number];

export const columnNames: Record<Column, string> = {
  customer: 'Customer',
  items: 'Items',
  status: 'Status',
  total: 'Total',
  created: 'Created',
  updated: 'Updated',
  due: 'Delivery',
};

const NAME = 'orders.columns';
const defaults: readonly Column[] = ['customer', 'items', 'status', 'total', 'created', 'due'];

function stored(): readonly Column[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(NAME) ?? '');
    if (Array.isArray(names)) return columns.filter((column) => names.includes(column));
  } catch {
    // Missing or invalid.
  }
  return defaults;
}

export function useColumns(): [readonly Column[], (column: Column) => void] {
  const [shown, setShown] = useState(stored);
  const toggle = (column: Column) => {
    const next = columns.filter((one) => (one === column) !== shown.includes(one));
    setShown(next);
    try {
      localStorage.setItem(NAME, JSON.stringify(next));
    } catch {
      // No storage: the choice ends with the page.
    }
  };
  return [shown, toggle];
}
