import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { browserConnectivity } from './connectivity';

describe('the connectivity of a page', () => {
  let visibility: DocumentVisibilityState;
  let online: boolean;
  beforeEach(() => {
    vi.useFakeTimers();
    [visibility, online] = ['visible', true];
    vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visibility);
    vi.spyOn(navigator, 'onLine', 'get').mockImplementation(() => online);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function watch() {
    const seen: string[] = [];
    const watching = browserConnectivity().subscribe((one) => seen.push(one));
    return { seen, stop: () => watching.unsubscribe() };
  }
  function show(state: DocumentVisibilityState) {
    visibility = state;
    document.dispatchEvent(new Event('visibilitychange'));
  }

  it('is offline when the browser says so, which does not stop the feed', () => {
    online = false;
    const { seen, stop } = watch();
    online = true;
    dispatchEvent(new Event('online'));
    stop();
    expect(seen).toEqual(['offline', 'online']);
  });

  it('is asleep when the page was hidden for a minute', () => {
    const { seen, stop } = watch();
    show('hidden');
    vi.advanceTimersByTime(59_999);
    show('visible');
    show('hidden');
    vi.advanceTimersByTime(59_999);
    expect(seen).toEqual(['online']);
    vi.advanceTimersByTime(1);
    show('visible');
    stop();
    expect(seen).toEqual(['online', 'asleep', 'online']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
