import { type MouseEvent, type PointerEvent, useEffect, useRef } from 'react';

/** How long a touch is a long press, in ms, and how far it may move meanwhile, in px. */
export const LONG_PRESS = 500;
const SLOP = 10;

/** Handlers for a list: a long touch of one of its orders calls `onPress`, and then opens nothing. */
export function useLongPress(onPress: (id: string) => void) {
  const press = useRef({ timer: 0, x: 0, y: 0, held: false });
  const end = () => clearTimeout(press.current.timer);
  useEffect(() => () => clearTimeout(press.current.timer), []);
  return {
    onPointerDown({ target, pointerType, isPrimary, clientX, clientY }: PointerEvent) {
      end();
      press.current.held = false;
      const id = (target as HTMLElement).closest<HTMLElement>('[data-order]')?.dataset['order'];
      if (pointerType !== 'touch' || !isPrimary || id === undefined) return;
      const timer = window.setTimeout(() => {
        press.current.held = true;
        onPress(id);
      }, LONG_PRESS);
      press.current = { timer, x: clientX, y: clientY, held: false };
    },
    onPointerMove({ clientX, clientY }: PointerEvent) {
      const { x, y } = press.current;
      if (Math.hypot(clientX - x, clientY - y) > SLOP) end();
    },
    onPointerUp: end,
    onPointerCancel: end,
    /** The menu of the link. */
    onContextMenu(event: MouseEvent) {
      if ((event.nativeEvent as globalThis.PointerEvent).pointerType === 'touch') event.preventDefault();
    },
    /** The touch that selected must not open the order as well. */
    onClickCapture(event: MouseEvent) {
      if (!press.current.held) return;
      press.current.held = false;
      event.preventDefault();
      event.stopPropagation();
    },
  };
}
