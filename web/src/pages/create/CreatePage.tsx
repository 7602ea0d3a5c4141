import { useMachine } from '@xstate/react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { map, type Observable } from 'rxjs';
import { fromObservable } from 'xstate';
import { explain, isUnavailable, NetworkError, sentence } from '../../api/problem';
import { currencies, type FieldError } from '../../api/types';
import { Link, navigate } from '../../ui/router';
import { useServices } from '../../services';
import { money } from '../../domain/format';
import type { Outbox } from '../../live/outbox';
import { useObservable } from '../../ui/useObservable';
import { createOrderMachine, type Progress } from './create.machine';
import { draftStore } from './draft.store';
import { addItem, catalogue, type Draft, type DraftItem, inCurrency, total } from '../../domain/draft';

export default function CreatePage() {
  const { outbox, session } = useServices();
  const [store] = useState(() => draftStore(session.user));
  const machine = useMemo(
    () =>
      createOrderMachine.provide({
        actors: { watch: fromObservable(({ input }) => progressOf(outbox, input.key)) },
        actions: {
          save: (_, saved) => store.save(saved),
          submit: (_, entry) => outbox.submit(entry),
          removeFromOutbox: (_, { key }) => outbox.discard(key),
        },
      }),
    [outbox, store],
  );
  const [input] = useState(() => store.load());
  const [state, send] = useMachine(machine, { input });
  const { draft, errors, refused, progress } = state.context;
  const view = useObservable(outbox.view$, outbox.view());
  const toEdit = view.entries.find((entry) => entry.refusal !== undefined);
  const form = useRef<HTMLFormElement>(null);
  const edit = (next: Draft) => send({ type: 'EDIT', draft: next });
  const busy = !state.matches('editing');

  useEffect(() => {
    document.title = 'New order';
  }, []);
  const created = progress.state === 'created' ? progress.id : undefined;
  useEffect(() => {
    if (created !== undefined) navigate(`/orders/${created}`, { replace: true });
  }, [created]);
  useEffect(() => {
    if (errors.length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [errors]);

  const errorOf = (field: string) => messageFor(field, errors);
  return (
    <>
      <Link className="back" href="/">
        ← Orders
      </Link>
      <h1>New order</h1>
      {toEdit?.refusal && state.matches('editing') && (
        <div className="banner bad">
          Order rejected: {toEdit.refusal.detail}{' '}
          <button
            type="button"
            onClick={() => {
              edit(toEdit.draft);
              outbox.discard(toEdit.key);
            }}
          >
            {draft.items.length === 0 ? 'Edit order' : 'Edit it instead of this draft'}
          </button>
        </div>
      )}
      <section className="catalogue" aria-label="Catalogue">
        {catalogue.map((item) => (
          <button key={item.sku} type="button" disabled={busy} onClick={() => edit(addItem(draft, item))}>
            + {item.name} <small>{money(item.price, draft.currency)}</small>
          </button>
        ))}
        <button type="button" className="quiet" disabled={busy} onClick={() => edit(addItem(draft))}>
          + Custom item
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
        {draft.items.length === 0 && <p className="soft">Add items from the catalogue.</p>}
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
        {errorOf('items') !== undefined && (
          <p className="bad" role="alert">
            {errorOf('items')}
          </p>
        )}
        {refused !== undefined && errors.length === 0 && state.matches('editing') && (
          <p className="bad" role="alert">
            {refused}
          </p>
        )}
        {state.matches('submitted') && view.failure !== undefined && (
          <div className="banner" role="status">
            {delayReason(view.failure)} Retrying; you won’t be charged twice.{' '}
            {view.kept
              ? 'You can leave this page.'
              : 'This browser can’t store the order: keep this tab open until it is sent.'}
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
            {state.matches('submitted') && progress.state === 'sending' ? 'Creating…' : 'Create order'}
          </button>
        </div>
      </form>
    </>
  );
}

/** Why an order is not created yet. */
function delayReason(failure: unknown): string {
  if (isUnavailable(failure)) return 'Orders can’t be created right now.';
  return failure instanceof NetworkError && !navigator.onLine ? 'You are offline.' : explain(failure);
}

function messageFor(field: string, errors: readonly FieldError[]): string | undefined {
  const found = errors.find((error) => error.field === field);
  return found && sentence(found.message);
}

function progressOf(outbox: Outbox, key: string): Observable<Progress> {
  return outbox.view$.pipe(
    map(({ entries, settled, sending }): Progress => {
      const id = settled.find((one) => one.key === key)?.id;
      if (id !== undefined) return { state: 'created', id };
      const entry = entries.find((one) => one.key === key);
      if (!entry) return { state: 'discarded' };
      if (entry.refusal) return { state: 'refused', refusal: entry.refusal };
      return { state: sending === key ? 'sending' : 'waiting' };
    }),
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
        const message = messageFor(`items[${index}].${field}`, errors);
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
              aria-invalid={message !== undefined}
              aria-describedby={message === undefined ? undefined : `${id}-error`}
              onChange={(event) => onChange({ ...item, [name]: event.target.value })}
            />
            {message !== undefined && (
              <small className="bad" id={`${id}-error`}>
                {message}
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
