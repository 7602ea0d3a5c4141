import { type SyntheticEvent, useId, useState } from 'react';
import { currencies } from '../../api/types';
import { formatPrice, parsePrice } from '../../domain/draft';
import { ageNames, cancellerNames, periodNames } from '../../domain/filters';
import { paymentNames } from '../../domain/format';
import { ages, cancellers, formatQuery, type ListQuery, payments, periods, refine } from '../../domain/query';
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
          {operator && (
            <>
              <Amounts query={query} />
              <Choice name="payment" label="Payment" none="Any payment" names={paymentNames} query={query} />
              <Choice
                name="cancelledBy"
                label="Cancelled by"
                none="Anyone or not cancelled"
                names={cancellerNames}
                query={query}
              />
            </>
          )}
          <Choice name="age" label="Older than" none="Any age" names={ageNames} query={query} />
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

interface ChoiceProps {
  name: 'payment' | 'cancelledBy' | 'age';
  label: string;
  none: string;
  names: Record<string, string>;
  query: ListQuery;
}

function Choice({ name, label, none, names, query }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select name={name} defaultValue={query[name] ?? ''}>
        <option value="">{none}</option>
        {Object.entries(names).map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The currency, and the totals in it. */
function Amounts({ query }: { query: ListQuery }) {
  const [currency, setCurrency] = useState(query.currency);
  const bound = (name: 'minTotal' | 'maxTotal', label: string) => {
    const minor = currency === query.currency ? query[name] : undefined;
    return (
      <label>
        <span>{label}</span>
        <input
          key={currency}
          name={name}
          inputMode="decimal"
          autoComplete="off"
          disabled={!currency}
          title={currency ? undefined : 'Choose a currency first'}
          defaultValue={currency && minor !== undefined ? formatPrice(minor, currency) : ''}
          onChange={({ target }) => {
            const valid =
              !currency || target.value.trim() === '' || parsePrice(target.value, currency) !== undefined;
            target.setCustomValidity(
              valid ? '' : `Enter an amount, for example ${formatPrice(450, currency)}.`,
            );
          }}
        />
      </label>
    );
  };
  return (
    <>
      <label>
        <span>Currency</span>
        <select
          name="currency"
          value={currency ?? ''}
          onChange={({ target }) => setCurrency(currencies.find((known) => known === target.value))}
        >
          <option value="">Any currency</option>
          {currencies.map((known) => (
            <option key={known}>{known}</option>
          ))}
        </select>
      </label>
      <div className="days">
        {bound('minTotal', 'Total at least')}
        {bound('maxTotal', 'Total at most')}
      </div>
    </>
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
  const one = <T extends string>(name: string, known: readonly T[]) =>
    known.find((value) => value === text(name));
  const currency = one('currency', currencies);
  const [low, high] = ['minTotal', 'maxTotal'].map((name) =>
    currency && text(name) ? parsePrice(text(name), currency) : undefined,
  );
  const swapped = low !== undefined && high !== undefined && high < low;
  return {
    ...(form.has('currency')
      ? { currency, minTotal: swapped ? high : low, maxTotal: swapped ? low : high }
      : {}),
    ...(form.has('payment') ? { payment: one('payment', payments) } : {}),
    ...(form.has('cancelledBy') ? { cancelledBy: one('cancelledBy', cancellers) } : {}),
    ...(form.has('customer') ? { customer: text('customer') } : {}),
    ...(form.has('age') ? { age: one('age', ages) } : {}),
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
