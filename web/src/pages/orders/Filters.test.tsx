import { screen, waitFor, within } from '@testing-library/react';
import { http } from 'msw';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { open } from '../../test/app';
import { money } from '../../domain/format';
import { rowOf, seedOrders, tea } from '../../test/orderList';

const customers = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => row.querySelector('.customer')?.textContent);
const apply = (field: string) =>
  within(screen.getByLabelText(field).closest('form') as HTMLElement).getByText('Apply');

/** The addresses that were added to the history, and those that replaced an entry. */
function watchHistory() {
  const entries: string[] = [];
  for (const [name, mark] of [
    ['pushState', '+'],
    ['replaceState', '='],
  ] as const) {
    const original = history[name].bind(history);
    const spy = vi.spyOn(history, name).mockImplementation((...args) => {
      entries.push(`${mark}${String(args[2])}`);
      original(...args);
    });
    onTestFinished(() => spy.mockRestore());
  }
  return entries;
}

describe('the filters', () => {
  it('are chips that can be removed one by one, or all together', async () => {
    const { backend, alice, bob } = seedOrders();
    const { user } = open({
      backend,
      at: '/?status=delivered&customer=alice&age=1h&from=2026-11-01&to=2026-11-24',
    });
    await rowOf(alice);
    for (const name of [/^Remove filter Customer alice$/, /Older than 1 hour/, /Placed .*Nov.*24/])
      expect(screen.getByRole('link', { name })).toBeTruthy();
    await user.click(screen.getByRole('link', { name: 'Remove filter Customer alice' }));
    expect(location.search).toBe('?status=delivered&from=2026-11-01&to=2026-11-24&age=1h');
    await user.click(screen.getByRole('link', { name: 'Clear' }));
    expect(location.search).toBe('?status=delivered');
    await user.click(await screen.findByRole('link', { name: /^All/ }));
    await rowOf(bob);
    expect(screen.queryByRole('link', { name: 'Clear' })).toBeNull();
  });

  it('select the orders of exactly one customer', async () => {
    const { backend, make, carol } = seedOrders();
    make('carol-2', 4);
    const { user } = open({ backend });
    await rowOf(carol);
    await user.type(screen.getByLabelText('Customer is'), 'carol');
    await user.click(apply('Customer is'));
    await waitFor(() => expect(customers()).toEqual(['carol']));
    expect(location.search).toBe('?customer=carol');
  });

  it('select totals in one currency, which the list can then be sorted by', async () => {
    const { backend, bob, carol } = seedOrders();
    backend.create('dave', { items: [{ ...tea, unitPrice: 900 }], currency: 'JPY' });
    const { user } = open({ backend });
    await rowOf(carol);
    expect(within(screen.getByRole('columnheader', { name: 'Total' })).queryByRole('link')).toBeNull();
    const least = screen.getByLabelText<HTMLInputElement>('Total at least');
    expect(least.disabled).toBe(true);
    await user.selectOptions(screen.getByLabelText('Currency'), 'EUR');
    await user.type(screen.getByLabelText('Total at least'), '10.50');
    await user.click(apply('Currency'));
    await waitFor(() => expect(customers()).toEqual(['bob']));
    expect(location.search).toBe('?currency=EUR&minTotal=1050');
    await user.click(
      screen.getByRole('link', { name: `Remove filter Total at least ${money(1050, 'EUR')}` }),
    );
    await rowOf(carol);
    await user.click(screen.getByRole('link', { name: /^Total/ }));
    expect(location.search).toBe('?currency=EUR&sort=-total');
    await waitFor(() => expect(customers()[0]).toBe('bob'));
    await user.click(screen.getByRole('link', { name: 'Remove filter Currency EUR' }));
    expect(location.search).toBe('');
    await rowOf(bob);
  });

  it('select by payment and by who cancelled', async () => {
    const { backend, make, alice, carol } = seedOrders();
    backend.decline(make('dave', 4).id);
    backend.cancel(make('erin', 5).id, 'operator');
    const { user } = open({ backend });
    await rowOf(carol);
    await user.selectOptions(screen.getByLabelText('Payment'), 'Declined');
    await user.click(apply('Payment'));
    await waitFor(() => expect(customers()).toEqual(['dave']));
    await user.click(screen.getByRole('link', { name: 'Remove filter Payment Declined' }));
    await rowOf(alice);
    await user.selectOptions(screen.getByLabelText('Cancelled by'), 'Operator');
    await user.click(apply('Cancelled by'));
    await waitFor(() => expect(customers()).toEqual(['erin']));
    expect(location.search).toBe('?cancelledBy=operator');
    expect(screen.getByRole('link', { name: 'Remove filter Cancelled by Operator' })).toBeTruthy();
  });

  it('are not sent while a date is typed', async () => {
    const { backend, carol } = seedOrders();
    const asked: string[] = [];
    const listen = http.get('*/v1/orders', ({ request }) => void asked.push(request.url));
    const { user } = open({ backend, answers: [listen] });
    await rowOf(carol);
    const entries = watchHistory();
    const before = asked.length;
    await user.type(screen.getByLabelText('From'), '2026-11-24');
    await user.type(screen.getByLabelText('To'), '2026-11-01');
    expect([entries, asked.length]).toEqual([[], before]);
    await user.click(apply('From'));
    expect(entries).toEqual(['+/?from=2026-11-01&to=2026-11-24']);
  });

  it('select a period with one click', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, at: '/?from=2026-11-01' });
    await rowOf(carol);
    await user.click(screen.getByRole('link', { name: 'Today' }));
    expect(location.search).toBe('?placed=today');
  });

  it('are behind one button on a phone, with their number', async () => {
    const { happyDOM } = window as unknown as { happyDOM: { setViewport(size: { width: number }): void } };
    happyDOM.setViewport({ width: 390 });
    onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
    const { user } = open({ backend: seedOrders().backend, at: '/?customer=alice&placed=today&q=tea' });
    await user.click(await screen.findByRole('button', { name: 'Filter · 2' }));
    const sheet = within(screen.getByRole('dialog'));
    await user.selectOptions(sheet.getByLabelText('Older than'), '3 days');
    await user.click(sheet.getByText('Apply'));
    expect(location.search).toBe('?customer=alice&q=tea&placed=today&age=3d');
    await screen.findByRole('button', { name: 'Filter · 3' });
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('offer customers no filter by customer or attention', async () => {
    const { backend, alice } = seedOrders();
    open({ backend, user: 'alice', role: 'customer' });
    await rowOf(alice);
    for (const name of ['Customer is', 'Currency', 'Payment', 'Cancelled by'])
      expect(screen.queryByLabelText(name)).toBeNull();
    expect(screen.queryByText('Needs attention')).toBeNull();
    expect(screen.queryByRole('link', { name: 'alice' })).toBeNull();
  });
});

