import { beforeEach, describe, expect, it, vi } from 'vitest';
import { savedViews, VIEW_LIMIT } from './views';

beforeEach(() => localStorage.clear());
const view = (name: string, address = `/?q=${name}`) => ({ name, address });

describe('saved views', () => {
  it('belong to a user', () => {
    savedViews('olivia').save(view('tea'));
    expect(savedViews('olivia').all()).toEqual([view('tea')]);
    expect(savedViews('oscar').all()).toEqual([]);
  });

  it('have different names and addresses', () => {
    const views = savedViews('olivia');
    for (const one of [view('a'), view('b'), view('a', '/?q=c'), view('d', '/?q=b')]) views.save(one);
    expect(views.all()).toEqual([view('a', '/?q=c'), view('d', '/?q=b')]);
    views.remove('a');
    expect(views.all()).toEqual([view('d', '/?q=b')]);
  });

  it('are the same array until they change, and are announced', () => {
    const views = savedViews('olivia');
    const changed = vi.fn();
    const end = views.subscribe(changed);
    savedViews('olivia').save(view('tea'));
    expect(views.all()).toBe(views.all());
    dispatchEvent(new Event('storage'));
    expect(changed).toHaveBeenCalledTimes(2);
    end();
    views.remove('tea');
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it('are limited in number: the oldest goes', () => {
    const views = savedViews('olivia');
    for (let i = 0; i <= VIEW_LIMIT; i++) views.save(view(`v${i}`));
    expect(views.all()).toHaveLength(VIEW_LIMIT);
    expect(views.all()[0]).toEqual(view('v1'));
  });

  it.each(['{', '5', 'null', '[null, {"name": "a"}, {"name": "a", "address": "https://example.org"}]'])(
    'ignore invalid storage: %s',
    (stored) => {
      localStorage.setItem('orders.views.olivia', stored);
      expect(savedViews('olivia').all()).toEqual([]);
    },
  );
});
