import type { HistoryEntry, Status } from '../../api/types';
import { statusNames } from '../../domain/format';
import { finals, initial, taken, type Transition, transitions } from '../../domain/order.machine';
import { usePhone } from '../../ui/media';

const box = { width: 116, height: 40 };

interface Position {
  /** Transitions from the initial state. */
  rank: number;
  /** Position among the states of the same rank. */
  lane: number;
}

/** The position of each state, computed from the state machine. */
const positions = (() => {
  const found = new Map<Status, Position>([[initial, { rank: 0, lane: 0 }]]);
  const lanes = new Map<number, number>([[0, 1]]);
  for (let frontier: Status[] = [initial], rank = 1; frontier.length > 0; rank++) {
    const next = [
      ...new Set(transitions.filter((t) => frontier.includes(t.from) && !found.has(t.to)).map((t) => t.to)),
    ];
    // Final states come after the others.
    next.sort((a, b) => Number(finals.includes(a)) - Number(finals.includes(b)));
    for (const state of next) {
      const lane = lanes.get(rank) ?? 0;
      lanes.set(rank, lane + 1);
      found.set(state, { rank, lane });
    }
    frontier = next;
  }
  return found;
})();

/** Transitions between the same two states share one arrow. */
const arrows = transitions
  .filter((t, i) => transitions.findIndex(({ from, to }) => from === t.from && to === t.to) === i)
  .map(({ from, to }) => ({
    from,
    to,
    events: transitions.filter((t) => t.from === from && t.to === to).map(({ event }) => event),
  }));

interface DiagramProps {
  status: Status;
  history: readonly HistoryEntry[];
}

/** The state machine with this order's transitions and status, from left to right, or from top to bottom on a phone. */
export default function Diagram({ status, history }: DiagramProps) {
  const vertical = usePhone();
  const centre = (state: Status) => {
    const { rank, lane } = positions.get(state) ?? { rank: 0, lane: 0 };
    return vertical ? { x: 70 + lane * 215, y: 26 + rank * 122 } : { x: 66 + rank * 300, y: 26 + lane * 124 };
  };
  const path = taken(history);
  const visited = new Set<Status>([initial, ...path.map(({ to }) => to)]);
  const centres = [...positions.keys()].map(centre);
  const width = Math.max(...centres.map(({ x }) => x)) + 66;
  const height = Math.max(...centres.map(({ y }) => y)) + 26;
  return (
    <svg
      className="machine"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={describe(status, path)}
    >
      <defs>
        {['plain', 'taken'].map((kind) => (
          <marker
            key={kind}
            id={`head-${kind}`}
            className={kind}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerUnits="userSpaceOnUse"
            markerWidth="11"
            markerHeight="11"
            orient="auto"
          >
            <path d="M0 0 8 4 0 8z" />
          </marker>
        ))}
      </defs>
      {arrows.map(({ from, to, events }) => {
        const [a, b] = [centre(from), centre(to)];
        const start = edge(a, b);
        const end = edge(b, a);
        const takenEvents = path
          .filter((step) => step.from === from && step.to === to)
          .map(({ event }) => event);
        const kind = takenEvents.length > 0 ? 'taken' : 'plain';
        // From top to bottom, the label of a slanted arrow would overlap another one at its middle.
        const at = vertical && a.x !== b.x && a.y !== b.y ? 0.7 : 0.5;
        return (
          <g key={`${from} ${to}`} className={kind}>
            <line x1={start.x} y1={start.y} x2={end.x} y2={end.y} markerEnd={`url(#head-${kind})`} />
            {events.map((event, i) => (
              <text
                key={event}
                className={takenEvents.includes(event) ? 'taken' : 'plain'}
                x={start.x + (end.x - start.x) * at}
                y={
                  start.y +
                  (end.y - start.y) * at +
                  (a.y === b.y ? -6 : 4) +
                  (i - (events.length - 1) / 2) * 16
                }
              >
                {event}
              </text>
            ))}
          </g>
        );
      })}
      {[...positions.keys()].map((state) => {
        const { x, y } = centre(state);
        const now = state === status ? 'now' : visited.has(state) ? 'visited' : 'ahead';
        return (
          <g key={state} className={`state ${state} ${now}`}>
            <rect
              x={x - box.width / 2}
              y={y - box.height / 2}
              width={box.width}
              height={box.height}
              rx="10"
            />
            <text x={x} y={y + 5}>
              {statusNames[state]}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

/** The point where the line from a to b leaves the box around a. */
function edge(a: { x: number; y: number }, b: { x: number; y: number }) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const scale = Math.min(
    (box.width / 2 + 3) / Math.max(Math.abs(dx), 0.001),
    (box.height / 2 + 3) / Math.max(Math.abs(dy), 0.001),
  );
  return { x: a.x + dx * scale, y: a.y + dy * scale };
}

function describe(status: Status, path: readonly Transition[]): string {
  const steps = path.map(({ event, to }) => `, then ${to} (${event})`);
  return `Order status diagram: ${initial}${steps.join('')}. Current status: ${status}.`;
}
