import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violations } from './axe';
import { desktop, launch, phone, visit } from './browser';
import { Stack } from './stack';
import { signIn } from './steps';

let browser: Browser;
let stack: Stack;
let order: string;
beforeAll(async () => {
  browser = await launch();
  stack = await Stack.start({
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '1h',
    RATE_LIMIT: '0',
  });
  order = await stack.create('alice');
  await stack.create('alice', 'Assam');
  await stack.cancel('alice', await stack.create('alice', 'Mug'));
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

/** Measures the cumulative layout shift, without shifts after user input. */
async function watchShift(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    const seen = { shift: 0 };
    Object.assign(window, { seen });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      })[]) {
        if (!entry.hadRecentInput) seen.shift += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  return () => page.evaluate(() => (window as unknown as { seen: { shift: number } }).seen.shift);
}

/** Counts the animations that scripts and style sheets start. */
async function watchAnimations(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    const started = { animations: 0 };
    Object.assign(window, { started });
    const animate = Element.prototype.animate; // eslint-disable-line @typescript-eslint/unbound-method -- called with its element
    Element.prototype.animate = function (...args) {
      started.animations++;
      return animate.apply(this, args);
    };
    for (const type of ['animationstart', 'transitionrun'])
      addEventListener(type, () => started.animations++, true);
  });
  return () =>
    page.evaluate(() => (window as unknown as { started: { animations: number } }).started.animations);
}

const states: Record<string, (page: Page) => Promise<void>> = {
  'signed out': async (page) => {
    await page.getByRole('heading', { level: 1 }).waitFor();
  },
  list: async (page) => {
    await signIn(page, 'alice');
    await page
      .getByText('Assam')
      .or(page.getByText(order.slice(-8)))
      .first()
      .waitFor();
  },
  'list with selected orders': async (page) => {
    await signIn(page, 'olivia');
    await page.locator('[data-order]').first().waitFor();
    const select = page.getByRole('button', { name: 'Select', exact: true }); // on a phone
    if ((await select.count()) > 0) await select.click();
    await page
      .getByRole('checkbox', { name: /select/i })
      .last()
      .check();
  },
  'filtered to nothing': async (page) => {
    await signIn(page, 'alice');
    await page.goto(`${stack.url}/?q=nothingmatches`);
    await page
      .getByText(/no orders? match/i)
      .first()
      .waitFor();
  },
  empty: async (page) => {
    await signIn(page, 'bob');
    await page
      .getByText(/no orders yet/i)
      .first()
      .waitFor();
  },
  help: async (page) => {
    await signIn(page, 'alice');
    await page.getByText(order.slice(-8)).first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
  },
  'theme menu': async (page) => {
    await signIn(page, 'alice');
    await page.getByText(order.slice(-8)).first().waitFor();
    // On a phone the theme is in the account's menu.
    const menus = page
      .getByRole('button', { name: 'Theme' })
      .or(page.getByRole('button', { name: /^Account of/ }));
    await menus.first().click();
    await page.getByRole('radio', { name: 'System' }).waitFor();
  },
  order: async (page) => {
    await signIn(page, 'alice');
    await page.goto(`${stack.url}/orders/${order}`);
    await page.getByTestId('status').filter({ hasText: 'Paid' }).waitFor();
  },
  'order with the cancel dialog': async (page) => {
    await signIn(page, 'alice');
    await page.goto(`${stack.url}/orders/${order}`);
    await page.getByRole('button', { name: 'Cancel order' }).click();
    await page.getByRole('dialog').waitFor();
  },
  'order not found': async (page) => {
    await signIn(page, 'alice');
    await page.goto(`${stack.url}/orders/01890000-0000-7000-8000-000000000000`);
    await page.getByRole('heading', { name: 'Order not found' }).waitFor();
  },
  'new order with errors': async (page) => {
    await signIn(page, 'alice');
    await page.goto(`${stack.url}/new`);
    await page.getByRole('button', { name: /^create order/i }).click();
    await page
      .getByText(/at least one item/i)
      .first()
      .waitFor();
  },
  'new order': async (page) => {
    await signIn(page, 'alice');
    await page.goto(`${stack.url}/new`);
    await page.getByRole('button', { name: /Green tea/ }).click();
  },
};

describe.each([
  ['desktop', desktop],
  ['phone', phone],
] as const)('on a %s', (_, viewport) => {
  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test.each(Object.keys(states))('%s: no axe violations, layout shifts or animations', async (name) => {
      const { page, leave } = await visit(browser, 'about:blank', {
        viewport,
        colorScheme,
        reducedMotion: 'reduce',
      });
      const shift = await watchShift(page);
      const animated = await watchAnimations(page);
      await page.goto(stack.url);
      await states[name]?.(page);
      expect(await violations(page)).toEqual([]);
      expect(await shift()).toBeLessThanOrEqual(0.01);
      expect(await animated()).toBe(0);
      await leave();
    });
  });
});

test('header, page and footer share one edge, and a bold tab moves no other', async () => {
  const { page, leave } = await visit(browser, stack.url);
  await signIn(page, 'alice');
  await page.getByText('Assam').first().waitFor();
  const left = (name: string) =>
    page.evaluate((name) => document.querySelector(name)?.getBoundingClientRect().left, name);
  const title = await left('h1');
  expect(await left('.brand')).toBe(title);
  expect(
    await page.evaluate(() => {
      const footer = document.querySelector('footer');
      return footer && footer.getBoundingClientRect().left + parseFloat(getComputedStyle(footer).paddingLeft);
    }),
  ).toBe(title);
  const tabs = () =>
    page.locator('.tabs a').evaluateAll((all) => all.map((tab) => tab.getBoundingClientRect().left));
  const before = await tabs();
  await page.getByRole('link', { name: /^Delivered/ }).click();
  await page.locator('.tabs a[aria-current]', { hasText: 'Delivered' }).waitFor();
  expect(await tabs()).toEqual(before);
  await leave();
});
