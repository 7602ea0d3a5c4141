import { type ReactNode, type ToggleEvent, useId, useRef } from 'react';

interface MenuProps {
  /** The button's content, and its name if the content is an icon. */
  label: ReactNode;
  name?: string;
  className?: string;
  children: ReactNode;
}

const GAP = 4;

/** A button that opens a panel below it. The browser closes the panel on Escape and on a click outside. */
export function Menu({ label, name, className, children }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  // The panel is in the top layer, so no style sheet can place it relative to the button.
  const place = ({ newState, currentTarget: panel }: ToggleEvent<HTMLDivElement>) => {
    const at = button.current?.getBoundingClientRect();
    if (newState !== 'open' || !at) return;
    panel.style.top = `${at.bottom + scrollY + GAP}px`;
    // It extends towards the middle of the page.
    const width = document.documentElement.clientWidth;
    if (at.left + at.right > width) panel.style.right = `${width - at.right}px`;
    else panel.style.left = `${at.left}px`;
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={name}
        title={name}
        popoverTarget={id}
      >
        {label}
      </button>
      <div id={id} popover="auto" className="menu" onBeforeToggle={place}>
        {children}
      </div>
    </>
  );
}
