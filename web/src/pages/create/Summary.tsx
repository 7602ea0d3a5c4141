/** What is ordered, and what it costs. */
import type { ReactNode } from 'react';
import { currencies, type Currency } from '../../api/types';
import { amount, type Draft, parseQuantity, total } from '../../domain/draft';
import { money } from '../../domain/format';
import { Icon } from '../../ui/Icon';

interface SummaryProps {
  draft: Draft;
  busy: boolean;
  sending: boolean;
  errorOf: (field: string) => string | undefined;
  onCurrency: (currency: Currency) => void;
  onRemove: (row: number) => void;
  /** Shown above the button. */
  children: ReactNode;
}

export function Summary({ draft, busy, sending, errorOf, onCurrency, onRemove, children }: SummaryProps) {
  return (
    <aside className="summary" aria-labelledby="summary-title">
      <section className="basket">
        <h2 id="summary-title">Summary</h2>
        {draft.items.length === 0 && <p className="soft">Add items from the catalogue.</p>}
        <ul>
          {draft.items.map((item, i) => (
            <li key={item.row}>
              <span className="what">
                <span className="soft">{parseQuantity(item.quantity) ?? '?'} ×</span>{' '}
                {item.name.trim() || 'Custom item'}
              </span>
              <span className="num">{money(amount(item, draft.currency), draft.currency)}</span>
              <button
                type="button"
                className="quiet square"
                disabled={busy}
                aria-label={`Remove ${item.name.trim() || 'custom item'} from the order`}
                onClick={() => onRemove(item.row)}
              >
                <Icon name="cross" />
              </button>
              {!item.custom &&
                ['sku', 'name', 'unitPrice'].map((field) => {
                  const message = errorOf(`items[${i}].${field}`);
                  return (
                    message !== undefined && (
                      <small key={field} className="bad" role="alert">
                        {message}
                      </small>
                    )
                  );
                })}
            </li>
          ))}
        </ul>
        <label>
          Currency
          <select
            value={draft.currency}
            disabled={busy}
            onChange={(event) => {
              const currency = currencies.find((one) => one === event.target.value);
              if (currency) onCurrency(currency);
            }}
          >
            {currencies.map((currency) => (
              <option key={currency}>{currency}</option>
            ))}
          </select>
        </label>
      </section>
      <section className="pay" aria-label="Total and payment">
        {children}
        <p className="sum">
          <span>Total</span>
          <output aria-label="Total">{money(total(draft), draft.currency)}</output>
        </p>
        <button type="submit" className="primary" disabled={busy}>
          {sending ? 'Creating…' : 'Create order'}
        </button>
      </section>
    </aside>
  );
}
