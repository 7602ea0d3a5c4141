import { of, throwError } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import { emptyDraft } from '../create/draft';
import { life } from '../test/orders';
import { createOutbox } from './outbox';
import { OLD_AFTER, outboxStore } from './outbox.store';

const order = life()[0];
const NOW = Date.parse('2026-11-24T12:00:00Z');
const request = {
  items: [{ sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 }],
  currency: 'EUR' as const,
};
const entry = { key: 'k1', request, draft: emptyDraft };

/** A tab of alice's; `answers` are those to the requests, in turn. */
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

describe('the outbox', () => {
  it('sends what an earlier page left, once, with its key', async () => {
    keep(NOW - 60_000);
    const { outbox, sent, toasts } = tab();
    const close = outbox.open();
    await vi.waitFor(() => expect(outbox.view().entries).toEqual([]));
    close();
    expect([sent, toasts.length]).toEqual([['k1'], 1]);
  });

  it.each([NOW - OLD_AFTER - 1, 0, NOW + 3_600_000])(
    'sends nothing old unasked (%i), and sends it when asked',
    async (at) => {
      keep(at);
      const { outbox, sent } = tab();
      const close = outbox.open();
      await new Promise((done) => setTimeout(done));
      expect(sent).toEqual([]);
      outbox.sendNow('k1');
      await vi.waitFor(() => expect(outbox.view().entries).toEqual([]));
      close();
      expect(sent).toEqual(['k1']);
    },
  );

  it('sends again at once when the network is back', async () => {
    const { outbox, sent } = tab(new NetworkError());
    const close = outbox.open();
    outbox.submit(entry);
    await vi.waitFor(() => expect([sent.length, outbox.view().sending]).toEqual([1, undefined]));
    expect(outbox.view().entries).toHaveLength(1);
    await new Promise((done) => setTimeout(done));
    dispatchEvent(new Event('online'));
    await vi.waitFor(() => expect(outbox.view().entries).toEqual([]));
    close();
    expect(sent).toEqual(['k1', 'k1']);
  });

  it('keeps a refused order with the reason, and does not send it again', async () => {
    const refusal = new ApiError({ type: 'about:blank', title: 'Bad', status: 400, code: 'invalid-request' });
    const { outbox, sent } = tab(refusal);
    const close = outbox.open();
    outbox.submit(entry);
    await vi.waitFor(() => expect(outbox.view().entries[0]?.refusal?.detail).toBe('Bad.'));
    dispatchEvent(new Event('online'));
    close();
    expect(sent).toEqual(['k1']);
  });

  it("does not show or send another user's orders", () => {
    keep(NOW);
    expect(outboxStore('bob').load().entries).toEqual([]);
  });
});
