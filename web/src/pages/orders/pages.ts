/**
 * The pages of the list that this tab has seen. A cursor leads forward only, so the way back and the position are remembered
 * here; a page that was opened by its address has neither.
 */
import { formatQuery, type ListQuery } from '../../domain/query';

interface Place {
  /** The address of the page before. */
  before: string;
  /** The number of orders on the pages before. */
  skipped: number;
}

const NAME = 'orders.pages';
const LIMIT = 500;

function stored(): Record<string, Place> {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? '{}') as Record<string, Place>;
  } catch {
    return {};
  }
}

/** The place of the query's page; undefined when it is unknown. */
export function placeOf(query: ListQuery): Place | undefined {
  return query.cursor === undefined ? { before: '', skipped: 0 } : stored()[query.cursor];
}

/** Remembers that the page with this cursor follows the query's page, which has this number of rows. */
export function remember(query: ListQuery, next: string, rows: number): void {
  const place = placeOf(query);
  if (!place) return;
  const entries = Object.entries(stored()).filter(([cursor]) => cursor !== next);
  const known = Object.fromEntries(entries.slice(-LIMIT));
  known[next] = { before: formatQuery(query), skipped: place.skipped + rows };
  try {
    sessionStorage.setItem(NAME, JSON.stringify(known));
  } catch {
    // No storage: the next page has no way back.
  }
}
