import { defer, of, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { NetworkError } from '../api/problem';
import type { Catalogue } from '../api/types';
import { type CatalogueView, storedCatalogue, watchCatalogue } from './catalogue';

const catalogue: Catalogue = { items: [{ sku: 'a', name: 'A', prices: { EUR: 1 } }], enforced: false };
const other: Catalogue = { ...catalogue, enforced: true };

describe('the catalogue', () => {
  it('is stored, and loaded again on request', () => {
    const refresh$ = new Subject<void>();
    const replies = [catalogue, other];
    const views: CatalogueView[] = [];
    watchCatalogue(() => of(replies.shift() ?? other), refresh$).subscribe((view) => views.push(view));
    expect([views.at(-1)?.catalogue, storedCatalogue()]).toEqual([catalogue, catalogue]);
    refresh$.next();
    expect([views.at(-1)?.catalogue, storedCatalogue()]).toEqual([other, other]);
  });

  it('is the stored one while the server can’t be reached, and is loaded again', () => {
    localStorage.setItem('orders.catalogue', JSON.stringify(catalogue));
    const error = new NetworkError();
    let sent = 0;
    const load = () => defer(() => (++sent === 1 ? throwError(() => error) : of(other)));
    new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ expectObservable }) => {
      expectObservable(watchCatalogue(load, new Subject())).toBe('a 2999ms b', {
        a: { catalogue, error },
        b: { catalogue: other, error: undefined },
      });
    });
  });

  it('works without a storage', () => {
    const fail = () => {
      throw new DOMException('forbidden', 'SecurityError');
    };
    const storage = { getItem: fail, setItem: fail } as unknown as Storage;
    const views: CatalogueView[] = [];
    watchCatalogue(() => of(catalogue), new Subject(), { storage }).subscribe((view) => views.push(view));
    expect(views).toEqual([{ catalogue, error: undefined }]);
  });

  it.each(['', '{', 'null', '{}'])('ignores invalid stored content: %j', (text) => {
    localStorage.setItem('orders.catalogue', text);
    expect(storedCatalogue()).toBeUndefined();
  });
});
