import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** The violations that axe finds after all animations have ended, so that fading colours do not matter. `within` is a selector. */
export async function violations(page: Page, within = ':root'): Promise<string[]> {
  // The Content-Security-Policy forbids a script tag; evaluate bypasses it.
  await page.evaluate(readFileSync(axe, 'utf8'));
  return page.evaluate(async (within) => {
    const { axe } = window as unknown as {
      axe: {
        run: (context: string) => Promise<{
          violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[];
        }>;
      };
    };
    // An endless animation never finishes, and a cancelled one rejects.
    const ending = document.getAnimations().filter((a) => a.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map((animation) => animation.finished));
    const result = await axe.run(within);
    return result.violations.flatMap(({ id, nodes }) =>
      nodes.map((n) => `${id}: ${n.html} ${n.failureSummary ?? ''}`),
    );
  }, within);
}
