interface FieldProps {
  id: string;
  label: string;
  value: string;
  mode?: 'text' | 'numeric' | 'decimal';
  busy: boolean;
  error: string | undefined;
  onChange: (value: string) => void;
}

/** A labelled input with its error. */
export function Field({ id, label, value, mode = 'text', busy, error, onChange }: FieldProps) {
  return (
    <div className={`field ${id.split('-')[0] ?? ''}`}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        value={value}
        inputMode={mode}
        autoComplete="off"
        disabled={busy}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : `${id}-error`}
        onChange={(event) => onChange(event.target.value)}
      />
      {error !== undefined && (
        <small className="bad" id={`${id}-error`}>
          {error}
        </small>
      )}
    </div>
  );
}
