import { useMemo } from 'react';
import { of } from 'rxjs';
import { statuses } from '../../api/types';
import { parseQuery } from '../../domain/query';
import { formatTotals } from '../../domain/totals';
import { watchCounts } from '../../live/counts';
import { useServices } from '../../services';
import { Link } from '../../ui/router';
import { useObservable } from '../../ui/useObservable';

/** The figures of all orders of a customer, whatever the list’s other filters are. */
export function CustomerHead({ customer }: { customer: string }) {
  const { api, feed } = useServices();
  const counts$ = useMemo(() => {
    const all = { ...parseQuery(''), customer };
    return watchCounts(all, { api, changes$: feed.orders$, recount$: of(undefined), totals: true });
  }, [api, feed, customer]);
  const found = useObservable(counts$, undefined);
  const counts = found?.counts;
  const total = counts && statuses.reduce((sum, status) => sum + counts[status], 0);
  const uncounted = found?.atLeast ?? [];
  const figures = [
    ['Orders', total?.toLocaleString(), uncounted.length > 0],
    ['Open', counts && (counts.created + counts.confirmed).toLocaleString(), false],
    ['Cancelled', counts?.cancelled.toLocaleString(), uncounted.includes('cancelled')],
    [
      'Total without cancelled',
      found?.totals && formatTotals(found.totals),
      uncounted.some((status) => status !== 'cancelled'),
    ],
  ] as const;
  return (
    <section className="customer" aria-label={`Customer ${customer}`}>
      <h2>{customer}</h2>
      <dl>
        {figures.map(([name, figure, more]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {figure ?? '–'}
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
