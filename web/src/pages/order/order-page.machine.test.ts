import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createActor, fromObservable, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError } from '../../api/problem';
import type { Order, ProblemCode } from '../../api/types';
import { allows } from '../../domain/order.machine';
import type { Cancelled } from '../../live/cancels';
import { life } from '../../test/orders';
import type { OrderView } from '../../live/order';
import { type OrderPageEvent, orderPageMachine } from './order-page.machine';

const [created, confirmed, delivered] = life();
const cancelled: Order = { ...life('cancelled')[2], id: created.id };
const ours = { ...cancelled, changed: true };
const problem = (status: number, code: ProblemCode, retryAfter?: number) =>
  new ApiError({ type: 'about:blank', title: code, status, code }, retryAfter);
const away = new NetworkError();

const ASK = { type: 'ASK' } as const;
const CONFIRM = { type: 'CONFIRM', reason: 'ours' } as const;
const RETRY = { type: 'RETRY' } as const;
const DISMISS = { type: 'DISMISS' } as const;

/** The page of one order, whose stream and whose cancels say what the test tells them to. */
function open(order?: Order) {
  const view$ = new Subject<OrderView>();
  const watched: string[] = [];
  const asked: { id: string; reason: string }[] = [];
  const answers: { resolve: (order: Cancelled) => void; reject: (error: unknown) => void }[] = [];
  const machine = orderPageMachine.provide({
    actors: {
      watch: fromObservable<OrderView, { id: string }>(({ input }) => {
        watched.push(input.id);
        return view$;
      }),
      cancel: fromPromise<Cancelled, { id: string; reason: string }>(({ input }) => {
        asked.push(input);
        return new Promise((resolve, reject) => answers.push({ resolve, reject }));
      }),
    },
  });
  const clock = new SimulatedClock();
  const actor = createActor(machine, { input: { id: created.id }, clock }).start();
  const left = () => waitFor(actor, (now) => !now.matches('cancelling'));
  const page = {
    clock,
    watched,
    asked,
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    can: (event: OrderPageEvent) => actor.getSnapshot().can(event),
    say: (...events: OrderPageEvent[]) => events.forEach((event) => actor.send(event)),
    show: (shown: Order | undefined, error?: unknown) => view$.next({ order: shown, error }),
    async answer(answer: Cancelled) {
      answers.at(-1)?.resolve(answer);
      await left();
    },
    async refuse(error: unknown) {
      answers.at(-1)?.reject(error);
      await left();
    },
  };
  if (order) page.show(order);
  return page;
}

describe('loading', () => {
  it('shows the order when it comes', () => {
    const page = open();
    expect([page.state(), page.watched]).toEqual(['loading', [created.id]]);
    page.show(created);
    expect([page.state(), page.context().order]).toEqual(['ready', created]);
  });

  it.each(['order-not-found', 'invalid-request'] as const)(
    'tells by %s that there is no such order',
    (code) => {
      const page = open();
      page.show(undefined, problem(404, code));
      expect(page.state()).toBe('missing');
    },
  );

  it.each([away, problem(503, 'unavailable'), problem(403, 'forbidden')])('fails by %s', (error) => {
    const page = open();
    page.show(undefined, error);
    expect([page.state(), page.context().error]).toEqual(['failed', error]);
  });

  it.each([away, problem(404, 'order-not-found')])('shows what comes after all after %s', (error) => {
    const page = open();
    page.show(undefined, error);
    page.show(created);
    expect([page.state(), page.context().error]).toEqual(['ready', undefined]);
  });

  it('keeps showing the order while it cannot be loaded again', () => {
    const page = open(confirmed);
    page.show(confirmed, away);
    expect([page.state(), page.context().order, page.context().error]).toEqual(['ready', confirmed, away]);
  });

  it('never replaces a version by an older one', () => {
    const page = open(confirmed);
    page.show(created);
    expect(page.context().order).toBe(confirmed);
    page.show(delivered);
    page.show(undefined, away);
    expect(page.context().order).toBe(delivered);
  });
});

describe('asking to cancel', () => {
  it.each([created, confirmed, delivered, cancelled])('is possible when the order allows it', (order) => {
    const page = open(order);
    expect(page.can(ASK)).toBe(allows(order.status, 'cancel'));
    page.say(ASK);
    expect(page.state()).toBe(allows(order.status, 'cancel') ? 'confirming' : 'ready');
  });

  it.each([
    ['loading', undefined],
    ['missing', problem(404, 'order-not-found')],
    ['failed', away],
  ] as [string, Error | undefined][])('is not possible while %s', (state, error) => {
    const page = open();
    if (error) page.show(undefined, error);
    page.say(ASK);
    expect(page.state()).toBe(state);
  });

  it('can be taken back', () => {
    const page = open(confirmed);
    page.say(ASK, DISMISS);
    expect([page.state(), page.asked]).toEqual(['ready', []]);
  });

  it('stays while the order moves on to what may be cancelled still', () => {
    const page = open(created);
    page.say(ASK);
    page.show(confirmed);
    expect(page.state()).toBe('confirming');
  });

  it.each([delivered, cancelled])('goes away when the order is through', (order) => {
    const page = open(confirmed);
    page.say(ASK);
    page.show(order);
    expect([page.state(), page.context().order]).toEqual(['overtaken', order]);
    page.say(CONFIRM);
    expect(page.asked).toEqual([]);
    page.say(DISMISS);
    expect(page.state()).toBe('ready');
    expect(page.can(ASK)).toBe(false);
  });
});

