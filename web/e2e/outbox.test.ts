import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { cancel, signIn } from './steps';
import { startStack, storyRunner } from './story';

const run = storyRunner();
const stack = startStack({
  PAYMENT_CONFIRM_RATE: '1',
  PAYMENT_LATENCY: '50ms',
  DELIVER_AFTER: '1h',
  RATE_LIMIT: '0',
});

const story = (user: string, act: (page: Page) => Promise<void>) =>
  run(stack().url, async (page) => {
    await signIn(page, user);
    await act(page);
  });

const ordersOf = (user: string) => stack().list(user);

/** Holds requests to this path until `go` is called. `held` resolves at the first request. */
async function hold(page: Page, path: string) {
  let go: () => void = () => undefined;
  let come: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (go = resolve));
  const held = new Promise<void>((resolve) => (come = resolve));
  await page.route(path, async (route) => {
    come();
    await released;
    await route.continue();
  });
  return { held, go: () => go() };
}

/** Submits an order without network, and leaves the page. */
async function orderOffline(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'New order' }).first().click();
  await page.getByRole('button', { name: /Teapot/ }).click();
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Create order' }).click();
  await page.getByRole('main').getByText('You are offline.').waitFor();
  await page.getByRole('link', { name: '← Orders' }).click();
}

test('a cancel continues when its page is left, and ends in a toast', () =>
  story('alice', async (page) => {
    const id = await stack().create('alice');
    await page.getByRole('button', { name: '1 new' }).click();
    await page.getByRole('link', { name: id.slice(24) }).click();
    const request = await hold(page, '**/v1/orders/*/cancel');
    await cancel(page, 'Two\nlines');
    await request.held;
    await page.goBack(); // the dialog is modal, so no link can be clicked
    await page.getByRole('heading', { name: /^(Your orders|Orders)$/ }).waitFor();
    request.go();
    await page.locator('.toast', { hasText: `Order cancelled ${id.slice(24)}` }).waitFor();
    expect((await ordersOf('alice')).map(({ status }) => status)).toEqual(['cancelled']);
  }));

test('the outcome of a bulk cancel is shown although Escape is pressed repeatedly', () =>
  story('olivia', async (page) => {
    const id = await stack().create('bob');
    await page.getByRole('button', { name: '1 new' }).click();
    const request = await hold(page, '**/v1/orders/cancel');
    await page.getByRole('checkbox', { name: `Select order ${id.slice(24)}` }).check();
    await page.getByRole('button', { name: 'Cancel 1 order' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Cancel 1 order' }).click();
    await request.held;
    for (let i = 0; i < 4; i++) await page.keyboard.press('Escape');
    await dialog.waitFor(); // it opens again if Chromium closed it
    request.go();
    await dialog.getByRole('heading', { name: '1 of 1 order cancelled' }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }));

test('an order submitted offline is sent once when the browser is online, also after its page was left', () =>
  story('carol', async (page) => {
    await orderOffline(page);
    await page.getByText('1 order waiting to be sent').waitFor();
    expect(await ordersOf('carol')).toEqual([]);
    await page.context().setOffline(false);
    await page.locator('.toast', { hasText: 'Order created' }).waitFor();
    await page.getByText('1 order waiting to be sent').waitFor({ state: 'detached' });
    expect(await ordersOf('carol')).toHaveLength(1);
  }));

test('an old order is sent only after a confirmation', () =>
  story('dave', async (page) => {
    await orderOffline(page);
    await page.evaluate((ago) => {
      const name = 'orders.outbox.dave';
      const stored = JSON.parse(localStorage.getItem(name) ?? '') as { entries: { at: number }[] };
      for (const entry of stored.entries) entry.at -= ago;
      localStorage.setItem(name, JSON.stringify(stored));
    }, 13 * 3_600_000);
    await page.context().setOffline(false);
    await page.reload();
    const notice = page.getByRole('alert').filter({ hasText: 'We couldn’t confirm this order' });
    await notice.getByRole('button', { name: 'Show orders since then' }).click();
    await notice.getByText('You have no orders since then.').waitFor();
    expect(await ordersOf('dave')).toEqual([]);
    await notice.getByRole('button', { name: 'Send now' }).click();
    await page.locator('.toast', { hasText: 'Order created' }).waitFor();
    await notice.waitFor({ state: 'detached' });
    expect(await ordersOf('dave')).toHaveLength(1);
  }));
