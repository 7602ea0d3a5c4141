import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, visit } from './browser';
import { Stack } from './stack';
import { createOrder, signIn, status } from './steps';

let browser: Browser;
let stack: Stack;
beforeAll(async () => {
  browser = await launch();
  stack = await Stack.start({
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '5s',
    RATE_LIMIT: '0',
  });
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

test('the page reconnects after the backend was killed and restarted', async () => {
  const { page, errors, leave } = await visit(browser, stack.url);
  await signIn(page, 'alice');
  await createOrder(page, 'Green tea', 1);
  await page.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
  await stack.kill('orders-actor');
  await page.getByTestId('connection').filter({ hasText: 'Reconnecting' }).waitFor();
  await stack.restart('orders-actor');
  await page.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
  await status(page, 'Delivered');
  expect(errors).toEqual([]);
  await leave();
});

test('an order submitted offline is sent once when the browser is online', async () => {
  const { page, leave } = await visit(browser, stack.url);
  await signIn(page, 'bob');
  await page
    .getByRole('link', { name: /new order/i })
    .first()
    .click();
  await page.getByRole('button', { name: /Teapot/ }).click();
  await page.context().setOffline(true);
  await page.getByRole('button', { name: /^create order/i }).click();
  await page
    .getByText(/offline/i)
    .first()
    .waitFor();
  await page.context().setOffline(false);
  await page.waitForURL(/\/orders\/[0-9a-f-]{36}$/);
  expect(await stack.list('bob')).toHaveLength(1);
  await leave();
});
