import { useId, useState } from 'react';
import type { Finding } from '../../api/types';
import { cancelErrors, validateReason } from '../../domain/reason';
import { Dialog } from '../../ui/Dialog';

interface RepairDialogProps {
  findings: readonly Finding[];
  reason: string;
  error: unknown;
  busy: boolean;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}

/** Asks for the reason of a repair. Unlike that of a cancel it is required. */
export function RepairDialog({ findings, reason, error, busy, onConfirm, onClose }: RepairDialogProps) {
  const [text, setText] = useState(reason || findings.map(({ code }) => code).join(', '));
  const id = useId();
  const invalid = text.trim() === '' ? 'Enter a reason.' : validateReason(text);
  const refused = cancelErrors(error);
  const message = invalid ?? (text === reason ? (refused.reason ?? refused.other) : undefined);
  return (
    <Dialog title="Repair this order?" onClose={onClose}>
      <p>
        This makes all parts hold the newest version, sets a missing reminder, delivers the order if it is
        due, and requests a pending payment or void again. Nothing else changes.
      </p>
      <label>
        Reason
        <textarea
          value={text}
          rows={2}
          required
          aria-invalid={message !== undefined}
          aria-describedby={message === undefined ? undefined : id}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      {message !== undefined && (
        <small className="bad" id={id} role="alert">
          {message}
        </small>
      )}
      <div className="actions">
        <button type="button" disabled={busy} onClick={onClose}>
          Don’t repair
        </button>
        <button
          type="button"
          className="primary"
          disabled={busy || invalid !== undefined}
          onClick={() => onConfirm(text)}
        >
          {busy ? 'Repairing…' : 'Repair order'}
        </button>
      </div>
    </Dialog>
  );
}
