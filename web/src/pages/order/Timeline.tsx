import type { HistoryEntry } from '../../api/types';
import { causeNames, nameOf } from '../../domain/format';
import { useServices } from '../../services';
import { Time } from '../../ui/Time';

export function Timeline({ history }: { history: readonly HistoryEntry[] }) {
  const operator = useServices().session.role === 'operator';
  return (
    <ol className="timeline">
      {history.map((entry) => (
        <li key={entry.version} className={entry.status}>
          <strong>{causeNames[entry.cause]}</strong> <span className="soft">{actor(entry)}</span>
          {entry.reason !== undefined && <q>{entry.reason}</q>}
          <Time at={entry.at} />
          {operator && <Request {...entry} />}
        </li>
      ))}
    </ol>
  );
}

/** Who caused a transition, where that is not evident from the cause. */
function actor(entry: HistoryEntry): string {
  const { cause, by } = entry;
  if (cause === 'delivery-due') return 'automatically';
  return by === 'customer' || by === 'operator' ? `by ${nameOf(entry)}` : '';
}

/** The ids with which an operator finds the request in logs and traces. */
function Request({ requestId, traceId }: HistoryEntry) {
  if (requestId === undefined && traceId === undefined) return null;
  return (
    <details>
      <summary>{requestId === undefined ? 'Trace' : 'Request'}</summary>
      <dl>
        {requestId !== undefined && (
          <>
            <dt>Request ID</dt>
            <dd>
              <code className="id">{requestId}</code>
            </dd>
          </>
        )}
        {traceId !== undefined && (
          <>
            <dt>Trace ID</dt>
            <dd>
              <code className="id">{traceId}</code>
            </dd>
          </>
        )}
      </dl>
    </details>
  );
}
