import { Dialog } from '../ui/Dialog';

const groups: Record<string, readonly (readonly [keys: string, what: string])[]> = {
  Anywhere: [
    ['n', 'New order'],
    ['g', 'Go to orders'],
    ['Ctrl K', 'Search or jump to'],
    ['?', 'Show shortcuts'],
    ['Esc', 'Close dialog or leave field'],
  ],
  'List of orders': [
    ['/', 'Search'],
    ['j k', 'Next or previous order'],
    ['Enter', 'Open order'],
    ['x', 'Select order'],
    ['J K', 'Extend selection'],
    ['c', 'Cancel selected orders'],
  ],
  'One order': [
    ['c', 'Cancel order'],
    ['[ ]', 'Previous or next order'],
    ['y', 'Copy order ID'],
  ],
};

export default function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className="keys">
        {Object.entries(groups).map(([group, keys]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {keys.map(([caps, what]) => (
                <div key={what}>
                  <dt>
                    {caps.split(' ').map((cap) => (
                      <kbd key={cap}>{cap}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div className="actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
