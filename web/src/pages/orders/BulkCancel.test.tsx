import { act, screen, waitFor, within } from '@testing-library/react';
import { http } from 'msw';
import { describe, expect, it } from 'vitest';
import { navigate } from '../../ui/router';
import { shortId } from '../../domain/format';
import { open } from '../../test/app';
import { checkboxOf, rowOf, seedOrders } from '../../test/orderList';
import { outage, refuseRudeReason } from '../../test/refusals';

describe('selected orders', () => {
  it('are only cancellable ones', async () => {
    const { backend, alice, bob, carol } = seedOrders();
    const { user } = open({ backend });
    await rowOf(alice);
    expect(screen.queryByRole('checkbox', { name: `Select order ${shortId(alice.id)}` })).toBeNull();
    await user.click(screen.getByRole('checkbox', { name: 'Select all cancellable orders' }));
    expect([(await checkboxOf(bob)).checked, (await checkboxOf(carol)).checked]).toEqual([true, true]);
    await screen.findByText('2 selected');
    backend.move(bob.id, 'delivery-due', 'system');
    await screen.findByText('1 selected');
  });

  it('are cancelled together, with one outcome each', async () => {
    const { backend, bob, carol } = seedOrders();
    const { user } = open({ backend });
    await user.click(await checkboxOf(bob));
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 2 orders' }));
    const dialog = await screen.findByRole('dialog', { name: 'Cancel 2 orders?' });
    await user.type(within(dialog).getByLabelText('Reason (optional)'), 'Out of stock');
    backend.move(bob.id, 'delivery-due', 'system'); // while the dialog is open
    await user.click(within(dialog).getByRole('button', { name: 'Cancel 2 orders' }));
    await screen.findByRole('heading', { name: '1 of 2 orders cancelled' });
    expect(
      within(dialog)
        .getAllByRole('listitem')
        .map(({ textContent }) => textContent),
    ).toEqual([`${shortId(bob.id)} Already delivered.`, shortId(carol.id)]);
    expect(backend.get(carol.id)?.cancellation).toEqual({ by: 'operator', reason: 'Out of stock' });
    await user.click(within(dialog).getByRole('button', { name: 'Close' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    await within(await rowOf(carol)).findByText('Cancelled by olivia');
    expect(screen.queryByRole('region', { name: 'Selection' })).toBeNull();
  });

  it('show by whom an order was already cancelled', async () => {
    const { backend, bob, carol } = seedOrders();
    const { user } = open({ backend });
    await user.click(await checkboxOf(bob));
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 2 orders' }));
    const dialog = await screen.findByRole('dialog', { name: 'Cancel 2 orders?' });
    backend.cancel(bob.id, 'customer');
    await user.click(within(dialog).getByRole('button', { name: 'Cancel 2 orders' }));
    await screen.findByRole('heading', { name: '1 of 2 orders cancelled' });
    expect(
      within(dialog)
        .getAllByRole('listitem')
        .map(({ textContent }) => textContent),
    ).toEqual([`${shortId(bob.id)} Already cancelled by bob.`, shortId(carol.id)]);
  });

  it('show the reason and the server’s error when the cancel is refused', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, answers: [refuseRudeReason('*/v1/orders/cancel')] });
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 1 order' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Cancel 1 order?' }));
    await user.type(dialog.getByLabelText('Reason (optional)'), 'Rude{Enter}word');
    await user.click(dialog.getByRole('button', { name: 'Cancel 1 order' }));
    expect((await dialog.findByRole('alert')).textContent).toBe('Must not be rude.');
    expect(dialog.getByLabelText<HTMLTextAreaElement>('Reason (optional)').value).toBe('Rude\nword');
    await user.click(dialog.getByRole('button', { name: 'Cancel 1 order' }));
    await screen.findByRole('heading', { name: '1 of 1 order cancelled' });
    expect(backend.get(carol.id)?.cancellation?.reason).toBe('Rude\nword');
  });

  it('wait while the server can’t carry out commands, and recover by themselves', async () => {
    const { state, answer } = outage('*/v1/orders/cancel');
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, answers: [answer] });
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 1 order' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Cancel 1 order?' }));
    await user.type(dialog.getByLabelText('Reason (optional)'), 'Sold out');
    await user.click(dialog.getByRole('button', { name: 'Cancel 1 order' }));
    await dialog.findByText(/^Orders can’t be cancelled right now\. Retrying automatically/);
    await user.click(dialog.getByRole('button', { name: 'Stop retrying' }));
    expect(dialog.getByLabelText<HTMLTextAreaElement>('Reason (optional)').value).toBe('Sold out');
    await user.click(dialog.getByRole('button', { name: 'Cancel 1 order' }));
    await user.click(await dialog.findByRole('button', { name: 'Close' }));
    state.away = false;
    await screen.findByText('1 order cancelled');
    expect(backend.get(carol.id)?.cancellation?.reason).toBe('Sold out');
  });

  it('show their outcome after the browser closed the dialog, and others can be cancelled next', async () => {
    let answer = () => undefined as unknown;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const slow = http.post('*/v1/orders/cancel', () => held, { once: true }); // then the backend answers
    const { backend, bob, carol } = seedOrders();
    const { user } = open({ backend, answers: [slow] });
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 1 order' }));
    const dialog = await screen.findByRole<HTMLDialogElement>('dialog', { name: 'Cancel 1 order?' });
    await user.click(within(dialog).getByRole('button', { name: 'Cancel 1 order' }));
    dialog.close();
    expect(dialog.open).toBe(true);
    answer();
    await screen.findByRole('heading', { name: '1 of 1 order cancelled' });
    dialog.close();
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    await user.click(await checkboxOf(bob));
    await user.click(screen.getByRole('button', { name: 'Cancel 1 order' }));
    await screen.findByRole('dialog', { name: 'Cancel 1 order?' });
  });

  it('are cancelled also when the list is left, which ends in a toast', async () => {
    let answer = () => undefined as unknown;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const slow = http.post('*/v1/orders/cancel', () => held, { once: true }); // then the backend answers
    const { backend, carol } = seedOrders();
    const { user } = open({ backend, answers: [slow], at: '/?status=created' });
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 1 order' }));
    const dialog = await screen.findByRole('dialog', { name: 'Cancel 1 order?' });
    await user.click(within(dialog).getByRole('button', { name: 'Cancel 1 order' }));
    act(() => navigate('/new'));
    await screen.findByRole('heading', { name: 'New order' });
    const progress = within(await screen.findByRole('region', { name: 'Cancellation' }));
    expect(progress.getByText('Cancelling 0 of 1 order')).toBeTruthy();
    expect(progress.getByRole('link', { name: 'Show orders' }).getAttribute('href')).toBe('/?status=created');
    answer();
    await screen.findByText('1 order cancelled');
    expect(screen.queryByRole('region', { name: 'Cancellation' })).toBeNull();
    expect(backend.get(carol.id)?.status).toBe('cancelled');
  });

  it('stay selected when the dialog is dismissed', async () => {
    const { backend, carol } = seedOrders();
    const { user } = open({ backend });
    await user.click(await checkboxOf(carol));
    await user.click(screen.getByRole('button', { name: 'Cancel 1 order' }));
    await user.click(await screen.findByRole('button', { name: 'Keep orders' }));
    expect(screen.queryByRole('dialog')).toBeNull();
    expect((await checkboxOf(carol)).checked).toBe(true);
    expect(backend.get(carol.id)?.status).toBe('created');
  });
});
