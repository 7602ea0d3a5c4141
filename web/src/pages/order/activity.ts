/** What happened to an order, the newest first: its transitions and the last failed payment call. */
import type { HistoryEntry, Order, Role } from '../../api/types';
import { money, nameOf } from '../../domain/format';

export interface Activity {
  /** Absent where an older release did not store it. */
  at: string | undefined;
  tone: 'plain' | 'good' | 'bad' | 'warn';
  text: string;
  /** In the words of the person or service that gave it. */
  reason?: string | undefined;
  notes: string[];
  /** The ids with which an operator finds the request in logs and traces. */
  requestId?: string | undefined;
  traceId?: string | undefined;
}

export function activityOf(order: Order, role: Role): Activity[] {
  const entries = order.history.map((entry) => transition(order, entry, role)).reverse();
  const failure = role === 'operator' ? lastFailure(order) : undefined;
  if (failure === undefined) return entries;
  const older = entries.findIndex(({ at = '' }) => failure.at !== undefined && at <= failure.at);
  entries.splice(failure.at === undefined ? 0 : older === -1 ? entries.length : older, 0, failure);
  return entries;
}

function transition(order: Order, entry: HistoryEntry, role: Role): Activity {
  const amount = money(order.total, order.currency);
  const who = subject(entry, role);
  const base = { at: entry.at, requestId: entry.requestId, traceId: entry.traceId, notes: [] };
  switch (entry.cause) {
    case 'created': {
      const others = entry.user !== undefined && entry.user !== order.customer && role === 'operator';
      return {
        ...base,
        tone: 'plain',
        text: `${who} placed the order${others ? ` for ${order.customer}` : ''}`,
      };
    }
    case 'payment-confirmed':
      return {
        ...base,
        tone: 'good',
        text: `Payment of ${amount} confirmed`,
        notes:
          role === 'operator' && order.payment.attempts > 0
            ? [`after ${attempts(order.payment.attempts)}`]
            : [],
      };
    case 'payment-declined':
      return { ...base, tone: 'bad', text: `Payment of ${amount} declined`, reason: entry.reason };
    case 'cancel': {
      const paid = order.history.some(({ cause }) => cause === 'payment-confirmed');
      return {
        ...base,
        tone: 'bad',
        text: `${who} cancelled the order`,
        reason: entry.reason,
        notes: [paid ? `The payment of ${amount} is voided.` : 'Nothing is charged.'],
      };
    }
    case 'delivery-due':
      return { ...base, tone: 'good', text: 'Delivered automatically' };
  }
}

/** Who did it, at the beginning of a sentence. Customers see their own name as “You”. */
function subject(entry: HistoryEntry, role: Role): string {
  if (role === 'customer' && entry.by === 'customer') return 'You';
  const name = nameOf(entry);
  return entry.user === undefined ? name.charAt(0).toUpperCase() + name.slice(1) : name;
}

function lastFailure({ payment }: Order): Activity | undefined {
  const { status, attempts: made, lastError, lastErrorAt } = payment;
  if (lastError === undefined) return undefined;
  // Later calls have succeeded unless the payment is pending: then the last call is the one that failed.
  const pending = status === 'pending';
  return {
    at: lastErrorAt,
    tone: 'warn',
    text: pending ? `Payment attempt ${made} failed` : 'A payment attempt failed',
    reason: lastError,
    notes: pending && made > 1 ? [`${attempts(made - 1, 'earlier ')} failed too`] : [],
  };
}

const attempts = (n: number, kind = '') => `${n.toLocaleString()} ${kind}${n === 1 ? 'attempt' : 'attempts'}`;
