import { useServices } from '../../services';
import { navigate } from '../../ui/router';

export interface Neighbours {
  /** From 1. */
  position: number;
  count: number;
  /** Absent at the first order of the page. */
  previous?: (() => void) | undefined;
  next?: (() => void) | undefined;
}

/** The orders before and after this one in the page of the list that was shown last; undefined if it is not there. */
export function useNeighbours(id: string): Neighbours | undefined {
  const orders = useServices().lastList.view?.orders ?? [];
  const at = orders.findIndex((order) => order.id === id);
  if (at === -1) return undefined;
  // Replaces the address, so that Back leads to the list from each of them.
  const open = (to: string | undefined) =>
    to === undefined ? undefined : () => navigate(`/orders/${to}`, { replace: true });
  return {
    position: at + 1,
    count: orders.length,
    previous: open(orders[at - 1]?.id),
    next: open(orders[at + 1]?.id),
  };
}