describe('cancelling', () => {
  it('sends one cancel for two clicks, and shows its result', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM, CONFIRM, RETRY);
    expect(page.asked).toEqual([{ id: created.id, reason: 'ours' }]);
    await page.answer(ours);
    expect(page.state()).toBe('cancelled');
    expect(page.context()).toMatchObject({ order: ours, cancelledBefore: false, refusal: undefined });
  });

  it('is done when an earlier request of ours may have been the one', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.answer(cancelled);
    expect([page.state(), page.context().cancelledBefore]).toEqual(['cancelled', false]);
  });

  it('is not stopped by what the feed tells of it', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    page.show(ours);
    expect(page.state()).toBe('cancelling');
    await page.answer(ours);
    expect(page.state()).toBe('cancelled');
  });

  it.each([
    ['the same reason', { by: 'operator' as const, reason: 'ours' }],
    ['another reason', { by: 'operator' as const, reason: 'theirs' }],
    ['no reason', { by: 'customer' as const }],
  ])('tells when another cancel with %s was faster', async (_, cancellation) => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    const theirs = { ...cancelled, cancellation, changed: false };
    await page.answer(theirs);
    expect(page.state()).toBe('overtaken');
    expect(page.context()).toMatchObject({ order: theirs, cancelledBefore: true });
  });

  it.each([problem(400, 'invalid-request'), problem(403, 'forbidden'), problem(429, 'rate-limited')])(
    'asks again with the reason as it was typed after %s',
    async (refusal) => {
      const page = open(confirmed);
      page.say(ASK, CONFIRM);
      await page.refuse(refusal);
      expect([page.state(), page.context().reason, page.context().refusal]).toEqual([
        'confirming',
        'ours',
        refusal,
      ]);
      page.say({ type: 'CONFIRM', reason: 'better' });
      expect([page.state(), page.asked[1], page.context().refusal]).toEqual([
        'cancelling',
        { id: created.id, reason: 'better' },
        undefined,
      ]);
      await page.refuse(refusal);
      page.say(DISMISS, ASK);
      expect([page.state(), page.context().reason, page.context().refusal]).toEqual([
        'confirming',
        '',
        undefined,
      ]);
    },
  );

  it('waits as long as the server asks before it can be confirmed again', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.refuse(problem(429, 'rate-limited', 5));
    page.clock.increment(4_999);
    page.say(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['confirming', 1]);
    page.clock.increment(1);
    expect(page.context().refusal).toBeUndefined();
    page.say(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['cancelling', 2]);
  });

  it('tells when there is no such order any more', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.refuse(problem(404, 'order-not-found'));
    expect(page.state()).toBe('missing');
  });

  it.each(['already-delivered', 'version-mismatch'] as const)('tells by %s who won', async (code) => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    const refusal = problem(409, code);
    await page.refuse(refusal);
    expect([page.state(), page.context().refusal]).toEqual(['overtaken', refusal]);
    page.show(delivered);
    expect([page.state(), page.context().order]).toEqual(['overtaken', delivered]);
  });

  it('forgets the last refusal when it is asked for anew', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.refuse(problem(409, 'version-mismatch'));
    page.say(DISMISS, ASK);
    expect(page.state()).toBe('confirming');
    expect(page.context()).toMatchObject({ refusal: undefined, cancelledBefore: false });
  });

  it('repeats the same cancel when nobody knows whether it happened', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.refuse(away);
    expect([page.state(), page.context().refusal]).toEqual(['cancelFailed', away]);
    page.say(RETRY);
    expect(page.asked).toEqual([page.asked[0], page.asked[0]]);
    await page.answer(ours);
    expect(page.state()).toBe('cancelled');
  });

  it('is done when the order turns out to be cancelled after the answer was lost', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.refuse(away);
    page.show(cancelled);
    expect([page.state(), page.context().order]).toEqual(['cancelled', cancelled]);
  });

  it('may be given up, or is overtaken, when nobody knows whether it happened', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    await page.refuse(away);
    page.say(DISMISS);
    expect(page.state()).toBe('ready');
    page.say(ASK, CONFIRM);
    await page.refuse(problem(503, 'unavailable'));
    page.show(delivered);
    expect(page.state()).toBe('overtaken');
  });

  it('never shows an older version than the feed did', async () => {
    const page = open(confirmed);
    page.say(ASK, CONFIRM);
    page.show(ours);
    await page.answer({ ...ours, version: confirmed.version });
    expect(page.context().order).toBe(ours);
  });
});
