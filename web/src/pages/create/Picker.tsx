/** The catalogue as a searchable list, with the ordered quantity of each item. */
import { type MouseEvent, useState } from 'react';
import { explain } from '../../api/problem';
import type { Catalogue, CatalogueItem } from '../../api/types';
import { type Draft, rowOf, setQuantity, step } from '../../domain/draft';
import { money } from '../../domain/format';
import { Icon } from '../../ui/Icon';

interface PickerProps {
  catalogue: Catalogue | undefined;
  failure: unknown;
  draft: Draft;
  busy: boolean;
  /** The error at a field of the draft. */
  errorOf: (field: string) => string | undefined;
  onChange: (draft: Draft) => void;
}

const plain = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase();

export function Picker({ catalogue, failure, draft, busy, errorOf, onChange }: PickerProps) {
  const [text, setText] = useState('');
  const wanted = plain(text.trim());
  const errorAt = (item: CatalogueItem) => {
    const row = rowOf(draft, item.sku);
    return row && errorOf(`items[${draft.items.indexOf(row)}].quantity`);
  };
  // Items with an error are always shown.
  const found = catalogue?.items.filter(
    (item) => plain(`${item.name} ${item.sku}`).includes(wanted) || errorAt(item) !== undefined,
  );
  return (
    <section className="card picker" aria-labelledby="catalogue-title">
      <header>
        <h2 id="catalogue-title">Catalogue</h2>
        <input
          type="search"
          aria-label="Search the catalogue"
          placeholder="Search items"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') event.preventDefault(); // would submit the order
          }}
        />
      </header>
      {found === undefined && failure !== undefined && (
        <p role="status">Couldn’t load the catalogue. {explain(failure)}</p>
      )}
      {found === undefined && failure === undefined && <div className="skeleton" aria-hidden="true" />}
      {found?.length === 0 && <p className="soft">No items match “{text.trim()}”.</p>}
      <ul>
        {found?.map((item) => (
          <PickerRow
            key={item.sku}
            item={item}
            draft={draft}
            busy={busy}
            error={errorAt(item)}
            onChange={onChange}
          />
        ))}
      </ul>
    </section>
  );
}

interface PickerRowProps {
  item: CatalogueItem;
  draft: Draft;
  busy: boolean;
  error: string | undefined;
  onChange: (draft: Draft) => void;
}

function PickerRow({ item, draft, busy, error, onChange }: PickerRowProps) {
  const { sku, name, prices } = item;
  const price = prices[draft.currency];
  const row = rowOf(draft, sku);
  const id = `quantity-${sku}`;
  const less = (event: MouseEvent<HTMLButtonElement>) => {
    const next = step(draft, item, -1);
    // Without a quantity this button disappears: the focus stays in the row.
    if (!rowOf(next, sku)) event.currentTarget.parentElement?.querySelector<HTMLElement>('.more')?.focus();
    onChange(next);
  };
  return (
    <li>
      <span className="what">
        {name} <small className="soft">{sku}</small>
      </span>
      <span className="price">
        {price === undefined ? `Not sold in ${draft.currency}` : money(price, draft.currency)}
      </span>
      <span className="stepper">
        {row && (
          <>
            <button
              type="button"
              className="square"
              disabled={busy}
              aria-label={`Remove one ${name}`}
              onClick={less}
            >
              <Icon name="minus" />
            </button>
            <input
              value={row.quantity}
              inputMode="numeric"
              autoComplete="off"
              disabled={busy}
              aria-label={`Quantity of ${name}`}
              aria-invalid={error !== undefined}
              aria-describedby={error === undefined ? undefined : `${id}-error`}
              onChange={(event) => onChange(setQuantity(draft, item, event.target.value))}
            />
          </>
        )}
        <button
          type="button"
          className="square more"
          disabled={busy || price === undefined}
          aria-label={`Add ${name}`}
          onClick={() => onChange(step(draft, item, 1))}
        >
          <Icon name="plus" />
        </button>
      </span>
      {error !== undefined && (
        <small className="bad" id={`${id}-error`}>
          {error}
        </small>
      )}
    </li>
  );
}
