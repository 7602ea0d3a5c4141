/** An order while the user fills in the form: its fields as typed, its total and its errors. */
import { type CreateOrder, type Currency, type FieldError } from '../api/types';
import { decimals, money } from './format';

export interface DraftItem {
  /** Identifies the row while it is edited. */
  row: number;
  sku: string;
  name: string;
  quantity: string;
  price: string;
}

export interface Draft {
  items: DraftItem[];
  currency: Currency;
}

/** The server's limits (orders-actor/order/check.go), checked here to save a request. The server checks them again. */
export const limits = {
  items: 100,
  quantity: 1_000,
  price: 100_000_000,
  total: 10_000_000_000,
  sku: 64,
  name: 200,
};

export const catalogue = [
  { sku: 'tea-1', name: 'Green tea', price: 450 },
  { sku: 'tea-2', name: 'Earl Grey', price: 520 },
  { sku: 'coffee-1', name: 'Coffee beans', price: 1_290 },
  { sku: 'mug-1', name: 'Stoneware mug', price: 1_450 },
  { sku: 'pot-1', name: 'Teapot', price: 3_900 },
  { sku: 'choc-1', name: 'Dark chocolate', price: 380 },
] as const;

export const emptyDraft: Draft = { items: [], currency: 'EUR' };

/** Parses a price into minor units; undefined when it is invalid. Point and comma are decimal separators. */
export function parsePrice(text: string, currency: Currency): number | undefined {
  const digits = decimals(currency);
  const match = /^(\d{1,12})(?:[.,](\d*))?$/.exec(text.trim());
  const fraction = match?.[2] ?? '';
  if (!match || fraction.length > digits) return undefined;
  return Number(`${match[1] ?? ''}${fraction.padEnd(digits, '0')}`);
}

export function formatPrice(minor: number, currency: Currency): string {
  return (minor / 10 ** decimals(currency)).toFixed(decimals(currency));
}

export function addItem(draft: Draft, item?: (typeof catalogue)[number]): Draft {
  const same = item && draft.items.find(({ sku }) => sku === item.sku);
  if (same) {
    const quantity = String((parseQuantity(same.quantity) ?? 0) + 1);
    return { ...draft, items: draft.items.map((one) => (one === same ? { ...one, quantity } : one)) };
  }
  const row = Math.max(0, ...draft.items.map((one) => one.row)) + 1;
  const added = {
    row,
    sku: item?.sku ?? '',
    name: item?.name ?? '',
    quantity: '1',
    price: item ? formatPrice(item.price, draft.currency) : '',
  };
  return { ...draft, items: [...draft.items, added] };
}

/** Changes the currency and keeps the minor units: the demo's catalogue has no exchange rates. */
export function inCurrency(draft: Draft, currency: Currency): Draft {
  const items = draft.items.map((item) => {
    const minor = parsePrice(item.price, draft.currency);
    return minor === undefined ? item : { ...item, price: formatPrice(minor, currency) };
  });
  return { items, currency };
}

/** The total of all valid rows, in minor units. */
export function total(draft: Draft): number {
  return draft.items.reduce(
    (sum, item) => sum + (parseQuantity(item.quantity) ?? 0) * (parsePrice(item.price, draft.currency) ?? 0),
    0,
  );
}

/** The errors of a draft. Fields are named as in the server's errors, so that both appear at the same inputs. */
export function check(draft: Draft): FieldError[] {
  const errors: FieldError[] = [];
  const add = (field: string, message: string) => errors.push({ field, message });
  if (draft.items.length === 0) add('items', 'Add at least one item.');
  if (draft.items.length > limits.items) add('items', `An order can have at most ${limits.items} items.`);
  draft.items.forEach((item, i) => {
    const at = (field: string) => `items[${i}].${field}`;
    checkText(add, at('name'), 'a name', item.name, limits.name);
    checkText(add, at('sku'), 'an SKU', item.sku, limits.sku);
    const quantity = parseQuantity(item.quantity);
    if (quantity === undefined || quantity < 1 || quantity > limits.quantity) {
      add(at('quantity'), `Enter a whole number from 1 to ${limits.quantity.toLocaleString()}.`);
    }
    const price = parsePrice(item.price, draft.currency);
    if (price === undefined) {
      add(at('unitPrice'), `Enter a price, for example ${formatPrice(450, draft.currency)}.`);
    } else if (price > limits.price) {
      add(at('unitPrice'), `The price can’t exceed ${money(limits.price, draft.currency)}.`);
    }
  });
  if (total(draft) > limits.total)
    add('items', `The total can’t exceed ${money(limits.total, draft.currency)}.`);
  return errors;
}

/** The request for a draft without errors. */
export function toRequest(draft: Draft): CreateOrder {
  return {
    items: draft.items.map((item) => ({
      sku: item.sku.trim(),
      name: item.name.trim(),
      quantity: parseQuantity(item.quantity) ?? 0,
      unitPrice: parsePrice(item.price, draft.currency) ?? 0,
    })),
    currency: draft.currency,
  };
}

function parseQuantity(text: string): number | undefined {
  return /^\d{1,6}$/.test(text.trim()) ? Number(text) : undefined;
}

function checkText(
  add: (field: string, message: string) => void,
  field: string,
  what: string,
  text: string,
  limit: number,
) {
  const length = Array.from(text.trim()).length;
  if (length === 0) add(field, `Enter ${what}.`);
  else if (length > limit) add(field, `Use at most ${limit} characters.`);
  // eslint-disable-next-line no-control-regex -- control characters are not allowed
  else if (/[\u0000-\u001f\u007f]/.test(text.trim())) add(field, 'Remove the control characters.');
}
