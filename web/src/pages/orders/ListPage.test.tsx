import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it, onTestFinished } from 'vitest';
import { open } from '../../test/app';
import { checkboxOf, NOON, rowOf, seedOrders, tea } from '../../test/orderList';

const rows = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((row) => row.querySelector('.customer')?.textContent);
const tab = (name: string) => screen.findByRole('link', { name });
describe('the list of orders', () => {
  it('shows customer, items, status and total', async () => {
    const { backend, bob } = seedOrders();
    open({ backend });
    const row = await rowOf(bob);
    for (const text of ['bob', '1 × Stoneware mug + 1 more', 'Confirmed', /23[.,]50/]) {
      expect(within(row).getByText(text)).toBeTruthy();
    }
    expect(rows()).toEqual(['carol', 'bob', 'alice']);
    expect(screen.getByText('3 orders')).toBeTruthy();
  });

  it('shows customers only their own orders', async () => {
    const { backend, alice } = seedOrders();
    open({ backend, user: 'alice', role: 'customer' });
    await rowOf(alice);
    expect(rows()).toHaveLength(1);
  });

  it('counts orders in its tabs, and filters by status', async () => {
    const { backend, bob } = seedOrders();
    const { user } = open({ backend });
    for (const name of ['All 3', 'Created 1', 'Delivered 1', 'Cancelled 0']) await tab(name);
    await user.click(await tab('Confirmed 1'));
    await waitFor(() => expect(rows()).toEqual(['bob']));
    expect((await tab('Confirmed 1')).getAttribute('aria-current')).toBe('true');
    expect(location.search).toBe('?status=confirmed');
    backend.move(bob.id, 'delivery-due', 'system');
    await tab('Confirmed 0');
    await tab('Delivered 2');
  });

  it('updates a row in place', async () => {
    const { backend, carol } = seedOrders();
    open({ backend });
    await within(await rowOf(carol)).findByText('Created');
    backend.confirm(carol.id, NOON);
    await within(await rowOf(carol)).findByText('Confirmed');
    expect(rows()).toEqual(['carol', 'bob', 'alice']);
  });

  it('shows who cancelled an order', async () => {
    const { backend, bob, carol } = seedOrders();
    open({ backend });
    await rowOf(bob);
    backend.cancel(bob.id, 'operator');
    backend.cancel(carol.id, 'customer');
    await within(await rowOf(bob)).findByText('Cancelled by olivia');
    await within(await rowOf(carol)).findByText('Cancelled by customer');
  });

  it('counts new orders, and shows them on request', async () => {
    const { backend, make, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    make('dave', 4);
    make('erin', 5);
    const pill = await screen.findByRole('button', { name: '2 new orders' });
    expect(rows()).toEqual(['carol', 'bob', 'alice']);
    await user.click(pill);
    await waitFor(() => expect(rows()).toEqual(['erin', 'dave', 'carol', 'bob', 'alice']));
    expect(screen.queryByRole('button', { name: /new order/ })).toBeNull();
  });

  it('without orders links to the form of a new one', async () => {
    open();
    await screen.findByRole('heading', { name: 'No orders yet' });
    expect(screen.getByRole('link', { name: 'Create order' }).getAttribute('href')).toBe('/new');
  });

  it('without a match offers to clear the filters', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, at: '/?q=coffee' });
    await screen.findByRole('heading', { name: 'No orders match these filters' });
    await user.click(screen.getByRole('link', { name: 'Clear filters' }));
    await rowOf(carol);
    expect(location.search).toBe('');
  });

  it('shows why loading failed, and can be retried', async () => {
    const { backend, carol } = seedOrders();
    const problem = { type: '/docs', title: 'Invalid', status: 400, code: 'invalid-request', detail: 'no' };
    const refuse = http.get('*/v1/orders', () => HttpResponse.json(problem, { status: 400 }), { once: true });
    const { user } = open({ backend, answers: [refuse] });
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('No.');
    await user.click(within(alert).getByRole('button', { name: 'Retry' }));
    await rowOf(carol);
    expect(screen.queryByRole('alert')).toBeNull();
  });
});

