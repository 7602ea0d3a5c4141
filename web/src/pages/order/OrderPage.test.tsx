import { act, screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Saved } from '../../live/draft.store';
import { navigate } from '../../ui/router';
import { Backend } from '../../mock/backend';
import { clockTime, dateTime, shortId, shortTime } from '../../domain/format';
import { findToast, open } from '../../test/app';
import { outage, refuseRudeReason } from '../../test/refusals';

const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };
const mug = { sku: 'mug-1', name: 'Stoneware mug', quantity: 1, unitPrice: 1450 };

/** Opens the page of an order as its customer. */
async function openOrder(
  status: 'created' | 'confirmed' = 'confirmed',
  more: Parameters<typeof open>[0] = {},
) {
  const backend = new Backend();
  const { id } = backend.create('alice', { items: [tea, mug], currency: 'EUR' });
  if (status === 'confirmed') backend.confirm(id, Date.now() + 3_600_000);
  const at = `/orders/${id}`;
  const page = open({ backend, at, user: 'alice', role: 'customer', ...more });
  await screen.findByRole('heading', { name: `Order ${shortId(id)}` });
  return { ...page, id };
}

const listed = (id: string) =>
  waitFor(() => expect(document.querySelector(`[data-order='${id}']`)).toBeTruthy());
const section = (name: string) => within(screen.getByRole('region', { name }));
const chip = () => screen.getByTestId('status').textContent;
const ask = () => screen.findByRole('button', { name: 'Cancel order' });
const dialog = async () => within(await screen.findByRole('dialog', { name: 'Cancel this order?' }));

/** Opens the page of an order as an operator. */
const openAsOperator = (status?: 'created' | 'confirmed', more: Parameters<typeof open>[0] = {}) =>
  openOrder(status, { user: 'olivia', role: 'operator', ...more });

const activity = () =>
  section('Activity')
    .getAllByRole('listitem')
    .map((entry) => entry.querySelector('strong')?.textContent);
const steps = () =>
  section('Progress')
    .getAllByRole('listitem')
    .map((step) => step.querySelector('strong')?.textContent);
const closest = (element: HTMLElement, selector: string) =>
  within(element.closest<HTMLElement>(selector) ?? element);

