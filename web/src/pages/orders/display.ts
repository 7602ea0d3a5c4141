/** How the list is displayed, stored in this browser. */
import { useState } from 'react';

export const columns = ['customer', 'items', 'status', 'total', 'created', 'updated'] as const;
export type Column = (typeof columns)[number];

export const columnNames: Record<Column, string> = {
  customer: 'Customer',
  items: 'Items',
  status: 'Status',
  total: 'Total',
  created: 'Created',
  updated: 'Updated',
};

export interface Display {
  /** The visible columns. The order's id is always visible. */
  columns: readonly Column[];
  /** Whether rows are low. */
  compact: boolean;
  /** Whether new orders are shown without a request. */
  auto: boolean;
}

const NAME = 'orders.display';
const defaults: Display = {
  columns: ['customer', 'items', 'status', 'total', 'created'],
  compact: false,
  auto: false,
};

function stored(): Display {
  try {
    const known = JSON.parse(localStorage.getItem(NAME) ?? '') as Partial<Record<keyof Display, unknown>>;
    const names = known.columns;
    return {
      columns: Array.isArray(names) ? columns.filter((column) => names.includes(column)) : defaults.columns,
      compact: known.compact === true,
      auto: known.auto === true,
    };
  } catch {
    return defaults; // missing or invalid
  }
}

export function useDisplay(): [Display, (change: Partial<Display>) => void] {
  const [display, setDisplay] = useState(stored);
  const change = (part: Partial<Display>) => {
    const next = { ...display, ...part };
    setDisplay(next);
    try {
      localStorage.setItem(NAME, JSON.stringify(next));
    } catch {
      // No storage: the choice ends with the page.
    }
  };
  return [display, change];
}

export function toggleColumn(shown: readonly Column[], column: Column): readonly Column[] {
  return columns.filter((one) => (one === column) !== shown.includes(one));
}
