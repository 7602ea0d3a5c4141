import { type ReactNode, useEffect, useEffectEvent, useId, useRef } from 'react';

interface DialogProps {
  title: string;
  className?: string;
  /** Called when the user wants to close it. The owner closes it by no longer rendering it. */
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog that is open while it is rendered. The browser keeps the focus inside and restores it. */
export function Dialog({ title, className, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const close = useEffectEvent(onClose);
  useEffect(() => {
    const element = dialog.current;
    if (!element) return undefined;
    // On repeated Escape, Chromium closes a modal without a `cancel` event: open it again.
    const closed = () => {
      if (element.open) return;
      element.showModal();
      close();
    };
    element.showModal();
    element.addEventListener('close', closed);
    return () => {
      element.removeEventListener('close', closed);
      element.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={className}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}
