import { act, screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { navigate } from '../../ui/router';
import { Backend } from '../../mock/backend';
import { shortId } from '../../domain/format';
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

const section = (name: string) => within(screen.getByRole('region', { name }));
const chip = () => screen.getByTestId('status').textContent;
const ask = () => screen.findByRole('button', { name: 'Cancel order' });
const dialog = async () => within(await screen.findByRole('dialog', { name: 'Cancel this order?' }));

describe('the page of an order', () => {
  it('shows the order’s items, details and status', async () => {
    const { id } = await openOrder();
    expect(chip()).toBe('Confirmed');
    expect(document.title).toBe(`Order ${shortId(id)}`);
    const items = section('Items').getAllByRole('row');
    expect(items.map((row) => row.textContent)).toEqual([
      'ItemQuantityPriceAmount',
      expect.stringMatching(/^Green tea tea-12\D*4[.,]50\D*9[.,]00/),
      expect.stringMatching(/^Stoneware mug mug-11\D*14[.,]50\D*14[.,]50/),
      expect.stringMatching(/^Total\D*23[.,]50/),
    ]);
    for (const fact of ['Confirmed', 'alice', 'Paid', id]) {
      expect(section('Details').getByText(fact)).toBeTruthy();
    }
    expect(section('Details').getByRole('timer', { name: 'Time until delivery' }).textContent).toMatch(
      /^Delivery in (1 h|59 min( \d+ s)?)$/,
    );
    expect(section('Progress').getByRole('img').getAttribute('aria-label')).toContain(
      'Current status: confirmed.',
    );
  });

  it('shows its history and updates it live', async () => {
    const { backend, id } = await openOrder();
    const history = () =>
      section('History')
        .getAllByRole('listitem')
        .map((entry) => ['strong', '.soft'].map((part) => entry.querySelector(part)?.textContent).join(' '));
    const [created, paid] = ['Order created by alice', 'Payment confirmed '];
    expect(history()).toEqual([created, paid]);
    backend.move(id, 'delivery-due', 'system');
    await waitFor(() => expect(history()).toEqual([created, paid, 'Delivered automatically']));
    expect(chip()).toBe('Delivered');
    expect(screen.queryByRole('button', { name: 'Cancel order' })).toBeNull();
    expect(screen.queryByRole('timer')).toBeNull();
  });

  it.each([
    ['olivia', 'operator', 'Cancelled by olivia', true],
    ['alice', 'customer', 'Cancelled by an operator', false],
  ] as const)('tells %s who cancelled it', async (user, role, text, request) => {
    const { backend, id } = await openOrder('confirmed', { user, role });
    const at = Date.now();
    const origin = { requestId: 'request-7', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' };
    backend.cancel(id, 'operator', 'Out of stock', at, origin);
    const history = section('History');
    const entry = (await history.findByText('Cancelled')).parentElement;
    expect(entry?.textContent).toContain(`${text}Out of stock`);
    for (const secret of Object.values(origin)) {
      expect(history.queryByText(secret) !== null).toBe(request);
    }
    const name = text.replace('Cancelled by ', '');
    expect(section('Details').getByText(name, { exact: false })).toBeTruthy();
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
    expect(await screen.findByText(/^The payment service did not answer in time\./)).toBeTruthy();
    expect(section('Details').getByText('after 4 attempts')).toBeTruthy();
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
    const { backend, id } = await openOrder('created');
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
      /^Waiting for the payment service for 8 min. Attempt 5 failed: The payment service answered 503. Retrying automatically.$/,
    ],
    [
      'did not begin',
      2 * 3_600_000,
      0,
      undefined,
      /^Waiting for the payment service for 2 h\. Retrying automatically.$/,
    ],
    ['has just begun', 0, 0, undefined, undefined],
  ])('explains that it waits when the payment %s', async (_, age, attempts, lastError, text) => {
    const backend = new Backend();
    const order = backend.create('alice', { items: [tea], currency: 'EUR' }, { at: Date.now() - age });
    const payment = { status: 'pending', attempts, ...(lastError ? { lastError } : {}) };
    const answers = [http.get('*/v1/orders/:id', () => HttpResponse.json({ ...order, payment }))];
    open({ backend, answers, at: `/orders/${order.id}` });
    await screen.findByRole('heading', { name: `Order ${shortId(order.id)}` });
    const notice = () => screen.queryByText(/^Waiting for the payment service/);
    if (text) expect(notice()?.textContent).toMatch(text);
    else expect(notice()).toBeNull();
  });

  it('shows why a payment was declined', async () => {
    const { backend, id } = await openOrder('created');
    backend.decline(id);
    await waitFor(() => expect(chip()).toBe('Cancelled'));
    expect(section('Details').getByText('(insufficient funds)')).toBeTruthy();
    expect(section('Details').getByText('the payment service')).toBeTruthy();
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

describe('cancelling an order', () => {
  it('sends the reason and shows the result', async () => {
    const { user, backend, id } = await openOrder();
    await user.click(await ask());
    const question = await dialog();
    await user.type(question.getByLabelText('Reason (optional)'), 'Ordered by mistake');
    await user.click(question.getByRole('button', { name: 'Cancel order' }));
    await findToast('Order cancelled');
    expect(chip()).toBe('Cancelled');
    expect(section('Details').getByText('Ordered by mistake')).toBeTruthy();
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
    expect(section('Details').getByText('Out of stock')).toBeTruthy();
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
    expect(section('Details').getByText('Wrong size Wrong colour')).toBeTruthy();
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
    expect([screen.queryByRole('dialog'), chip()]).toEqual([null, 'Confirmed']);
    act(() => navigate('/'));
    await screen.findByRole('cell', { name: 'Confirmed' });
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
    await screen.findByRole('heading', { name: 'Orders' });
    answer();
    await findToast('Order cancelled');
    expect(backend.get(id)?.status).toBe('cancelled');
  });
});
