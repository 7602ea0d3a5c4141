import { ReasonForm } from '../../ui/ReasonForm';
import { Dialog } from '../../ui/Dialog';

interface CancelDialogProps {
  reason: string;
  error: unknown;
  busy: boolean;
  ready: boolean;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}

export function CancelDialog(props: CancelDialogProps) {
  return (
    <Dialog title="Cancel this order?" onClose={props.onClose}>
      <p>It won’t be delivered, and nobody is charged. This can’t be undone.</p>
      <ReasonForm {...props} keep="Keep it" confirm="Cancel order" />
    </Dialog>
  );
}
