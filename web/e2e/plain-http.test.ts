import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, visit } from './browser';
import { cancel, createOrder, signIn, status } from './steps';
import { startStack } from './story';

const HOST = 'orders.test';

const stack = startStack({
  DEV_AUTH_HOSTS: HOST,
  PAYMENT_CONFIRM_RATE: '1',
  PAYMENT_LATENCY: '50ms',
  DELIVER_AFTER: '1h',
  RATE_LIMIT: '0',
});

let browser: Browser;
beforeAll(async () => {
  browser = await launch(`--host-resolver-rules=MAP ${HOST} 127.0.0.1`);
});
afterAll(() => browser.close());

// On plain http browsers offer neither crypto.randomUUID nor Web Locks, except on localhost.
test('orders are created, followed and cancelled on plain http', async () => {
  const url = new URL(stack().url);
  url.hostname = HOST;
  const { page, errors, leave } = await visit(browser, url.href);
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  await signIn(page, 'alice');
  await createOrder(page, 'Teapot', 1);
  await status(page, 'Paid');
  await page.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
  await cancel(page, 'Wrong size');
  await status(page, 'Cancelled');
  expect(errors).toEqual([]);
  await leave();
});
