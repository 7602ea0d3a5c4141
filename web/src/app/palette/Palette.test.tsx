import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { shortId } from '../../domain/format';
import { savedViews } from '../../live/views';
import { open } from '../../test/app';
import { rowOf, seedOrders } from '../../test/orderList';

beforeEach(() => localStorage.clear());

async function openPalette(options: Parameters<typeof open>[0] = {}) {
  const seeded = seedOrders();
  const app = open({ backend: seeded.backend, ...options });
  await rowOf(seeded.alice);
  await app.user.keyboard('{Control>}k{/Control}');
  const input = await screen.findByRole('combobox', { name: 'Search or jump to' });
  const palette = within(screen.getByRole('dialog', { name: 'Search or jump to' }));
  const names = (group: string) =>
    [...(palette.queryByRole('group', { name: group })?.querySelectorAll('[role=option]') ?? [])].map(
      (option) => option.firstElementChild?.textContent,
    );
  return { ...seeded, ...app, input, palette, names };
}

describe('the command palette', () => {
  it('finds an order by its id, and opens it with the keyboard', async () => {
    const { user, input, palette, bob } = await openPalette();
    await user.type(input, shortId(bob.id));
    await palette.findByRole('option', { name: new RegExp(`${shortId(bob.id)} bob · Confirmed`) });
    await user.keyboard('{Enter}');
    expect(location.pathname).toBe(`/orders/${bob.id}`);
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('finds a customer, and shows all their orders', async () => {
    const { user, input, palette, names } = await openPalette({ at: '/?q=tea' });
    await user.type(input, 'ali');
    await waitFor(() => expect(names('Customers')).toEqual(['alice']));
    await user.click(palette.getByRole('option', { name: 'alice' }));
    expect(location.search).toBe('?customer=alice');
  });

  it('leads to the views, also to the saved ones, without the server', async () => {
    savedViews('olivia').save({ name: 'Declined today', address: '/?status=cancelled&placed=today' });
    let away = false;
    const fail = http.get('*/v1/orders', () => (away ? HttpResponse.error() : undefined));
    const { user, input, names } = await openPalette({ answers: [fail] });
    expect(names('Views')).toEqual([
      'All orders',
      'Created orders',
      'Confirmed orders',
      'Delivered orders',
      'Cancelled orders',
      'Needs attention',
      'Declined today',
    ]);
    away = true;
    await user.type(input, 'today');
    expect(names('Views')).toEqual(['Declined today']);
    expect(names('Search')).toEqual(['Search orders for “today”']);
    await user.keyboard('{ArrowDown}{ArrowDown}{Enter}');
    expect(location.search).toBe('?status=cancelled&placed=today');
  });

  it('runs actions of the shell and of the page', async () => {
    const { user, input, names } = await openPalette();
    expect(names('Actions')).toEqual([
      'New order',
      'Copy link to this view',
      'Export CSV',
      'Theme: system',
      'Theme: light',
      'Theme: dark',
      'Keyboard shortcuts',
      'Sign out',
    ]);
    await user.type(input, 'theme: d{Enter}');
    expect(document.documentElement.dataset['theme']).toBe('dark');
    await user.keyboard('{Control>}k{/Control}');
    await user.type(await screen.findByRole('combobox', { name: 'Search or jump to' }), 'new order{Enter}');
    expect(location.pathname).toBe('/new');
  });

  it('shows customers no other customers', async () => {
    const { user, input, palette, names } = await openPalette({ user: 'alice', role: 'customer' });
    await user.type(input, 'tea');
    await palette.findByRole('option', { name: /Delivered · / });
    expect([names('Customers'), names('Views')]).toEqual([[], []]);
  });

  it('says when nothing is found', async () => {
    const { user, input, palette } = await openPalette();
    await user.type(input, '!?');
    await palette.findByText('Nothing found');
    await user.keyboard('{Enter}{ArrowDown}');
    expect(screen.getByRole('combobox', { name: 'Search or jump to' })).toBe(input);
  });
});

describe('a saved view', () => {
  it('is a tab with a name, and can be deleted', async () => {
    const { backend, bob, carol } = seedOrders();
    const { user } = open({ backend, at: '/?status=confirmed&q=mug' });
    await rowOf(bob);
    const name = screen.getByLabelText<HTMLInputElement>('View name');
    expect(name.value).toBe('Confirmed, mug');
    await user.clear(name);
    await user.type(name, 'Mugs to deliver{Enter}');
    const tab = await screen.findByRole('link', { name: 'Mugs to deliver' });
    expect(tab.getAttribute('aria-current')).toBe('true');
    await user.click(screen.getByRole('link', { name: /^All/ }));
    await user.click(await screen.findByRole('link', { name: 'Clear' }));
    await rowOf(carol);
    await user.click(screen.getByRole('link', { name: 'Mugs to deliver' }));
    expect(location.search).toBe('?status=confirmed&q=mug');
    await user.click(screen.getByRole('button', { name: 'Delete view' }));
    expect(screen.queryByRole('link', { name: 'Mugs to deliver' })).toBeNull();
    expect(screen.getByRole('link', { name: /^Confirmed/ }).getAttribute('aria-current')).toBe('true');
  });

  it('is shared as a link to its first page', async () => {
    const { user } = open({ at: '/?customer=alice&placed=7d&cursor=x' });
    await screen.findByRole('alert');
    await user.click(screen.getByRole('button', { name: 'Copy link' }));
    await screen.findByText('Link copied', { selector: '.toast span' });
    expect(await navigator.clipboard.readText()).toBe(`${location.origin}/?customer=alice&placed=7d`);
  });
});
