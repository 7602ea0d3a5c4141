import { useEffect, useRef } from 'react';
import { statuses } from '../../api/types';
import { statusName } from '../../domain/format';
import { formatQuery, type ListQuery, refine } from '../../domain/query';
import { ATTENTION_LIMIT, type ListView } from '../../live/list';
import { useServices } from '../../services';
import { usePhone } from '../../ui/media';
import { Link } from '../../ui/router';
import { useViews, ViewActions } from './SavedViews';

interface TabsProps extends Pick<ListView, 'counts' | 'atLeast' | 'attention'> {
  query: ListQuery;
}

/** The statuses with their number of orders, for operators the orders that need attention, and the saved views. */
export function Tabs({ query, counts, atLeast, attention }: TabsProps) {
  const { role } = useServices().session;
  const operator = role === 'operator';
  const all = counts && statuses.reduce((sum, status) => sum + counts[status], 0);
  const { views, current: view } = useViews(query);
  const phone = usePhone();
  const nav = useScrollToCurrent(view?.name ?? (query.attention ? 'attention' : (query.status ?? '')));
  const current = (on: boolean) => (on ? 'true' : undefined);
  const tab = (status: ListQuery['status'], name: string, count: number | undefined, more: boolean) => (
    <Link
      key={name}
      href={formatQuery(refine(query, { status, attention: false }))}
      aria-current={current(query.status === status && !query.attention && !view)}
    >
      <Name name={name} /> <Count count={count} more={more} />
    </Link>
  );
  return (
    <div className="views">
      <nav ref={nav} className="tabs" aria-label="Views">
        {tab(undefined, 'All', all, atLeast.length > 0)}
        {statuses.map((status) =>
          tab(status, statusName(status, role), counts?.[status], atLeast.includes(status)),
        )}
        {operator && (
          <Link
            className={attention ? 'attention' : undefined}
            href={formatQuery(refine(query, { status: undefined, attention: true }))}
            aria-current={current(query.attention && !view)}
          >
            <Name name="Needs attention" />{' '}
            <Count count={attention} more={attention !== undefined && attention >= ATTENTION_LIMIT} />
          </Link>
        )}
        {views.map((one, i) => (
          <Link
            key={one.name}
            className={i === 0 ? 'first-view' : undefined}
            href={one.address}
            aria-current={current(one === view)}
          >
            <Name name={one.name} />
          </Link>
        ))}
      </nav>
      {!phone && <ViewActions query={query} />}
    </div>
  );
}

/** Shows the current tab where the window is too narrow for all. */
function useScrollToCurrent(current: string) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    const [row, tab] = [nav.current, nav.current?.querySelector('[aria-current]')];
    if (!row || !tab) return;
    const [outer, inner] = [row.getBoundingClientRect(), tab.getBoundingClientRect()];
    if (inner.left < outer.left || inner.right > outer.right) row.scrollLeft += inner.left - outer.left;
  }, [current]);
  return nav;
}

/** A name that is as wide as in bold, so that tabs do not move. */
function Name({ name }: { name: string }) {
  return (
    <span className="steady" data-text={name}>
      {name}
    </span>
  );
}

function Count({ count, more }: { count: number | undefined; more: boolean }) {
  return (
    <span className="count">
      {count?.toLocaleString() ?? '–'}
      {more && '+'}
    </span>
  );
}
