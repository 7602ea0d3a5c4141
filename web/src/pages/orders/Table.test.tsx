import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { open } from '../../test/app';
import { checkboxOf, NOON, rowOf, seedOrders } from '../../test/orderList';
import { LONG_PRESS } from './useLongPress';

const order = () =>
  [...document.querySelectorAll<HTMLElement>('[data-order]')].map(({ dataset }) => dataset['order']);

describe('the table of orders', () => {
  it('is sorted by its headings', async () => {
    const { backend, alice, bob, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    const heading = () => screen.getByRole('columnheader', { name: /^Created/ });
    expect(heading().getAttribute('aria-sort')).toBe('descending');
    await user.click(within(heading()).getByRole('link'));
    await waitFor(() => expect(order()).toEqual([alice.id, bob.id, carol.id]));
    expect(heading().getAttribute('aria-sort')).toBe('ascending');
    expect(location.search).toBe('?sort=created');
  });

  it('does not offer to sort totals of several currencies', async () => {
    const { backend, carol } = seedOrders();
    open({ backend });
    await rowOf(carol);
    expect(within(screen.getByRole('columnheader', { name: 'Total' })).queryByRole('link')).toBeNull();
    expect(screen.queryByRole('option', { name: /total/ })).toBeNull();
  });

  it('opens an order by a click anywhere in its row, but not on its checkbox', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend });
    await user.click(await checkboxOf(carol));
    expect(location.pathname).toBe('/');
    await user.click(within(await rowOf(carol)).getByText(/Green tea/));
    expect(location.pathname).toBe(`/orders/${carol.id}`);
  });

  it('opens an order in another tab with Ctrl or the middle button', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend });
    const opened = vi.spyOn(window, 'open').mockReturnValue(null);
    onTestFinished(() => opened.mockRestore());
    const cell = within(await rowOf(carol)).getByText(/Green tea/);
    await user.keyboard('{Control>}');
    await user.click(cell);
    await user.keyboard('{/Control}');
    await user.pointer({ keys: '[MouseMiddle]', target: cell });
    expect(opened.mock.calls.map(([address]) => address)).toEqual(Array(2).fill(`/orders/${carol.id}`));
    expect(location.pathname).toBe('/');
  });

  it('shows the cause of a cancel', async () => {
    const { backend, bob, carol } = seedOrders();
    open({ backend });
    await rowOf(carol);
    backend.decline(carol.id);
    backend.cancel(bob.id, 'customer');
    await within(await rowOf(carol)).findByText('Declined');
    await within(await rowOf(bob)).findByText('Cancelled by customer');
  });

  it('marks orders that need attention with what they wait for', async () => {
    const { backend, alice, make } = seedOrders();
    const waiting = make('dave', -10);
    open({ backend });
    await within(await rowOf(waiting)).findByText(/^unpaid /);
    expect((await rowOf(waiting)).className).toBe('attention');
    expect((await rowOf(alice)).className).toBe('');
  });

  it('keeps a row that left the tab, with where it went', async () => {
    const { backend, bob } = seedOrders();
    open({ backend, at: '/?status=confirmed' });
    await rowOf(bob);
    backend.move(bob.id, 'delivery-due', 'system');
    await within(await rowOf(bob)).findByText(/moved to/);
    expect((await rowOf(bob)).className).toBe('left');
  });

  it('flashes the cells that changed, and no others', async () => {
    const { backend, carol } = seedOrders();
    open({ backend });
    await rowOf(carol);
    expect(document.querySelector('.flash')).toBeNull();
    backend.confirm(carol.id, NOON);
    await within(await rowOf(carol)).findByText('Confirmed');
    expect([...document.querySelectorAll('.flash')].map((cell) => cell.closest('td')?.className)).toEqual([
      'status',
    ]);
  });
});

describe('the pages of the list', () => {
  it('have a position and a way back', async () => {
    const { backend, make } = seedOrders();
    for (let i = 0; i < 60; i++) make('dave', 10 + i);
    const { user } = open({ backend });
    await screen.findByText('1–50 of 63');
    await user.click(screen.getByRole('link', { name: 'Next ›' }));
    await screen.findByText('51–63 of 63');
    await user.click(screen.getByRole('link', { name: '‹ Previous' }));
    await screen.findByText('1–50 of 63');
    expect(location.search).toBe('');
  });

  it('keep the selection, and offer all orders that match', async () => {
    const { backend, make } = seedOrders();
    for (let i = 0; i < 60; i++) make('dave', 10 + i);
    const { user } = open({ backend });
    await user.click(await screen.findByRole('checkbox', { name: 'Select all cancellable orders' }));
    await screen.findByText('50 selected');
    await user.click(screen.getByRole('link', { name: 'Next ›' }));
    await screen.findByText('50 selected, 50 not shown');
    await user.click(screen.getByRole('checkbox', { name: 'Select all cancellable orders' }));
    await screen.findByText('62 selected, 50 not shown');
    await user.click(screen.getByRole('link', { name: '‹ Previous' }));
    await user.click(await screen.findByRole('button', { name: 'Clear' }));
    await user.click(screen.getByRole('checkbox', { name: 'Select all cancellable orders' }));
    await user.click(await screen.findByRole('button', { name: 'Select all 62 that match' }));
    await user.click(screen.getByRole('button', { name: 'Cancel 62 orders' }));
    const dialog = await screen.findByRole('dialog', { name: 'Cancel all 62 orders?' });
    await user.click(within(dialog).getByRole('button', { name: 'Cancel 62 orders' }));
    await screen.findByRole('heading', { name: '62 of 62 orders cancelled' });
  });
});

