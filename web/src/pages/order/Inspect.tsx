import { useMachine } from '@xstate/react';
import { useEffect, useMemo, useRef } from 'react';
import { fromPromise } from 'xstate';
import { map } from 'rxjs';
import { toPromise } from '../../api/client';
import { ApiError, explain, isTemporary } from '../../api/problem';
import type { Inspection, Order, RepairStep } from '../../api/types';
import { clockTime, dateTime, exactTime, money, plural } from '../../domain/format';
import { useServices } from '../../services';
import { useNow } from '../../ui/now';
import { Time } from '../../ui/Time';
import { Copyable } from './Copyable';
import { inspectMachine } from './inspect.machine';
import { RepairDialog } from './RepairDialog';

interface InspectProps {
  order: Order;
  /** Grows each time the user asks for a repair elsewhere on the page. */
  asked: number;
}

const stepNames: Record<RepairStep, string> = {
  'state-restored': 'The actor’s state was restored from the order database',
  'database-updated': 'The order database was updated with the actor’s state',
  'reminder-set': 'The delivery reminder was set',
  delivered: 'The order was delivered, because it was due',
  'payment-requested': 'The payment was requested again',
  'void-requested': 'The void was requested again',
};

/** What each part of the system knows of the order, whether they agree, and the repair where they don't. */
export default function Inspect({ order, asked }: InspectProps) {
  const { api } = useServices();
  const machine = useMemo(
    () =>
      inspectMachine.provide({
        actors: {
          inspect: fromPromise(({ input, signal }) => toPromise(api.inspect(input.id), signal)),
          reconcile: fromPromise(({ input: { id, reason, version }, signal }) =>
            toPromise(api.reconcile(id, reason, version).pipe(map(({ repairs }) => repairs)), signal),
          ),
        },
      }),
    [api],
  );
  const [state, send] = useMachine(machine, { input: { id: order.id } });
  const { inspection, error, refusal, reason, steps } = state.context;
  const version = useRef(order.version);
  useEffect(() => {
    if (version.current !== order.version) send({ type: 'CHANGED' });
    version.current = order.version;
  }, [order.version, send]);
  useEffect(() => {
    if (asked > 0) send({ type: 'ASK' });
  }, [asked, send]);
  const busy = state.matches('inspecting');
  return (
    <section className="card inspect" aria-labelledby="inspect" aria-busy={busy && inspection !== undefined}>
      <header>
        <h2 id="inspect">Inspect</h2>
        {inspection && <span className={`verdict ${inspection.verdict}`}>{inspection.verdict}</span>}
      </header>
      {!inspection && busy && <div className="skeleton parts" role="status" aria-label="Inspecting" />}
      {error !== undefined && (
        <div role="alert">
          <Failure error={error} />
          {isTemporary(error) && ' Retrying…'}
        </div>
      )}
      {inspection && <Findings {...inspection} />}
      {steps && (
        <div role="status" className="outcome">
          <strong>{steps.length === 0 ? 'Nothing needed repair' : 'Repaired'}</strong>
          <ul>
            {steps.map((step) => (
              <li key={step}>{stepNames[step]}.</li>
            ))}
          </ul>
        </div>
      )}
      {state.matches('repairFailed') && (
        <div role="alert" className="bad">
          The repair failed. <Failure error={refusal} /> It’s safe to try again.{' '}
          <button type="button" onClick={() => send({ type: 'RETRY' })}>
            Retry
          </button>{' '}
          <button type="button" className="quiet" onClick={() => send({ type: 'DISMISS' })}>
            Dismiss
          </button>
        </div>
      )}
      {inspection && <PartsList {...inspection} />}
      {inspection && <Repairs {...inspection} />}
      <div className="actions">
        <button
          type="button"
          disabled={!state.can({ type: 'INSPECT' })}
          onClick={() => send({ type: 'INSPECT' })}
        >
          Inspect again
        </button>
        {state.can({ type: 'ASK' }) && !busy && (
          <button type="button" className="primary" onClick={() => send({ type: 'ASK' })}>
            Repair…
          </button>
        )}
      </div>
      {(state.matches('confirming') || state.matches('repairing')) && (
        <RepairDialog
          findings={inspection?.findings ?? []}
          reason={reason}
          error={refusal}
          busy={state.matches('repairing')}
          onConfirm={(text) => send({ type: 'CONFIRM', reason: text })}
          onClose={() => send({ type: 'DISMISS' })}
        />
      )}
    </section>
  );
}

