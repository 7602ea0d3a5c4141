import { useMachine } from '@xstate/react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { map, type Observable, Subject } from 'rxjs';
import { fromObservable } from 'xstate';
import { explain, isUnavailable, NetworkError, sentence } from '../../api/problem';
import type { FieldError } from '../../api/types';
import { type Draft, fit, inCurrency } from '../../domain/draft';
import { storedCatalogue, watchCatalogue } from '../../live/catalogue';
import { draftStore } from '../../live/draft.store';
import { setTitle } from '../../ui/title';
import type { Outbox } from '../../live/outbox';
import { useServices } from '../../services';
import { Link, navigate } from '../../ui/router';
import { useObservable } from '../../ui/useObservable';
import { createOrderMachine, type Progress } from './create.machine';
import { CustomItems } from './CustomItems';
import { Field } from './Field';
import { Picker } from './Picker';
import { Summary } from './Summary';

/** The stored draft. An operator's has a customer: the one in the address, such as `/new?customer=alice`, or the stored one. */
function loadDraft(user: string, operator: boolean) {
  const saved = draftStore(user).load();
  const { customer = '', ...draft } = saved.draft;
  if (!operator) return { ...saved, draft };
  const named = new URLSearchParams(location.search).get('customer');
  return { ...saved, draft: { ...draft, customer: named ?? customer } };
}

export default function CreatePage() {
  const { api, outbox, session } = useServices();
  const operator = session.role === 'operator';
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
  const [input] = useState(() => loadDraft(session.user, operator));
  const [state, send] = useMachine(machine, { input });
  const { draft, errors, refused, progress, notice } = state.context;
  const view = useObservable(outbox.view$, outbox.view());
  const toEdit = view.entries.find((entry) => entry.refusal !== undefined);
  const [refresh$] = useState(() => new Subject<void>());
  const [known] = useState(() => ({ catalogue: storedCatalogue(), error: undefined }));
  const catalogue$ = useMemo(() => watchCatalogue(api.catalogue, refresh$), [api, refresh$]);
  const { catalogue, error: failure } = useObservable(catalogue$, known);
  /** Whether the user may order only what is in the catalogue. */
  const restricted = (catalogue?.enforced ?? false) && !operator;
  const form = useRef<HTMLFormElement>(null);
  const busy = !state.matches('editing');
  const edit = (next: Draft) => send({ type: 'EDIT', draft: next });
  /** Edits a draft that is not from this form, or in another currency. */
  const replace = (next: Draft) => {
    if (!catalogue) {
      edit(next);
      return;
    }
    const fitted = fit(next, catalogue, restricted);
    const repriced = next.currency === draft.currency ? fitted.repriced : [];
    send({ type: 'EDIT', draft: fitted.draft, notice: describe(fitted.removed, repriced) });
  };

  useEffect(() => {
    setTitle('New order');
  }, []);
  const created = progress.state === 'created' ? progress.id : undefined;
  useEffect(() => {
    if (created !== undefined) navigate(`/orders/${created}`, { replace: true });
  }, [created]);
  useEffect(() => {
    if (errors.length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [errors]);
  // The server has refused what the catalogue on the screen allows: it has another one by now.
  useEffect(() => {
    if (restricted && errors.some(({ field }) => /\.(?:sku|name|unitPrice)$/.test(field))) refresh$.next();
  }, [restricted, errors, refresh$]);
  // The stored draft, or the one on the screen, may have names and prices of an earlier catalogue.
  const editing = state.matches('editing');
  useEffect(() => {
    if (!catalogue || !editing) return;
    const fitted = fit(draft, catalogue, restricted);
    if (JSON.stringify(fitted.draft) === JSON.stringify(draft)) return;
    send({ type: 'EDIT', draft: fitted.draft, notice: describe(fitted.removed, fitted.repriced) });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only another catalogue changes the draft
  }, [catalogue, restricted, editing]);

  const errorOf = (field: string) => messageFor(field, errors);
  return (
    <>
      <Link className="back" href="/">
        ← Orders
      </Link>
      <h1>New order</h1>
      {toEdit?.refusal && editing && (
        <div className="banner bad">
          Order rejected: {toEdit.refusal.detail}{' '}
          <button
            type="button"
            onClick={() => {
              const { customer = '', ...rest } = toEdit.draft;
              replace(operator ? { ...rest, customer } : rest);
              outbox.discard(toEdit.key);
            }}
          >
            {draft.items.length === 0 ? 'Edit order' : 'Edit it instead of this draft'}
          </button>
        </div>
      )}
      {notice !== '' && (
        <div className="banner warn" role="status">
          {notice}{' '}
          <button type="button" className="quiet" onClick={() => send({ type: 'DISMISS' })}>
            Dismiss
          </button>
        </div>
      )}
      <form
        ref={form}
        className="create"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          send({ type: 'SUBMIT' });
        }}
      >
        <div className="choose">
          {operator && (
            <div className="card">
              <Field
                id="customer"
                label="Customer"
                value={draft.customer ?? ''}
                busy={busy}
                error={errorOf('customer')}
                onChange={(customer) => edit({ ...draft, customer })}
              />
            </div>
          )}
          <Picker
            catalogue={catalogue}
            failure={failure}
            draft={draft}
            busy={busy}
            errorOf={errorOf}
            onChange={edit}
          />
          {!restricted && <CustomItems draft={draft} busy={busy} errorOf={errorOf} onChange={edit} />}
        </div>
        <Summary
          draft={draft}
          busy={busy}
          sending={state.matches('submitted') && progress.state === 'sending'}
          errorOf={errorOf}
          onCurrency={(currency) => replace(inCurrency(draft, currency))}
          onRemove={(row) => edit({ ...draft, items: draft.items.filter((item) => item.row !== row) })}
        >
          {errorOf('items') !== undefined && (
            <p className="bad" role="alert">
              {errorOf('items')}
            </p>
          )}
          {refused !== undefined && errors.length === 0 && editing && (
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
        </Summary>
      </form>
    </>
  );
}

/** What a change of the catalogue did to the draft. */
function describe(removed: string[], repriced: string[]): string {
  const list = (names: string[]) => new Intl.ListFormat().format(names);
  return [
    removed.length > 0 ? `No longer available and removed: ${list(removed)}.` : '',
    repriced.length > 0 ? `The price has changed: ${list(repriced)}.` : '',
  ]
    .filter(Boolean)
    .join(' ');
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
