import { Suspense, useState } from 'react';
import type { Order } from '../../api/types';
import { lazyPart } from '../../ui/lazyPart';

const Diagram = lazyPart(() => import('./Diagram'));

/** The order's state machine, behind a disclosure. */
export function StateMachine({ order }: { order: Order }) {
  const [opened, setOpened] = useState(false);
  return (
    <details className="card machine-card" onToggle={() => setOpened(true)}>
      <summary>State machine</summary>
      {opened && (
        <Suspense fallback={<div className="skeleton machine" role="status" aria-label="Loading" />}>
          <Diagram status={order.status} history={order.history} />
        </Suspense>
      )}
    </details>
  );
}
