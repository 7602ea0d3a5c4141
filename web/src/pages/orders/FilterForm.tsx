import { type SyntheticEvent, useId } from 'react';
import { ageNames, periodNames } from '../../domain/filters';
import { type Age, ages, formatQuery, type ListQuery, periods, refine } from '../../domain/query';
import { useServices } from '../../services';
import { Link, navigate } from '../../ui/router';

interface FilterFormProps {
  query: ListQuery;
  parts: readonly ('orders' | 'dates')[];
  /** Closes the dialog that the filters are in. A menu closes by itself. */
  onApply?: () => void;
}

/** Filters that are set together, so that half-typed values are never sent. */
export function FilterForm({ query, parts, onApply }: FilterFormProps) {
  const { session, lastList } = useServices();
  const operator = session.role === 'operator';
  const customers = useId();
  const apply = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    navigate(formatQuery(refine(query, readForm(new FormData(event.currentTarget)))));
    closeMenu(event.currentTarget);
    onApply?.();
  };
  return (
    <form className="filter-form" key={formatQuery(query)} onSubmit={apply}>
      {parts.includes('orders') && (
        <>
          {operator && (
            <label>
              <span>Customer is</span>
              <input
                name="customer"
                maxLength={255}
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                list={customers}
                defaultValue={query.customer}
              />
              <datalist id={customers}>
                {[...new Set(lastList.view?.orders.map(({ customer }) => customer))]
                  .sort()
                  .map((customer) => (
                    <option key={customer} value={customer} />
                  ))}
              </datalist>
            </label>
          )}
          <label>
            <span>Older than</span>
            <select name="age" defaultValue={query.age ?? ''}>
              <option value="">Any age</option>
              {ages.map((age) => (
                <option key={age} value={age}>
                  {ageNames[age]}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
      {parts.includes('dates') && (
        <div className="days">
          <label>
            <span>From</span>
            <input name="from" type="date" min="1970-01-01" max="9999-12-31" defaultValue={query.from} />
          </label>
          <label>
            <span>To</span>
            <input name="to" type="date" min="1970-01-01" max="9999-12-31" defaultValue={query.to} />
          </label>
        </div>
      )}
      <button className="primary">Apply</button>
    </form>
  );
}

function closeMenu(inside: Element) {
  inside.closest<HTMLElement>('[popover]')?.hidePopover();
}

/** The change that a form of filters makes. Filters without a field stay. */
function readForm(form: FormData): Partial<ListQuery> {
  const text = (name: string) => String(form.get(name) ?? '').trim(); // eslint-disable-line @typescript-eslint/no-base-to-string -- no files
  const [from = '', to = ''] =
    text('from') && text('to') ? [text('from'), text('to')].sort() : [text('from'), text('to')];
  return {
    ...(form.has('customer') ? { customer: text('customer') } : {}),
    ...(form.has('age') ? { age: ages.find((age: Age) => age === text('age')) } : {}),
    ...(form.has('from') ? { from, to, ...(from || to ? { placed: undefined } : {}) } : {}),
  };
}

/** The periods that one click sets. */
export function Periods({ query, onApply }: Pick<FilterFormProps, 'query' | 'onApply'>) {
  return (
    <div className="periods">
      {periods.map((placed) => (
        <Link
          key={placed}
          href={formatQuery(refine(query, { placed, from: '', to: '' }))}
          aria-current={query.placed === placed ? 'true' : undefined}
          onClick={({ currentTarget }) => {
            closeMenu(currentTarget);
            onApply?.();
          }}
        >
          {periodNames[placed]}
        </Link>
      ))}
    </div>
  );
}