describe('the page of an order', () => {
  it('begins with the status, the customer, the amount and when it was placed', async () => {
    const { id, backend } = await openAsOperator();
    expect(chip()).toBe('Confirmed');
    expect(document.title).toBe(`Order ${shortId(id)}`);
    const facts = document.querySelector('.facts')?.textContent;
    expect(facts).toMatch(/^alice · .*23[.,]50/);
    expect(facts).toContain(` · placed ${dateTime(backend.get(id)?.createdAt ?? '')} (`);
    const head = closest(screen.getByRole('heading', { level: 1 }), 'header');
    expect(head.getByRole('link', { name: 'alice' }).getAttribute('href')).toBe('/?customer=alice');
  });

  it('shows the order’s items, customer, payment and details', async () => {
    const { id } = await openAsOperator();
    const items = section('Items').getAllByRole('row');
    expect(items.map((row) => row.textContent)).toEqual([
      'ItemQuantityPriceAmount',
      expect.stringMatching(/^Green tea tea-12\D*4[.,]50\D*9[.,]00/),
      expect.stringMatching(/^Stoneware mug mug-11\D*14[.,]50\D*14[.,]50/),
      expect.stringMatching(/^Total\D*23[.,]50/),
    ]);
    expect(section('Payment').getByText('Paid')).toBeTruthy();
    expect(section('Details').getByText(id)).toBeTruthy();
    expect(screen.queryByText('Version')).toBeNull();
    expect(await section('Customer').findByText('1 order')).toBeTruthy();
  });

  it('shows the steps to the delivery, and the time left', async () => {
    const { backend, id } = await openAsOperator();
    expect(steps()).toEqual(['Placed', 'Paid', expect.stringMatching(/^Delivery .*\d/)]);
    const timer = screen.getByRole('timer', { name: 'Time until delivery' });
    expect(timer.textContent).toMatch(/^in (1 h|59 min( \d+ s)?)$/);
    backend.move(id, 'delivery-due', 'system');
    await waitFor(() => expect(steps()).toEqual(['Placed', 'Paid', 'Delivered']));
    expect(screen.queryByRole('timer')).toBeNull();
  });

  it('shows what happened, the newest first, and updates it live', async () => {
    const { backend, id } = await openAsOperator();
    const before: unknown[] = [
      expect.stringMatching(/^Payment of .*23[.,]50.* confirmed$/),
      'alice placed the order',
    ];
    expect(activity()).toEqual(before);
    const placed = closest(section('Activity').getByText('alice placed the order'), 'li');
    expect(placed.getByText(shortTime(backend.get(id)?.createdAt ?? '', Date.now()))).toBeTruthy();
    backend.move(id, 'delivery-due', 'system');
    await waitFor(() => expect(activity()).toEqual(['Delivered automatically', ...before]));
    expect(chip()).toBe('Delivered');
    expect(screen.queryByRole('button', { name: 'Cancel order' })).toBeNull();
  });

  it.each([
    ['olivia', 'operator', 'olivia cancelled the order', 'Cancelled by olivia', true],
    ['alice', 'customer', 'An operator cancelled the order', 'Cancelled by an operator', false],
  ] as const)('tells %s who cancelled it, and why', async (user, role, text, step, request) => {
    const { backend, id } = await openOrder('confirmed', { user, role });
    const origin = { requestId: 'request-7', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' };
    backend.cancel(id, 'operator', 'Out of stock', Date.now(), origin);
    const entry = closest(await section('Activity').findByText(text), 'li');
    expect(entry.getByText('Out of stock').tagName).toBe('Q');
    for (const secret of Object.values(origin)) {
      expect(entry.queryByText(secret) !== null).toBe(request);
    }
    expect(steps()).toEqual(['Placed', 'Paid', step]);
    expect(section('Progress').getByText('Out of stock')).toBeTruthy();
  });

  it('shows the last failed payment call also after the payment', async () => {
    const backend = new Backend();
    const order = backend.create('alice', { items: [tea], currency: 'EUR' });
    const payment = {
      status: 'confirmed',
      attempts: 4,
      lastError: 'the payment service did not answer in time',
      lastErrorAt: order.createdAt,
    };
    const answers = [
      http.get('*/v1/orders/:id', () => HttpResponse.json({ ...order, status: 'confirmed', payment })),
    ];
    open({ backend, answers, at: `/orders/${order.id}` });
    const entry = closest(await screen.findByText('A payment attempt failed'), 'li');
    expect(entry.getByText('the payment service did not answer in time')).toBeTruthy();
    expect(section('Payment').getByText('4')).toBeTruthy();
  });

  it.each([
    [false, 1],
    [true, 0],
  ])('with reduced motion %s fades in a change %i times', async (reduce, fades) => {
    const real = matchMedia;
    vi.stubGlobal('matchMedia', (query: string) =>
      query.includes('reduced-motion') ? ({ matches: reduce } as MediaQueryList) : real(query),
    );
    onTestFinished(() => void vi.unstubAllGlobals());
    const { backend, id } = await openAsOperator('created');
    const animate = vi.spyOn(Element.prototype, 'animate');
    backend.confirm(id, Date.now() + 3_600_000);
    await waitFor(() => expect(chip()).toBe('Confirmed'));
    expect(animate).toHaveBeenCalledTimes(fades);
  });

  it.each([
    [
      'failed',
      8 * 60_000,
      5,
      'the payment service answered 503',
      /^Waiting for the payment service for 8 min\. Attempt 5 failed: The payment service answered 503\. Retrying at least every 30 s\./,
    ],
    [
      'did not begin',
      2 * 3_600_000,
      0,
      undefined,
      /^Waiting for the payment service for 2 h\. Retrying at least every 30 s\./,
    ],
    ['has just begun', 0, 0, undefined, undefined],
  ])('explains that it waits when the payment %s', async (_, age, attempts, lastError, text) => {
    const backend = new Backend();
    const order = backend.create('alice', { items: [tea], currency: 'EUR' }, { at: Date.now() - age });
    const payment = { status: 'pending', attempts, ...(lastError ? { lastError } : {}) };
    const answers = [http.get('*/v1/orders/:id', () => HttpResponse.json({ ...order, payment }))];
    open({ backend, answers, at: `/orders/${order.id}` });
    await screen.findByRole('heading', { name: `Order ${shortId(order.id)}` });
    const notice = () => document.querySelector('.banner.wait');
    if (text) expect(notice()?.textContent).toMatch(text);
    else expect(notice()).toBeNull();
  });

  it('explains that it waits for a delivery that is late', async () => {
    const backend = new Backend();
    const at = Date.now() - 10 * 60_000;
    const { id } = backend.create('alice', { items: [tea], currency: 'EUR' }, { at });
    backend.confirm(id, at + 60_000, at);
    open({ backend, at: `/orders/${id}` });
    const notice = await screen.findByText(/^Waiting for the delivery for 9 min/);
    const due = clockTime(at + 60_000, Date.now());
    expect(notice.parentElement?.textContent).toContain(
      `It was due at ${due}. Retrying at least every 30 s.`,
    );
  });

  it('shows why a payment was declined', async () => {
    const { backend, id } = await openAsOperator('created');
    backend.decline(id);
    await waitFor(() => expect(chip()).toBe('Cancelled'));
    expect(steps()).toEqual(['Placed', 'Payment declined']);
    expect(section('Activity').getByText('insufficient funds')).toBeTruthy();
    expect(section('Payment').getByText('Declined')).toBeTruthy();
  });

  it('draws the state machine on request', async () => {
    const { user } = await openAsOperator();
    expect(screen.queryByRole('img')).toBeNull();
    await user.click(screen.getByText('State machine'));
    const drawing = await screen.findByRole('img');
    expect(drawing.getAttribute('aria-label')).toContain('Current status: confirmed.');
  });

  it('copies the link, the id by key, and the JSON', async () => {
    const { user, backend, id } = await openAsOperator();
    await user.click(screen.getByRole('button', { name: 'Copy link' }));
    await findToast('Link copied');
    expect(await navigator.clipboard.readText()).toBe(`${location.origin}/orders/${id}`);
    await user.keyboard('y');
    await findToast('Order ID copied');
    expect(await navigator.clipboard.readText()).toBe(id);
    await user.click(screen.getByText('Copy JSON'));
    await findToast('JSON copied');
    expect(JSON.parse(await navigator.clipboard.readText())).toEqual(backend.get(id));
  });

  it('is shown from the list while the server does not answer', async () => {
    const backend = new Backend();
    const { id } = backend.create('alice', { items: [tea], currency: 'EUR' });
    const answers = [http.get('*/v1/orders/:id', () => HttpResponse.error())];
    open({ backend, answers });
    await listed(id);
    act(() => navigate(`/orders/${id}`));
    await screen.findByRole('heading', { name: `Order ${shortId(id)}` });
    expect(chip()).toBe('Created');
    const alert = await section('Activity').findByRole('alert');
    expect(alert.textContent).toBe('Can’t reach the server. Retrying…');
  });

  it('leads to the orders before and after it in the list, and back to the list', async () => {
    const backend = new Backend();
    const create = (age: number) =>
      backend.create('alice', { items: [tea], currency: 'EUR' }, { at: Date.now() - age * 60_000 }).id;
    const [oldest, middle, newest] = [create(3), create(2), create(1)];
    const { user } = open({ backend });
    await listed(middle);
    act(() => navigate(`/orders/${middle}`));
    const order = (id: string) => screen.findByRole('heading', { name: `Order ${shortId(id)}` });
    await order(middle);
    expect(screen.getByText('2 of 3')).toBeTruthy();
    await user.keyboard(']');
    await order(oldest);
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Next order' }).disabled).toBe(true);
    await user.keyboard('[[');
    await order(middle);
    await user.keyboard('[[');
    await order(newest);
    const back = vi.spyOn(history, 'back').mockImplementation(() => undefined);
    await user.click(screen.getByRole('link', { name: '← Orders' }));
    expect(back).toHaveBeenCalledOnce();
  });

  it.each([
    ['is unknown', 'olivia', 'operator', false],
    ['belongs to another customer', 'bob', 'customer', true],
  ] as const)('shows “Order not found” when the order %s', async (_, user, role, exists) => {
    const backend = new Backend();
    const { id } = (exists ? backend : new Backend()).create('alice', { items: [tea], currency: 'EUR' });
    open({ backend, user, role, at: `/orders/${id}` });
    await screen.findByRole('heading', { name: 'Order not found' });
    expect(screen.getByRole('link', { name: '← Orders' }).getAttribute('href')).toBe('/');
  });
});

describe('the page of an order, for its customer', () => {
  it('has the words of customers, and nothing of operators', async () => {
    const { backend, id } = await openOrder('created');
    expect(chip()).toBe('Payment pending');
    backend.confirm(id, Date.now() + 5.5 * 3_600_000);
    await waitFor(() => expect(chip()).toBe('Paid'));
    expect(steps()).toEqual(['Placed', 'Paid', expect.stringMatching(/^Delivery by .*\d/)]);
    expect(activity().at(-1)).toBe('You placed the order');
    for (const name of ['Customer', 'Inspect']) expect(screen.queryByRole('region', { name })).toBeNull();
    for (const text of ['State machine', 'Copy JSON', 'Attempts'])
      expect(screen.queryByText(text)).toBeNull();
    expect(screen.getByText('Print receipt')).toBeTruthy();
  });

  it('says that nothing was charged when the payment was declined', async () => {
    const { backend, id } = await openOrder('created');
    backend.decline(id);
    expect(await screen.findByText('Your payment was declined. Nothing was charged.')).toBeTruthy();
  });

  it('is listed among “Your orders”, in the same words and without checkboxes or export', async () => {
    const { id } = await openOrder();
    act(() => navigate('/'));
    await screen.findByRole('heading', { name: 'Your orders' });
    await listed(id);
    expect(within(screen.getByRole('table')).getByText('Paid')).toBeTruthy();
    expect(within(screen.getByRole('table')).queryByRole('columnheader', { name: 'Customer' })).toBeNull();
    expect(screen.queryByRole('button', { name: 'Export CSV' })).toBeNull();
    expect(within(screen.getByRole('table')).queryByRole('checkbox')).toBeNull();
  });

  it('orders the same items again', async () => {
    const { user } = await openOrder();
    await user.click(screen.getByRole('button', { name: 'Order again' }));
    await screen.findByRole('heading', { name: 'New order' });
    const { draft } = JSON.parse(localStorage.getItem('orders.draft.alice') ?? '') as Saved;
    expect(draft.items.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ['tea-1', '2'],
      ['mug-1', '1'],
    ]);
  });

  it('asks before it replaces a draft', async () => {
    const draft = {
      currency: 'EUR',
      items: [{ row: 1, sku: 'x', name: 'Mine', quantity: '1', price: '1.00' }],
    };
    localStorage.setItem('orders.draft.alice', JSON.stringify({ draft }));
    const { user } = await openOrder();
    await user.click(screen.getByRole('button', { name: 'Order again' }));
    const question = within(await screen.findByRole('dialog', { name: 'Replace your draft?' }));
    await user.click(question.getByRole('button', { name: 'Keep draft' }));
    expect(localStorage.getItem('orders.draft.alice')).toContain('Mine');
    expect(screen.queryByRole('dialog')).toBeNull();
  });
});

