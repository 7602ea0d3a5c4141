import { explain, isTemporary } from '../../api/problem';
import { formatQuery, isFiltered, type ListQuery, noFilters, refine } from '../../domain/query';
import { Link } from '../../ui/router';

interface LoadErrorProps {
  error: unknown;
  query: ListQuery;
  onRetry: () => void;
}

/** Why the list did not load, and what helps: another attempt, or another query when the server refuses this one. */
export function LoadError({ error, query, onRetry }: LoadErrorProps) {
  const temporary = isTemporary(error);
  return (
    <div className="banner bad" role="alert">
      {explain(error)}
      {temporary && ' Retrying…'}{' '}
      {!temporary && query.cursor ? (
        <Link className="button" href={formatQuery(refine(query, {}))}>
          Back to page 1
        </Link>
      ) : (
        <button type="button" onClick={onRetry}>
          Retry
        </button>
      )}
      {!temporary && isFiltered(query) && (
        <Link className="button" href={formatQuery(refine(query, { ...noFilters, status: undefined }))}>
          Clear filters
        </Link>
      )}
    </div>
  );
}
