import { expect, test } from 'vitest';
import { createServerClock } from './clock';

const date = (ms: number) => new Date(ms).toUTCString();

test('narrows the offset with every answer, though Date is cut to seconds', () => {
  let local = 0;
  const clock = createServerClock(() => local);
  const offset = 1_700_000_000_000 + 7_300; // the server is this far ahead
  for (let at = 0; at < 5_000; at += 370) {
    local = at + 20;
    clock.observe(date(at + 10 + offset), at, local); // stamped halfway
  }
  expect(Math.abs(clock.now() - (local + offset))).toBeLessThan(150);
});

test('is the local clock until it has heard from the server', () => {
  const clock = createServerClock(() => 5);
  clock.observe(null, 0, 0);
  expect(clock.now()).toBe(5);
});

test('forgets what it knew when a clock was set', () => {
  const clock = createServerClock(() => 0);
  clock.observe(date(1_000_000), 0, 0);
  clock.observe(date(9_000_000), 0, 0);
  expect(clock.now()).toBeGreaterThanOrEqual(9_000_000);
});
