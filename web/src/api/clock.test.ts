import { expect, test } from 'vitest';
import { createServerClock } from './clock';

const date = (ms: number) => new Date(ms).toUTCString();

test('the estimate gets more precise with every response', () => {
  let local = 0;
  const clock = createServerClock(() => local);
  const offset = 1_700_000_000_000 + 7_300; // of the server's clock
  for (let at = 0; at < 5_000; at += 370) {
    local = at + 20;
    clock.observe(date(at + 10 + offset), at, local); // the server responds halfway
  }
  expect(Math.abs(clock.now() - (local + offset))).toBeLessThan(150);
});

test('without a Date header it is the local clock', () => {
  const clock = createServerClock(() => 5);
  clock.observe(null, 0, 0);
  expect(clock.now()).toBe(5);
});

test('after a clock was set it starts again', () => {
  const clock = createServerClock(() => 0);
  clock.observe(date(1_000_000), 0, 0);
  clock.observe(date(9_000_000), 0, 0);
  expect(clock.now()).toBeGreaterThanOrEqual(9_000_000);
});
