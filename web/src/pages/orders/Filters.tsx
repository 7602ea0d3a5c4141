import { useEffect, useRef, useState } from 'react';
import { debounceTime, Subject } from 'rxjs';
import { statuses } from '../../api/types';
import { Link, navigate } from '../../ui/router';
import { statusNames } from '../../domain/format';
import type { ListView } from '../../live/list';
import { formatQuery, type ListQuery, refine, type Sort, sortNames, sorts } from '../../domain/query';
import { searchable } from '../../domain/search';

const TYPING_PAUSE = 250;

interface TabsProps extends Pick<ListView, 'counts' | 'atLeast'> {
  query: ListQuery;
}

export function Tabs({ query, counts, atLeast }: TabsProps) {
  const all = counts && statuses.reduce((sum, status) => sum + counts[status], 0);
  const tabs = [
    { status: undefined, name: 'All', count: all, more: atLeast.length > 0 },
    ...statuses.map((status) => ({
      status,
      name: statusNames[status],
      count: counts?.[status],
      more: atLeast.includes(status),
    })),
  ];
  return (
    <nav className="tabs" aria-label="Status">
      {tabs.map(({ status, name, count, more }) => (
        <Link
          key={name}
          href={formatQuery(refine(query, { status }))}
          aria-current={query.status === status ? 'true' : undefined}
        >
          <span className="steady" data-text={name}>
            {name}
          </span>{' '}
          <span className="count">
            {count?.toLocaleString() ?? '–'}
            {more && '+'}
          </span>
        </Link>
      ))}
    </nav>
  );
}

export function Filters({ query }: { query: ListQuery }) {
  const change = (part: Partial<ListQuery>) => navigate(formatQuery(refine(query, part)));
  return (
    <div className="filters" role="search">
      <Search query={query} />
      <label>
        <span>From</span>
        <input
          type="date"
          value={query.from}
          max={query.to}
          onChange={(event) => change({ from: event.target.value })}
        />
      </label>
      <label>
        <span>To</span>
        <input
          type="date"
          value={query.to}
          min={query.from}
          onChange={(event) => change({ to: event.target.value })}
        />
      </label>
      <label>
        <span>Sort</span>
        <select value={query.sort} onChange={(event) => change({ sort: event.target.value as Sort })}>
          {sorts.map((sort) => (
            <option key={sort} value={sort}>
              {sortNames[sort]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

/** The text goes into the address when the user pauses typing. When the address changes, the text follows. */
function Search({ query }: { query: ListQuery }) {
  const [typed$] = useState(() => new Subject<string>());
  const [text, setText] = useState(query.q);
  const [known, setKnown] = useState(query.q);
  const latest = useRef(query);
  const unsearchable = text.trim() !== '' && !searchable(text);
  if (query.q !== known) {
    setKnown(query.q);
    if (query.q !== text.trim()) setText(query.q);
  }
  useEffect(() => {
    latest.current = query;
  });
  useEffect(() => {
    const typing = typed$
      .pipe(debounceTime(TYPING_PAUSE))
      .subscribe((typed) =>
        navigate(formatQuery(refine(latest.current, { q: typed.trim() })), { replace: true }),
      );
    return () => typing.unsubscribe();
  }, [typed$]);
  return (
    <label className="search">
      <span>Search</span>
      <input
        id="search"
        type="search"
        placeholder="Order, customer or item"
        maxLength={100}
        value={text}
        aria-invalid={unsearchable}
        aria-describedby={unsearchable ? 'search-hint' : undefined}
        onChange={(event) => {
          setText(event.target.value);
          typed$.next(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.preventDefault(); // browsers clear the field
          event.currentTarget.blur();
        }}
      />
      {unsearchable && (
        <small id="search-hint" role="status">
          Enter at least one letter or digit.
        </small>
      )}
    </label>
  );
}
