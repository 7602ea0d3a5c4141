/** Which columns the table shows, remembered in this browser. The order itself is always there. */
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
const usual: readonly Column[] = ['customer', 'items', 'status', 'total', 'created', 'due'];

function stored(): readonly Column[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(NAME) ?? '');
    if (Array.isArray(names)) return columns.filter((column) => names.includes(column));
  } catch {
    // Nothing there, or broken.
  }
  return usual;
}

export function useColumns(): [readonly Column[], (column: Column) => void] {
  const [shown, setShown] = useState(stored);
  const toggle = (column: Column) => {
    const next = columns.filter((one) => (one === column) !== shown.includes(one));
    setShown(next);
    try {
      localStorage.setItem(NAME, JSON.stringify(next));
    } catch {
      // Forbidden: it holds for this page.
    }
  };
  return [shown, toggle];
}
