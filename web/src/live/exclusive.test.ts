import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { exclusive } from './exclusive';

const LEASE = 30_000;

/** Work that ends when the test ends it. */
function work() {
  let end: (result: string) => void = () => undefined;
  const run = vi.fn(() => new Promise<string>((resolve) => (end = resolve)));
  return { run, end: (result: string) => end(result) };
}

describe('exclusive work without Web Locks', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs in one tab at a time, also beyond its lease', async () => {
    const [first, second] = [work(), work()];
    const result = exclusive('work', LEASE, first.run);
    await vi.advanceTimersByTimeAsync(10 * LEASE); // the lease is renewed
    expect(await exclusive('work', LEASE, second.run)).toBeUndefined();
    first.end('done');
    expect(await result).toBe('done');
    expect([first.run.mock.calls.length, second.run.mock.calls.length]).toEqual([1, 0]);
    expect(vi.getTimerCount()).toBe(0);
    expect(await exclusive('work', LEASE, () => Promise.resolve('next'))).toBe('next');
  });

  it('runs again after it failed', async () => {
    await expect(exclusive('work', LEASE, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await exclusive('work', LEASE, () => Promise.resolve(1))).toBe(1);
  });

  it('runs when the lease of a closed tab has expired', async () => {
    localStorage.setItem('work', String(Date.now() + LEASE));
    expect(await exclusive('work', LEASE, () => Promise.resolve(1))).toBeUndefined();
    await vi.advanceTimersByTimeAsync(LEASE);
    expect(await exclusive('work', LEASE, () => Promise.resolve(1))).toBe(1);
  });

  it('ignores a lease that is invalid or ends too late', async () => {
    localStorage.setItem('work', String(Date.now() + LEASE + 1));
    expect(await exclusive('work', LEASE, () => Promise.resolve(1))).toBe(1);
    localStorage.setItem('work', 'nonsense');
    expect(await exclusive('work', LEASE, () => Promise.resolve(1))).toBe(1);
  });

  it('runs without storage', async () => {
    const forbidden = () => {
      throw new Error('forbidden');
    };
    vi.spyOn(Storage.prototype, 'getItem').mockImplementation(forbidden);
    vi.spyOn(Storage.prototype, 'setItem').mockImplementation(forbidden);
    vi.spyOn(Storage.prototype, 'removeItem').mockImplementation(forbidden);
    expect(await exclusive('work', LEASE, () => Promise.resolve(1))).toBe(1);
  });
});

describe('exclusive work with Web Locks', () => {
  const request = vi.fn();
  beforeEach(() => {
    Object.defineProperty(navigator, 'locks', { value: { request }, configurable: true });
  });
  afterEach(() => {
    Reflect.deleteProperty(navigator, 'locks');
  });

  it.each([
    [{ name: 'work' }, 'done'],
    [null, undefined],
  ])('runs only if it gets the lock: %j', async (lock, result) => {
    request.mockImplementation((_name: string, _options: object, run: (lock: unknown) => unknown) =>
      run(lock),
    );
    expect(await exclusive('work', LEASE, () => Promise.resolve('done'))).toBe(result);
    expect(request).toHaveBeenCalledWith('work', { ifAvailable: true }, expect.any(Function));
    expect(localStorage.getItem('work')).toBeNull();
  });
});
