import { of, throwError } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, hasCode, NetworkError } from '../api/problem';
import { emptyDraft } from '../domain/draft';
import { orderVersions } from '../test/orders';
import { createOutbox } from './outbox';
import { OLD_AFTER, outboxStore } from './outbox.store';
import { RETRY_DELAY } from './retry';

const order = orderVersions()[0];
const NOW = Date.parse('2026-11-24T12:00:00Z');
const request = {
  items: [{ sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 }],
  currency: 'EUR' as const,
};
const entry = { key: 'k1', request, draft: emptyDraft };

/** A tab of alice; `answers` are the responses to its requests, in turn. */
function tab(...answers: unknown[]) {
  const [sent, toasts]: [string[], string[]] = [[], []];
  const outbox = createOutbox({
    user: 'alice',
    store: outboxStore('alice'),
    now: () => NOW,
    toasts: { show: (text) => toasts.push(text) },
    create: (_, key) => {
      sent.push(key);
      const answer = answers[sent.length - 1] ?? order;
      return answer instanceof Error ? throwError(() => answer) : of({ order });
    },
  });
  return { outbox, sent, toasts };
}
const keep = (at: number) =>
  outboxStore('alice').update(() => ({ entries: [{ ...entry, at }], settled: [] }));

/** Runs all pending promises. */
const flush = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the outbox', () => {
  it('sends a stored order once, with its key', async () => {
    keep(NOW - 60_000);
    const { outbox, sent, toasts } = tab();
    const close = outbox.open();
    await flush();
    expect(outbox.view().entries).toEqual([]);
    close();
    expect([sent, toasts.length]).toEqual([['k1'], 1]);
  });

  it.each([NOW - OLD_AFTER - 1, 0, NOW + 3_600_000])(
    'sends an old order (%i) only after a confirmation',
    async (at) => {
      keep(at);
      const { outbox, sent } = tab();
      const close = outbox.open();
      await flush();
      expect(sent).toEqual([]);
      outbox.sendNow('k1');
      await flush();
      expect(outbox.view().entries).toEqual([]);
      close();
      expect(sent).toEqual(['k1']);
    },
  );

  it('retries at once when the browser is online again', async () => {
    const { outbox, sent } = tab(new NetworkError());
    const close = outbox.open();
    outbox.submit(entry);
    await flush();
    expect([sent.length, outbox.view().sending]).toEqual([1, undefined]);
    expect(outbox.view().entries).toHaveLength(1);
    dispatchEvent(new Event('online'));
    await flush();
    expect(outbox.view().entries).toEqual([]);
    close();
    expect(sent).toEqual(['k1', 'k1']);
  });

  it('retries with increasing delays', async () => {
    const { outbox, sent } = tab(new NetworkError(), new NetworkError(), new NetworkError());
    const close = outbox.open();
    outbox.submit(entry);
    await flush();
    for (const [wait, count] of [
      [RETRY_DELAY - 1, 1],
      [1, 2],
      [2 * RETRY_DELAY - 1, 2],
      [1, 3],
      [4 * RETRY_DELAY, 4],
    ] as const) {
      await vi.advanceTimersByTimeAsync(wait);
      expect(sent).toHaveLength(count);
    }
    close();
    expect(outbox.view().entries).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('retries after the server’s Retry-After with the same key, and has the error until a success', async () => {
    const away = () => new ApiError({ type: '', title: 'Away', status: 503, code: 'unavailable' }, 4);
    const { outbox, sent } = tab(away(), away(), away());
    const close = outbox.open();
    outbox.submit(entry);
    await flush();
    for (const count of [1, 2, 3]) {
      expect([sent.length, hasCode(outbox.view().failure, 'unavailable')]).toEqual([count, true]);
      await vi.advanceTimersByTimeAsync(3_999);
      expect(sent).toHaveLength(count);
      await vi.advanceTimersByTimeAsync(1);
    }
    close();
    expect(sent).toEqual(['k1', 'k1', 'k1', 'k1']);
    expect([outbox.view().entries, outbox.view().failure]).toEqual([[], undefined]);
  });

  it('keeps a refused order with its reason, and does not retry it', async () => {
    const refusal = new ApiError({ type: 'about:blank', title: 'Bad', status: 400, code: 'invalid-request' });
    const { outbox, sent } = tab(refusal);
    const close = outbox.open();
    outbox.submit(entry);
    await flush();
    expect(outbox.view().entries[0]?.refusal?.detail).toBe('Bad.');
    dispatchEvent(new Event('online'));
    await flush();
    close();
    expect(sent).toEqual(['k1']);
  });

  it("does not show or send another user's orders", () => {
    keep(NOW);
    expect(outboxStore('bob').load().entries).toEqual([]);
  });
});