/** A problem, with its trace id to copy where it has one. */
function Failure({ error }: { error: unknown }) {
  const trace = error instanceof ApiError ? error.problem.traceId : undefined;
  return (
    <>
      {explain(error)} {trace !== undefined && <Copyable name="trace ID" text={trace} />}
    </>
  );
}

function Findings({ at, summary, findings }: Inspection) {
  const now = useNow();
  return (
    <>
      <p>{findings.length === 0 ? localTimes(summary) : `${plural(findings.length, 'finding')}:`}</p>
      {findings.length > 0 && (
        <ul className="findings">
          {findings.map(({ code, severity, detail }) => (
            <li key={code} className={severity}>
              <code>{code}</code> {localTimes(detail)}
            </li>
          ))}
        </ul>
      )}
      <small className="soft" title={exactTime(at)}>
        Inspected at {clockTime(Date.parse(at), now)}
      </small>
    </>
  );
}

/** The service writes times in UTC; all others of the page are local. */
function localTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (at) => exactTime(at));
}

function PartsList({ actor, database, ledger, reminder }: Inspection) {
  const stored = (order: (typeof actor)['order'], name: string) =>
    order ? `v${order.version} · ${order.status}` : `${name} holds nothing`;
  const { payment } = ledger;
  return (
    <dl>
      <dt>Actor</dt>
      <dd>{actor.error ?? stored(actor.order, 'the actor')}</dd>
      {actor.host !== undefined && (
        <>
          <dt>Host</dt>
          <dd>{actor.host}</dd>
        </>
      )}
      <dt>Database</dt>
      <dd>{database.error ?? stored(database.order, 'the database')}</dd>
      <dt>Ledger</dt>
      <dd>
        {ledger.error ??
          (payment ? `${payment.status} ${money(payment.amount, payment.currency)}` : 'nothing recorded')}
      </dd>
      <dt>Reminder</dt>
      <dd>
        {reminder.error ??
          (!reminder.set ? (
            'none'
          ) : reminder.dueAt === undefined ? (
            'set'
          ) : (
            <Time at={reminder.dueAt} absolute />
          ))}
      </dd>
      <dt>Pending</dt>
      <dd>
        {(actor.jobs ?? []).length === 0
          ? 'nothing'
          : actor.jobs?.map(({ kind, state, tries, lastError }) => (
              <div key={kind}>
                {kind} {state}, {plural(tries, 'try', 'tries')}
                {lastError !== undefined && <span className="soft">: {lastError}</span>}
              </div>
            ))}
      </dd>
    </dl>
  );
}

function Repairs({ repairs }: Inspection) {
  if (repairs.length === 0) return null;
  return (
    <details>
      <summary>{plural(repairs.length, 'repair')}</summary>
      <ol className="repairs">
        {repairs.toReversed().map(({ at, user, reason, requestId, traceId, done, steps, error }) => (
          <li key={requestId}>
            <strong>{user}</strong> <span className="soft">{dateTime(at)}</span>
            <q>{reason}</q>
            {steps.map((step) => (
              <div key={step}>{stepNames[step]}.</div>
            ))}
            {error !== undefined && <div className="bad">{error}</div>}
            {!done && <div className="soft">Its outcome is not known.</div>}
            <small className="soft ids">
              request <Copyable name="request ID" text={requestId} />
              {traceId !== undefined && (
                <>
                  trace <Copyable name="trace ID" text={traceId} />
                </>
              )}
            </small>
          </li>
        ))}
      </ol>
    </details>
  );
}