describe('a search', () => {
  it('is one entry of the history', async () => {
    const { backend, bob } = seedOrders();
    const { user } = open({ backend, at: '/?status=confirmed' });
    await rowOf(bob);
    const entries = watchHistory();
    const search = screen.getByLabelText('Search');
    await user.type(search, 'mu{Enter}');
    await user.type(search, 'g{Enter}', { skipClick: true });
    expect(entries).toEqual(['+/?status=confirmed&q=mu', '=/?status=confirmed&q=mug']);
    await user.click(screen.getByRole('link', { name: /^All/ }));
    await user.type(search, 's{Enter}');
    expect(entries.slice(2)).toEqual(['+/?q=mug', '+/?q=mugs']);
  });

  it('leads to the first order with the arrow key', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    await user.click(screen.getByLabelText('Search'));
    await user.keyboard('{ArrowDown}');
    expect(document.activeElement?.closest('[data-order]')?.getAttribute('data-order')).toBe(carol.id);
  });
});

it('a customer’s name leads to all their orders, with figures and a new order', async () => {
  const { backend, make, alice, carol } = seedOrders();
  const { user } = open({ backend, at: '/?q=tea' });
  await rowOf(carol);
  await user.click(within(await rowOf(alice)).getByRole('link', { name: 'alice' }));
  expect(location.search).toBe('?customer=alice');
  const head = await screen.findByRole('region', { name: 'Customer alice' });
  const figures = () => [...head.querySelectorAll('dl > div')].map(({ textContent }) => textContent);
  await waitFor(() =>
    expect(figures()).toEqual([
      'Orders1',
      'Open0',
      'Cancelled0',
      `Total without cancelled${money(900, 'EUR')}`,
    ]),
  );
  const link = within(head).getByRole('link', { name: 'New order for this customer' });
  expect(link.getAttribute('href')).toBe('/new?customer=alice');
  const { id } = backend.create('alice', { items: [tea], currency: 'JPY' });
  backend.cancel(id, 'operator');
  make('alice', 4);
  await waitFor(() =>
    expect(figures()).toEqual([
      'Orders3',
      'Open1',
      'Cancelled1',
      `Total without cancelled${money(1_800, 'EUR')}`,
    ]),
  );
});

it('operators see the orders that need attention in a tab, with their number', async () => {
  const { backend, carol } = seedOrders();
  backend.care.findings.set(carol.id, {
    code: 'actor-missing',
    severity: 'inconsistent',
    fix: 'report',
    detail: '',
  });
  const { user } = open({ backend, at: '/?status=confirmed' });
  await user.click(await screen.findByRole('link', { name: 'Needs attention 1' }));
  expect(location.search).toBe('?attention=true');
  await waitFor(() => expect(customers()).toEqual(['carol']));
  await screen.findByRole('link', { name: 'All 3' });
  expect(screen.getByRole('link', { name: /^Needs attention \d+$/ }).getAttribute('aria-current')).toBe(
    'true',
  );
  await user.click(screen.getByRole('link', { name: 'Confirmed 1' }));
  expect(location.search).toBe('?status=confirmed');
});

it('the current tab is scrolled into sight in a narrow window', async () => {
  const box = vi.spyOn(Element.prototype, 'getBoundingClientRect').mockImplementation(function (
    this: Element,
  ) {
    return this.matches('.tabs') ? new DOMRect(0, 0, 300, 40) : new DOMRect(420, 0, 80, 40);
  });
  onTestFinished(() => box.mockRestore());
  open({ at: '/?status=cancelled' });
  const tabs = await screen.findByRole('navigation', { name: 'Views' });
  expect(tabs.scrollLeft).toBe(420);
});

describe('a query that the server refuses', () => {
  it('says why, and leads to page 1', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, at: '/?cursor=x' });
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('Cursor is not a cursor of this list.');
    expect(screen.queryByRole('status', { name: 'Loading orders' })).toBeNull();
    expect(within(alert).queryByRole('button', { name: 'Retry' })).toBeNull();
    await user.click(within(alert).getByRole('link', { name: 'Back to page 1' }));
    await rowOf(carol);
    expect(location.search).toBe('');
  });

  it('offers to clear the filters', async () => {
    const { backend, alice } = seedOrders();
    const { user } = open({ backend, user: 'alice', role: 'customer', at: '/?attention=true' });
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('Only an operator may list the orders that need attention.');
    await user.click(within(alert).getByRole('link', { name: 'Clear filters' }));
    await rowOf(alice);
  });
});
