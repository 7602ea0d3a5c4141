import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { emptyDraft } from '../domain/draft';
import { Backend } from '../mock/backend';
import { shortId } from '../domain/format';
import { open } from '../test/app';
import { type Entry, OLD_AFTER, outboxStore } from '../live/outbox.store';

const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };
const request = { items: [tea], currency: 'EUR' as const };

/** A network that is down at first. `failed` counts the lost requests. */
function network() {
  const state = { down: true, failed: 0 };
  const answer = http.post('*/v1/orders', () => {
    if (!state.down) return undefined;
    state.failed++;
    return HttpResponse.error();
  });
  return { state, answer };
}

/** Opens alice's list with these orders in her outbox. */
function openWith(entries: Partial<Entry>[], more: Parameters<typeof open>[0] = {}) {
  outboxStore('alice').update(() => ({
    entries: entries.map((entry, i) => ({
      key: `key-${i}`,
      request,
      draft: emptyDraft,
      at: Date.now(),
      ...entry,
    })),
    settled: [],
  }));
  const page = open({ user: 'alice', role: 'customer', ...more });
  const made = () => page.backend.list({ customer: 'alice' }).orders;
  return { ...page, made };
}

const notice = async (text: string | RegExp) =>
  within((await screen.findByText(text)).closest('div') ?? document.body);
const kept = () => outboxStore('alice').load().entries;
const old = { at: Date.now() - OLD_AFTER - 60_000 };

describe('the notice of waiting orders', () => {
  it('shows their number on every page, and sends them on request', async () => {
    const { state, answer } = network();
    const { user, made } = openWith([{}, {}], { answers: [answer], at: '/nowhere' });
    await waitFor(() => expect(state.failed).toBe(2));
    const shown = await notice('2 orders waiting to be sent');
    state.down = false;
    await user.click(shown.getByRole('button', { name: 'Send now' }));
    await waitFor(() => expect(made()).toHaveLength(2));
    await waitFor(() => expect(screen.queryByText(/waiting to be sent/)).toBeNull());
  });

  it('discards them on request', async () => {
    const { state, answer } = network();
    const { user } = openWith([{}], { answers: [answer] });
    await waitFor(() => expect(state.failed).toBe(1));
    const shown = await notice('1 order waiting to be sent');
    await user.click(shown.getByRole('button', { name: 'Discard' }));
    expect([screen.queryByText(/waiting to be sent/), kept()]).toEqual([null, []]);
  });
});

describe('the notice of an old order', () => {
  it('sends it on request, and shows the orders since then', async () => {
    const backend = new Backend();
    const mine = backend.create('alice', request);
    const { user, made } = openWith([old], { backend });
    const shown = await notice(/^We couldn’t confirm this order: 2 × Green tea, sent /);
    expect(made()).toHaveLength(1);
    await user.click(shown.getByRole('button', { name: 'Show orders since then' }));
    const link = await shown.findByRole('link', { name: shortId(mine.id) });
    expect(link.getAttribute('href')).toBe(`/orders/${mine.id}`);
    await user.click(shown.getByRole('button', { name: 'Send now' }));
    await waitFor(() => expect(made()).toHaveLength(2));
    await waitFor(() => expect(screen.queryByText(/^We couldn’t confirm this order/)).toBeNull());
  });

  it('explains that there are no orders since then, or that loading failed', async () => {
    const { user, unmount } = openWith([old]);
    await user.click(await screen.findByRole('button', { name: 'Show orders since then' }));
    await screen.findByText('You have no orders since then.');
    unmount();

    const fail = http.get('*/v1/orders', ({ request }) =>
      new URL(request.url).searchParams.get('limit') === '100' ? HttpResponse.error() : undefined,
    );
    const again = openWith([old], { answers: [fail] });
    await again.user.click(await screen.findByRole('button', { name: 'Show orders since then' }));
    await screen.findByText('Couldn’t load your orders. Try again later.');
  });

  it('discards it on request', async () => {
    const { user, made } = openWith([old]);
    await user.click(await screen.findByRole('button', { name: 'Discard' }));
    expect([kept(), made()]).toEqual([[], []]);
  });
});

describe('the notice of refused orders', () => {
  it('shows the reason, and links to the form', async () => {
    const refusal = { detail: 'The price is too high.', errors: [] };
    const { user } = openWith([{ refusal }]);
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('1 order rejected: The price is too high.');
    await user.click(within(alert).getByRole('link', { name: 'Review' }));
    await screen.findByRole('heading', { name: 'New order' });
    expect(screen.queryByText(/1 order rejected/)).toBeNull();
  });

  it('discards them on request', async () => {
    const { user } = openWith([{ refusal: { detail: 'No.', errors: [] } }]);
    await user.click(within(await screen.findByRole('alert')).getByRole('button', { name: 'Discard' }));
    expect([kept(), screen.queryByRole('alert')]).toEqual([[], null]);
  });
});
