import { useMachine } from '@xstate/react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { map } from 'rxjs';
import { fromCallback, fromPromise } from 'xstate';
import { answer } from '../api/client';
import { explain } from '../api/problem';
import { currencies, type FieldError } from '../api/types';
import { Link, navigate } from '../app/router';
import { useServices } from '../app/services';
import { money, shortId } from '../orders/format';
import { createOrderMachine } from './create.machine';
import { addItem, catalogue, type Draft, type DraftItem, draftStore, inCurrency, total } from './draft';

export default function CreatePage() {
  const { api, session, toasts } = useServices();
  const [store] = useState(() => draftStore(session.user));
  const machine = useMemo(
    () =>
      createOrderMachine.provide({
        actors: {
          send: fromPromise(({ input, signal }) =>
            answer(api.create(input.request, input.key).pipe(map(({ order }) => order)), signal),
          ),
          network: fromCallback(({ sendBack }) => {
            const tell = () => sendBack({ type: navigator.onLine ? 'ONLINE' : 'OFFLINE' });
            addEventListener('online', tell);
            addEventListener('offline', tell);
            if (!navigator.onLine) tell();
            return () => {
              removeEventListener('online', tell);
              removeEventListener('offline', tell);
            };
          }),
        },
        actions: { save: (_, saved) => store.save(saved) },
      }),
    [api, store],
  );
  const [input] = useState(() => store.load());
  const [state, send] = useMachine(machine, { input });
  const { draft, errors, error, order } = state.context;
  const form = useRef<HTMLFormElement>(null);
  const edit = (next: Draft) => send({ type: 'EDIT', draft: next });
  const busy = !state.matches('editing');

  useEffect(() => {
    document.title = 'New order';
  }, []);
  useEffect(() => {
    if (!order) return;
    toasts.show(`Order ${shortId(order.id)} is created.`);
    navigate(`/orders/${order.id}`, { replace: true });
  }, [order, toasts]);
  useEffect(() => {
    if (errors.length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [errors]);

  const faultOf = (field: string) => errors.find((fault) => fault.field === field)?.message;
  return (
    <>
      <Link className="back" href="/">
        ← Orders
      </Link>
      <h1>New order</h1>
      <section className="catalogue" aria-label="Catalogue">
        {catalogue.map((item) => (
          <button key={item.sku} type="button" disabled={busy} onClick={() => edit(addItem(draft, item))}>
            + {item.name} <small>{money(item.price, draft.currency)}</small>
          </button>
        ))}
        <button type="button" className="quiet" disabled={busy} onClick={() => edit(addItem(draft))}>
          + Something else
        </button>
      </section>
      <form
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          send({ type: 'SUBMIT' });
        }}
      >
        {draft.items.length === 0 && (
          <p className="soft">Choose from the catalogue, or add something else.</p>
        )}
        <ol className="draft">
          {draft.items.map((item, i) => (
            <ItemFields
              key={item.row}
              item={item}
              index={i}
              busy={busy}
              errors={errors}
              onChange={(next) =>
                edit({ ...draft, items: draft.items.map((one) => (one === item ? next : one)) })
              }
              onRemove={() => edit({ ...draft, items: draft.items.filter((one) => one !== item) })}
            />
          ))}
        </ol>
        {faultOf('items') !== undefined && (
          <p className="bad" role="alert">
            {faultOf('items')}
          </p>
        )}
        {error !== undefined && errors.length === 0 && state.matches('editing') && (
          <p className="bad" role="alert">
            {explain(error)}
          </p>
        )}
        {state.matches('waiting') && (
          <div className="banner" role="status">
            {state.matches({ waiting: 'offline' })
              ? 'You are offline. The order is kept here, and goes out once when the network is back.'
              : 'The server can’t be reached. The same order goes out again in a moment; it is made once.'}{' '}
            <button type="button" onClick={() => send({ type: 'RETRY' })}>
              Try now
            </button>
          </div>
        )}
        <div className="sum">
          <label>
            Currency
            <select
              value={draft.currency}
              disabled={busy}
              onChange={(event) => {
                const currency = currencies.find((one) => one === event.target.value);
                if (currency) edit(inCurrency(draft, currency));
              }}
            >
              {currencies.map((currency) => (
                <option key={currency}>{currency}</option>
              ))}
            </select>
          </label>
          <output aria-label="Total">{money(total(draft), draft.currency)}</output>
          <button type="submit" className="primary" disabled={busy}>
            {state.matches('sending') ? 'Creating…' : 'Create order'}
          </button>
        </div>
      </form>
    </>
  );
}

interface ItemFieldsProps {
  item: DraftItem;
  index: number;
  busy: boolean;
  errors: readonly FieldError[];
  onChange: (item: DraftItem) => void;
  onRemove: () => void;
}

const fields = [
  { name: 'name', label: 'Name', field: 'name', mode: 'text' },
  { name: 'sku', label: 'SKU', field: 'sku', mode: 'text' },
  { name: 'quantity', label: 'Quantity', field: 'quantity', mode: 'numeric' },
  { name: 'price', label: 'Price', field: 'unitPrice', mode: 'decimal' },
] as const;

function ItemFields({ item, index, busy, errors, onChange, onRemove }: ItemFieldsProps) {
  return (
    <li>
      {fields.map(({ name, label, field, mode }) => {
        const fault = errors.find((one) => one.field === `items[${index}].${field}`)?.message;
        const id = `${name}-${item.row}`;
        return (
          <div key={name} className={`field ${name}`}>
            <label htmlFor={id}>{label}</label>
            <input
              id={id}
              value={item[name]}
              inputMode={mode}
              autoComplete="off"
              disabled={busy}
              aria-invalid={fault !== undefined}
              aria-describedby={fault === undefined ? undefined : `${id}-fault`}
              onChange={(event) => onChange({ ...item, [name]: event.target.value })}
            />
            {fault !== undefined && (
              <small className="bad" id={`${id}-fault`}>
                {fault}
              </small>
            )}
          </div>
        );
      })}
      <button
        type="button"
        className="quiet"
        disabled={busy}
        aria-label={`Remove ${item.name || 'this item'}`}
        onClick={onRemove}
      >
        ×
      </button>
    </li>
  );
}
