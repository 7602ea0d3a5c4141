import type { OrderSummary } from '../api/types';
import { formatPrice } from '../domain/draft';

const columns = [
  'id',
  'customer',
  'status',
  'version',
  'currency',
  'totalDecimal',
  'createdAt',
  'updatedAt',
  'deliverAt',
  'payment',
  'cancelledBy',
  'cancelReason',
  'items',
];

/** The export of orders, with a byte order mark. */
export function csv(orders: readonly OrderSummary[]): string {
  const rows = orders.map((order) => [
    order.id,
    order.customer,
    order.status,
    String(order.version),
    order.currency,
    formatPrice(order.total, order.currency),
    order.createdAt,
    order.updatedAt,
    order.deliverAt ?? '',
    order.payment.status,
    order.cancellation?.by ?? '',
    order.cancellation?.reason ?? '',
    order.items.map(({ quantity, sku, name }) => `${quantity} x ${sku} (${name})`).join('; '),
  ]);
  return `\ufeff${[columns, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('')}`;
}

/** A spreadsheet runs cells with these beginnings as formulas. */
function cell(text: string): string {
  const safe = text.replace(/(^|[;,|\t\n])(\s*)(?=[=+@-])/g, "$1$2'");
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
