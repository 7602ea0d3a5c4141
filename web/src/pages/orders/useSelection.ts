import { useCallback, useEffect, useState } from 'react';
import type { OrderSummary } from '../../api/types';
import type { ListQuery } from '../../domain/query';
import {
  current,
  filtersOf,
  nothingSelected,
  select,
  type Selection,
  selectionFor,
  selectPage,
} from '../../domain/selection';
import { useServices } from '../../services';

/** The selection of the list. It survives visits to other pages with the same filters and to an order. */
export function useSelection(query: ListQuery, rows: readonly OrderSummary[]) {
  const { lastList } = useServices();
  const [stored, setStored] = useState<Selection | undefined>(() => lastList.selection);
  // Selected orders that a filter hides must not come back later.
  if (stored && stored.filters !== filtersOf(query)) setStored(undefined);
  useEffect(() => {
    Object.assign(lastList, { selection: stored });
  }, [lastList, stored]);
  const selection = current(selectionFor(query, stored), rows);
  const update = useCallback(
    (change: (selection: Selection) => Selection) =>
      setStored((before) => change(selectionFor(query, before))),
    [query],
  );
  return {
    selection,
    select: useCallback(
      (id: string, on: boolean, range: boolean) => update((before) => select(before, rows, id, on, range)),
      [update, rows],
    ),
    selectPage: (on: boolean) => update((before) => selectPage(before, rows, on)),
    selectAll: () => update((before) => ({ ...selectPage(before, rows, true), all: true })),
    clear: () => update(() => nothingSelected(query)),
  };
}
