import { act, screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../api/types';
import { Backend } from '../../mock/backend';
import { open } from '../../test/app';

const tea = { sku: 'tea-1', name: 'Green tea', quantity: 2, unitPrice: 450 };
const lost: Finding = {
  code: 'reminder-missing',
  severity: 'inconsistent',
  fix: 'reconcile',
  detail: 'No reminder is set. Reconcile sets it.',
};

function openOrder(more: Parameters<typeof open>[0] = {}, finding?: Finding) {
  const backend = new Backend();
  const { id } = backend.create('alice', { items: [tea], currency: 'EUR' });
  backend.confirm(id, Date.now() + 3_600_000);
  if (finding) backend.care.findings.set(id, finding);
  return { id, ...open({ backend, at: `/orders/${id}`, ...more }) };
}

const panel = async () => within(await screen.findByRole('region', { name: 'Inspect' }));
const facts = (name: string) => {
  const term = within(screen.getByRole('region', { name: 'Inspect' })).getByText(name, { selector: 'dt' });
  return term.nextElementSibling?.textContent;
};
const repairButton = () => screen.queryByRole('button', { name: 'Repair…' });

describe('the inspection of an order', () => {
  it('shows side by side what the parts say, and that they agree', async () => {
    openOrder();
    const inspect = await panel();
    expect(await inspect.findByText('consistent')).toBeTruthy();
    expect(inspect.getByText('The parts agree: the order is confirmed.')).toBeTruthy();
    expect(['Actor', 'Host', 'Database', 'Pending'].map(facts)).toEqual([
      'v2 · confirmed',
      'mock:8080',
      'v2 · confirmed',
      'nothing',
    ]);
    expect(facts('Ledger')).toMatch(/^confirmed .*9[.,]00/);
    expect(facts('Reminder')).toMatch(/\d/);
    expect(repairButton()).toBeNull();
  });

  it('is repeated when the order changes', async () => {
    const { backend, id } = openOrder();
    await (await panel()).findByText('consistent');
    act(() => void backend.cancel(id, 'operator'));
    await waitFor(() => expect(facts('Actor')).toBe('v3 · cancelled'));
  });

  it('is not there for customers', async () => {
    openOrder({ user: 'alice', role: 'customer' });
    await screen.findByRole('region', { name: 'Payment' });
    expect(screen.queryByRole('region', { name: 'Inspect' })).toBeNull();
  });

  it('shows a failure with its trace id, and can be repeated', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const problem = { type: '/docs', title: 'x', status: 500, code: 'internal', traceId };
    const failing = http.get('*/v1/orders/:id/inspect', () => HttpResponse.json(problem, { status: 500 }), {
      once: true,
    });
    const { user } = openOrder({ answers: [failing] });
    const inspect = await panel();
    expect((await inspect.findByRole('alert')).textContent).toContain('Something went wrong on our side.');
    expect(inspect.getByRole('button', { name: 'Copy trace ID' })).toBeTruthy();
    await user.click(inspect.getByRole('button', { name: 'Inspect again' }));
    expect(await inspect.findByText('consistent')).toBeTruthy();
  });
});

describe('a repair', () => {
  const dialog = async () => within(await screen.findByRole('dialog', { name: 'Repair this order?' }));

  it('is offered for a finding, needs a reason, and shows each step', async () => {
    const { user, backend, id } = openOrder({}, lost);
    const inspect = await panel();
    expect(await inspect.findByText('No reminder is set. Reconcile sets it.')).toBeTruthy();
    await user.click(inspect.getByRole('button', { name: 'Repair…' }));
    const question = await dialog();
    const reason = question.getByLabelText<HTMLTextAreaElement>('Reason');
    expect(reason.value).toBe('reminder-missing');
    await user.clear(reason);
    expect(question.getByRole<HTMLButtonElement>('button', { name: 'Repair order' }).disabled).toBe(true);
    await user.type(reason, 'Lost with the scheduler');
    await user.click(question.getByRole('button', { name: 'Repair order' }));
    expect(
      await inspect.findByText('The delivery reminder was set.', { selector: '.outcome li' }),
    ).toBeTruthy();
    expect(await inspect.findByText('consistent')).toBeTruthy();
    expect(repairButton()).toBeNull();
    await user.click(await inspect.findByText('1 repair'));
    expect(inspect.getByText('Lost with the scheduler')).toBeTruthy();
    expect(backend.care.findings.has(id)).toBe(false);
  });

  it('is not offered where it does not help', async () => {
    openOrder({}, { ...lost, code: 'charged-twice', fix: 'report', detail: 'Charged twice.' });
    await (await panel()).findByText('Charged twice.');
    expect(repairButton()).toBeNull();
  });

  it('of an order that has changed meanwhile is not made', async () => {
    const problem = {
      type: '/docs',
      title: 'x',
      status: 412,
      code: 'version-mismatch',
      detail: 'the order has changed since you saw it',
    };
    let tag: string | null = null;
    const changed = http.post('*/v1/orders/:id/reconcile', ({ request }) => {
      tag = request.headers.get('If-Match');
      return HttpResponse.json(problem, { status: 412 });
    });
    const { user } = openOrder({ answers: [changed] }, lost);
    await user.click(await screen.findByRole('button', { name: 'Repair…' }));
    await user.click((await dialog()).getByRole('button', { name: 'Repair order' }));
    const alert = await screen.findByText(/^The repair failed\. The order has changed since you saw it\./);
    expect(alert).toBeTruthy();
    expect(tag).toBe('"2"');
  });

  it('is started from the notice of a late order', async () => {
    const backend = new Backend();
    const { id } = backend.create('alice', { items: [tea], currency: 'EUR' }, { at: Date.now() - 600_000 });
    const { user } = open({ backend, at: `/orders/${id}` });
    await user.click(await screen.findByRole('button', { name: 'Try now…' }));
    await user.click((await dialog()).getByRole('button', { name: 'Repair order' }));
    expect(
      await screen.findByText('The payment was requested again.', { selector: '.outcome li' }),
    ).toBeTruthy();
  });
});
