import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch, visit } from './browser';
import { Issuer } from './issuer';
import { Stack } from './stack';
import { createOrder, signOut, status } from './steps';

let browser: Browser;
let issuer: Issuer;
let stack: Stack;
beforeAll(async () => {
  browser = await launch();
  issuer = await Issuer.start();
  stack = await Stack.start({
    ...issuer.settings,
    PAYMENT_CONFIRM_RATE: '1',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: '1h',
    RATE_LIMIT: '0',
  });
  issuer.serve(stack.url);
});
afterAll(async () => {
  await browser.close();
  await stack.close();
  await issuer.close();
});

/** Runs a story. Console errors, such as a request that the Content-Security-Policy blocks, fail it. */
async function story(path: string, act: (page: Page) => Promise<void>): Promise<void> {
  const { page, errors, leave } = await visit(browser, 'about:blank');
  page.on('console', (message) => {
    const answered = message.text().includes('the server responded'); // handled by the page
    if (message.type() === 'error' && !answered) errors.push(message.text());
  });
  // The issuer's pages load a font from another host.
  await page.route(
    ({ hostname }) => hostname !== '127.0.0.1',
    (route) => route.fulfill({ contentType: 'text/css', body: '' }),
  );
  try {
    await page.goto(`${stack.url}${path}`);
    await act(page);
    expect(errors).toEqual([]);
  } finally {
    await leave();
  }
}

const goToIssuer = (page: Page) => page.getByRole('button', { name: 'Sign in with your account' }).click();

async function signIn(page: Page, user: string): Promise<void> {
  await goToIssuer(page);
  await fillSignIn(page, user);
  await page.getByRole('button', { name: 'Continue' }).click();
}

/** Fills in the issuer's sign-in form. */
async function fillSignIn(page: Page, user: string): Promise<void> {
  await page.getByPlaceholder('Enter any login').fill(user);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
}

const userName = (page: Page) => page.getByRole('navigation', { name: 'Main' }).locator('.who');
const list = (page: Page) => page.getByRole('heading', { name: /^(Your orders|Orders)$/ });

test('a customer sees only their own orders, an operator sees all', async () => {
  let address = '';
  await story('/', async (page) => {
    await signIn(page, 'alice');
    await list(page).waitFor();
    expect(await userName(page).textContent()).toBe('alice@example.com');
    await createOrder(page, 'Green tea', 2);
    await status(page, 'Paid');
    await page.getByTestId('connection').filter({ hasText: 'Live' }).waitFor();
    address = new URL(page.url()).pathname;
  });
  await story(address, async (page) => {
    await signIn(page, 'bob');
    await page.getByRole('heading', { name: 'Order not found' }).waitFor();
  });
  await story(`${address}?from=mail`, async (page) => {
    await signIn(page, 'olivia');
    await status(page, 'Confirmed');
    expect(page.url()).toBe(`${stack.url}${address}?from=mail`);
    expect(await userName(page).textContent()).toBe('olivia@example.com operator');
    await page.getByRole('link', { name: 'Orders', exact: true }).click();
    await page.getByText(address.slice(-8)).first().waitFor();
  });
});

test('a cancelled sign-in at the issuer is reported and can be repeated', () =>
  story('/new', async (page) => {
    await goToIssuer(page);
    await page.getByRole('link', { name: 'Cancel' }).click();
    await page.getByRole('alert').filter({ hasText: 'Sign-in was cancelled.' }).waitFor();
    expect(page.url()).toBe(`${stack.url}/new`);

    await goToIssuer(page);
    await fillSignIn(page, 'carol');
    await page.getByRole('link', { name: 'Cancel' }).click(); // no consent
    await page.getByRole('alert').filter({ hasText: 'Sign-in was cancelled.' }).waitFor();

    await goToIssuer(page);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'New order' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  }));

test('the session survives a reload and ends on sign-out, after which another user can sign in', () =>
  story('/', async (page) => {
    await signIn(page, 'alice');
    await list(page).waitFor();
    await page.reload();
    await list(page).waitFor();
    await signOut(page);
    await page.getByRole('heading', { name: 'Sign in to Orders' }).waitFor();
    expect(await page.evaluate(() => localStorage.getItem('orders.session'))).toBeNull();
    await signIn(page, 'olivia');
    await list(page).waitFor();
    expect(await userName(page).textContent()).toBe('olivia@example.com operator');
  }));

test('after an expired session the user continues on the same page', () =>
  story('/?status=created', async (page) => {
    issuer.tokenLife = 3;
    await signIn(page, 'dave');
    await page.getByText('Your session has ended').waitFor();
    issuer.tokenLife = 3600;
    await goToIssuer(page); // the issuer still has dave's session
    await list(page).waitFor();
    expect(page.url()).toBe(`${stack.url}/?status=created`);
    expect(await userName(page).textContent()).toBe('dave@example.com');
  }));

test('a session with a refresh token goes on after its token has expired, in all tabs', () =>
  story('/', async (page) => {
    issuer.tokenLife = 10;
    issuer.refreshTokens = true;
    await signIn(page, 'erin');
    await list(page).waitFor();
    const other = await page.context().newPage();
    await other.goto(stack.url);
    await list(other).waitFor();
    const token = () =>
      page.evaluate(
        () => (JSON.parse(localStorage.getItem('orders.session') ?? '{}') as { token: string }).token,
      );
    const first = await token();
    await page.waitForFunction((old) => !localStorage.getItem('orders.session')?.includes(old), first, {
      timeout: 30_000,
    });
    issuer.tokenLife = 3600;
    issuer.refreshTokens = false;
    await createOrder(page, 'Green tea', 1);
    await status(page, 'Paid');
    await other.reload();
    await other.getByText('Green tea').first().waitFor();
    expect(issuer.renewals).toBeGreaterThan(0);
    expect(issuer.renewals).toBeLessThan(4); // not once per tab
    await signOut(page);
    await other.getByRole('heading', { name: 'Sign in to Orders' }).waitFor();
  }));

test.each(['error=access_denied&error_description=Call+0123', 'code=stolen'])(
  'a forged redirect from the issuer is ignored: %s',
  (answer) =>
    story(`/signed-in?state=x&${answer}`, async (page) => {
      await page.getByRole('button', { name: 'Sign in with your account' }).waitFor();
      expect(await page.getByRole('alert').count()).toBe(0);
      expect(page.url()).toBe(`${stack.url}/`);
    }),
);
