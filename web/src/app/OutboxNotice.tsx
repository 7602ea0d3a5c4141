import { useMemo, useState } from 'react';
import { catchError, map, of } from 'rxjs';
import { isUnavailable } from '../api/problem';
import type { OrderSummary } from '../api/types';
import { Link, useAddress } from '../ui/router';
import { useServices } from '../services';
import { exactTime, money, shortId, statusNames } from '../domain/format';
import { useObservable } from '../ui/useObservable';
import type { Entry } from '../live/outbox.store';

/** Shows on every page which submitted orders are waiting, need a confirmation, or were refused. */
export function OutboxNotice() {
  const { outbox } = useServices();
  const { entries, sending, failure } = useObservable(outbox.view$, outbox.view());
  const onForm = useAddress().split('?')[0] === '/new';
  const refused = entries.filter(({ refusal }) => refusal !== undefined);
  const old = entries.filter((entry) => !entry.refusal && outbox.old(entry));
  const waiting = entries.filter(
    (entry) => !entry.refusal && !outbox.old(entry) && (failure !== undefined || entry.key !== sending),
  );
  const each = (some: readonly Entry[], act: (key: string) => void) => some.forEach(({ key }) => act(key));
  return (
    <>
      {waiting.length > 0 && (
        <div className="banner" role="status">
          {isUnavailable(failure) && 'Orders can’t be created right now. '}
          {count(waiting)} waiting to be sent{' '}
          <button type="button" onClick={() => each(waiting, (key) => outbox.sendNow(key))}>
            Send now
          </button>
          <button type="button" className="quiet" onClick={() => each(waiting, (key) => outbox.discard(key))}>
            Discard
          </button>
        </div>
      )}
      {old.map((entry) => (
        <OldOrder key={entry.key} entry={entry} />
      ))}
      {refused.length > 0 && !onForm && (
        <div className="banner bad" role="alert">
          {count(refused)} rejected: {refused[0]?.refusal?.detail} <Link href="/new">Review</Link>
          <button type="button" className="quiet" onClick={() => each(refused, (key) => outbox.discard(key))}>
            Discard
          </button>
        </div>
      )}
    </>
  );
}

/** Asks whether to send an old order again. The orders since then help to decide. */
function OldOrder({ entry }: { entry: Entry }) {
  const { outbox } = useServices();
  const [shown, setShown] = useState(false);
  const items = entry.request.items.map(({ name, quantity }) => `${quantity} × ${name}`).join(', ');
  return (
    <div className="banner" role="alert">
      <span>
        We couldn’t confirm this order: {items}
        {entry.at > 0 && `, sent ${exactTime(new Date(entry.at).toISOString())}`}
      </span>
      <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
        Show orders since then
      </button>
      <button type="button" onClick={() => outbox.sendNow(entry.key)}>
        Send now
      </button>
      <button type="button" className="quiet" onClick={() => outbox.discard(entry.key)}>
        Discard
      </button>
      {shown && <OrdersSince at={entry.at} />}
    </div>
  );
}

const SLACK = 300_000;

function OrdersSince({ at }: { at: number }) {
  const { api, session } = useServices();
  const { user } = session;
  const found$ = useMemo(() => {
    const from = new Date(Math.max(0, at - SLACK)).toISOString();
    return api.list({ from, sort: 'created', limit: 100 }).pipe(
      map(({ orders }) => orders.filter(({ customer }) => customer === user)),
      catchError(() => of('failed' as const)),
    );
  }, [api, user, at]);
  const found = useObservable<readonly OrderSummary[] | 'failed' | undefined>(found$, undefined);
  if (found === undefined) return <p>Loading…</p>;
  if (found === 'failed') return <p>Couldn’t load your orders. Try again later.</p>;
  if (found.length === 0) return <p>You have no orders since then.</p>;
  return (
    <ul>
      {found.map(({ id, status, total, currency }) => (
        <li key={id}>
          <Link href={`/orders/${id}`}>{shortId(id)}</Link> {money(total, currency)} {statusNames[status]}
        </li>
      ))}
    </ul>
  );
}

function count(entries: readonly Entry[]): string {
  return entries.length === 1 ? '1 order' : `${entries.length} orders`;
}
