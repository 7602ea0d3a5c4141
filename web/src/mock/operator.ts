/** What only operators see and do: which orders need attention, inspections and repairs. */
import type {
  Attention,
  AttentionReason,
  Cause,
  Finding,
  Inspection,
  LedgerPayment,
  Order,
  OrderSummary,
  Repair,
  RepairStep,
  Stats,
} from '../api/types';

/** How long an order may wait before it needs attention, in ms. */
const ATTENTION_AFTER = 60_000;
const REPAIRS = 20;
const MINUTE = 60_000;
const minuteOf = (time: number) => time - (time % MINUTE);

/** The findings and repairs of orders. A test or demo plants a finding, and a repair removes it. */
export class Care {
  readonly findings = new Map<string, Finding>();
  readonly #repairs = new Map<string, Repair[]>();

  constructor(private readonly now: () => number) {}

  reasons({ id, status, updatedAt, deliverAt }: OrderSummary): Attention {
    const late = (since: string | undefined) =>
      since !== undefined && Date.parse(since) < this.now() - ATTENTION_AFTER;
    return [
      ...(status === 'created' && late(updatedAt) ? (['unpaid'] as const) : []),
      ...(status === 'confirmed' && late(deliverAt) ? (['overdue'] as const) : []),
      ...(this.findings.has(id) ? (['inconsistent'] as const) : []),
    ];
  }

  /** The order as an operator sees it. */
  mark<T extends OrderSummary>(order: T): T {
    const attention = this.reasons(order);
    return attention.length > 0 ? { ...order, attention } : order;
  }

  inspect(order: Order): Inspection {
    const planted = this.findings.get(order.id);
    const { id, status, deliverAt } = order;
    const waits = this.reasons(order).filter((reason) => reason !== 'inconsistent');
    const findings: Finding[] = [
      ...(planted ? [planted] : []),
      ...waits.map((code) => ({
        code,
        severity: 'waiting' as const,
        fix: 'wait' as const,
        detail: 'The order has waited for too long.',
      })),
    ];
    const stored = { ...order, voidPending: false };
    const payment = ledgerOf(order);
    return {
      id,
      at: new Date(this.now()).toISOString(),
      verdict: planted ? 'inconsistent' : waits.length > 0 ? 'waiting' : 'consistent',
      summary:
        findings.map(({ code, detail }) => `${code}: ${detail}`).join(' ') ||
        `The parts agree: the order is ${status}.`,
      findings,
      actor: { host: 'mock:8080', order: stored },
      database: { order: stored },
      ledger: payment ? { payment } : {},
      reminder:
        status === 'confirmed' && deliverAt !== undefined && planted?.code !== 'reminder-missing'
          ? { set: true, dueAt: deliverAt }
          : { set: false },
      repairs: this.#repairs.get(id) ?? [],
    };
  }

  stats(orders: Order[], minutes: number): Stats {
    const from = minuteOf(this.now()) - (minutes - 1) * MINUTE;
    const moments = orders
      .flatMap(({ history }) => history)
      .map(({ at, ...change }) => ({ ...change, at: minuteOf(Date.parse(at)) }))
      .filter(({ at }) => at >= from);
    const count = (entries: typeof moments): Stats['total'] => {
      const by = (cause: Cause) => entries.filter((entry) => entry.cause === cause).length;
      return {
        created: by('created'),
        confirmed: by('payment-confirmed'),
        declined: by('payment-declined'),
        cancelled: by('cancel'),
        delivered: by('delivery-due'),
      };
    };
    const oldest = (reason: AttentionReason) => {
      const waiting = orders.filter((order) => this.reasons(order).includes(reason));
      const since = waiting.map(({ updatedAt, deliverAt }) =>
        reason === 'overdue' ? (deliverAt ?? updatedAt) : updatedAt,
      );
      return { reason, count: waiting.length, oldestSince: since.sort()[0] ?? '' };
    };
    return {
      from: new Date(from).toISOString(),
      to: new Date(this.now()).toISOString(),
      minutes: [...new Set(moments.map(({ at }) => at))]
        .sort((a, b) => a - b)
        .map((at) => ({
          at: new Date(at).toISOString(),
          ...count(moments.filter((entry) => entry.at === at)),
        })),
      total: count(moments),
      current: {
        attention: orders.filter((order) => this.reasons(order).length > 0).length,
        awaitingPayment: orders.filter(({ status }) => status === 'created').length,
        dueWithinHour: orders.filter(
          ({ status, deliverAt }) =>
            status === 'confirmed' && Date.parse(deliverAt ?? '') < this.now() + 60 * MINUTE,
        ).length,
      },
      attention: (['unpaid', 'overdue', 'inconsistent'] as const)
        .map(oldest)
        .filter((group) => group.count > 0),
      audit: { perMinute: 0, checked: 0, sweep: { orders: 0 } },
      readers: 0,
    };
  }

  repair(
    { id, status, payment }: Order,
    request: Pick<Repair, 'user' | 'reason' | 'requestId' | 'traceId'>,
  ): RepairStep[] {
    this.findings.delete(id);
    const steps: RepairStep[] = [
      ...(status === 'created' ? (['payment-requested'] as const) : []),
      ...(status === 'confirmed' ? (['reminder-set'] as const) : []),
      ...(payment.status === 'voided' ? (['void-requested'] as const) : []),
    ];
    const done = { ...request, at: new Date(this.now()).toISOString(), done: true, steps };
    this.#repairs.set(id, [...(this.#repairs.get(id) ?? []), done].slice(-REPAIRS));
    return steps;
  }
}

function ledgerOf({ payment, total: amount, currency, updatedAt }: Order): LedgerPayment | undefined {
  if (payment.status === 'pending') return undefined;
  const at = updatedAt;
  const charged = { kind: 'charged' as const, amount, at };
  const entries = {
    confirmed: [charged],
    declined: [],
    voided: [...(payment.attempts > 0 ? [charged] : []), { kind: 'voided' as const, amount, at }],
  }[payment.status];
  return {
    status: payment.status,
    ...(payment.reason === undefined ? {} : { reason: payment.reason }),
    amount,
    currency,
    decidedAt: at,
    entries,
  };
}
