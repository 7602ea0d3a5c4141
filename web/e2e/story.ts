import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { launch, visit } from './browser';
import { Stack } from './stack';

/** One stack for the stories that want the same settings. */
export function product(settings: Record<string, string>): () => Stack {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start(settings);
  });
  afterAll(() => stack.close());
  return () => stack;
}

type Story = (
  url: string,
  tell: (page: Page) => Promise<void>,
  options?: BrowserContextOptions,
) => Promise<void>;

/** One browser for the stories of a file. Each story gets a page of its own, which must raise no error. */
export function storyteller(): Story {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());
  return async (url, tell, options) => {
    const { page, errors, leave } = await visit(browser, url, options);
    try {
      await tell(page);
      expect(errors).toEqual([]);
    } finally {
      await leave();
    }
  };
}
