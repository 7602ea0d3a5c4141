import type { Page } from 'playwright-core';
import { describe, expect, test, vi } from 'vitest';
import { phone } from './browser';
import { signIn } from './steps';
import { startStack, storyRunner } from './story';

const story = storyRunner();

/** How far the page scrolls sideways, in px. */
const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const boxes = (page: Page) => page.getByRole('checkbox', { name: /^Select order/ });
const bar = (page: Page) => page.getByRole('region', { name: 'Selection' });

/** Whether nothing covers the middle of the bar. */
async function isVisible(page: Page): Promise<boolean> {
  return bar(page).evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const at = document.elementFromPoint(left + width / 2, top + height / 2);
    return element.contains(at) && top + height <= innerHeight;
  });
}

describe('the list', () => {
  const stack = startStack({
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '1h',
    RATE_LIMIT: '0',
  });

  test('never scrolls sideways, however long the names are', () =>
    story(stack().url, async (page) => {
      await stack().create('customer.with.a.long.name.and.no.blank@example.org', 'Q'.repeat(150));
      await stack().create('erin', 'Green tea');
      await signIn(page, 'olivia');
      await page.locator('[data-order]').first().waitFor();
      for (const width of [1280, 1024, 1009, 834, 768, 720, 641, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await vi.waitFor(async () => expect([width, await overflow(page)]).toEqual([width, 0]));
      }
      await page.setViewportSize(phone);
      for (const time of await page.locator('.cards time').all()) {
        const box = await time.boundingBox();
        expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(phone.width);
      }
    }));

  test('and the page of an order never scroll sideways, however long the names of its items are', () =>
    story(stack().url, async (page) => {
      const id = await stack().create('customer.with.a.long.name.and.no.blank@example.org', 'Q'.repeat(200));
      await signIn(page, 'olivia');
      await page.goto(`${stack().url}/orders/${id}`);
      const total = page.getByRole('row', { name: /^Total/ });
      for (const width of [1280, 834, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await total.waitFor();
        await vi.waitFor(async () => expect([width, await overflow(page)]).toEqual([width, 0]));
        const box = await total.boundingBox();
        expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
      }
    }));

  test('costs the server with five visible tabs about what one costs', () =>
    story(stack().url, async (page) => {
      const asked: string[] = [];
      page.context().on('request', (request) => {
        const { pathname } = new URL(request.url());
        if (/\/(counts|stats|events)$/.test(pathname)) asked.push(pathname);
      });
      await signIn(page, 'olivia');
      for (let i = 1; i < 5; i++) {
        const tab = await page.context().newPage();
        await tab.goto(stack().url);
        await tab.getByRole('heading', { name: 'Orders' }).waitFor();
        await tab.getByText('Live').first().waitFor();
      }
      expect(asked.filter((path) => path.endsWith('/events'))).toHaveLength(1);
      asked.length = 0;
      await stack().create('nora', 'Green tea');
      await page.waitForTimeout(21_000); // two polls of the stats
      const count = (path: string) => asked.filter((one) => one.endsWith(path)).length;
      expect(count('/counts')).toBeGreaterThan(0);
      expect(count('/counts')).toBeLessThan(10); // five tabs of their own: at least 2 each
      expect(count('/stats')).toBeGreaterThan(0);
      expect(count('/stats')).toBeLessThan(6);
    }));

  test('does not move when a row is selected, and selects ranges with Shift', () =>
    story(stack().url, async (page) => {
      for (let i = 0; i < 12; i++) await stack().create('frank', `Tea ${i}`);
      await signIn(page, 'olivia');
      await page.goto(`${stack().url}/?customer=frank`);
      await boxes(page).nth(3).waitFor();
      const before = await boxes(page).nth(3).boundingBox();
      const cell = await page.locator('tbody td.select').first().boundingBox();
      await page.mouse.click((cell?.x ?? 0) + 3, (cell?.y ?? 0) + 3); // beside the box
      await bar(page).getByText('1 selected').waitFor();
      expect(await boxes(page).nth(3).boundingBox()).toEqual(before);
      await boxes(page)
        .nth(3)
        .click({ modifiers: ['Shift'] });
      await bar(page).getByText('4 selected').waitFor();
      expect(await isVisible(page)).toBe(true);
    }));

  test('shows the bar of the selection on a scrolled phone', () =>
    story(
      stack().url,
      async (page) => {
        for (let i = 0; i < 12; i++) await stack().create('grace', `Tea ${i}`);
        await signIn(page, 'olivia');
        await page.goto(`${stack().url}/?customer=grace`);
        await page.getByRole('button', { name: 'Select', exact: true }).click();
        await boxes(page).first().tap();
        await page.mouse.wheel(0, 600);
        await page.waitForFunction(() => scrollY > 300);
        await vi.waitFor(async () => expect(await isVisible(page)).toBe(true)); // it slides in
      },
      { viewport: phone, hasTouch: true },
    ));

  test('keeps its headings in sight', () =>
    story(stack().url, async (page) => {
      for (let i = 0; i < 25; i++) await stack().create('heidi', `Tea ${i}`);
      await signIn(page, 'olivia');
      await page.goto(`${stack().url}/?customer=heidi`);
      await boxes(page).nth(20).waitFor();
      await page.mouse.wheel(0, 900);
      await page.waitForFunction(() => scrollY > 300);
      const head = page.getByRole('columnheader', { name: 'Customer' });
      const covered = await head.evaluate((element) => {
        const { left, top, height } = element.getBoundingClientRect();
        return !element.contains(document.elementFromPoint(left + 20, top + height / 2));
      });
      expect(covered).toBe(false);
    }));
});
