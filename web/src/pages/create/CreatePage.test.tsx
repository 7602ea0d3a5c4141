import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { emptyDraft } from '../../domain/draft';
import { draftStore } from '../../live/draft.store';
import { Backend } from '../../mock/backend';
import { outage } from '../../test/refusals';
import { findToast, open } from '../../test/app';

/** Opens the page as alice; `made` returns her orders. */
async function openPage(more: Parameters<typeof open>[0] = {}) {
  const backend = more.backend ?? new Backend();
  const page = open({ at: '/new', user: 'alice', role: 'customer', ...more, backend });
  await screen.findByRole('heading', { name: 'New order' });
  const made = () => backend.list({ customer: 'alice' }).orders;
  const add = async (name: string) =>
    page.user.click(await screen.findByRole('button', { name: `Add ${name}` }));
  const addCustom = () => page.user.click(screen.getByRole('button', { name: 'Custom item' }));
  return { ...page, made, add, addCustom };
}

const field = (name: string, nth = 0) => {
  const found = screen.getAllByLabelText<HTMLInputElement>(name)[nth];
  if (!found) throw new Error(`there is no ${name}`);
  return found;
};
const errorOf = (input: HTMLInputElement) =>
  document.getElementById(input.getAttribute('aria-describedby') ?? '')?.textContent;
const sum = () => screen.getByRole('status', { name: 'Total' }).textContent;
const submit = () => screen.getByRole('button', { name: 'Create order' });

const quantity = (name: string) => screen.getByLabelText<HTMLInputElement>(`Quantity of ${name}`);
const lines = () =>
  within(screen.getByRole('complementary', { name: 'Summary' }))
    .getAllByRole('listitem')
    .map(({ textContent }) => textContent);
const enforced = () => {
  const backend = new Backend();
  backend.catalogue = { ...backend.catalogue, enforced: true };
  return backend;
};

