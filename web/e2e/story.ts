import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { launch, visit } from './browser';
import { Stack } from './stack';

/** Starts one stack with these settings for all stories of a block. */
export function startStack(settings: Record<string, string>): () => Stack {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start(settings);
  });
  afterAll(() => stack.close());
  return () => stack;
}

type Story = (
  url: string,
  act: (page: Page) => Promise<void>,
  options?: BrowserContextOptions,
) => Promise<void>;

/** Launches one browser for all stories of a file. Each story gets its own page, which must not throw errors. */
export function storyRunner(): Story {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());
  return async (url, act, options) => {
    const { page, errors, leave } = await visit(browser, url, options);
    try {
      await act(page);
      expect(errors).toEqual([]);
    } finally {
      await leave();
    }
  };
}
