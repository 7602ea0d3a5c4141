import { expect, test } from 'vitest';
import { createOrder, signIn, status } from './steps';
import { startStack, storyRunner } from './story';

const story = storyRunner();
const stack = startStack({
  PAYMENT_CONFIRM_RATE: '1',
  PAYMENT_LATENCY: '50ms',
  DELIVER_AFTER: '5s',
  RATE_LIMIT: '0',
});

test('the page reconnects after the backend was killed and restarted', () =>
  story(stack().url, async (page) => {
    await signIn(page, 'alice');
    await createOrder(page, 'Green tea', 1);
    await page.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
    await stack().kill('orders-actor');
    await page.getByTestId('connection').filter({ hasText: 'Reconnecting' }).waitFor();
    await stack().restart('orders-actor');
    await page.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
    await status(page, 'Delivered');
  }));

test('an order submitted offline is sent once when the browser is online', () =>
  story(stack().url, async (page) => {
    await signIn(page, 'bob');
    await page.getByRole('link', { name: 'New order' }).first().click();
    await page.getByRole('button', { name: /Teapot/ }).click();
    await page.context().setOffline(true);
    await page.getByRole('button', { name: 'Create order' }).click();
    await page.getByRole('main').getByText('You are offline.').waitFor();
    await page.context().setOffline(false);
    await page.waitForURL(/\/orders\/[0-9a-f-]{36}$/);
    expect(await stack().list('bob')).toHaveLength(1);
  }));
