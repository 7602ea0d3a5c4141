import { expect, test, vi } from 'vitest';
import { cancel, signIn, status } from './steps';
import { startStack, storyRunner } from './story';

const story = storyRunner();
const stack = startStack({
  PAYMENT_CONFIRM_RATE: '1',
  PAYMENT_LATENCY: '50ms',
  DELIVER_AFTER: '1h',
  RATE_LIMIT: '0',
});

test('while no actors can be reached the lists work, and commands wait and are carried out afterwards', () =>
  story(stack().url, async (page) => {
    const id = await stack().create('alice');
    const other = await stack().create('alice');
    await signIn(page, 'olivia');
    await stack().kill('orders-actor.sidecar');
    await vi.waitFor(() => expect(stack().create('bob')).rejects.toThrow('create: 503'), { timeout: 60_000 });

    await page.getByRole('link', { name: 'New order' }).first().click();
    await page.getByRole('button', { name: /Teapot/ }).click();
    await page.getByRole('textbox', { name: 'Customer' }).fill('alice');
    await page.getByRole('button', { name: 'Create order' }).click();
    await page.getByText('Orders can’t be created right now. Retrying').waitFor();
    await page.getByRole('link', { name: '← Orders' }).click();
    await page.getByText('1 order waiting to be sent').waitFor();
    await page.getByRole('checkbox', { name: `Select order ${other.slice(24)}` }).check();
    await page.getByRole('button', { name: 'Cancel 1 order' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Cancel 1 order' }).click();
    await dialog.getByText('Orders can’t be cancelled right now.').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('link', { name: id.slice(24) }).click();
    await cancel(page, 'Wrong size');
    await page.getByText('Orders can’t be cancelled right now.').waitFor();

    await stack().restart('orders-actor.sidecar');
    await status(page, 'Cancelled');
    await page.getByText('Wrong size').first().waitFor();
    const statuses = async () => (await stack().list('alice')).map((order) => order.status).sort();
    await vi.waitFor(async () => expect(await statuses()).toEqual(['cancelled', 'cancelled', 'confirmed']), {
      timeout: 60_000,
    });
  }));
