import { useEffect, useRef, useState } from 'react';
import { debounce, of, Subject, timer } from 'rxjs';
import { formatQuery, type ListQuery, refine } from '../../domain/query';
import { searchable } from '../../domain/search';
import { navigate } from '../../ui/router';

/** In ms. */
const TYPING_PAUSE = 250;

/**
 * The text goes into the address when the user pauses typing, or presses Enter. When the address changes, the text
 * follows. A search is one entry of the history: its first text adds it, the following ones replace it.
 */
export function Search({ query }: { query: ListQuery }) {
  const [typed$] = useState(() => new Subject<{ text: string; done: boolean }>());
  const [text, setText] = useState(query.q);
  const [known, setKnown] = useState(query.q);
  const latest = useRef(query);
  /** The address of this search’s entry. */
  const entry = useRef<string>(undefined);
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
      .pipe(debounce(({ done }) => (done ? of(0) : timer(TYPING_PAUSE))))
      .subscribe((typed) => {
        const before = formatQuery(latest.current);
        const address = formatQuery(refine(latest.current, { q: typed.text.trim() }));
        if (address === before) return;
        navigate(address, { replace: entry.current === before });
        entry.current = address;
      });
    return () => typing.unsubscribe();
  }, [typed$]);
  const type = (changed: string, done = false) => {
    setText(changed);
    typed$.next({ text: changed, done });
  };
  return (
    <label className="search">
      <span className="hidden">Search</span>
      <input
        id="search"
        type="search"
        placeholder="Search orders, customers, items"
        maxLength={100}
        value={text}
        aria-invalid={unsearchable}
        aria-describedby={unsearchable ? 'search-hint' : undefined}
        onFocus={() => (entry.current = undefined)}
        onChange={(event) => type(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') type(text, true);
          if (event.key === 'ArrowDown') document.querySelector<HTMLElement>('[data-order] a')?.focus();
          if (event.key === 'Escape') event.currentTarget.blur();
          else if (event.key !== 'ArrowDown') return;
          event.preventDefault(); // browsers clear the field on Escape
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