describe('the keys of the list', () => {
  const focused = () => document.activeElement?.closest<HTMLElement>('[data-order]')?.dataset['order'];

  it('go on from a clicked checkbox, and from the order that was opened', async () => {
    const { backend, bob, carol, alice } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    await user.click(await checkboxOf(bob));
    await user.keyboard('j');
    expect(focused()).toBe(alice.id);
    await user.keyboard('k{Enter}');
    expect(location.pathname).toBe(`/orders/${bob.id}`);
    history.replaceState(null, '', '/'); // happy-dom does not go back
    dispatchEvent(new PopStateEvent('popstate'));
    await rowOf(carol);
    await user.keyboard('k');
    expect(focused()).toBe(carol.id);
  });

  it('select a range with Shift, and cancel the selection with c', async () => {
    const { backend, bob, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    await user.keyboard('jJ');
    expect([(await checkboxOf(carol)).checked, (await checkboxOf(bob)).checked]).toEqual([true, true]);
    await user.keyboard('c');
    await screen.findByRole('dialog', { name: 'Cancel 2 orders?' });
  });

  it('say why a final order is not selected', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    await user.keyboard('jjjx');
    await screen.findByText(/^Delivered orders can’t be selected/);
  });
});

it('the table has no empty header when no order can be cancelled', async () => {
  const { backend, alice } = seedOrders();
  open({ backend, at: '/?status=delivered' });
  await rowOf(alice);
  for (const header of document.querySelectorAll('th')) expect(header.textContent).not.toBe('');
});

describe('Auto-update', () => {
  it('shows new orders without a request, and is remembered', async () => {
    onTestFinished(() => localStorage.removeItem('orders.display'));
    const { backend, make, carol } = seedOrders();
    const { user, unmount } = open({ backend });
    await rowOf(carol);
    const toggle = () => screen.getByRole<HTMLInputElement>('checkbox', { name: 'Auto-update' });
    expect(toggle().checked).toBe(false);
    await user.click(toggle());
    const dave = make('dave', 4);
    expect((await rowOf(dave)).className).toBe('added');
    expect(order()[0]).toBe(dave.id);
    unmount();
    open({ backend });
    await rowOf(dave);
    expect(toggle().checked).toBe(true);
    await rowOf(make('erin', 5));
  });

  it('counts new orders while orders are selected or the page is scrolled', async () => {
    onTestFinished(() => localStorage.removeItem('orders.display'));
    localStorage.setItem('orders.display', '{"auto":true}');
    const { backend, make, carol } = seedOrders();
    open({ backend });
    await rowOf(carol);
    const scroll = (y: number) =>
      act(() => {
        Object.assign(window, { scrollY: y });
        dispatchEvent(new Event('scroll'));
      });
    onTestFinished(() => scroll(0));
    scroll(500);
    const dave = make('dave', 4);
    await screen.findByRole('button', { name: '1 new order' });
    scroll(0);
    await rowOf(dave);
  });
});

describe('a long press on a card', () => {
  const touch = { pointerType: 'touch', isPrimary: true, clientX: 50, clientY: 50 };

  async function openOnPhone() {
    const { happyDOM } = window as unknown as { happyDOM: { setViewport(size: { width: number }): void } };
    happyDOM.setViewport({ width: 390 });
    onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
    const seeded = seedOrders();
    open({ backend: seeded.backend });
    return { ...seeded, card: await rowOf(seeded.carol) };
  }
  const press = async (card: HTMLElement) => {
    const link = within(card).getByRole('link');
    vi.useFakeTimers();
    fireEvent.pointerDown(link, touch);
    await act(() => vi.advanceTimersByTimeAsync(LONG_PRESS));
    vi.useRealTimers();
    fireEvent.pointerUp(link, touch);
    fireEvent.click(link);
  };

  it('selects its order, and opens nothing', async () => {
    const { card, carol } = await openOnPhone();
    await press(card);
    expect((await checkboxOf(carol)).checked).toBe(true);
    expect(location.pathname).toBe('/');
    expect(screen.getByRole('button', { name: 'Done' })).toBeTruthy();
  });

  it('does nothing when the finger scrolls, or on an order that can’t be cancelled', async () => {
    const { card, alice } = await openOnPhone();
    const link = within(card).getByRole('link');
    vi.useFakeTimers();
    fireEvent.pointerDown(link, touch);
    fireEvent.pointerMove(link, { ...touch, clientY: 90 });
    await act(() => vi.advanceTimersByTimeAsync(LONG_PRESS));
    vi.useRealTimers();
    await press(await rowOf(alice));
    expect(screen.queryByRole('checkbox', { name: /^Select order/ })).toBeNull();
    expect(screen.getByRole('button', { name: 'Select' })).toBeTruthy();
  });
});