describe('the query', () => {
  it('is read from the address', async () => {
    const { backend, bob } = seedOrders();
    open({ backend, at: '/?q=mug&from=2026-11-01&currency=EUR&sort=-total' });
    await rowOf(bob);
    expect(rows()).toEqual(['bob']);
    expect(screen.getByLabelText<HTMLInputElement>('Search').value).toBe('mug');
    expect(screen.getByLabelText<HTMLInputElement>('From').value).toBe('2026-11-01');
    expect(screen.getByRole('columnheader', { name: 'Total' }).getAttribute('aria-sort')).toBe('descending');
  });

  it('asks for a letter or digit when the text has none', async () => {
    const { backend, bob } = seedOrders();
    const { user } = open({ backend });
    await rowOf(bob);
    const search = screen.getByLabelText<HTMLInputElement>('Search');
    await user.type(search, '"...');
    expect(await screen.findByText(/at least one letter or digit/)).toBeTruthy();
    expect(rows()).toEqual(['carol', 'bob', 'alice']);
    await user.type(search, 'MÛG"');
    expect(screen.queryByText(/at least one letter or digit/)).toBeNull();
    await waitFor(() => expect(rows()).toEqual(['bob']));
  });

  it('counts new orders that match the text search', async () => {
    const { backend, make } = seedOrders();
    const { user } = open({ backend, at: '/?q=σοκολατες' });
    await screen.findByText('No orders match these filters');
    make('dora', 4, [{ ...tea, name: 'ΣΟΚΟΛΑΤΕΣ' }]);
    await user.click(await screen.findByRole('button', { name: '1 new order' }));
    await waitFor(() => expect(rows()).toEqual(['dora']));
  });

  it('is written to the address', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(carol);
    await user.click(screen.getByRole('link', { name: 'Created' }));
    await waitFor(() => expect(rows()).toEqual(['alice', 'bob', 'carol']));
    await user.type(screen.getByLabelText('Search'), 'green tea');
    await waitFor(() => expect(location.search).toBe('?q=green+tea&sort=created'));
  });

  it('follows the Back button', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, at: '/?status=created' });
    await rowOf(carol);
    await user.click(await tab('Delivered 1'));
    await waitFor(() => expect(rows()).toEqual(['alice']));
    history.replaceState(null, '', '/?status=created'); // happy-dom does not go back
    dispatchEvent(new PopStateEvent('popstate'));
    await waitFor(() => expect(rows()).toEqual(['carol']));
  });
});

