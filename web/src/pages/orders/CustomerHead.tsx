import { useMemo } from 'react';
import { of } from 'rxjs';
import { statuses } from '../../api/types';
import { parseQuery } from '../../domain/query';
import { watchCounts } from '../../live/counts';
import { useServices } from '../../services';
import { Link } from '../../ui/router';
import { useObservable } from '../../ui/useObservable';

/** The figures of all orders of a customer, whatever the list’s other filters are. */
export function CustomerHead({ customer }: { customer: string }) {
  const { api, feed } = useServices();
  const counts$ = useMemo(() => {
    const all = { ...parseQuery(''), customer };
    return watchCounts(all, { api, changes$: feed.orders$, recount$: of(undefined) });
  }, [api, feed, customer]);
  const found = useObservable(counts$, undefined);
  const counts = found?.counts;
  const total = counts && statuses.reduce((sum, status) => sum + counts[status], 0);
  const figures = [
    ['Orders', total, found?.atLeast !== undefined],
    ['Open', counts && counts.created + counts.confirmed, false],
    ['Cancelled', counts?.cancelled, found?.atLeast?.includes('cancelled')],
  ] as const;
  return (
    <section className="customer" aria-label={`Customer ${customer}`}>
      <h2>{customer}</h2>
      <dl>
        {figures.map(([name, n, more]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {n?.toLocaleString() ?? '–'}
              {more && '+'}
            </dd>
          </div>
        ))}
      </dl>
      <Link className="button" href={`/new?customer=${encodeURIComponent(customer)}`}>
        New order for this customer
      </Link>
    </section>
  );
}
