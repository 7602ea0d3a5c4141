import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { phone } from './browser';
import { signIn } from './steps';
import { storyRunner } from './story';
import { violations } from './axe';

/** The program behind `make lab`, on a free port. */
class Lab {
  readonly #process: ChildProcessWithoutNullStreams;
  #output = '';
  url = '';

  private constructor() {
    this.#process = spawn(resolve('../bin/lab'), {
      cwd: resolve('..'),
      env: { ...process.env, LAB_ADDR: '127.0.0.1:0' },
    });
  }

  /** Resolves when the lab has printed its address. */
  static start(): Promise<Lab> {
    const lab = new Lab();
    return new Promise((done, reject) => {
      const read = (text: string) => {
        lab.#output += text;
        const url = /http:\/\/\S+(?=\/lab)/.exec(lab.#output)?.[0];
        if (url !== undefined && lab.url === '') {
          lab.url = url;
          done(lab);
        }
      };
      lab.#process.stdout.setEncoding('utf8').on('data', read);
      lab.#process.stderr.setEncoding('utf8').on('data', read);
      lab.#process.once('close', () => reject(new Error(`the lab ended\n${lab.#output}`)));
    });
  }

  /** What the lab has printed, such as why a part has exited. */
  get output(): string {
    return this.#output;
  }

  /** Stops the lab as Ctrl-C does, and returns what it printed. */
  async close(): Promise<string> {
    const ended = new Promise((done) => this.#process.once('close', done));
    this.#process.kill('SIGINT');
    await ended;
    return this.#output;
  }
}

/** Opens the lab's page. */
async function open(page: Page): Promise<void> {
  await page.goto(page.url().replace(/\/$/, '/lab'));
  await page.getByRole('heading', { name: 'Fault lab' }).waitFor();
}

describe('the fault lab', () => {
  let lab: Lab;
  let printed = '';
  beforeAll(async () => {
    lab = await Lab.start();
  });
  afterAll(async () => {
    printed = await lab.close();
    expect(printed).not.toMatch(/logs and data are kept/); // no check has found a violation
  });
  const story = storyRunner();

  test('parts crash under traffic, and the checker finds no violation', async () => {
    await story(lab.url, async (page) => {
      await signIn(page, 'olivia');
      await open(page);
      expect(await violations(page, 'main')).toEqual([]);
      await page.getByLabel('Duration').selectOption('30 s');
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      await page.getByText('Customers are at work.').waitFor();

      await page.getByRole('radio', { name: 'Half of them fail' }).check();
      await page.getByRole('button', { name: 'Kill orders-actor', exact: true }).click();
      await page.getByRole('button', { name: 'Start orders-actor', exact: true }).click();
      await page
        .getByRole('img', { name: /[1-9]\d* delivered/ })
        .waitFor({ timeout: 300_000 }) // at the latest when all parts run again
        .catch(async (error: unknown) => {
          const parts = await page.getByRole('region', { name: 'Parts of the product' }).innerText();
          throw new Error(`no order is delivered; the parts:\n${parts}\n${lab.output}`, { cause: error });
        });

      const verdict = page.getByTestId('verdict');
      await verdict.waitFor({ timeout: 300_000 });
      const text = (await verdict.innerText()).replace(/\s+/g, ' ');
      expect(text).toMatch(/Every promise was kept/);
      expect(text).toMatch(
        /[1-9]\d* orders [1-9]\d* crash(es)? 0 lost 0 charged twice 0 delivered after a cancel/,
      );
      expect(await verdict.getByText('Kept', { exact: true }).count()).toBe(10);
      expect(await violations(page, 'main')).toEqual([]);
    });
  }, 720_000);

  test('it works on a phone, in the dark', async () => {
    await story(
      lab.url,
      async (page) => {
        await signIn(page, 'olivia');
        await open(page);
        await page.getByRole('button', { name: 'Kill scheduler' }).click();
        await page.getByRole('button', { name: 'Start scheduler' }).click();
        await page
          .getByText('killed 1 time')
          .or(page.getByText(/killed \d+ times/))
          .first()
          .waitFor();
        expect(await violations(page, 'main')).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      },
      { viewport: phone, colorScheme: 'dark' },
    );
  });
});
