import type { MouseEvent, PointerEvent } from 'react';
import { exactTime, relativeTime } from '../../domain/format';
import { useServices } from '../../services';
import { navigate } from '../../ui/router';

/** What a mouse does on a table of orders: a click anywhere in a row opens it, as its link does. */
export function useRowPointer() {
  const { clock } = useServices();
  const addressAt = ({ target }: MouseEvent): string | undefined => {
    const element = target as HTMLElement;
    if (element.closest('a, button, input, label, .select')) return undefined;
    return element.closest('[data-order]')?.querySelector('a')?.getAttribute('href') ?? undefined;
  };
  return {
    onClick(event: MouseEvent) {
      const address = addressAt(event);
      if (address === undefined || event.defaultPrevented || getSelection()?.isCollapsed === false) return;
      if (event.ctrlKey || event.metaKey) open(address, '_blank', 'noopener');
      else if (!event.shiftKey && !event.altKey) navigate(address);
    },
    /** The middle button. */
    onAuxClick(event: MouseEvent) {
      const address = addressAt(event);
      if (address !== undefined && event.button === 1) open(address, '_blank', 'noopener');
    },
    onMouseDown(event: MouseEvent) {
      // The middle button would start to scroll.
      if (event.button === 1 && addressAt(event) !== undefined) event.preventDefault();
    },
    /** Tooltips are up to date without a timer per cell. */
    onPointerOver({ target }: PointerEvent) {
      const time = (target as HTMLElement).closest('time');
      if (time) time.title = `${exactTime(time.dateTime)} (${relativeTime(time.dateTime, clock.now())})`;
    },
  };
}
