import type { Order } from '../../api/types';
import { money } from '../../domain/format';
import { ReasonForm } from '../../ui/ReasonForm';
import { Dialog } from '../../ui/Dialog';

interface CancelDialogProps {
  order: Order;
  reason: string;
  error: unknown;
  busy: boolean;
  ready: boolean;
  /** Whether the cancel can be undone for a moment. */
  undoable: boolean;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}

export function CancelDialog({ order, undoable, ...form }: CancelDialogProps) {
  const payment =
    order.payment.status === 'confirmed'
      ? `the payment of ${money(order.total, order.currency)} is voided`
      : 'nothing is charged';
  return (
    <Dialog title="Cancel this order?" onClose={form.onClose}>
      <p>
        The order won’t be delivered and {payment}.{' '}
        {undoable ? 'You can undo this for 5 seconds.' : 'This can’t be undone.'}
      </p>
      <ReasonForm {...form} keep="Keep order" confirm="Cancel order" />
    </Dialog>
  );
}
