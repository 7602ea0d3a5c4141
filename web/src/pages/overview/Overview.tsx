import { noStats } from '../../live/stats';
import { useServices } from '../../services';
import { tiles } from '../../domain/overview';
import { Link, useAddress } from '../../ui/router';
import { useObservable } from '../../ui/useObservable';
import { Sparkline } from './Sparkline';

const placeholders = [
  'Needs attention',
  'Awaiting payment',
  'Delivering in the next hour',
  'Cancelled today',
];

/** Four numbers for operators. Each is a link to its orders. */
export default function Overview() {
  const { stats, minutes, failed } = useObservable(useServices().stats$, noStats);
  const address = useAddress();
  return (
    <nav
      className={failed ? 'overview old' : 'overview'}
      aria-label="Overview"
      title={failed ? 'Can’t load the current numbers. Retrying…' : undefined}
    >
      {stats
        ? tiles(stats, minutes).map(({ name, count, detail, href, hot, spark }) => (
            <Link
              key={name}
              href={href}
              className={hot ? 'tile hot' : 'tile'}
              aria-current={address === href ? 'true' : undefined}
            >
              <span>{name}</span>
              <strong>{count.toLocaleString()}</strong>
              <small>{detail}</small>
              {spark && <Sparkline {...spark} />}
            </Link>
          ))
        : placeholders.map((name) => (
            <div key={name} className="tile">
              <span>{name}</span>
              <strong>–</strong>
            </div>
          ))}
    </nav>
  );
}
