import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { phone } from './browser';
import { cancel, createOrder, signIn, signOut, status } from './steps';
import { startStack, storyRunner } from './story';

const story = storyRunner();

describe('when payments are confirmed', () => {
  const stack = startStack({
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '3s',
    RATE_LIMIT: '0',
  });

  test('an order is created and its page shows the delivery', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      await createOrder(page, 'Green tea', 3);
      await status(page, 'Delivered');
      expect(
        await page
          .getByRole('listitem')
          .filter({ hasText: /Payment of .* confirmed/ })
          .count(),
      ).toBeGreaterThan(0);
      expect(await page.getByRole('button', { name: 'Cancel order' }).count()).toBe(0);
    }));

  test('the list shows a new order and its delivery', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'bob');
      const id = await stack().create('bob', 'Assam');
      const row = page.getByRole('row').filter({ hasText: id.slice(-8) });
      await page.getByRole('button', { name: /1 new/ }).click();
      await row.waitFor();
      await row.getByText('Delivered').waitFor();
    }));

  test('another browser shows the delivery live', () =>
    story(stack().url, async (first) => {
      await signIn(first, 'carol');
      await createOrder(first, 'Teapot', 1);
      const address = first.url();
      await story(stack().url, async (second) => {
        await signIn(second, 'olivia');
        await second.goto(address);
        await status(second, 'Delivered');
      });
      await status(first, 'Delivered');
    }));

  test('all tabs follow the sign-out and sign-in of one tab', () =>
    story(stack().url, async (first) => {
      await signIn(first, 'olivia');
      const second = await first.context().newPage();
      await second.goto(stack().url);
      await second.locator('.who', { hasText: 'olivia' }).waitFor();
      await signOut(first);
      await second.getByRole('heading', { name: 'Sign in to Orders' }).waitFor();
      await signIn(first, 'alice');
      await second.locator('.who', { hasText: 'alice' }).waitFor();
    }));

  test('eight tabs share one stream, also after the tab that holds it is closed', () =>
    story(stack().url, async (first) => {
      const context = first.context();
      const streams: Page[] = [];
      context.on('request', (request) => {
        if (request.url().includes('/v1/orders/events')) streams.push(request.frame().page());
      });
      await signIn(first, 'heidi');
      const tabs = [first];
      while (tabs.length < 8) {
        const tab = await context.newPage();
        await tab.goto(stack().url);
        await tab.getByRole('heading', { name: /^(Your orders|Orders)$/ }).waitFor();
        tabs.push(tab);
      }
      const live = (tab: Page) => tab.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
      await Promise.all(tabs.map(live));
      await stack().create('heidi', 'Assam');
      await Promise.all(tabs.map((tab) => tab.getByRole('button', { name: /1 new/ }).waitFor()));
      expect(streams).toEqual([first]);

      await first.close();
      await stack().create('heidi', 'Oolong');
      const others = tabs.slice(1);
      await Promise.all(others.map((tab) => tab.getByRole('button', { name: /2 new/ }).waitFor()));
      expect(streams).toHaveLength(2);
    }));

  test('the theme is chosen from a menu, which Escape and a click outside close', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      const menu = page.getByRole('button', { name: 'Theme' });
      const dark = page.getByRole('radio', { name: 'Dark' });
      await dark.waitFor({ state: 'hidden' });
      await menu.click();
      await dark.check();
      const theme = () => page.evaluate(() => document.documentElement.dataset['theme']);
      expect(await theme()).toBe('dark');
      const [button, panel] = await Promise.all([
        menu.boundingBox(),
        page.locator('.menu:popover-open').boundingBox(),
      ]);
      expect(panel?.y).toBeGreaterThan(button?.y ?? 0);
      expect((panel?.x ?? 0) + (panel?.width ?? 0)).toBeCloseTo((button?.x ?? 0) + (button?.width ?? 0), 0);
      await page.keyboard.press('Escape');
      await dark.waitFor({ state: 'hidden' });
      await menu.click();
      await dark.waitFor();
      await page.getByRole('heading', { name: /^(Your orders|Orders)$/ }).click();
      await dark.waitFor({ state: 'hidden' });
      await page.reload();
      await menu.waitFor();
      expect(await theme()).toBe('dark');
    }));

  test('a page reloads when its script is missing on the server', () =>
    story('about:blank', async (page) => {
      let refused = 0;
      await page.route(/\/assets\/.*\.js$/, (route) =>
        refused++ === 0 ? route.fulfill({ status: 404, body: 'Not Found' }) : route.continue(),
      );
      await page.goto(stack().url);
      await signIn(page, 'alice');
      expect(refused).toBeGreaterThan(1);
    }));

  test('a link opens its order, and an unknown one shows “Order not found”', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      const id = await stack().create('alice');
      await page.goto(`${stack().url}/orders/${id}`);
      await status(page, 'Delivered');
      await page.goto(`${stack().url}/orders/01890000-0000-7000-8000-000000000000`);
      await page.getByRole('heading', { name: 'Order not found' }).waitFor();
    }));

  test('the order of another customer is not found', () =>
    story(stack().url, async (page) => {
      const id = await stack().create('alice');
      await signIn(page, 'bob');
      await page.goto(`${stack().url}/orders/${id}`);
      await page.getByRole('heading', { name: 'Order not found' }).waitFor();
    }));

  test('an order is created on a phone without horizontal scrolling', () =>
    story(
      stack().url,
      async (page) => {
        await signIn(page, 'alice');
        await createOrder(page, 'Coffee beans', 1);
        await status(page, 'Delivered');
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(overflow).toBeLessThanOrEqual(0);
      },
      { viewport: phone, hasTouch: true },
    ));
});

