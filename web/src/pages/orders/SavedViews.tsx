import { type SyntheticEvent, useMemo, useSyncExternalStore } from 'react';
import { chipsOf } from '../../domain/filters';
import { statusNames } from '../../domain/format';
import { formatQuery, type ListQuery, refine } from '../../domain/query';
import { MAX_VIEW_NAME, savedViews } from '../../live/views';
import { useServices } from '../../services';
import { copyText } from '../../ui/clipboard';
import { useCommands } from '../../ui/commands';
import { Menu } from '../../ui/Menu';

/** The saved views, and the one whose filters and order the query has. */
export function useViews(query: ListQuery) {
  const { user } = useServices().session;
  const store = useMemo(() => savedViews(user), [user]);
  const views = useSyncExternalStore(store.subscribe, store.all);
  const address = formatQuery(refine(query, {}));
  return { store, views, address, current: views.find((view) => view.address === address) };
}

/** Saves or deletes the current view, and copies its link. */
export function ViewActions({ query, onDone }: { query: ListQuery; onDone?: () => void }) {
  const { toasts } = useServices();
  const { store, address, current } = useViews(query);
  const copy = () => {
    copyText(new URL(address, location.origin).href).then(
      () => toasts.show('Link copied'),
      () => toasts.show('Couldn’t copy the link.', { tone: 'bad' }),
    );
    onDone?.();
  };
  useCommands([{ name: 'Copy link to this view', run: copy }]);
  const save = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = new FormData(event.currentTarget).get('name');
    if (typeof name !== 'string' || name.trim() === '') return;
    if (!store.save({ name: name.trim(), address }))
      toasts.show('This browser doesn’t keep views.', { tone: 'bad' });
    event.currentTarget.closest<HTMLElement>('[popover]')?.hidePopover();
    onDone?.();
  };
  return (
    <div className="view-actions">
      {current ? (
        <button
          type="button"
          className="quiet"
          onClick={() => {
            store.remove(current.name);
            toasts.show(`View “${current.name}” deleted`);
            onDone?.();
          }}
        >
          Delete view
        </button>
      ) : (
        address !== '/' && (
          <Menu label="Save view" className="quiet">
            <form className="filter-form" key={address} onSubmit={save}>
              <label>
                <span>View name</span>
                <input
                  name="name"
                  required
                  maxLength={MAX_VIEW_NAME}
                  autoComplete="off"
                  defaultValue={suggestion(query)}
                />
              </label>
              <button className="primary">Save</button>
            </form>
          </Menu>
        )
      )}
      <button type="button" className="quiet" onClick={copy}>
        Copy link
      </button>
    </div>
  );
}

function suggestion(query: ListQuery): string {
  const parts = [
    query.status && statusNames[query.status],
    query.q,
    ...chipsOf(query).map(({ label, value }) => (label === 'Older than' ? `older than ${value}` : value)),
  ];
  return parts
    .filter((part) => part)
    .join(', ')
    .slice(0, MAX_VIEW_NAME);
}
