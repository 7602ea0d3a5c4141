/** The order's state machine, from the file that the backend reads too. No status or event is named in this code. */
import { createMachine } from 'xstate';
import file from '../../../api/order-machine.json';
import type { Cause, HistoryEntry, Status } from '../api/types';

export type OrderEvent = Exclude<Cause, 'created'>;

export interface Transition {
  from: Status;
  event: OrderEvent;
  to: Status;
}

export const initial = file.initial as Status;
export const finals = file.final as readonly Status[];
export const transitions = file.transitions as readonly Transition[];

const states = [...new Set([initial, ...transitions.flatMap(({ from, to }) => [from, to])])];

export const orderMachine = createMachine({
  id: file.id,
  initial,
  states: Object.fromEntries(
    states.map((state) => [
      state,
      finals.includes(state)
        ? { type: 'final' as const }
        : { on: Object.fromEntries(transitions.filter((t) => t.from === state).map((t) => [t.event, t.to])) },
    ]),
  ),
});

/** Whether the event is allowed in this status. */
export function allows(status: Status, event: OrderEvent): boolean {
  return orderMachine.resolveState({ value: status }).can({ type: event });
}

/** The transitions of an order. */
export function taken(history: readonly HistoryEntry[]): Transition[] {
  return history.flatMap((entry, i) => {
    const before = history[i - 1];
    if (before === undefined || entry.cause === 'created') return [];
    return [{ from: before.status, event: entry.cause, to: entry.status }];
  });
}
