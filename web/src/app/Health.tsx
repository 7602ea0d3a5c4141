import { noStats } from '../live/stats';
import { useServices } from '../services';
import { health, type Health as Line } from '../domain/overview';
import { useObservable } from '../ui/useObservable';

/** The state of live updates and, for operators, of what works in the background. */
export default function Health({ updates }: { updates: Line }) {
  const { stats, minutes, failed } = useObservable(useServices().stats$, noStats);
  const lines = [updates, ...(stats ? health(stats, minutes) : [])];
  return (
    <>
      <dl className="health">
        {lines.map(({ name, tone, text }) => (
          <div key={name} className={tone}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {failed && <p className="soft">These numbers are old. Retrying…</p>}
    </>
  );
}
