/** An in-memory backend with the behaviour of the API, for `npm run dev:mock` and for component tests. */
import { BehaviorSubject } from 'rxjs';
import { randomId } from '../api/ids';
import type { Cause, Counts, CreateOrder, Order, OrderSummary, Party } from '../api/types';
import { statuses } from '../api/types';
import { allows, transitions } from '../domain/order.machine';
import { catalogue } from '../domain/draft';
import { findable } from '../domain/search';

export interface Change {
  cursor: string;
  order: OrderSummary;
}

export class Backend {
  readonly #orders = new Map<string, Order>();
  readonly #keys = new Map<string, string>();
  readonly #changes: Change[] = [];
  /** The number of changes so far. */
  readonly head$ = new BehaviorSubject(0);

  constructor(private readonly now: () => number = Date.now) {}

  get(id: string, user?: string): Order | undefined {
    const order = this.#orders.get(id);
    return user === undefined || order?.customer === user ? order : undefined;
  }

  create(customer: string, { items, currency }: CreateOrder, key?: string, at = this.now()): Order {
    const known = this.#orders.get(this.#keys.get(`${customer} ${key ?? ''}`) ?? '');
    if (key !== undefined && known) return known;
    const time = new Date(at).toISOString();
    const order: Order = {
      id: uuid7(at),
      customer,
      status: 'created',
      version: 1,
      items,
      currency,
      total: items.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0),
      createdAt: time,
      updatedAt: time,
      payment: { status: 'pending', attempts: 0 },
      history: [{ version: 1, status: 'created', at: time, cause: 'created', by: 'customer' }],
    };
    if (key !== undefined) this.#keys.set(`${customer} ${key}`, order.id);
    this.#put(order);
    return order;
  }

  /** Applies a transition; undefined when the state machine has none. */
  move(id: string, event: Exclude<Cause, 'created'>, by: Party, more: Partial<Order> = {}, at = this.now()) {
    const order = this.#orders.get(id);
    if (!order || !allows(order.status, event)) return undefined;
    const status = transitions.find((t) => t.from === order.status && t.event === event)?.to ?? order.status;
    const time = new Date(at).toISOString();
    const version = order.version + 1;
    const { deliverAt, ...rest } = order;
    const moved: Order = {
      ...rest,
      ...(deliverAt !== undefined && status !== 'cancelled' ? { deliverAt } : {}),
      status,
      version,
      updatedAt: time,
      history: [...order.history, { version, status, at: time, cause: event, by }],
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

  cancel(id: string, by: 'customer' | 'operator', reason?: string, at = this.now()) {
    const cancellation = reason === undefined ? { by } : { by, reason };
    return this.move(id, 'cancel', by, { cancellation, payment: { status: 'voided', attempts: 1 } }, at);
  }

  list(user: string | undefined, params: URLSearchParams) {
    const wanted = params.getAll('status');
    const text = params.get('q') ?? '';
    const [from, to] = [params.get('from'), params.get('to')];
    const selected = [...this.#orders.values()].filter(
      (order) =>
        (user === undefined || order.customer === user) &&
        (from === null || order.createdAt >= from) &&
        (to === null || order.createdAt < to) &&
        findable(text, order),
    );
    const counts = Object.fromEntries(
      statuses.map((status) => [status, selected.filter((order) => order.status === status).length]),
    ) as unknown as Counts;
    const sort = params.get('sort') ?? '-created';
    const key = (order: Order) =>
      sort.endsWith('total')
        ? order.total
        : Date.parse(sort.endsWith('updated') ? order.updatedAt : order.createdAt);
    const sign = sort.startsWith('-') ? -1 : 1;
    const rows = selected
      .filter(({ status }) => wanted.length === 0 || wanted.includes(status))
      .sort((a, b) => sign * (key(a) - key(b) || a.id.localeCompare(b.id)));
    const start = Number(params.get('cursor') ?? 0);
    const end = start + Number(params.get('limit') ?? 50);
    return {
      orders: rows.slice(start, end).map(summary),
      next: end < rows.length ? String(end) : null,
      counts,
      feed: String(this.head$.value),
    };
  }

  changesAfter(cursor: number, user?: string): Change[] {
    return this.#changes.slice(cursor).filter(({ order }) => user === undefined || order.customer === user);
  }

  #put(order: Order) {
    this.#orders.set(order.id, order);
    this.#changes.push({ cursor: String(this.#changes.length + 1), order: summary(order) });
    this.head$.next(this.#changes.length);
  }

  /** Creates orders of every status over the last days, the same each time. */
  seed(count: number): void {
    const customers = ['alice', 'bob', 'carol', 'dave', 'erin'];
    for (let i = count; i > 0; i--) {
      const at = this.now() - i * i * 97_000;
      const picks = Array.from(
        { length: 1 + (i % 3) },
        (_, n) => catalogue[(i * 5 + n) % catalogue.length] ?? catalogue[0],
      );
      const items = picks.map(({ sku, name, price }, n) => ({
        sku,
        name,
        quantity: 1 + ((i + n) % 4),
        unitPrice: price,
      }));
      const currency = (['EUR', 'EUR', 'GBP', 'USD'] as const)[i % 4] ?? 'EUR';
      const { id } = this.create(
        customers[i % customers.length] ?? 'alice',
        { items, currency },
        undefined,
        at,
      );
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

const summary = ({ history: _, ...order }: Order): OrderSummary => order;

function uuid7(at: number): string {
  const time = at.toString(16).padStart(12, '0');
  const random = randomId();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
