import { setTitle } from '../../ui/title';
import { useMachine } from '@xstate/react';
import { useEffect, useState } from 'react';
import { explain } from '../../api/problem';
import { plural } from '../../domain/format';
import { Message } from '../../ui/Message';
import { useNow } from '../../ui/now';
import { useObservable } from '../../ui/useObservable';
import type { Payments, Presence, Status } from './api';
import { createLab, kills, type Lab } from './lab';
import './lab.css';
import { OrderSquares } from './OrderSquares';
import { PartCards } from './PartCards';
import { emptyView, type View } from './traffic';
import { VerdictCard } from './VerdictCard';

const loading: Presence = { state: 'loading' };
const durations = [30, 60, 120] as const;
const paymentModes: Record<Payments, string> = {
  normal: 'Normal',
  slow: 'Slow (3 s)',
  failing: 'Half of them fail',
};

/** The page of the fault lab, `make lab`: traffic, crashes, and the verdict of the checker. */
export default function LabPage() {
  const [lab] = useState(createLab);
  const presence = useObservable(lab.presence$, loading);
  // While the lab's server does not answer, the page shows the last states.
  const [last, setLast] = useState<Status>();
  if (presence.state === 'here' && presence.status !== last) setLast(presence.status);
  useEffect(() => {
    setTitle('Fault lab');
  }, []);
  if (last) return <LabView lab={lab} status={last} lost={presence.state !== 'here'} />;
  if (presence.state === 'loading') {
    return <div className="skeleton page" aria-label="Loading" role="status" />;
  }
  return (
    <Message title="No fault lab here" level={1}>
      <p>
        The fault lab runs the product with a page that kills its parts. Start it with <code>make lab</code>{' '}
        and open the address that it prints.
      </p>
    </Message>
  );
}

function LabView({ lab, status, lost }: { lab: Lab; status: Status; lost: boolean }) {
  const [state, send] = useMachine(lab.machine);
  const view = useObservable(lab.view$, emptyView);
  const killing = useObservable(lab.killing$, true);
  const [seconds, setSeconds] = useState<number>(60);
  // The change of a payment mode takes effect when payments-svc has started again.
  const [wanted, setWanted] = useState<Payments>();
  if (wanted !== undefined && wanted === status.payments) setWanted(undefined);
  const { result, error } = state.context;
  const ready = state.matches('idle') || state.matches('verdict') || state.matches('failed');
  const start = () => send({ type: 'START', seconds, kills: kills(status), at: Date.now() });
  return (
    <div className="lab">
      <header>
        <h1>Fault lab</h1>
        <p className="soft">
          Customers on this page create, cancel and read orders while parts of the product crash. Then a
          checker compares everything that the customers saw with every database: no order may be lost,
          charged twice, or delivered after its cancel was acknowledged.
        </p>
      </header>
      {lost && (
        <p className="banner" role="alert">
          The fault lab does not answer. It may have been stopped; start it with <code>make lab</code>.
        </p>
      )}
      {state.matches('verdict') && result && <VerdictCard result={result} />}
      {state.matches('failed') && (
        <section className="card" role="alert">
          <h2>No verdict</h2>
          <p>The check could not be completed. {error instanceof Error ? error.message : explain(error)}</p>
          <div className="lab-controls">
            <button type="button" onClick={() => send({ type: 'RETRY' })}>
              Check again
            </button>
          </div>
        </section>
      )}
      <section className="card lab-run" aria-label="Run">
        {ready ? (
          <button type="button" className="primary lab-start" onClick={start}>
            {state.matches('idle') ? 'Start' : 'Start again'}
          </button>
        ) : (
          <button
            type="button"
            className="lab-start"
            disabled={!state.matches({ run: 'traffic' })}
            onClick={() => send({ type: 'STOP' })}
          >
            Stop and check
          </button>
        )}
        <div className="lab-options">
          <label>
            Duration
            <select
              value={seconds}
              disabled={!ready}
              onChange={(event) => setSeconds(Number(event.target.value))}
            >
              {durations.map((choice) => (
                <option key={choice} value={choice}>
                  {choice} s
                </option>
              ))}
            </select>
          </label>
          <label className="tick">
            <input
              type="checkbox"
              checked={killing}
              onChange={(event) => lab.killing$.next(event.target.checked)}
            />
            Kill a part every few seconds
          </label>
          <fieldset className="lab-payments">
            <legend>Payments</legend>
            {(Object.keys(paymentModes) as Payments[]).map((mode) => (
              <label key={mode} className="tick">
                <input
                  type="radio"
                  name="payments"
                  checked={(wanted ?? status.payments) === mode}
                  onChange={() => {
                    setWanted(mode);
                    lab.payments(mode);
                  }}
                />
                {paymentModes[mode]}
              </label>
            ))}
          </fieldset>
        </div>
        <Phase
          phase={phaseOf(state)}
          startedAt={state.context.startedAt}
          seconds={state.context.seconds}
          view={view}
        />
      </section>
      <PartCards status={status} onKill={lab.kill} onStart={lab.start} />
      <OrderSquares
        view={view}
        crashes={state.matches('idle') ? 0 : kills(status) - state.context.killsBefore}
      />
    </div>
  );
}

type PhaseName = 'idle' | 'traffic' | 'settling' | 'checking' | 'ended';

function phaseOf(state: {
  matches: (value: 'idle' | 'checking' | { run: 'traffic' | 'settling' }) => boolean;
}): PhaseName {
  if (state.matches('idle')) return 'idle';
  if (state.matches({ run: 'traffic' })) return 'traffic';
  if (state.matches({ run: 'settling' })) return 'settling';
  return state.matches('checking') ? 'checking' : 'ended';
}

function Phase({
  phase,
  startedAt,
  seconds,
  view,
}: {
  phase: PhaseName;
  startedAt: number;
  seconds: number;
  view: View;
}) {
  const now = useNow();
  const open = view.orders.filter((status) => status === 'created' || status === 'confirmed').length;
  const passed = Math.min(seconds, Math.max(0, (now - startedAt) / 1_000));
  const text = {
    idle: 'Nothing runs yet.',
    traffic: 'Customers are at work.',
    settling: 'No more orders arrive. All parts run again; waiting until every order is final.',
    checking: 'Comparing what the customers saw with every database.',
    ended: 'Finished.',
  }[phase];
  return (
    <div className="lab-phase">
      <progress
        aria-label="Time of the run"
        max={seconds}
        value={phase === 'idle' ? 0 : phase === 'traffic' ? passed : seconds}
      />
      <p role="status">{text}</p>
      <p className="soft lab-left">
        {phase === 'traffic' && `${Math.max(0, Math.ceil(seconds - passed))} s left`}
        {phase === 'settling' && `${plural(open, 'order')} to go`}
      </p>
    </div>
  );
}
