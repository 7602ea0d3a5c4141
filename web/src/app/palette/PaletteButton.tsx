import { type ComponentType, useEffect, useState } from 'react';
import { useServices } from '../../services';
import type { PaletteProps } from './Palette';

export const loadPalette = () => import('./Palette');

const mac = /Mac|iP(?:hone|ad)/.test(navigator.userAgent);

type PaletteButtonProps = Omit<PaletteProps, 'onClose'> & { hidden: boolean };

/** Opens the command palette, as Ctrl-K does everywhere. */
export function PaletteButton({ hidden, ...props }: PaletteButtonProps) {
  const { toasts } = useServices();
  const [open, setOpen] = useState(false);
  const [Palette, setPalette] = useState<ComponentType<PaletteProps>>();
  const show = () => {
    loadPalette().then(
      (loaded) => {
        setPalette(() => loaded.Palette);
        setOpen(true);
      },
      () => toasts.show('The command palette couldn’t load. Check your connection.', { tone: 'bad' }),
    );
  };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (
        event.key.toLowerCase() !== 'k' ||
        event.shiftKey ||
        event.altKey ||
        event.ctrlKey === event.metaKey
      )
        return;
      event.preventDefault(); // browsers focus their address bar
      if (!document.querySelector('dialog[open]')) show();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  });
  return (
    <>
      {!hidden && (
        <button type="button" className="quiet palette-button" onClick={show}>
          Search or jump to… <kbd>{mac ? '⌘K' : 'Ctrl K'}</kbd>
        </button>
      )}
      {open && Palette && <Palette {...props} onClose={() => setOpen(false)} />}
    </>
  );
}
