import { useState } from 'react';
import { type Chip, chipsOf } from '../../domain/filters';
import {
  formatQuery,
  isFiltered,
  type ListQuery,
  noFilters,
  refine,
  type Sort,
  sortNames,
  sorts,
} from '../../domain/query';
import { Dialog } from '../../ui/Dialog';
import { useMedia, usePhone } from '../../ui/media';
import { Menu } from '../../ui/Menu';
import { Link, navigate } from '../../ui/router';
import { FilterForm, Periods } from './FilterForm';
import { ViewActions } from './SavedViews';
import { Search } from './Search';

/** Search and filters in one row. On a phone the filters are behind one button. */
export function Filters({ query }: { query: ListQuery }) {
  const phone = usePhone();
  const narrow = useMedia('(max-width: 767px)'); // the columns of the table sort
  const chips = chipsOf(query);
  const placed = chips.find(({ label }) => label === 'Placed');
  return (
    <div className="filters" role="search">
      <Search query={query} />
      {phone ? (
        <Sheet query={query} chips={chips} />
      ) : (
        <>
          {chips.map((chip) => chip !== placed && <FilterChip key={chip.label} chip={chip} query={query} />)}
          <span className="filter-chip">
            <Menu label={placed ? <Named chip={placed} /> : 'Placed any time'}>
              <Periods query={query} />
              <FilterForm query={query} parts={['dates']} />
            </Menu>
            {placed && <Remove chip={placed} query={query} />}
          </span>
          <Menu className="pill-button" label="+ Filter">
            <FilterForm query={query} parts={['orders']} />
          </Menu>
          {isFiltered(query) && <Clear query={query} />}
          {narrow && <SortChoice query={query} />}
        </>
      )}
    </div>
  );
}

function FilterChip({ chip, query }: { chip: Chip; query: ListQuery }) {
  return (
    <span className="filter-chip">
      <span>
        <Named chip={chip} />
      </span>
      <Remove chip={chip} query={query} />
    </span>
  );
}

function Named({ chip: { label, value } }: { chip: Chip }) {
  return (
    <>
      {label && <span className="soft">{label}</span>} <b title={value}>{value}</b>
    </>
  );
}

function Remove({ chip: { label, value, without }, query }: { chip: Chip; query: ListQuery }) {
  return (
    <Link
      href={formatQuery(refine(query, without))}
      aria-label={`Remove filter ${label} ${value}`}
      title="Remove filter"
    >
      ×
    </Link>
  );
}

function Clear({ query }: { query: ListQuery }) {
  return (
    <Link className="clear" href={formatQuery(refine(query, noFilters))}>
      Clear
    </Link>
  );
}

function SortChoice({ query }: { query: ListQuery }) {
  return (
    <label>
      <span>Sort</span>
      <select
        value={query.sort}
        onChange={(event) => navigate(formatQuery(refine(query, { sort: event.target.value as Sort })))}
      >
        {sorts
          .filter((sort) => query.currency !== undefined || !sort.endsWith('total'))
          .map((sort) => (
            <option key={sort} value={sort}>
              {sortNames[sort]}
            </option>
          ))}
      </select>
    </label>
  );
}

function Sheet({ query, chips }: { query: ListQuery; chips: readonly Chip[] }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {chips.length > 0 ? `Filter · ${chips.length}` : 'Filter'}
      </button>
      {open && (
        <Dialog title="Filters" className="sheet" onClose={close}>
          <h3>Placed</h3>
          <Periods query={query} onApply={close} />
          <FilterForm query={query} parts={['dates', 'orders']} onApply={close} />
          <ViewActions query={query} onDone={close} />
          <div className="actions">
            {isFiltered(query) && (
              <Link className="button" href={formatQuery(refine(query, noFilters))} onClick={close}>
                Clear
              </Link>
            )}
            <button type="button" onClick={close}>
              Close
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
