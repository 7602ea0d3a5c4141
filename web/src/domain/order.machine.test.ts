import { describe, expect, it } from 'vitest';
import { getSimplePaths } from 'xstate/graph';
import type { HistoryEntry } from '../api/types';
import { allows, finals, initial, orderMachine, taken, transitions } from './order.machine';

const states = [...new Set(transitions.flatMap(({ from, to }) => [from, to]))];
const events = [...new Set(transitions.map(({ event }) => event))];

describe("the order's machine", () => {
  it.each(states.flatMap((state) => events.map((event) => [state, event] as const)))(
    'in %s allows %s only if the file has that transition',
    (state, event) => {
      const transition = transitions.find((t) => t.from === state && t.event === event);
      expect(allows(state, event)).toBe(transition !== undefined);
    },
  );

  it('follows every path of the file to a final state', () => {
    const paths = getSimplePaths(orderMachine, { events: events.map((type) => ({ type })) });
    expect(new Set(paths.map(({ state }) => state.value))).toEqual(new Set(states));
    for (const { state, steps } of paths) {
      let at = initial;
      for (const step of steps.slice(1)) {
        const transition = transitions.find((t) => t.from === at && t.event === step.event.type);
        expect(step.state.value).toBe(transition?.to);
        at = transition?.to ?? at;
      }
      expect(state.status).toBe(finals.includes(at) ? 'done' : 'active');
    }
  });

  it('derives the transitions from a history', () => {
    const entry = (version: number, status: HistoryEntry['status'], cause: HistoryEntry['cause']) =>
      ({ version, status, cause, by: 'system', at: '2026-11-24T12:00:00Z' }) satisfies HistoryEntry;
    const history = [entry(1, 'created', 'created'), entry(2, 'confirmed', 'payment-confirmed')];
    expect(taken([...history, entry(3, 'delivered', 'delivery-due')])).toEqual([
      { from: 'created', event: 'payment-confirmed', to: 'confirmed' },
      { from: 'confirmed', event: 'delivery-due', to: 'delivered' },
    ]);
  });
});
