import { fireEvent, render, screen } from '@testing-library/react';
import { StrictMode } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { Dialog } from './Dialog';

function open() {
  const onClose = vi.fn();
  const page = render(
    <StrictMode>
      <Dialog title="Sure?" onClose={onClose}>
        <p>It can’t be undone.</p>
      </Dialog>
    </StrictMode>,
  );
  return { ...page, onClose, dialog: screen.getByRole<HTMLDialogElement>('dialog', { name: 'Sure?' }) };
}

describe('a dialog', () => {
  it('stays open on Escape and calls onClose', () => {
    const { dialog, onClose } = open();
    expect(onClose).not.toHaveBeenCalled();
    fireEvent(dialog, new Event('cancel', { cancelable: true }));
    expect([dialog.open, onClose.mock.calls.length]).toEqual([true, 1]);
  });

  it('opens again and calls onClose when the browser closes it', () => {
    const { dialog, onClose } = open();
    for (const times of [1, 2, 3]) {
      dialog.close();
      expect([dialog.open, onClose.mock.calls.length]).toEqual([true, times]);
    }
  });

  it('does not call onClose when it is unmounted', () => {
    const { unmount, onClose } = open();
    unmount();
    expect(onClose).not.toHaveBeenCalled();
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});