describe('rows of an earlier query', () => {
  const broken = { type: '/docs', title: 'Unavailable', status: 503, code: 'unavailable' };
  const whenFiltered = (answer: () => Response | Promise<Response>) =>
    http.get('*/v1/orders', ({ request }) => {
      const { searchParams } = new URL(request.url);
      return searchParams.has('q') || searchParams.has('status') ? answer() : undefined;
    });
  const boxes = () => screen.getAllByRole<HTMLInputElement>('checkbox').filter((box) => box.closest('table'));

  it('are inert when the new query does not load', async () => {
    const { backend, bob, carol } = seedOrders();
    const fail = whenFiltered(() => HttpResponse.json(broken, { status: 503 }));
    const { user } = open({ backend, answers: [fail] });
    await user.click(await checkboxOf(bob));
    await screen.findByText('1 selected');
    await user.click(await tab('Created 1'));
    await screen.findByRole('alert');
    expect((await rowOf(carol)).closest('table')?.inert).toBe(true);
    expect(boxes().filter((box) => box.checked || !box.disabled)).toEqual([]);
    expect(screen.queryByText('1 selected')).toBeNull();
    expect(screen.queryByText('3 orders')).toBeNull();
    expect(screen.queryByText('Created 1')).toBeNull();
    await user.keyboard('jx');
    expect(document.activeElement?.closest('table')).toBeFalsy();

    await user.click(await tab('All –'));
    await screen.findByText('3 orders');
    expect((await checkboxOf(bob)).checked).toBe(false);
  });

  it('are inert as cards too', async () => {
    const { happyDOM } = window as unknown as { happyDOM: { setViewport(size: { width: number }): void } };
    happyDOM.setViewport({ width: 390 });
    onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
    const { backend, bob } = seedOrders();
    const fail = whenFiltered(() => HttpResponse.json(broken, { status: 503 }));
    const { user } = open({ backend, answers: [fail] });
    await user.click(await screen.findByRole('button', { name: 'Select' }));
    await user.click(await checkboxOf(bob));
    await user.click(await tab('Created 1'));
    await screen.findByRole('alert');
    const box = await checkboxOf(bob);
    expect([box.closest('ul')?.inert, box.checked, box.disabled]).toEqual([true, false, true]);
  });

  it('are inert while the new query loads', async () => {
    const { backend, carol } = seedOrders();
    let answer = () => undefined as unknown;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const slow = http.get('*/v1/orders', async ({ request }) => {
      if (new URL(request.url).searchParams.has('status')) await held;
    });
    const { user } = open({ backend, answers: [slow] });
    await rowOf(carol);
    await user.click(await tab('Confirmed 1'));
    await waitFor(() => expect(screen.getByRole('table').getAttribute('aria-busy')).toBe('true'));
    expect(screen.getByRole<HTMLTableElement>('table').inert).toBe(true);
    expect(boxes().every((box) => box.disabled)).toBe(true);
    answer();
    await waitFor(() => expect(rows()).toEqual(['bob']));
    expect(screen.getByRole<HTMLTableElement>('table').inert).toBe(false);
    expect(boxes().some((box) => box.disabled)).toBe(false);
  });

  it('do not show “no orders” when the new query fails', async () => {
    const { backend } = seedOrders();
    const fail = http.get('*/v1/orders', ({ request }) =>
      new URL(request.url).searchParams.has('q') ? undefined : HttpResponse.json(broken, { status: 503 }),
    );
    const { user } = open({ backend, answers: [fail], at: '/?q=coffee' });
    await user.click(await screen.findByRole('link', { name: 'Clear filters' }));
    await screen.findByRole('alert');
    expect(screen.queryByRole('heading', { name: /^No orders/ })).toBeNull();
    expect(screen.queryByRole('status', { name: 'Loading orders' })).toBeNull();
  });
});

it('rows can’t be selected while the list is loading', async () => {
  const { backend, make, carol } = seedOrders();
  let answer = () => undefined as unknown;
  const held = new Promise<void>((resolve) => (answer = resolve));
  let loads = 0;
  const slow = http.get('*/v1/orders', async ({ request }) => {
    if (new URL(request.url).searchParams.get('limit') !== '1' && ++loads > 1) await held;
  });
  const { user } = open({ backend, answers: [slow] });
  await rowOf(carol);
  make('dave', 4);
  await user.click(await screen.findByRole('button', { name: '1 new order' }));
  await waitFor(async () => expect((await checkboxOf(carol)).disabled).toBe(true));
  answer();
  await waitFor(async () => expect((await checkboxOf(carol)).disabled).toBe(false));
});

it('the visible columns are saved', async () => {
  const { backend, carol } = seedOrders();
  const first = open({ backend });
  await rowOf(carol);
  const names = () =>
    screen.getAllByRole('columnheader').map(({ textContent }) => textContent.replace(/[↑↓]/, ''));
  expect(names()).toContain('Customer');
  await first.user.click(screen.getByText('Display'));
  await first.user.click(screen.getByLabelText('Customer'));
  await first.user.click(screen.getByLabelText('Updated'));
  const chosen = names();
  expect(chosen).toContain('Updated');
  expect(chosen).not.toContain('Customer');
  first.unmount();
  open({ backend });
  await rowOf(carol);
  expect(names()).toEqual(chosen);
});
