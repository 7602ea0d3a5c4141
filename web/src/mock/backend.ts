/** An in-memory backend with the behaviour of the API, for `npm run dev:mock` and for component tests. */
import { BehaviorSubject } from 'rxjs';
import { randomId } from '../api/ids';
import type {
  Catalogue,
  Cause,
  Change as Caused,
  Counts,
  CreateOrder,
  Currency,
  FieldError,
  HistoryEntry,
  Order,
  OrderSummary,
  Party,
  PaymentStatus,
  Status,
} from '../api/types';
import { statuses } from '../api/types';
import { allows, initial, transitions } from '../domain/order.machine';
import catalogue from '../../../orders-actor/catalogue/catalogue.json';
import { findable } from '../domain/search';
import { totalsOf } from '../domain/totals';
import { Care } from './operator';

export interface Change {
  /** The position after this change, from 1. */
  position: number;
  order: OrderSummary;
}

type SortKey = 'created' | 'updated' | 'total';

export interface ListRequest {
  customer?: string | undefined;
  /** Only orders that need attention. */
  attention: boolean;
  /** Empty for all. */
  statuses: readonly Status[];
  text: string;
  /** Created at `from` or later and before `to`, in ms. */
  from: number;
  to: number;
  /** Changed last at this time or later, in ms. */
  updatedFrom: number;
  /** Confirmed and due before this time, in ms. */
  dueBefore: number;
  currency?: Currency | undefined;
  minTotal: number;
  maxTotal: number;
  payment?: PaymentStatus | undefined;
  cancelledBy?: Party | undefined;
  sort: SortKey;
  descending: boolean;
  limit: number;
  /** The last row of the previous page. */
  after: Position | undefined;
}

/** The sort key and the id of a row. Pages stay correct while other orders come and go. */
export interface Position {
  key: number;
  id: string;
}

interface CreateOptions {
  /** Who creates the order, if not its customer. Keys belong to that user. */
  user?: string;
  key?: string | undefined;
  by?: 'customer' | 'operator';
  /** The ids of the request. */
  origin?: Origin;
  /** In ms. */
  at?: number;
}

type Origin = Pick<Caused, 'requestId' | 'traceId'>;
/** Who causes a transition. */
type Who = Omit<Caused, 'cause' | 'reason'>;

const everything: ListRequest = {
  attention: false,
  statuses: [],
  text: '',
  from: -Infinity,
  to: Infinity,
  updatedFrom: -Infinity,
  dueBefore: Infinity,
  minTotal: 0,
  maxTotal: Infinity,
  sort: 'created',
  descending: true,
  limit: Infinity,
  after: undefined,
};

export class Backend {
  readonly #orders = new Map<string, Order>();
  readonly #keys = new Map<string, { order: string; fingerprint: string }>();
  readonly #changes: Change[] = [];
  /** The number of changes so far. */
  readonly head$ = new BehaviorSubject(0);

  readonly care: Care;

  /** What the shop sells: the catalogue that the server has by default. Tests may change it. */
  catalogue: Catalogue = { ...catalogue, enforced: false };

  constructor(private readonly now: () => number = Date.now) {
    this.care = new Care(now);
  }

  get(id: string, user?: string): Order | undefined {
    const order = this.#orders.get(id);
    if (user === undefined) return order;
    return order?.customer === user ? visibleTo(user, order) : undefined;
  }

