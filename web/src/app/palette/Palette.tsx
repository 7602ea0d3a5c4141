import { type KeyboardEvent, useId, useMemo, useState } from 'react';
import { BehaviorSubject, catchError, distinctUntilChanged, map, of, switchMap, timer } from 'rxjs';
import type { OrderSummary } from '../../api/types';
import { statuses } from '../../api/types';
import { money, shortId, statusNames } from '../../domain/format';
import { formatQuery, type ListQuery, parseQuery } from '../../domain/query';
import { searchable } from '../../domain/search';
import { savedViews } from '../../live/views';
import { useServices } from '../../services';
import { currentCommands } from '../../ui/commands';
import { Dialog } from '../../ui/Dialog';
import { navigate } from '../../ui/router';
import { useObservable } from '../../ui/useObservable';
import { setTheme, themes } from '../theme';
import './palette.css';

export interface PaletteProps {
  onClose: () => void;
  onHelp: () => void;
  onSignOut: () => void;
}

interface Option {
  group: 'Orders' | 'Customers' | 'Views' | 'Actions' | 'Search';
  name: string;
  hint?: string;
  run: () => void;
}

/** In ms. */
const TYPING_PAUSE = 150;
const FOUND_LIMIT = 6;
const SHORTEST_SEARCH = 2;
const noOrders: readonly OrderSummary[] = [];

/** Finds orders, customers, views and actions by what is typed. */
export function Palette({ onClose, onHelp, onSignOut }: PaletteProps) {
  const { api, session } = useServices();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const [commands] = useState(currentCommands);
  const [typed$] = useState(() => new BehaviorSubject(''));
  const list = useId();
  const found$ = useMemo(
    () =>
      typed$.pipe(
        map((typed) => typed.trim()),
        distinctUntilChanged(),
        switchMap((q) =>
          q.length < SHORTEST_SEARCH || !searchable(q)
            ? of(noOrders)
            : timer(TYPING_PAUSE).pipe(
                switchMap(() => api.list({ q, limit: 20 })),
                map(({ orders }): readonly OrderSummary[] => orders),
                catchError(() => of(noOrders)), // views and actions work without the server
              ),
        ),
      ),
    [typed$, api],
  );
  const found = useObservable(found$, noOrders);

  const go = (change: Partial<ListQuery>) => () => navigate(formatQuery({ ...parseQuery(''), ...change }));
  const operator = session.role === 'operator';
  const q = text.trim();
  const customers = operator ? [...new Set(found.map(({ customer }) => customer))].filter(named) : [];
  const options: Option[] = [
    ...found.slice(0, FOUND_LIMIT).map(({ id, customer, status, total, currency }): Option => ({
      group: 'Orders',
      name: shortId(id),
      hint: [operator && customer, statusNames[status], money(total, currency)].filter(Boolean).join(' · '),
      run: () => navigate(`/orders/${id}`),
    })),
    ...customers
      .slice(0, FOUND_LIMIT)
      .map((customer): Option => ({ group: 'Customers', name: customer, run: go({ customer }) })),
    ...[
      { name: 'All orders', run: go({}) },
      ...statuses.map((status) => ({ name: `${statusNames[status]} orders`, run: go({ status }) })),
      ...(operator ? [{ name: 'Needs attention', run: go({ attention: true }) }] : []),
      ...savedViews(session.user)
        .all()
        .map(({ name, address }) => ({ name, hint: 'Saved view', run: () => navigate(address) })),
    ]
      .filter(({ name }) => named(name))
      .map((view): Option => ({ group: 'Views', ...view })),
    ...[
      { name: 'New order', run: () => navigate('/new') },
      ...commands,
      ...themes.map((theme) => ({ name: `Theme: ${theme}`, run: () => setTheme(theme) })),
      { name: 'Keyboard shortcuts', run: onHelp },
      { name: 'Sign out', run: onSignOut },
    ]
      .filter(({ name }) => named(name))
      .map((action): Option => ({ group: 'Actions', ...action })),
    ...(searchable(q)
      ? [{ group: 'Search', name: `Search orders for “${q}”`, run: go({ q }) } as const]
      : []),
  ];
  function named(name: string): boolean {
    return name.toLowerCase().includes(q.toLowerCase());
  }

  const chosen = Math.min(active, options.length - 1);
  const choose = (option: Option | undefined) => {
    if (!option) return;
    onClose();
    option.run();
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && options.length > 0) {
      const next = (chosen + step + options.length) % options.length;
      setActive(next);
      document.getElementById(`${list}${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') choose(options[chosen]);
    else return;
    event.preventDefault();
  };
  const groups = [...new Set(options.map(({ group }) => group))];
  return (
    <Dialog title="Search or jump to" className="palette" onClose={onClose}>
      <input
        role="combobox"
        aria-label="Search or jump to"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={options.length > 0 ? `${list}${chosen}` : undefined}
        aria-autocomplete="list"
        placeholder="Order, customer, view or action"
        autoComplete="off"
        spellCheck={false}
        maxLength={100}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
          typed$.next(event.target.value);
        }}
        onKeyDown={press}
      />
      <div id={list} role="listbox" aria-label="Results">
        {groups.map((group) => (
          <div key={group} role="group" aria-label={group}>
            <div className="soft" aria-hidden="true">
              {group}
            </div>
            {options.map(
              (option, i) =>
                option.group === group && (
                  <button
                    key={i}
                    id={`${list}${i}`}
                    type="button"
                    role="option"
                    tabIndex={-1}
                    aria-selected={i === chosen}
                    onClick={() => choose(option)}
                  >
                    <span>{option.name}</span> {option.hint && <small className="soft">{option.hint}</small>}
                  </button>
                ),
            )}
          </div>
        ))}
      </div>
      {options.length === 0 && <p role="status">Nothing found</p>}
    </Dialog>
  );
}
