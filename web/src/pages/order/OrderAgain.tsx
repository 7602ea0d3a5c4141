import { useState } from 'react';
import type { Order } from '../../api/types';
import { draftOf } from '../../domain/draft';
import { draftStore } from '../../live/draft.store';
import { useServices } from '../../services';
import { Dialog } from '../../ui/Dialog';
import { navigate } from '../../ui/router';

/** Starts a new order with the items of this one. A draft that the user has begun is replaced only after a question. */
export function OrderAgain({ order }: { order: Order }) {
  const { user, role } = useServices().session;
  const [asking, setAsking] = useState(false);
  const start = () => {
    draftStore(user).save({ draft: draftOf(order, role), key: undefined });
    navigate('/new');
  };
  const ask = () => {
    if (draftStore(user).load().draft.items.length === 0) start();
    else setAsking(true);
  };
  return (
    <>
      <button type="button" onClick={ask}>
        Order again
      </button>
      {asking && (
        <Dialog title="Replace your draft?" onClose={() => setAsking(false)}>
          <p>You have started a new order. Ordering these items again replaces it.</p>
          <div className="actions">
            <button type="button" onClick={() => setAsking(false)}>
              Keep draft
            </button>
            <button type="button" className="primary" onClick={start}>
              Replace draft
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
