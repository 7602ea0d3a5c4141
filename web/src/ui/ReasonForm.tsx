import { useId, useState } from 'react';
import { cancelErrors, validateReason } from '../domain/reason';

interface ReasonFormProps {
  /** The initial reason: the one that was sent last. */
  reason: string;
  /** Why the server refused the last cancel. */
  error: unknown;
  busy: boolean;
  /** Whether the cancel may be sent now. */
  ready: boolean;
  keep: string;
  confirm: string;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}

/** Asks for the reason of a cancel and for its confirmation: the body of a dialog. */
export function ReasonForm({
  reason,
  error,
  busy,
  ready,
  keep,
  confirm,
  onConfirm,
  onClose,
}: ReasonFormProps) {
  const [text, setText] = useState(reason);
  const id = useId();
  const invalid = validateReason(text);
  const refused = cancelErrors(error);
  // The server's error applies to the text that was sent.
  const message = invalid ?? (text === reason ? refused.reason : undefined);
  return (
    <>
      <label>
        Reason (optional)
        <textarea
          value={text}
          rows={3}
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
      {refused.other !== undefined && (
        <p className="bad" role="alert">
          {refused.other}
        </p>
      )}
      <div className="actions">
        <button type="button" disabled={busy} onClick={onClose}>
          {keep}
        </button>
        <button
          type="button"
          className="danger"
          disabled={busy || !ready || invalid !== undefined}
          onClick={() => onConfirm(text)}
        >
          {busy ? 'Cancelling…' : confirm}
        </button>
      </div>
    </>
  );
}
