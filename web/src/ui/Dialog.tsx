import { type ReactNode, useEffect, useEffectEvent, useId, useRef } from 'react';

interface DialogProps {
  title: string;
  /** The user wants to close it. The owner decides, by not rendering it any more. */
  onClose: () => void;
  children: ReactNode;
}

/** A modal that is open for as long as it is rendered. The browser keeps the focus inside and gives it back. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const close = useEffectEvent(onClose);
  useEffect(() => {
    const element = dialog.current;
    if (!element) return undefined;
    // Chromium closes a modal on a repeated Escape without a `cancel` event that could prevent it.
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
