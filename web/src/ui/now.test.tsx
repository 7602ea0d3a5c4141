import { act, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createNow, NowProvider, useNow } from './now';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function Now() {
  return <output>{useNow()}</output>;
}
const shown = () => Number(screen.getByRole('status').textContent);

it('is right at the first render, however long the tab is open', () => {
  const renders: number[] = [];
  function Page() {
    renders.push(useNow());
    return null;
  }
  const now = createNow(Date);
  vi.advanceTimersByTime(205_000);
  render(
    <NowProvider value={now}>
      <Page />
    </NowProvider>,
  );
  expect(renders).toEqual([Date.now()]);
});

it('ticks every second', () => {
  render(
    <NowProvider value={createNow(Date)}>
      <Now />
    </NowProvider>,
  );
  const before = shown();
  act(() => void vi.advanceTimersByTime(1_000));
  expect(shown()).toBe(before + 1_000);
});

it('follows a clock that is set back', () => {
  const clock = { offset: 3_600_000, now: () => Date.now() + clock.offset };
  const now = createNow(clock);
  expect(now.get()).toBe(clock.now());
  clock.offset = 0;
  expect(now.get()).toBe(clock.now());
});