describe('when there is time before the delivery', () => {
  const stack = startStack({
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '1h',
    RATE_LIMIT: '0',
  });

  test('a confirmed order is cancelled with a reason', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      await createOrder(page, 'Teapot', 1);
      await status(page, 'Paid');
      await cancel(page, 'Changed my mind');
      await status(page, 'Cancelled');
      await page.getByText('Changed my mind').first().waitFor();
    }));

  test('a cancel by the API is shown live', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      await createOrder(page, 'Teapot', 1);
      await status(page, 'Paid');
      const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
      await stack().cancel('alice', id);
      await status(page, 'Cancelled');
    }));

  test('selected orders are cancelled together', () =>
    story(stack().url, async (page) => {
      await stack().create('dave', 'One');
      await stack().create('dave', 'Two');
      await signIn(page, 'olivia');
      await page.getByRole('checkbox', { name: /select all/i }).check();
      await page.getByRole('button', { name: /^cancel/i }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: /^cancel .*orders/i }).click();
      await dialog
        .getByText(/cancelled/i)
        .first()
        .waitFor();
    }));

  test('the list is searched and an order opened by keyboard', () =>
    story(stack().url, async (page) => {
      await stack().create('erin', 'Keyboard tea');
      await signIn(page, 'erin');
      await page
        .getByRole('row')
        .filter({ hasText: 'erin' })
        .or(page.getByText('Keyboard tea'))
        .first()
        .waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.press('/');
      await page.keyboard.type('keyboard');
      await page.waitForURL(/q=keyboard/);
      await page.keyboard.press('Escape');
      await page.locator('table:not([inert], [aria-busy])').waitFor(); // rows of the previous search are inert
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/orders\/[0-9a-f-]{36}$/);
      await status(page, 'Paid');
      await page.keyboard.press('n');
      await page.waitForURL(/\/new$/);
    }));

  test('an operator orders for a customer, who sees and cancels the order', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'olivia');
      await page.goto(`${stack().url}/new?customer=grace`);
      const customer = page.getByRole('textbox', { name: 'Customer' });
      await customer.waitFor();
      expect(await customer.inputValue()).toBe('grace');
      await page.getByRole('button', { name: 'Add Green tea' }).click();
      await page.getByRole('button', { name: 'Create order' }).click();
      await page.waitForURL(/\/orders\/[0-9a-f-]{36}$/);
      const id = page.url().slice(-36);
      expect(await stack().list('grace')).toHaveLength(1);
      await page.goto(stack().url);
      await signOut(page);
      await signIn(page, 'grace');
      await page.goto(`${stack().url}/orders/${id}`);
      await status(page, 'Paid');
      await cancel(page, '');
      await status(page, 'Cancelled');
    }));

  test('the filters are in the address, and Back restores them', () =>
    story(stack().url, async (page) => {
      const kept = await stack().create('frank', 'Oolong');
      const gone = await stack().create('frank', 'Darjeeling');
      await stack().cancel('frank', gone);
      await signIn(page, 'frank');
      await page.goto(`${stack().url}/?status=cancelled`);
      await page.getByText(gone.slice(-8)).first().waitFor();
      expect(await page.getByText(kept.slice(-8)).count()).toBe(0);
      await page.getByText(gone.slice(-8)).first().click();
      await status(page, 'Cancelled');
      await page.goBack();
      await page.waitForURL(/status=cancelled/);
      await page.getByText(gone.slice(-8)).first().waitFor();
    }));
});

describe('when payments are declined', () => {
  const stack = startStack({
    PAYMENT_CONFIRM_RATE: '0',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '1h',
    RATE_LIMIT: '0',
  });

  test('the order is cancelled with the reason', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      await createOrder(page, 'Stoneware mug', 1);
      await status(page, 'Cancelled');
      await page.getByText('Your payment was declined. Nothing was charged.').waitFor();
    }));
});

describe('when payments are slow', () => {
  const stack = startStack({
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '8s',
    DELIVER_AFTER: '1h',
    RATE_LIMIT: '0',
  });

  test('an order is cancelled before its confirmation', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'alice');
      await createOrder(page, 'Dark chocolate', 1);
      await status(page, 'Payment pending');
      await cancel(page, '');
      await status(page, 'Cancelled');
    }));
});

describe('when the payment service fails', () => {
  const stack = startStack({ PAYMENT_FAILURE_RATE: '1', PAYMENT_LATENCY: '50ms', RATE_LIMIT: '0' });

  test('the order shows why it waits, and can be cancelled', () =>
    story(stack().url, async (page) => {
      await signIn(page, 'olivia');
      await createOrder(page, 'Dark chocolate', 1);
      // Attempts change without an event or a new version.
      await page.getByText(/^Waiting for the payment service for /).waitFor();
      await page.getByText(/^Attempt \d+ failed at .*: /).waitFor();
      await cancel(page, '');
      await status(page, 'Cancelled');
      expect(await page.getByText(/^Waiting for the payment service/).count()).toBe(0);
    }));
});
