/** The items that are not in the catalogue, with all their fields. */
import { addCustom, type Draft, type DraftItem } from '../../domain/draft';
import { Icon } from '../../ui/Icon';
import { Field } from './Field';

interface CustomItemsProps {
  draft: Draft;
  busy: boolean;
  errorOf: (field: string) => string | undefined;
  onChange: (draft: Draft) => void;
}

const fields = [
  { name: 'name', label: 'Name', field: 'name', mode: 'text' },
  { name: 'sku', label: 'SKU', field: 'sku', mode: 'text' },
  { name: 'quantity', label: 'Quantity', field: 'quantity', mode: 'numeric' },
  { name: 'price', label: 'Price', field: 'unitPrice', mode: 'decimal' },
] as const;

export function CustomItems({ draft, busy, errorOf, onChange }: CustomItemsProps) {
  const replace = (item: DraftItem, next: DraftItem[]) =>
    onChange({ ...draft, items: draft.items.flatMap((one) => (one === item ? next : [one])) });
  return (
    <>
      <ol className="custom">
        {draft.items.map(
          (item, i) =>
            item.custom && (
              <li key={item.row} className="card">
                {fields.map(({ name, label, field, mode }) => (
                  <Field
                    key={name}
                    id={`${name}-${item.row}`}
                    label={label}
                    value={item[name]}
                    mode={mode}
                    busy={busy}
                    error={errorOf(`items[${i}].${field}`)}
                    onChange={(value) => replace(item, [{ ...item, [name]: value }])}
                  />
                ))}
                <button
                  type="button"
                  className="quiet square"
                  disabled={busy}
                  aria-label={`Remove ${item.name || 'this item'}`}
                  onClick={() => replace(item, [])}
                >
                  <Icon name="cross" />
                </button>
              </li>
            ),
        )}
      </ol>
      <button type="button" disabled={busy} onClick={() => onChange(addCustom(draft))}>
        <Icon name="plus" /> Custom item
      </button>
    </>
  );
}
