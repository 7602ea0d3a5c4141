import { Dialog } from '../ui/Dialog';

const keys = [
  ['/', 'Search'],
  ['Ctrl K', 'Search or jump to'],
  ['j, k', 'Next or previous order'],
  ['Enter', 'Open order'],
  ['x', 'Select order'],
  ['Shift+J, K', 'Select a range'],
  ['n', 'New order'],
  ['g', 'Go to orders'],
  ['[, ]', 'Previous or next order on the page of an order'],
  ['y', 'Copy order ID'],
  ['c', 'Cancel order'],
  ['?', 'Show shortcuts'],
  ['Esc', 'Close dialog or leave field'],
] as const;

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div className="actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
