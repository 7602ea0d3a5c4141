import { Dialog } from '../ui/Dialog';

const keys = [
  ['/', 'Search'],
  ['j, k', 'Next, previous order'],
  ['Enter', 'Open the order'],
  ['x', 'Tick the order'],
  ['n', 'New order'],
  ['g', 'All orders'],
  ['c', 'Cancel the order that is open'],
  ['?', 'This help'],
  ['Esc', 'Close, or leave a field'],
] as const;

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
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
