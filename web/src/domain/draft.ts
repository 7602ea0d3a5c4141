/** An order while the user fills in the form: its fields as typed, its total and its errors. */
import type { Catalogue, CatalogueItem, CreateOrder, Currency, FieldError, Order, Role } from '../api/types';
import { decimals, money } from './format';

export interface DraftItem {
  /** Identifies the row while it is edited. */
  row: number;
  sku: string;
  name: string;
  quantity: string;
  price: string;
  /** Typed in by the user, not from the catalogue. */
  custom?: true;
}

export interface Draft {
  items: DraftItem[];
  currency: Currency;
  /** Whose order an operator creates. A customer's draft has none. */
  customer?: string;
}

/** The server's limits (orders-actor/order/check.go), checked here to save a request. The server checks them again. */
export const limits = {
  items: 100,
  quantity: 1_000,
  price: 100_000_000,
  total: 10_000_000_000,
  sku: 64,
  name: 200,
  customer: 255,
};

export const emptyDraft: Draft = { items: [], currency: 'EUR' };

/** Parses a price into minor units; undefined when it is invalid. Point and comma are decimal separators. */
export function parsePrice(text: string, currency: Currency): number | undefined {
  const digits = decimals(currency);
  const match = /^(\d{1,12})(?:[.,](\d*))?$/.exec(text.trim());
  const fraction = match?.[2] ?? '';
  if (!match || fraction.length > digits) return undefined;
  return Number(`${match[1] ?? ''}${fraction.padEnd(digits, '0')}`);
}

/** A price as it is typed, with the locale's decimal separator. */
export function formatPrice(minor: number, currency: Currency): string {
  const digits = decimals(currency);
  const format = { useGrouping: false, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return (minor / 10 ** digits).toLocaleString(undefined, { ...format, numberingSystem: 'latn' });
}

/** The row of an item of the catalogue. */
export const rowOf = (draft: Draft, sku: string): DraftItem | undefined =>
  draft.items.find((item) => !item.custom && item.sku === sku);

const nextRow = (draft: Draft) => Math.max(0, ...draft.items.map((one) => one.row)) + 1;

/** Adds a row for an item that is not in the catalogue. */
export function addCustom(draft: Draft): Draft {
  const row = { row: nextRow(draft), sku: '', name: '', quantity: '1', price: '', custom: true } as const;
  return { ...draft, items: [...draft.items, row] };
}

/** Sets how many of an item of the catalogue are ordered, as typed. With 0 its row is removed. */
export function setQuantity(draft: Draft, { sku, name, prices }: CatalogueItem, quantity: string): Draft {
  const known = rowOf(draft, sku);
  if (quantity === '0') return { ...draft, items: draft.items.filter((one) => one !== known) };
  if (known)
    return { ...draft, items: draft.items.map((one) => (one === known ? { ...one, quantity } : one)) };
  const price = formatPrice(prices[draft.currency] ?? 0, draft.currency);
  return { ...draft, items: [...draft.items, { row: nextRow(draft), sku, name, quantity, price }] };
}

/** The quantity of an item of the catalogue plus `step`, within the limits. */
export function step(draft: Draft, item: CatalogueItem, by: 1 | -1): Draft {
  const now = parseQuantity(rowOf(draft, item.sku)?.quantity ?? '0') ?? 0;
  return setQuantity(draft, item, String(Math.min(Math.max(now + by, 0), limits.quantity)));
}

/** Changes the currency. Custom items keep their minor units: there are no exchange rates. See `fit` for the others. */
export function inCurrency(draft: Draft, currency: Currency): Draft {
  const items = draft.items.map((item) => {
    const minor = parsePrice(item.price, draft.currency);
    return minor === undefined ? item : { ...item, price: formatPrice(minor, currency) };
  });
  return { ...draft, items, currency };
}

export interface Fitted {
  draft: Draft;
  /** The items that are not sold any more, or not in this currency. */
  removed: string[];
  /** The items whose price has changed. */
  repriced: string[];
}

/**
 * Gives the rows the names and prices of the catalogue. Rows of other items become custom ones, or are removed when the
 * user may order only what is in the catalogue.
 */
export function fit(draft: Draft, catalogue: Catalogue, restricted: boolean): Fitted {
  const removed: string[] = [];
  const repriced: string[] = [];
  const items = draft.items.flatMap((item): DraftItem[] => {
    const sold = item.custom && !restricted ? undefined : catalogue.items.find(({ sku }) => sku === item.sku);
    const price = sold?.prices[draft.currency];
    if (sold && price !== undefined) {
      const { custom: _, ...row } = item;
      if (parsePrice(item.price, draft.currency) !== price) repriced.push(sold.name);
      return [{ ...row, name: sold.name, price: formatPrice(price, draft.currency) }];
    }
    if (!sold && !restricted) return [{ ...item, custom: true }];
    removed.push(item.name || item.sku || 'custom item');
    return [];
  });
  return { draft: { ...draft, items: merged(items) }, removed, repriced };
}

/** One row per item of the catalogue. */
function merged(items: DraftItem[]): DraftItem[] {
  return items.reduce<DraftItem[]>((rows, item) => {
    const same = item.custom ? undefined : rows.find((row) => !row.custom && row.sku === item.sku);
    if (!same) return [...rows, item];
    const quantity = String((parseQuantity(same.quantity) ?? 0) + (parseQuantity(item.quantity) ?? 0));
    return rows.map((row) => (row === same ? { ...row, quantity } : row));
  }, []);
}

/**
 * A draft with the items of an order, to order them again: save it with `draftStore(user)` and no key, and open /new. The page
 * gives it the current names and prices. An operator's draft is for the order's customer.
 */
export function draftOf(order: Pick<Order, 'items' | 'currency' | 'customer'>, role: Role): Draft {
  const items = order.items.map(({ sku, name, quantity, unitPrice }, i) => {
    const price = formatPrice(unitPrice, order.currency);
    return { row: i + 1, sku, name, quantity: String(quantity), price };
  });
  const customer = role === 'operator' ? { customer: order.customer } : {};
  return { items, currency: order.currency, ...customer };
}

/** The amount of a row in minor units; 0 while it is invalid. */
export const amount = (item: DraftItem, currency: Currency): number =>
  (parseQuantity(item.quantity) ?? 0) * (parsePrice(item.price, currency) ?? 0);

/** The total of all valid rows, in minor units. */
export function total({ items, currency }: Draft): number {
  return items.reduce((sum, item) => sum + amount(item, currency), 0);
}

/** The errors of a draft. Fields are named as in the server's errors, so that both appear at the same inputs. */
export function check(draft: Draft): FieldError[] {
  const errors: FieldError[] = [];
  const add = (field: string, message: string) => errors.push({ field, message });
  if (draft.customer !== undefined) checkText(add, 'customer', 'a customer', draft.customer, limits.customer);
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
    ...(draft.customer === undefined ? {} : { customer: draft.customer.trim() }),
  };
}

export function parseQuantity(text: string): number | undefined {
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