describe('the form of a new order', () => {
  it('updates lines and total while the user chooses', async () => {
    const { user, add } = await openPage();
    await add('Green tea');
    expect(sum()).toMatch(/4[.,]50/);
    await add('Green tea');
    expect(quantity('Green tea').value).toBe('2');
    await add('Teapot');
    expect(lines()).toEqual(['2 × Green tea€9.00', '1 × Teapot€39.00']);
    expect(sum()).toBe('€48.00');
    await user.clear(quantity('Teapot'));
    expect(sum()).toBe('€9.00');
    await user.type(quantity('Teapot'), '3');
    expect(sum()).toBe('€126.00');
    await user.click(screen.getByRole('button', { name: 'Remove Teapot from the order' }));
    expect(sum()).toBe('€9.00');
    await user.click(screen.getByRole('button', { name: 'Remove one Green tea' }));
    expect(lines()).toEqual(['1 × Green tea€4.50']);
    await user.selectOptions(screen.getByLabelText('Currency'), 'GBP');
    expect(sum()).toBe('£3.90');
    await user.click(screen.getByRole('button', { name: 'Remove one Green tea' }));
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Add Green tea' }));
    expect(sum()).toBe('£0.00');
  });

  it('finds items of the catalogue by name and SKU', async () => {
    const { user } = await openPage();
    await screen.findByRole('button', { name: 'Add Green tea' });
    const shown = () =>
      screen.queryAllByRole('button', { name: /^Add / }).map((one) => one.getAttribute('aria-label'));
    const search = screen.getByLabelText('Search the catalogue');
    await user.type(search, 'TEA');
    expect(shown()).toEqual(['Add Green tea', 'Add Earl Grey', 'Add Teapot']);
    await user.type(search, 'x{Enter}');
    expect(shown()).toEqual([]);
    screen.getByText('No items match “TEAx”.');
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('says that the catalogue could not be loaded, and shows it when it can', async () => {
    const { state, answer } = outage('*/v1/catalogue', 503, 'unavailable', 'get');
    await openPage({ answers: [answer] });
    await screen.findByText(/^Couldn’t load the catalogue\./);
    state.away = false;
    await screen.findByRole('button', { name: 'Add Green tea' });
    expect(screen.queryByText(/^Couldn’t load/)).toBeNull();
  });

  it('shows each error at its field, focuses the first, and removes corrected ones', async () => {
    const { user, add, addCustom, made } = await openPage();
    await add('Green tea');
    await addCustom();
    await user.type(field('Name'), 'Honey');
    await user.type(field('Price'), 'dear');
    await user.click(submit());
    const [sku, price] = [field('SKU'), field('Price')];
    expect([errorOf(sku), errorOf(price)]).toEqual(['Enter an SKU.', 'Enter a price, for example 4.50.']);
    expect(document.activeElement).toBe(sku);
    const invalid = screen
      .getAllByRole<HTMLInputElement>('textbox')
      .filter((one) => one.getAttribute('aria-invalid') === 'true');
    expect(invalid).toEqual([sku, price]);
    await user.type(sku, 'honey-1');
    expect([errorOf(sku), errorOf(price)]).toEqual([undefined, 'Enter a price, for example 4.50.']);
    expect(made()).toEqual([]);
  });

  it('shows an invalid quantity at its item, also when the search hides it', async () => {
    const { user, add } = await openPage();
    await add('Green tea');
    await user.clear(quantity('Green tea'));
    await user.type(screen.getByLabelText('Search the catalogue'), 'teapot');
    expect(screen.queryByLabelText('Quantity of Green tea')).toBeNull();
    await user.click(submit());
    expect(errorOf(quantity('Green tea'))).toBe('Enter a whole number from 1 to 1,000.');
  });

  it('requires an item', async () => {
    const { user, made } = await openPage();
    await user.click(submit());
    expect((await screen.findByRole('alert')).textContent).toBe('Add at least one item.');
    expect(made()).toEqual([]);
  });

  it('stores the draft for its user only', async () => {
    const first = await openPage();
    await first.add('Earl Grey');
    first.unmount();
    const other = await openPage({ user: 'bob' });
    await screen.findByRole('button', { name: 'Add Earl Grey' });
    expect(screen.queryByLabelText('Quantity of Earl Grey')).toBeNull();
    other.unmount();
    await openPage();
    expect((await screen.findByLabelText<HTMLInputElement>('Quantity of Earl Grey')).value).toBe('1');
  });

  it('gives a stored draft the prices of the catalogue, and says so', async () => {
    const items = [
      { row: 1, sku: 'tea-1', name: 'Green tea', quantity: '2', price: '4.00' },
      { row: 2, sku: 'honey-1', name: 'Honey', quantity: '1', price: '8.00' },
    ];
    draftStore('alice').save({ draft: { items, currency: 'EUR' }, key: undefined });
    await openPage();
    await screen.findByText('The price has changed: Green tea.');
    expect(lines()).toEqual(['2 × Green tea€9.00', '1 × Honey€8.00']);
    expect(field('Name').value).toBe('Honey');
  });
});

describe('an enforced catalogue', () => {
  it('leaves customers no custom items', async () => {
    const { add } = await openPage({ backend: enforced() });
    await add('Green tea');
    expect(screen.queryByRole('button', { name: 'Custom item' })).toBeNull();
    expect(screen.getAllByRole('textbox')).toEqual([quantity('Green tea')]);
  });

  it('removes other items from a stored draft', async () => {
    const items = [
      { row: 1, sku: 'honey-1', name: 'Honey', quantity: '1', price: '8.00', custom: true as const },
    ];
    draftStore('alice').save({ draft: { items, currency: 'EUR' }, key: undefined });
    await openPage({ backend: enforced() });
    await screen.findByText('No longer available and removed: Honey.');
    expect(lines).toThrow();
  });

  it('leaves operators custom items', async () => {
    await openPage({ backend: enforced(), user: 'olivia', role: 'operator' });
    await screen.findByRole('button', { name: 'Add Green tea' });
    screen.getByRole('button', { name: 'Custom item' });
  });

  it('shows the new price when it has changed meanwhile, and orders at it', async () => {
    const backend = enforced();
    const { user, add, made } = await openPage({ backend });
    await add('Green tea');
    const items = backend.catalogue.items.map((item) => ({ ...item, prices: { EUR: 500 } }));
    backend.catalogue = { items, enforced: true };
    await user.click(submit());
    await screen.findByText('The price has changed: Green tea.');
    expect([sum(), made()]).toEqual(['€5.00', []]);
    await user.click(submit());
    await findToast('Order created');
    expect(made().map(({ total }) => total)).toEqual([500]);
  });
});

describe('an order of an operator', () => {
  const asOperator = { user: 'olivia', role: 'operator' } as const;

  it('requires a customer, whose order it is', async () => {
    const { user, add, made, backend } = await openPage(asOperator);
    await add('Green tea');
    await user.click(submit());
    expect(errorOf(field('Customer'))).toBe('Enter a customer.');
    expect(document.activeElement).toBe(field('Customer'));
    await user.type(field('Customer'), ' alice ');
    await user.click(submit());
    await findToast('Order created');
    expect(made()[0]?.lastChange).toMatchObject({ by: 'operator', user: 'olivia' });
    expect(backend.list({ customer: 'olivia' }).orders).toEqual([]);
  });

  it('is for the customer in the address', async () => {
    draftStore('olivia').save({ draft: { ...emptyDraft, customer: 'bob' }, key: undefined });
    const first = await openPage(asOperator);
    expect(field('Customer').value).toBe('bob');
    first.unmount();
    await openPage({ ...asOperator, at: '/new?customer=alice%20b' });
    expect(field('Customer').value).toBe('alice b');
  });

  it('has no customer field for customers', async () => {
    await openPage({ at: '/new?customer=bob' });
    expect(screen.queryByLabelText('Customer')).toBeNull();
  });
});

describe('submitting an order', () => {
  it('creates it, shows a toast and opens its page', async () => {
    const { user, add, made } = await openPage();
    await add('Coffee beans');
    await user.click(submit());
    await findToast('Order created');
    const [order] = made();
    expect(order).toMatchObject({ customer: 'alice', total: 1_290, currency: 'EUR' });
    expect(location.pathname).toBe(`/orders/${order?.id ?? ''}`);
    expect(localStorage.getItem('orders.draft.alice')).toBeNull();
  });

  it('creates one order on a double click', async () => {
    let sent = 0;
    const count = http.post('*/v1/orders', () => {
      sent++; // then the backend answers
    });
    const { user, add, made } = await openPage({ answers: [count] });
    await add('Green tea');
    await user.dblClick(submit());
    await findToast('Order created');
    expect(made()).toHaveLength(1);
    expect(sent).toBe(1);
  });

  it('creates one order when the response is lost', async () => {
    const keys: (string | null)[] = [];
    const lose = http.post('*/v1/orders', ({ request }) => {
      keys.push(request.headers.get('Idempotency-Key'));
      return keys.length === 1 ? HttpResponse.error() : undefined;
    });
    const { user, add, made } = await openPage({ answers: [lose] });
    await add('Green tea');
    await user.click(submit());
    await user.click(await screen.findByRole('button', { name: 'Send now' }));
    await findToast('Order created');
    expect(keys).toEqual([keys[0], keys[0]]);
    expect(keys[0]).toBeTruthy();
    expect(made()).toHaveLength(1);
  });

  it.each([
    [503, 'unavailable', 'Orders can’t be created right now.'],
    [429, 'rate-limited', 'Try again.'],
  ] as const)('waits after status %i and says why, and creates it when it can', async (status, code, why) => {
    const { state, answer } = outage('*/v1/orders', status, code);
    const { user, add, made } = await openPage({ answers: [answer] });
    await add('Green tea');
    await user.click(submit());
    await screen.findByText(new RegExp(`^${why} Retrying; you won’t be charged twice.`));
    await screen.findByText(/1 order waiting to be sent/);
    expect(quantity('Green tea').value).toBe('1');
    state.away = false;
    await findToast('Order created');
    expect(made()).toHaveLength(1);
  });

  it('shows the server’s errors at their fields, and submits the corrected order', async () => {
    const problem = {
      type: '/docs',
      title: 'Invalid request',
      status: 400,
      code: 'invalid-request',
      errors: [{ field: 'items[1].sku', message: 'is not sold here' }],
    };
    const refuse = http.post('*/v1/orders', () => HttpResponse.json(problem, { status: 400 }), {
      once: true,
    });
    const { user, add, addCustom, made } = await openPage({ answers: [refuse] });
    await add('Green tea');
    await addCustom();
    await user.type(field('Name'), 'Honey');
    await user.type(field('SKU'), 'honey-');
    await user.type(field('Price'), '8');
    await user.click(submit());
    await waitFor(() => expect(errorOf(field('SKU'))).toBe('Is not sold here.'));
    expect(document.activeElement).toBe(field('SKU'));
    await user.type(field('SKU'), '9');
    expect(errorOf(field('SKU'))).toBeUndefined();
    await user.click(submit());
    await findToast('Order created');
    expect(made().map(({ items }) => items.map(({ sku }) => sku))).toEqual([['tea-1', 'honey-9']]);
  });

  it('shows a refusal without field errors', async () => {
    const problem = {
      type: '/docs',
      title: 'Too large',
      status: 413,
      code: 'invalid-request',
      detail: 'too much',
    };
    const refuse = http.post('*/v1/orders', () => HttpResponse.json(problem, { status: 413 }));
    const { user, add } = await openPage({ answers: [refuse] });
    await add('Green tea');
    await user.click(submit());
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toBe('Too much.');
    expect(submit()).toHaveProperty('disabled', false);
  });
});