  create(customer: string, request: CreateOrder, options: CreateOptions = {}): Order {
    const { key, user = customer, by = 'customer', origin = {}, at = this.now() } = options;
    const { items, currency } = request;
    const time = new Date(at).toISOString();
    const change: Caused = { cause: 'created', by, user, ...origin };
    const order: Order = {
      id: uuid7(at),
      customer,
      status: initial,
      version: 1,
      items,
      currency,
      total: items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0),
      createdAt: time,
      updatedAt: time,
      payment: { status: 'pending', attempts: 0 },
      lastChange: change,
      history: [{ version: 1, status: initial, at: time, ...change }],
    };
    if (key !== undefined)
      this.#keys.set(keyName(user, key), { order: order.id, fingerprint: fingerprint(request) });
    this.#put(order);
    return order;
  }

  /** The order that a user created with this key, or `other` if its request was another one. */
  replay(user: string, request: CreateOrder, key: string): Order | 'other' | undefined {
    const known = this.#keys.get(keyName(user, key));
    if (known === undefined) return undefined;
    return known.fingerprint === fingerprint(request) ? this.get(known.order) : 'other';
  }

  /** How the items differ from the catalogue. */
  differences({ items, currency }: CreateOrder): FieldError[] {
    return items.flatMap(({ sku, name, unitPrice }, i) => {
      const sold = this.catalogue.items.find((one) => one.sku === sku);
      const error = (field: string, message: string) => ({ field: `items[${i}].${field}`, message });
      if (!sold) return [error('sku', 'is not in the catalogue')];
      const price = sold.prices[currency];
      return [
        ...(name === sold.name ? [] : [error('name', `must be "${sold.name}", as in the catalogue`)]),
        ...(price === undefined ? [error('sku', `is not sold in ${currency}`)] : []),
        ...(price === undefined || price === unitPrice
          ? []
          : [error('unitPrice', `must be ${price}, as in the catalogue`)]),
      ];
    });
  }

  /** Applies a transition; undefined when the state machine has none. */
  move(
    id: string,
    event: Exclude<Cause, 'created'>,
    who: Party | Who,
    more: Partial<Order> = {},
    at = this.now(),
  ) {
    const order = this.#orders.get(id);
    if (!order || !allows(order.status, event)) return undefined;
    const status = transitions.find((t) => t.from === order.status && t.event === event)?.to ?? order.status;
    const time = new Date(at).toISOString();
    const version = order.version + 1;
    const { deliverAt, ...rest } = order;
    const traceId = order.history[0]?.traceId;
    const reason = more.cancellation?.reason ?? more.payment?.reason;
    const change: Caused = {
      cause: event,
      ...(typeof who === 'string' ? { by: who, ...(traceId === undefined ? {} : { traceId }) } : who),
      ...(reason === undefined ? {} : { reason }),
    };
    const moved: Order = {
      ...rest,
      ...(deliverAt !== undefined && status !== 'cancelled' ? { deliverAt } : {}),
      status,
      version,
      updatedAt: time,
      lastChange: change,
      history: [...order.history, { version, status, at: time, ...change }],
      ...more,
    };
    this.#put(moved);
    return moved;
  }

  confirm(id: string, due: number, at = this.now()) {
    const deliverAt = new Date(due).toISOString();
    return this.move(
      id,
      'payment-confirmed',
      'payment',
      { deliverAt, payment: { status: 'confirmed', attempts: 1 } },
      at,
    );
  }

  decline(id: string, at = this.now()) {
    const reason = 'insufficient funds';
    const payment = { status: 'declined', reason, attempts: 1 } as const;
    return this.move(
      id,
      'payment-declined',
      'payment',
      { payment, cancellation: { by: 'payment', reason } },
      at,
    );
  }

  /** Cancels an order as its customer, or as the operator olivia unless another user is given. */
  cancel(
    id: string,
    by: 'customer' | 'operator',
    reason?: string,
    at = this.now(),
    who: Omit<Who, 'by'> = {},
  ) {
    const order = this.#orders.get(id);
    if (!order) return undefined;
    const user = by === 'customer' ? order.customer : 'olivia';
    const cancellation = reason === undefined ? { by } : { by, reason };
    const { attempts } = order.payment;
    const payment = { status: 'voided', attempts } as const;
    return this.move(id, 'cancel', { by, user, ...who }, { cancellation, payment }, at);
  }

  list(request: Partial<ListRequest> = {}) {
    const {
      attention,
      statuses: wanted,
      sort,
      descending,
      limit,
      after,
      ...filter
    } = {
      ...everything,
      ...request,
    };
    const filtered = this.all().filter((order) => selects(filter, order));
    const needing = filtered.filter((order) => this.care.reasons(order).length > 0);
    const selected = attention ? needing : filtered;
    const counts = Object.fromEntries(
      statuses.map((status) => [status, selected.filter((order) => order.status === status).length]),
    ) as unknown as Counts;
    const position = (order: Order): Position => ({ key: sortKeys[sort](order), id: order.id });
    const compare = (a: Position, b: Position) =>
      (descending ? -1 : 1) * (a.key - b.key || a.id.localeCompare(b.id));
    const rows = selected
      .filter(({ status }) => wanted.length === 0 || wanted.includes(status))
      .filter((order) => after === undefined || compare(position(order), after) > 0)
      .sort((a, b) => compare(position(a), position(b)));
    const orders = rows.slice(0, limit);
    const last = orders.at(-1);
    return {
      orders: orders.map(summary),
      /** The position of the last row, if more follow. */
      next: last !== undefined && orders.length < rows.length ? position(last) : undefined,
      counts,
      totals: totalsOf(selected.filter(({ status }) => status !== 'cancelled')),
      attention: needing.length,
    };
  }

  all(): Order[] {
    return [...this.#orders.values()];
  }

  changesAfter(position: number, user?: string): Change[] {
    const changes = this.#changes.slice(position);
    if (user === undefined) return changes;
    return changes
      .filter(({ order }) => order.customer === user)
      .map((change) => ({ ...change, order: visibleTo(user, change.order) }));
  }

  #put(order: Order) {
    this.#orders.set(order.id, order);
    this.#changes.push({ position: this.#changes.length + 1, order: summary(order) });
    this.head$.next(this.#changes.length);
  }

  /** Creates orders of every status over the last days, the same each time. */
  seed(count: number): void {
    const customers = ['alice', 'bob', 'carol', 'dave', 'erin'];
    const sold = this.catalogue.items.slice(0, 6);
    const tea = { sku: 'tea-1', name: 'Green tea', prices: { EUR: 450 } as Record<string, number> };
    for (let i = count; i > 0; i--) {
      const at = this.now() - i * i * 97_000;
      const picks = Array.from({ length: 1 + (i % 3) }, (_, n) => sold[(i * 5 + n) % sold.length] ?? tea);
      const items = picks.map(({ sku, name, prices }, n) => ({
        sku,
        name,
        quantity: 1 + ((i + n) % 4),
        unitPrice: prices['EUR'] ?? 0,
      }));
      const currency = (['EUR', 'EUR', 'GBP', 'USD'] as const)[i % 4] ?? 'EUR';
      const { id } = this.create(customers[i % customers.length] ?? 'alice', { items, currency }, { at });
      if (i % 7 === 0) this.decline(id, at + 400);
      else if (i % 5 === 0)
        this.cancel(id, i % 2 ? 'customer' : 'operator', 'Ordered by mistake', at + 30_000);
      else if (i > 2) {
        const due = i < 9 ? this.now() + i * 45_000 : at + 10_000;
        this.confirm(id, due, at + 400);
        if (due <= this.now()) this.move(id, 'delivery-due', 'system', {}, due);
      }
    }
  }
}

