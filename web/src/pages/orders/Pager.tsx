import { useEffect } from 'react';
import { plural } from '../../domain/format';
import { formatQuery, type ListQuery, PAGE_SIZE, refine } from '../../domain/query';
import { Link } from '../../ui/router';
import type { Total } from '../../live/list';
import { placeOf, remember } from './pages';

interface PagerProps {
  query: ListQuery;
  /** The number of rows; undefined while they are unknown. */
  rows: number | undefined;
  next: string | null;
  /** The time of the first page, which the others share. */
  asOf: number | undefined;
  total: Total | undefined;
}

/** The position in the list, such as `51–100 of 10,050`, and the links to the pages beside. */
export function Pager({ query, rows, next, asOf, total }: PagerProps) {
  useEffect(() => {
    if (next !== null && rows !== undefined) remember(query, next, rows);
  }, [query, next, rows]);
  const place = placeOf(query);
  return (
    <nav className="pages" aria-label="Pages">
      {rows !== undefined && <span>{position(rows, place?.skipped, total)}</span>}
      {query.cursor !== undefined && (
        <Link className="button" href={place?.before ?? formatQuery(refine(query, {}))}>
          {place ? '‹ Previous' : 'First page'}
        </Link>
      )}
      {rows !== undefined && next !== null && (
        <Link className="button" href={formatQuery({ ...query, cursor: next, asOf })}>
          Next ›
        </Link>
      )}
      {(next !== null || query.cursor !== undefined) && <span className="size">{PAGE_SIZE} per page</span>}
    </nav>
  );
}

function position(rows: number, skipped: number | undefined, total: Total | undefined): string {
  if (rows === 0 || skipped === undefined || !total) return plural(rows, 'order');
  const last = skipped + rows;
  // The counts are newer than the rows, or older.
  const all = Math.max(total.count, last);
  if (skipped === 0 && all === rows && !total.more) return plural(rows, 'order');
  const of = `${all.toLocaleString()}${total.more ? '+' : ''}`;
  return `${(skipped + 1).toLocaleString()}–${last.toLocaleString()} of ${of}`;
}
