import type { HistoryEntry } from '../../api/types';
import { causeNames } from '../../domain/format';
import { Time } from '../../ui/Time';

export function Timeline({ history }: { history: readonly HistoryEntry[] }) {
  return (
    <ol className="timeline">
      {history.map(({ version, status, at, cause, by }) => (
        <li key={version} className={status}>
          <strong>{causeNames[cause]}</strong> <span className="soft">{actor(cause, by)}</span>
          <Time at={at} />
        </li>
      ))}
    </ol>
  );
}

/** Who caused a transition, where that is not evident from the cause. */
function actor(cause: HistoryEntry['cause'], by: HistoryEntry['by']): string {
  if (cause === 'delivery-due') return 'automatically';
  return by === 'customer' || by === 'operator' ? `by ${by}` : '';
}
