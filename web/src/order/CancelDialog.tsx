import { useState } from 'react';
import { Dialog } from '../ui/Dialog';

interface CancelDialogProps {
  busy: boolean;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}

export function CancelDialog({ busy, onConfirm, onClose }: CancelDialogProps) {
  const [reason, setReason] = useState('');
  return (
    <Dialog title="Cancel this order?" onClose={onClose}>
      <p>It won’t be delivered, and nobody is charged. This can’t be undone.</p>
      <label>
        Reason (optional)
        <textarea
          value={reason}
          maxLength={500}
          rows={3}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      <div className="actions">
        <button type="button" disabled={busy} onClick={onClose}>
          Keep it
        </button>
        <button type="button" className="danger" disabled={busy} onClick={() => onConfirm(reason)}>
          {busy ? 'Cancelling…' : 'Cancel order'}
        </button>
      </div>
    </Dialog>
  );
}
