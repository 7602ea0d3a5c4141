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
  /** Frequent reasons, to choose from. The text becomes a note to the chosen one. */
  presets?: readonly string[];
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
  presets = [],
  onConfirm,
  onClose,
}: ReasonFormProps) {
  const known = presets.find((one) => reason === one || reason.startsWith(`${one}: `));
  const [preset, setPreset] = useState(known ?? '');
  const [note, setNote] = useState(known === undefined ? reason : reason.slice(known.length + 2));
  const text = [preset, note].filter((part) => part.trim() !== '').join(': ');
  const id = useId();
  const invalid = validateReason(text);
  const refused = cancelErrors(error);
  // The server's error applies to the text that was sent.
  const message = invalid ?? (text === reason ? refused.reason : undefined);
  const submit = () => {
    if (!busy && ready && invalid === undefined) onConfirm(text);
  };
  return (
    <>
      {presets.length > 0 && (
        <div className="presets" role="group" aria-label="Frequent reasons">
          {presets.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={preset === one}
              disabled={busy}
              onClick={() => setPreset(preset === one ? '' : one)}
            >
              {one}
            </button>
          ))}
        </div>
      )}
      <label>
        {preset === '' ? 'Reason (optional)' : 'Note (optional)'}
        <textarea
          value={note}
          rows={presets.length > 0 ? 2 : 3}
          aria-invalid={message !== undefined}
          aria-describedby={message === undefined ? undefined : id}
          onChange={(event) => setNote(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
          }}
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
          title="Ctrl+Enter"
          onClick={submit}
        >
          {busy ? 'Cancelling…' : confirm}
        </button>
      </div>
    </>
  );
}
