import { cleanup, screen, waitFor, within } from '@testing-library/react';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Backend } from '../mock/backend';
import { open } from '../test/app';
import { applyTheme } from './theme';

const list = () => screen.findByRole('heading', { name: 'Orders' });
const create = () => screen.findByRole('heading', { name: 'New order' });
const help = () => screen.queryByRole('dialog', { name: 'Keyboard shortcuts' });

describe('shortcuts', () => {
  it('open the form of a new order and the list', async () => {
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

  it('are listed by ? and by a button', async () => {
    const { user } = open();
    await list();
    await user.keyboard('?');
    const keys = within(await screen.findByRole('dialog', { name: 'Keyboard shortcuts' }));
    for (const key of ['/', 'n', 'g', 'c', '?']) expect(keys.getAllByText(key)).not.toEqual([]);
    await user.click(keys.getByRole('button', { name: 'Close' }));
    expect(help()).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Keyboard shortcuts' }));
    await screen.findByRole('dialog', { name: 'Keyboard shortcuts' });
  });

  it('are ignored in fields and with a modifier', async () => {
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

describe('the theme', () => {
  const drawn = () => document.documentElement.dataset['theme'];
  const choice = (name: string) => screen.getByRole<HTMLInputElement>('radio', { name });
  const chosen = () => ['System', 'Light', 'Dark'].filter((name) => choice(name).checked);

  it('is chosen from a menu and saved', async () => {
    const { user, unmount } = open();
    const menu = screen.getByRole('button', { name: 'Theme' });
    expect(menu.getAttribute('popovertarget')).toBe(choice('Light').closest('[popover]')?.id);
    expect([chosen(), drawn()]).toEqual([['System'], undefined]);
    await user.click(choice('Light'));
    expect([chosen(), drawn()]).toEqual([['Light'], 'light']);
    await user.click(choice('Dark'));
    expect([chosen(), drawn()]).toEqual([['Dark'], 'dark']);

    unmount();
    delete document.documentElement.dataset['theme'];
    applyTheme(); // as main.tsx does before the first render
    expect(drawn()).toBe('dark');
    open();
    expect(chosen()).toEqual(['Dark']);
    await user.click(choice('System'));
    expect([chosen(), drawn()]).toEqual([['System'], undefined]);
  });

  it('is the system’s when the saved one is invalid', () => {
    localStorage.setItem('orders.theme', 'plaid');
    applyTheme();
    open();
    expect([chosen(), drawn()]).toEqual([['System'], undefined]);
  });
});

describe('the header', () => {
  it('shows the state of the connection and explains it', async () => {
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

  it('opens the health of the system, to customers that of the live updates only', async () => {
    const backend = new Backend();
    backend.seed(60);
    const { unmount } = open({ backend });
    await screen.findByText('Payments');
    expect(screen.getAllByRole('term').map(({ textContent }) => textContent)).toEqual([
      'Live updates',
      'Payments',
      'Deliveries',
      'Audit',
    ]);
    unmount();
    open({ user: 'alice', role: 'customer' });
    await screen.findByText('Live updates');
    expect(screen.queryByText('Payments')).toBeNull();
  });

  it('starts the live updates also on pages that load nothing', async () => {
    for (const at of ['/new', '/nowhere']) {
      const { starts, unmount } = open({ at });
      await waitFor(() => expect(starts()).toBe(1));
      unmount();
    }
  });

  it('shows the user, who can sign out', async () => {
    const { user, signedOut } = open({ user: 'alice', role: 'customer' });
    expect(screen.getByText('alice').textContent).toBe('alice');
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(signedOut).toEqual(['alice']);
  });

  it('stays on an unknown page, which links to the list', async () => {
    const { user } = open({ at: '/nowhere' });
    await screen.findByRole('heading', { name: 'Page not found' });
    await user.click(screen.getByRole('link', { name: 'Go to orders' }));
    await list();
  });
});

describe('a navigation', () => {
  it('moves the focus to the heading of the page and announces it', async () => {
    const { user } = open();
    const first = await list();
    expect(document.activeElement).not.toBe(first);
    await user.click(screen.getByRole('link', { name: 'New order' }));
    const heading = await create();
    await waitFor(() => expect(document.activeElement).toBe(heading));
    expect(screen.getAllByRole('status').map(({ textContent }) => textContent)).toContain('New order');
  });

  it('leaves the focus where the page has set it', async () => {
    const { user } = open();
    await list();
    await user.keyboard('/');
    await user.keyboard('tea');
    await waitFor(() => expect(location.search).toBe('?q=tea'));
    expect(document.activeElement).toBe(screen.getByLabelText('Search'));
  });
});

describe('the overview', () => {
  const overview = () => screen.queryByRole('navigation', { name: 'Overview' });

  it('shows operators what needs them, as links, and counts it in the title', async () => {
    const backend = new Backend();
    backend.seed(60);
    open({ backend });
    const tile = await within(await screen.findByRole('navigation', { name: 'Overview' })).findByRole(
      'link',
      {
        name: /^Needs attention/,
      },
    );
    const needy = backend.all().filter((order) => backend.care.reasons(order).length > 0).length;
    expect(needy).toBeGreaterThan(0);
    expect(tile.textContent).toMatch(new RegExp(`^Needs attention${needy}oldest \\d`));
    expect(tile.getAttribute('href')).toBe('/?attention=true');
    expect(tile.className).toBe('tile hot');
    for (const [name, href] of [
      ['Awaiting payment', '/?status=created'],
      ['Delivering in the next hour', '/?status=confirmed&due=1h'],
      ['Cancelled today', '/?status=cancelled&updated=today&sort=-updated'],
    ] as const)
      expect(screen.getByRole('link', { name: new RegExp(`^${name}`) }).getAttribute('href')).toBe(href);
    expect(document.title).toBe(`(${needy}) Orders`);
  });

  it('is not for customers', async () => {
    open({ user: 'alice', role: 'customer' });
    await screen.findByRole('heading', { name: 'Your orders' });
    expect(overview()).toBeNull();
    expect(document.title).toBe('Your orders');
  });
});

it('the footer names the time zone', async () => {
  open();
  await list();
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  expect(screen.getByText(`Times in ${timeZone}`)).toBeTruthy();
});

it('the account menu links to the fault lab where it serves the page', async () => {
  open();
  await list();
  expect(screen.queryByRole('link', { name: 'Fault lab' })).toBeNull();
  const timings = [{ serverTiming: [{ name: 'lab' }] }] as unknown as PerformanceEntryList;
  const entries = vi.spyOn(performance, 'getEntriesByType').mockReturnValue(timings);
  onTestFinished(() => entries.mockRestore());
  cleanup();
  open();
  await list();
  expect(screen.getByRole('link', { name: 'Fault lab' }).getAttribute('href')).toBe('/lab');
});
