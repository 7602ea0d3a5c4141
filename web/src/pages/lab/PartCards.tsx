import { plural } from '../../domain/format';
import type { Part, PartState, Status } from './api';

const descriptions: Record<string, string> = {
  'orders-actor': 'The service: REST API and order actors',
  'orders-actor.sidecar': 'Its Dapr sidecar: state and calls',
  'payments-svc': 'Decides and charges payments',
  'payments-svc.sidecar': 'Its Dapr sidecar: the ledger',
  placement: 'Dapr: which host runs which order',
  scheduler: 'Dapr: delivery reminders',
};

const stateNames: Record<PartState, string> = {
  running: 'Running',
  starting: 'Starting',
  killed: 'Killed',
  exited: 'Exited',
};

interface PartCardsProps {
  status: Status;
  onKill: (part: string) => void;
  onStart: (part: string) => void;
}

/** The parts of the product, and buttons that kill and start them. */
export function PartCards({ status, onKill, onStart }: PartCardsProps) {
  return (
    <section aria-label="Parts of the product">
      <ul className="lab-parts">
        {status.parts.map((part) => (
          <PartCard key={part.name} part={part} onKill={onKill} onStart={onStart} />
        ))}
      </ul>
    </section>
  );
}

function PartCard({ part, onKill, onStart }: { part: Part } & Omit<PartCardsProps, 'status'>) {
  const { name, state } = part;
  const up = state === 'running' || state === 'starting';
  return (
    <li className={`card lab-part ${state}`}>
      <h2>{name}</h2>
      <p className="soft">{descriptions[name]}</p>
      <p className="lab-state">
        <span>{stateNames[state]}</span>
        <span className="soft">{part.kills > 0 && `killed ${plural(part.kills, 'time')}`}</span>
      </p>
      {up ? (
        <button type="button" className="danger" onClick={() => onKill(name)} aria-label={`Kill ${name}`}>
          Kill
        </button>
      ) : (
        <button type="button" onClick={() => onStart(name)} aria-label={`Start ${name}`}>
          Start
        </button>
      )}
    </li>
  );
}
