import { screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { Backend } from '../../mock/backend';
import { outage } from '../../test/refusals';
import { findToast, open } from '../../test/app';

/** Opens the page as alice; `made` returns her orders. */
async function openPage(more: Parameters<typeof open>[0] = {}) {
  const backend = new Backend();
  const page = open({ backend, at: '/new', user: 'alice', role: 'customer', ...more });
  await screen.findByRole('heading', { name: 'New order' });
  const made = () => backend.list({ customer: 'alice' }).orders;
  const add = (name: string) =>
    page.user.click(screen.getByRole('button', { name: new RegExp(`^\\+ ${name}`) }));
  return { ...page, made, add };
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

describe('the form of a new order', () => {
  it('updates the total while the user types', async () => {
    const { user, add } = await openPage();
    await add('Green tea');
    expect(sum()).toMatch(/4[.,]50/);
    await add('Green tea');
    expect(field('Quantity').value).toBe('2');
    await add('Teapot');
    expect(sum()).toMatch(/48[.,]00/);
    await user.clear(field('Quantity', 1));
    expect(sum()).toMatch(/\D9[.,]00/);
    await user.type(field('Quantity', 1), '3');
    expect(sum()).toMatch(/126[.,]00/);
    await user.click(screen.getByRole('button', { name: 'Remove Teapot' }));
    expect(sum()).toMatch(/\D9[.,]00/);
    await user.selectOptions(screen.getByLabelText('Currency'), 'GBP');
    expect(sum()).toMatch(/£\s?9[.,]00|9[.,]00\s?£/);
  });

  it('shows each error at its field, focuses the first, and removes corrected ones', async () => {
    const { user, add, made } = await openPage();
    await add('Green tea');
    await add('Custom item');
    await user.type(field('Name', 1), 'Honey');
    await user.type(field('Price', 1), 'dear');
    await user.click(submit());
    const [sku, price] = [field('SKU', 1), field('Price', 1)];
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
    expect(screen.queryByLabelText('Name')).toBeNull();
    other.unmount();
    await openPage();
    expect(field('Name').value).toBe('Earl Grey');
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
    expect(field('Name').value).toBe('Green tea');
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
    const { user, add, made } = await openPage({ answers: [refuse] });
    await add('Green tea');
    await add('Teapot');
    await user.click(submit());
    await waitFor(() => expect(errorOf(field('SKU', 1))).toBe('Is not sold here.'));
    expect(document.activeElement).toBe(field('SKU', 1));
    expect(errorOf(field('SKU', 0))).toBeUndefined();
    await user.type(field('SKU', 1), '9');
    expect(errorOf(field('SKU', 1))).toBeUndefined();
    await user.click(submit());
    await findToast('Order created');
    expect(made().map(({ items }) => items.map(({ sku }) => sku))).toEqual([['tea-1', 'pot-19']]);
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