describe('cancelling an order', () => {
  it('sends the reason and shows the result', async () => {
    const { user, backend, id } = await openOrder();
    await user.click(await ask());
    const question = await dialog();
    await user.type(question.getByLabelText('Reason (optional)'), 'Ordered by mistake');
    await user.click(question.getByRole('button', { name: 'Cancel order' }));
    await findToast('Order cancelled');
    expect(chip()).toBe('Cancelled');
    expect(section('Activity').getByText('Ordered by mistake')).toBeTruthy();
    expect(activity()[0]).toBe('You cancelled the order');
    expect(backend.get(id)?.cancellation).toEqual({ by: 'customer', reason: 'Ordered by mistake' });
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(screen.queryByRole('button', { name: 'Cancel order' })).toBeNull();
  });

  it('is started by a key and dismissed by a button', async () => {
    const { user, backend, id } = await openOrder();
    await user.keyboard('c');
    await user.click((await dialog()).getByRole('button', { name: 'Keep order' }));
    expect(screen.queryByRole('dialog')).toBeNull();
    expect(backend.get(id)?.status).toBe('confirmed');
  });

  it('reports a delivery while the dialog is open', async () => {
    const { user, backend, id } = await openOrder();
    await user.click(await ask());
    await dialog();
    backend.move(id, 'delivery-due', 'system');
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('Too late: the order was delivered at ');
    expect(screen.queryByRole('dialog')).toBeNull();
    await user.click(within(alert).getByRole('button', { name: 'OK' }));
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('reports a delivery when the server refuses', async () => {
    let delivered = () => undefined as unknown;
    const late = http.post('*/v1/orders/:id/cancel', () => void delivered()); // then the backend answers
    const { user, backend, id } = await openOrder('confirmed', { answers: [late] });
    delivered = () => backend.move(id, 'delivery-due', 'system');
    await user.click(await ask());
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    expect((await screen.findByRole('alert')).textContent).toContain('Too late: the order was delivered at ');
    await waitFor(() => expect(chip()).toBe('Delivered'));
  });

  it('reports another cancel while the dialog is open', async () => {
    const { user, backend, id } = await openOrder();
    await user.click(await ask());
    await dialog();
    backend.cancel(id, 'operator', 'Out of stock');
    expect((await screen.findByRole('alert')).textContent).toMatch(
      /^This order was cancelled by an operator at .*\d.*\. OK$/,
    );
    expect(section('Activity').getByText('Out of stock')).toBeTruthy();
  });

  it('reports that another cancel with the same reason was first', async () => {
    let cancelled = () => undefined as unknown;
    const late = http.post('*/v1/orders/:id/cancel', () => void cancelled()); // then the backend answers
    const { user, backend, id } = await openOrder('confirmed', { answers: [late] });
    cancelled = () => backend.cancel(id, 'operator');
    await user.click(await ask());
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    expect((await screen.findByRole('alert')).textContent).toMatch(
      /^This order was cancelled by an operator at .*\d.*\. Nothing changed\./,
    );
    expect(screen.queryByText('Order cancelled')).toBeNull();
  });

  it('reports success when the first response was lost', async () => {
    let cancelled = () => undefined as unknown;
    const lost = http.post(
      '*/v1/orders/:id/cancel',
      () => {
        cancelled();
        return HttpResponse.error();
      },
      { once: true },
    );
    const { user, backend, id } = await openOrder('confirmed', { answers: [lost] });
    cancelled = () => backend.cancel(id, 'customer', 'Mine');
    await user.click(await ask());
    await user.type((await dialog()).getByLabelText('Reason (optional)'), 'Mine');
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    await findToast('Order cancelled');
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('keeps the lines of a reason', async () => {
    const { user, backend, id } = await openOrder();
    await user.click(await ask());
    await user.type((await dialog()).getByLabelText('Reason (optional)'), 'Wrong size{Enter}Wrong colour');
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    await findToast('Order cancelled');
    expect(backend.get(id)?.cancellation?.reason).toBe('Wrong size\nWrong colour');
    expect(section('Activity').getByText('Wrong size Wrong colour')).toBeTruthy();
  });

  it('shows at once that a reason is too long', async () => {
    const { user } = await openOrder();
    await user.click(await ask());
    const question = await dialog();
    const box = question.getByLabelText<HTMLTextAreaElement>('Reason (optional)');
    await user.click(box);
    await user.paste('a'.repeat(501));
    const confirm = question.getByRole<HTMLButtonElement>('button', { name: 'Cancel order' });
    expect(question.getByRole('alert').textContent).toBe('Use at most 500 characters (now 501).');
    expect([box.getAttribute('aria-invalid'), box.value.length, confirm.disabled]).toEqual([
      'true',
      501,
      true,
    ]);
    await user.type(box, '{Backspace}');
    expect([question.queryByRole('alert'), confirm.disabled]).toEqual([null, false]);
  });

  it('shows the reason and the server’s error when it is refused', async () => {
    const { user, backend, id } = await openOrder('confirmed', {
      answers: [refuseRudeReason('*/v1/orders/:id/cancel')],
    });
    await user.click(await ask());
    await user.type((await dialog()).getByLabelText('Reason (optional)'), 'Rude');
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    expect((await screen.findByRole('alert')).textContent).toBe('Must not be rude.');
    expect(screen.queryByText(/couldn’t confirm/)).toBeNull();
    const box = (await dialog()).getByLabelText<HTMLTextAreaElement>('Reason (optional)');
    expect(box.value).toBe('Rude');
    await user.type(box, 'ness');
    expect(screen.queryByRole('alert')).toBeNull();
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    await findToast('Order cancelled');
    expect(backend.get(id)?.cancellation?.reason).toBe('Rudeness');
  });

  it('can be retried when the response is lost', async () => {
    const lost = http.post('*/v1/orders/:id/cancel', () => HttpResponse.error(), { once: true });
    const { user } = await openOrder('confirmed', { answers: [lost] });
    await user.click(await ask());
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain(
      'We couldn’t confirm the cancellation. Can’t reach the server. It’s safe to try again.',
    );
    await user.click(within(alert).getByRole('button', { name: 'Retry' }));
    await findToast('Order cancelled');
    expect(chip()).toBe('Cancelled');
  });

  it('waits while the server can’t carry out commands, and recovers by itself', async () => {
    const { state, answer } = outage('*/v1/orders/:id/cancel');
    const { user, backend, id } = await openOrder('confirmed', { answers: [answer] });
    await user.click(await ask());
    await user.type((await dialog()).getByLabelText('Reason (optional)'), 'Wrong size');
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    await screen.findByText(/^Orders can’t be cancelled right now\. Retrying automatically/);
    expect([screen.queryByRole('dialog'), chip()]).toEqual([null, 'Paid']);
    act(() => navigate('/'));
    await listed(id);
    act(() => navigate(`/orders/${id}`));
    await screen.findByText(/^Orders can’t be cancelled right now/);
    state.away = false;
    await findToast('Order cancelled');
    expect(backend.get(id)?.cancellation?.reason).toBe('Wrong size');
    expect(screen.queryByText(/right now/)).toBeNull();
  });

  it('can be given up while it waits', async () => {
    const { state, answer } = outage('*/v1/orders/:id/cancel');
    const { user, backend, id } = await openOrder('confirmed', { answers: [answer] });
    await user.click(await ask());
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    await user.click(await screen.findByRole('button', { name: 'Stop retrying' }));
    expect(screen.queryByText(/right now/)).toBeNull();
    state.away = false;
    expect([await ask().then(({ textContent }) => textContent), state.sent]).toEqual(['Cancel order', 1]);
    expect(backend.get(id)?.status).toBe('confirmed');
  });

  it('continues when the page is left, and ends in a toast', async () => {
    let answer = () => undefined as unknown;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const slow = http.post('*/v1/orders/:id/cancel', () => held); // then the backend answers
    const { user, backend, id } = await openOrder('confirmed', { answers: [slow] });
    await user.click(await ask());
    await user.click((await dialog()).getByRole('button', { name: 'Cancel order' }));
    act(() => navigate('/'));
    await screen.findByRole('heading', { name: 'Your orders' });
    answer();
    await findToast('Order cancelled');
    expect(backend.get(id)?.status).toBe('cancelled');
  });
});

describe('a cancel that can be undone', () => {
  const confirm = async (user: Awaited<ReturnType<typeof openOrder>>['user']) => {
    await user.click(await ask());
    const question = await dialog();
    expect(question.getByText(/You can undo this for 5 seconds\.$/)).toBeTruthy();
    await user.click(question.getByRole('button', { name: 'Cancel order' }));
    await findToast(`Order will be cancelled in 5 s`);
  };

  it('is not sent after Undo', async () => {
    const { user, backend, id } = await openOrder('confirmed', { undo: true });
    await confirm(user);
    expect(screen.queryByRole('dialog')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Undo' }));
    await findToast('Order kept');
    await ask();
    dispatchEvent(new Event('pagehide'));
    expect([chip(), backend.get(id)?.status]).toEqual(['Paid', 'confirmed']);
  });

  it('is sent when the tab is left, and never told as done before', async () => {
    const { user, backend, id } = await openOrder('confirmed', { undo: true });
    await confirm(user);
    expect([chip(), backend.get(id)?.status]).toEqual(['Paid', 'confirmed']);
    expect(screen.queryByText('Order cancelled')).toBeNull();
    dispatchEvent(new Event('pagehide'));
    await findToast('Order cancelled');
    expect([chip(), backend.get(id)?.status]).toEqual(['Cancelled', 'cancelled']);
  });

  it('can be undone from its page after a visit to another', async () => {
    const { user, backend, id } = await openOrder('confirmed', { undo: true });
    await confirm(user);
    act(() => navigate('/'));
    await listed(id);
    act(() => navigate(`/orders/${id}`));
    await user.click(await screen.findByRole('button', { name: 'Undo cancellation' }));
    await ask();
    expect(backend.get(id)?.status).toBe('confirmed');
  });
});
