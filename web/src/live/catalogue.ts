/** The catalogue, kept in this browser so that the form of a new order also opens without network. */
import {
  asyncScheduler,
  map,
  type Observable,
  type SchedulerLike,
  scan,
  startWith,
  switchMap,
  tap,
} from 'rxjs';
import type { Api } from '../api/client';
import type { Catalogue } from '../api/types';
import { reload } from './retry';

export interface CatalogueView {
  /** The last known catalogue. */
  catalogue: Catalogue | undefined;
  /** The error of the last request; undefined after a success. */
  error: unknown;
}

const NAME = 'orders.catalogue';

export function storedCatalogue(storage: Storage = localStorage): Catalogue | undefined {
  try {
    const stored = JSON.parse(storage.getItem(NAME) ?? '') as Catalogue;
    return Array.isArray(stored.items) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** Loads the catalogue now and at each `refresh$`, again while the server can't be reached. */
export function watchCatalogue(
  load: Api['catalogue'],
  refresh$: Observable<unknown>,
  {
    scheduler = asyncScheduler,
    storage = localStorage,
  }: { scheduler?: SchedulerLike; storage?: Storage } = {},
): Observable<CatalogueView> {
  const keep = (catalogue: Catalogue) => {
    try {
      storage.setItem(NAME, JSON.stringify(catalogue));
    } catch {
      // No storage: it is loaded again.
    }
  };
  return refresh$.pipe(
    startWith(undefined),
    switchMap(() =>
      load().pipe(
        tap(keep),
        map((catalogue): Partial<CatalogueView> => ({ catalogue, error: undefined })),
        reload((error): Partial<CatalogueView> => ({ error }), scheduler),
      ),
    ),
    scan((view: CatalogueView, update) => ({ ...view, ...update }), {
      catalogue: storedCatalogue(storage),
      error: undefined,
    }),
  );
}
