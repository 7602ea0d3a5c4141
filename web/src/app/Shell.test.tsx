import { screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { open } from '../test/app';
import { applyTheme } from './theme';

const list = () => screen.findByRole('heading', { name: 'Orders' });
const create = () => screen.findByRole('heading', { name: 'New order' });
const help = () => screen.queryByRole('dialog', { name: 'Keyboard shortcuts' });

describe('single keys', () => {
  it('lead to a new order and back to all of them', async () => {
    const { user } = open();
    await list();
    await user.keyboard('n');
    await create();
    expect(location.pathname).toBe('/new');
    expect(screen.getByRole('link', { name: 'New order' }).getAttribute('aria-current')).toBe('page');
    await user.keyboard('g');
    await list();
    expect(location.pathname).toBe('/');
  });

  it('are told by one of them, and by a button', async () => {
    const { user } = open();
    await list();
    await user.keyboard('?');
    const keys = within(await screen.findByRole('dialog', { name: 'Keyboard shortcuts' }));
    for (const key of ['/', 'n', 'g', 'c', '?']) expect(keys.getByText(key)).toBeTruthy();
    await user.click(keys.getByRole('button', { name: 'Close' }));
    expect(help()).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Keyboard shortcuts' }));
    await screen.findByRole('dialog', { name: 'Keyboard shortcuts' });
  });

  it('are letters in a field, and the browser’s with a modifier', async () => {
    const { user } = open();
    await list();
    await user.keyboard('{Control>}n{/Control}');
    await user.keyboard('/');
    const search = screen.getByLabelText<HTMLInputElement>('Search');
    expect(document.activeElement).toBe(search);
    await user.keyboard('n?g');
    expect(search.value).toBe('n?g');
    expect(help()).toBeNull();
    await waitFor(() => expect(location.search).toBe('?q=n%3Fg'));
    expect(location.pathname).toBe('/');
  });
});

describe('the colours', () => {
  const button = () => screen.getByTitle('Change theme');
  const drawn = () => document.documentElement.dataset['theme'];

  it('go round, and are remembered', async () => {
    const { user, unmount } = open();
    expect([button().textContent, drawn()]).toEqual(['System theme', undefined]);
    await user.click(button());
    expect([button().textContent, drawn()]).toEqual(['Light theme', 'light']);
    await user.click(button());
    expect([button().textContent, drawn()]).toEqual(['Dark theme', 'dark']);

    unmount();
    delete document.documentElement.dataset['theme'];
    applyTheme(); // as main.tsx does before anything is drawn
    expect(drawn()).toBe('dark');
    open();
    expect(button().textContent).toBe('Dark theme');
    await user.click(button());
    expect([button().textContent, drawn()]).toEqual(['System theme', undefined]);
  });

  it('are the system’s when what is remembered makes no sense', () => {
    localStorage.setItem('orders.theme', 'plaid');
    applyTheme();
    open();
    expect([button().textContent, drawn()]).toEqual(['System theme', undefined]);
  });
});

describe('the frame', () => {
  it('tells how the connection is, and what that means', async () => {
    const { connection$ } = open();
    const badge = screen.getByTestId('connection');
    expect(badge.textContent).toBe('Live');
    for (const [state, name, hint] of [
      ['reconnecting', 'Reconnecting', /^Can’t reach the server\. Showing data from .*\d.*; reconnecting\.$/],
      ['offline', 'Offline', /^You are offline\. Showing data from /],
      ['connecting', 'Connecting', /^Connecting to live updates$/],
      ['live', 'Live', /^Live updates are on$/],
    ] as const) {
      connection$.next(state);
      await waitFor(() => expect(badge.textContent).toBe(name));
      expect(badge.title).toMatch(hint);
    }
  });

  it('says who is here, and lets them go', async () => {
    const { user, signedOut } = open({ user: 'alice', role: 'customer' });
    expect(screen.getByText('alice').textContent).toBe('alice');
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(signedOut).toEqual(['alice']);
  });

  it('leads back from an address that is none', async () => {
    const { user } = open({ at: '/nowhere' });
    await screen.findByRole('heading', { name: 'Page not found' });
    await user.click(screen.getByRole('link', { name: 'Go to orders' }));
    await list();
  });
});