type Filter = Omit<ListRequest, 'attention' | 'statuses' | 'sort' | 'descending' | 'limit' | 'after'>;

function selects(filter: Filter, order: Order): boolean {
  const { customer, text, from, to, updatedFrom, dueBefore, currency, payment, cancelledBy } = filter;
  const created = Date.parse(order.createdAt);
  return (
    (customer === undefined || order.customer === customer) &&
    created >= from &&
    created < to &&
    Date.parse(order.updatedAt) >= updatedFrom &&
    (dueBefore === Infinity ||
      (order.status === 'confirmed' && Date.parse(order.deliverAt ?? '') < dueBefore)) &&
    (currency === undefined || order.currency === currency) &&
    order.total >= filter.minTotal &&
    order.total <= filter.maxTotal &&
    (payment === undefined || order.payment.status === payment) &&
    (cancelledBy === undefined || order.cancellation?.by === cancelledBy) &&
    findable(text, order)
  );
}

const sortKeys: Record<SortKey, (order: Order) => number> = {
  created: ({ createdAt }) => Date.parse(createdAt),
  updated: ({ updatedAt }) => Date.parse(updatedAt),
  total: ({ total }) => total,
};

/** Keys belong to a user. */
const keyName = (user: string, key: string) => JSON.stringify([user, key]);

/** Equal for requests with equal content. */
function fingerprint({ items, currency, customer }: CreateOrder): string {
  return JSON.stringify([
    customer,
    currency,
    items.map(({ sku, name, quantity, unitPrice }) => [sku, name, quantity, unitPrice]),
  ]);
}

const summary = ({ history: _, ...order }: Order): OrderSummary => order;

/** The order as a customer sees it: without the names and requests of operators. */
export function visibleTo<T extends OrderSummary & { history?: HistoryEntry[] }>(
  customer: string,
  order: T,
): T {
  const visible = <C extends Caused>(change: C): C => {
    if (change.by !== 'operator' || change.user === customer) return change;
    const shown = { ...change };
    delete shown.user;
    delete shown.requestId;
    delete shown.traceId;
    return shown;
  };
  const { lastChange, history } = order;
  return {
    ...order,
    ...(lastChange && { lastChange: visible(lastChange) }),
    ...(history && { history: history.map(visible) }),
  };
}

function uuid7(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  const random = randomId();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
