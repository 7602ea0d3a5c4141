import { render, screen, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, it } from 'vitest';
import { open } from '../../test/app';
import type { Outcome, Status } from './api';
import { VerdictCard } from './VerdictCard';

const all = '*/lab/api/parts';

function running(...killed: string[]): Status {
  const names = ['orders-actor', 'orders-actor.sidecar', 'payments-svc', 'scheduler'];
  return {
    payments: 'normal',
    parts: names.map((name) => ({
      name,
      state: killed.includes(name) ? 'killed' : 'running',
      since: 0,
      kills: killed.includes(name) ? 1 : 0,
    })),
  };
}

describe('the page of the fault lab', () => {
  it('says how to start the lab where there is none', async () => {
    open({ at: '/lab', answers: [http.get(all, () => new HttpResponse(null, { status: 404 }))] });
    await screen.findByRole('heading', { name: 'No fault lab here' });
    expect(screen.getByText('make lab')).toBeTruthy();
  });

  it('kills and starts parts', async () => {
    const killed: string[] = [];
    const { user } = open({
      at: '/lab',
      answers: [
        http.get(all, () => HttpResponse.json(running(...killed))),
        http.post('*/lab/api/parts/:part/:action', ({ params }) => {
          if (params['action'] === 'kill') killed.push(String(params['part']));
          else killed.splice(0);
          return HttpResponse.json(running(...killed));
        }),
      ],
    });
    await user.click(await screen.findByRole('button', { name: 'Kill scheduler' }));
    await screen.findByText('Killed');
    await screen.findByText('killed 1 time');
    await user.click(await screen.findByRole('button', { name: 'Start scheduler' }));
    await screen.findByRole('button', { name: 'Kill scheduler' });
  });

  it('shows a chosen payment mode at once', async () => {
    const { user } = open({
      at: '/lab',
      answers: [
        http.get(all, () => HttpResponse.json(running())),
        http.post('*/lab/api/payments', () => HttpResponse.json({ ...running(), payments: 'slow' })),
      ],
    });
    const slow = await screen.findByRole('radio', { name: 'Slow (3 s)' });
    await user.click(slow);
    expect((slow as HTMLInputElement).checked).toBe(true);
  });
});

describe('the verdict', () => {
  const outcome = (number: number, change: Partial<Outcome> = {}): Outcome => ({
    number,
    name: `invariant ${number}`,
    checked: 300 + number,
    facts: 'orders',
    violated: 0,
    violations: [],
    ...change,
  });
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const show = (invariants: Outcome[]) => {
    const verdict = {
      settled: true,
      orders: 312,
      delivered: 200,
      cancelled: 112,
      lateness: 1_500,
      invariants,
    };
    render(<VerdictCard result={{ verdict, crashes: 41 }} />);
    return screen.getByTestId('verdict');
  };

  it('names what was checked when every promise was kept', () => {
    const card = show(numbers.map((number) => outcome(number)));
    expect(within(card).getByRole('heading').textContent).toBe('Every promise was kept');
    expect(card.textContent).toContain('312 orders41 crashes0 lost0 charged twice0 delivered after a cancel');
    expect(within(card).getAllByText('Kept')).toHaveLength(10);
    expect(within(card).getByText('302 orders checked')).toBeTruthy();
  });

  it('shows violations with their traces', () => {
    const violations = [
      { order: 'o-1', detail: 'the order was charged 2 times', trace: 'order o-1\n  ledger: 2 charges' },
    ];
    const card = show(
      numbers.map((n) => outcome(n, n === 2 ? { violated: 1, violations } : n === 7 ? { violated: 3 } : {})),
    );
    expect(within(card).getByRole('heading').textContent).toBe('The checker found violations');
    expect(card.textContent).toContain('0 lost1 charged twice0 delivered after a cancel3 other violations');
    expect(within(card).getByText('the order was charged 2 times')).toBeTruthy();
    expect(within(card).getByText(/ledger: 2 charges/)).toBeTruthy();
  });
});
