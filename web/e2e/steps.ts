import type { Page } from 'playwright-core';

/** Signs in on the sign-in page of dev mode. */
export async function signIn(page: Page, user: string): Promise<void> {
  const known = page.getByRole('button', { name: new RegExp(`^${user}`, 'i') });
  const other = page.getByRole('textbox', { name: /name/i });
  await known.first().or(other).first().waitFor();
  if ((await known.count()) > 0) await known.first().click();
  else {
    await other.fill(user);
    await other.press('Enter');
  }
  await page.getByRole('heading', { name: /^(Your orders|Orders)$/ }).waitFor();
}

export async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
}

/** Creates an order of one item from the catalogue, and waits for its page. Operators order for the customer grace. */
export async function createOrder(page: Page, name: string, quantity: number): Promise<void> {
  await page
    .getByRole('link', { name: /new order/i })
    .first()
    .click();
  await page.getByRole('button', { name: new RegExp(name) }).click();
  const customer = page.getByRole('textbox', { name: 'Customer' });
  if ((await customer.count()) > 0) await customer.fill('grace');
  await page
    .getByRole('spinbutton', { name: /quantity/i })
    .or(page.getByRole('textbox', { name: /quantity/i }))
    .first()
    .fill(String(quantity));
  await page.getByRole('button', { name: /^create order/i }).click();
  await page.waitForURL(/\/orders\/[0-9a-f-]{36}$/);
}

/** Waits until the page of an order shows this status. */
export async function status(page: Page, name: string): Promise<void> {
  await page.getByTestId('status').filter({ hasText: name }).waitFor();
}

export async function cancel(page: Page, reason: string): Promise<void> {
  await page.getByRole('button', { name: 'Cancel order' }).click();
  const dialog = page.getByRole('dialog');
  if (reason) await dialog.getByRole('textbox').fill(reason);
  await dialog.getByRole('button', { name: 'Cancel order' }).click();
}
