import type { HistoryEntry } from '../../api/types';
import { causeNames, partyNames } from '../../domain/format';
import { Time } from '../../ui/Time';

export function Timeline({ history }: { history: readonly HistoryEntry[] }) {
  return (
    <ol className="timeline">
      {history.map(({ version, status, at, cause, by }) => (
        <li key={version} className={status}>
          <strong>{causeNames[cause]}</strong> <span className="soft">by {partyNames[by]}</span>
          <Time at={at} />
        </li>
      ))}
    </ol>
  );
}
