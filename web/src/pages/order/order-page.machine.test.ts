import { BehaviorSubject, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createActor, fromObservable, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError } from '../../api/problem';
import type { Order, ProblemCode } from '../../api/types';
import { allows } from '../../domain/order.machine';
import type { Cancelled } from '../../live/cancels';
import { orderVersions } from '../../test/orders';
import type { OrderView } from '../../live/order';
import { type OrderPageEvent, orderPageMachine } from './order-page.machine';

const [created, confirmed, delivered] = orderVersions();
const cancelled: Order = { ...orderVersions('cancelled')[2], id: created.id };
const own = { ...cancelled, changed: true };
const problem = (status: number, code: ProblemCode, retryAfter?: number) =>
  new ApiError({ type: 'about:blank', title: code, status, code }, retryAfter);
const away = new NetworkError();

const ASK = { type: 'ASK' } as const;
const CONFIRM = { type: 'CONFIRM', reason: 'own' } as const;
const RETRY = { type: 'RETRY' } as const;
const DISMISS = { type: 'DISMISS' } as const;

interface Opened {
  undoable?: boolean;
  held?: string;
}

/** The page's machine; the test emits the order and settles the cancels. */
function open(order?: Order, { undoable = false, ...input }: Opened = {}) {
  const view$ = new Subject<OrderView>();
  const waiting$ = new BehaviorSubject(false);
  const stopped: string[] = [];
  const holding: string[] = [];
  let release = (_sent: boolean) => undefined as unknown;
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
      waiting: fromObservable(() => waiting$),
      released: fromPromise<boolean, { id: string }>(() => new Promise((resolve) => (release = resolve))),
    },
    guards: { undoable: () => undoable },
    actions: {
      holdCancel: (_, { id, reason }) => holding.push(`${id} ${reason}`),
      stopCancel: (_, { id }) => stopped.push(id),
    },
  });
  const clock = new SimulatedClock();
  const actor = createActor(machine, { input: { id: created.id, ...input }, clock }).start();
  const left = () => waitFor(actor, (now) => !now.matches('cancelling'));
  const page = {
    clock,
    waiting$,
    stopped,
    holding,
    async release(sent: boolean) {
      release(sent);
      await waitFor(actor, (now) => !now.matches('holding'));
    },
    watched,
    asked,
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    can: (event: OrderPageEvent) => actor.getSnapshot().can(event),
    send: (...events: OrderPageEvent[]) => events.forEach((event) => actor.send(event)),
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
  it('shows the loaded order', () => {
    const page = open();
    expect([page.state(), page.watched]).toEqual(['loading', [created.id]]);
    page.show(created);
    expect([page.state(), page.context().order]).toEqual(['ready', created]);
  });

  it.each(['order-not-found', 'invalid-request'] as const)('on %s reports a missing order', (code) => {
    const page = open();
    page.show(undefined, problem(404, code));
    expect(page.state()).toBe('missing');
  });

  it.each([away, problem(503, 'unavailable'), problem(403, 'forbidden')])('on %s fails', (error) => {
    const page = open();
    page.show(undefined, error);
    expect([page.state(), page.context().error]).toEqual(['failed', error]);
  });

  it.each([away, problem(404, 'order-not-found')])('after %s shows an order that arrives later', (error) => {
    const page = open();
    page.show(undefined, error);
    page.show(created);
    expect([page.state(), page.context().error]).toEqual(['ready', undefined]);
  });

  it('keeps the order when loading it again fails', () => {
    const page = open(confirmed);
    page.show(confirmed, away);
    expect([page.state(), page.context().order, page.context().error]).toEqual(['ready', confirmed, away]);
  });

  it('never replaces an order with an older version', () => {
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
    page.send(ASK);
    expect(page.state()).toBe(allows(order.status, 'cancel') ? 'confirming' : 'ready');
  });

  it.each([
    ['loading', undefined],
    ['missing', problem(404, 'order-not-found')],
    ['failed', away],
  ] as [string, Error | undefined][])('is not possible while %s', (state, error) => {
    const page = open();
    if (error) page.show(undefined, error);
    page.send(ASK);
    expect(page.state()).toBe(state);
  });

  it('is dismissed without a cancel', () => {
    const page = open(confirmed);
    page.send(ASK, DISMISS);
    expect([page.state(), page.asked]).toEqual(['ready', []]);
  });

  it('stays when the order changes and can still be cancelled', () => {
    const page = open(created);
    page.send(ASK);
    page.show(confirmed);
    expect(page.state()).toBe('confirming');
  });

  it.each([delivered, cancelled])('ends when the order becomes final', (order) => {
    const page = open(confirmed);
    page.send(ASK);
    page.show(order);
    expect([page.state(), page.context().order]).toEqual(['overtaken', order]);
    page.send(CONFIRM);
    expect(page.asked).toEqual([]);
    page.send(DISMISS);
    expect(page.state()).toBe('ready');
    expect(page.can(ASK)).toBe(false);
  });
});

describe('cancelling', () => {
  it('sends one request for two clicks, and shows its result', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM, CONFIRM, RETRY);
    expect(page.asked).toEqual([{ id: created.id, reason: 'own' }]);
    await page.answer(own);
    expect(page.state()).toBe('cancelled');
    expect(page.context()).toMatchObject({ order: own, cancelledBefore: false, refusal: undefined });
  });

  it('succeeds when an earlier request of this page may have cancelled the order', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.answer(cancelled);
    expect([page.state(), page.context().cancelledBefore]).toEqual(['cancelled', false]);
  });

  it('continues when the feed reports the cancel first', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    page.show(own);
    expect(page.state()).toBe('cancelling');
    await page.answer(own);
    expect(page.state()).toBe('cancelled');
  });

  it.each([
    ['the same reason', { by: 'operator' as const, reason: 'own' }],
    ['another reason', { by: 'operator' as const, reason: 'other' }],
    ['no reason', { by: 'customer' as const }],
  ])('reports that another cancel with %s was first', async (_, cancellation) => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    const other = { ...cancelled, cancellation, changed: false };
    await page.answer(other);
    expect(page.state()).toBe('overtaken');
    expect(page.context()).toMatchObject({ order: other, cancelledBefore: true });
  });

  it.each([problem(400, 'invalid-request'), problem(403, 'forbidden'), problem(429, 'rate-limited')])(
    'returns to the dialog with the typed reason after %s',
    async (refusal) => {
      const page = open(confirmed);
      page.send(ASK, CONFIRM);
      await page.refuse(refusal);
      expect([page.state(), page.context().reason, page.context().refusal]).toEqual([
        'confirming',
        'own',
        refusal,
      ]);
      page.send({ type: 'CONFIRM', reason: 'better' });
      expect([page.state(), page.asked[1], page.context().refusal]).toEqual([
        'cancelling',
        { id: created.id, reason: 'better' },
        undefined,
      ]);
      await page.refuse(refusal);
      page.send(DISMISS, ASK);
      expect([page.state(), page.context().reason, page.context().refusal]).toEqual([
        'confirming',
        '',
        undefined,
      ]);
    },
  );

  it('can be confirmed again only after the server’s Retry-After', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.refuse(problem(429, 'rate-limited', 5));
    page.clock.increment(4_999);
    page.send(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['confirming', 1]);
    page.clock.increment(1);
    expect(page.context().refusal).toBeUndefined();
    page.send(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['cancelling', 2]);
  });

  it('can be given up only while it waits', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM, DISMISS);
    expect([page.state(), page.stopped]).toEqual(['cancelling', []]);
    page.waiting$.next(true);
    expect(page.context().waiting).toBe(true);
    page.send(DISMISS);
    expect([page.state(), page.stopped]).toEqual(['ready', [created.id]]);
    page.waiting$.next(false);
    page.send(ASK, CONFIRM);
    expect(page.context().waiting).toBe(false);
    await page.answer(own);
    expect(page.state()).toBe('cancelled');
  });

  it('reports a missing order', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.refuse(problem(404, 'order-not-found'));
    expect(page.state()).toBe('missing');
  });

  it.each(['already-delivered', 'version-mismatch'] as const)(
    'on %s reports that the order has changed',
    async (code) => {
      const page = open(confirmed);
      page.send(ASK, CONFIRM);
      const refusal = problem(409, code);
      await page.refuse(refusal);
      expect([page.state(), page.context().refusal]).toEqual(['overtaken', refusal]);
      page.show(delivered);
      expect([page.state(), page.context().order]).toEqual(['overtaken', delivered]);
    },
  );

  it('clears the last error when the dialog opens again', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.refuse(problem(409, 'version-mismatch'));
    page.send(DISMISS, ASK);
    expect(page.state()).toBe('confirming');
    expect(page.context()).toMatchObject({ refusal: undefined, cancelledBefore: false });
  });

  it('repeats the same request when the outcome is unknown', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.refuse(away);
    expect([page.state(), page.context().refusal]).toEqual(['cancelFailed', away]);
    page.send(RETRY);
    expect(page.asked).toEqual([page.asked[0], page.asked[0]]);
    await page.answer(own);
    expect(page.state()).toBe('cancelled');
  });

  it('succeeds when the order is cancelled after a lost response', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.refuse(away);
    page.show(cancelled);
    expect([page.state(), page.context().order]).toEqual(['cancelled', cancelled]);
  });

  it('can be dismissed, or ends with the delivery, when the outcome is unknown', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    await page.refuse(away);
    page.send(DISMISS);
    expect(page.state()).toBe('ready');
    page.send(ASK, CONFIRM);
    await page.refuse(problem(503, 'unavailable'));
    page.show(delivered);
    expect(page.state()).toBe('overtaken');
  });

  it('never replaces an order with an older version', async () => {
    const page = open(confirmed);
    page.send(ASK, CONFIRM);
    page.show(own);
    await page.answer({ ...own, version: confirmed.version });
    expect(page.context().order).toBe(own);
  });
});

describe('a cancel that can be undone', () => {
  it('is held first, and then sent without the dialog', async () => {
    const page = open(confirmed, { undoable: true });
    page.send(ASK, CONFIRM);
    expect([page.state(), page.holding, page.asked]).toEqual(['holding', [`${created.id} own`], []]);
    expect(page.can(ASK)).toBe(false);
    await page.release(true);
    expect([page.state(), page.context().quiet]).toEqual(['cancelling', true]);
    expect(page.asked).toEqual([{ id: created.id, reason: 'own' }]);
    await page.answer(own);
    expect([page.state(), page.context().quiet]).toEqual(['cancelled', false]);
  });

  it('is not sent after Undo, and the order can be cancelled again', async () => {
    const page = open(confirmed, { undoable: true });
    page.send(ASK, CONFIRM);
    await page.release(false);
    expect([page.state(), page.asked, page.can(ASK)]).toEqual(['ready', [], true]);
  });

  it('leaves it to the server whether a delivery was first', async () => {
    const page = open(confirmed, { undoable: true });
    page.send(ASK, CONFIRM);
    page.show(delivered);
    expect(page.state()).toBe('holding');
    await page.release(true);
    await page.refuse(problem(409, 'already-delivered'));
    expect(page.state()).toBe('overtaken');
  });

  it('is observed again when the user returns to its page', async () => {
    const page = open(confirmed, { held: 'own' });
    expect(page.state()).toBe('holding');
    await page.release(true);
    expect([page.holding, page.asked]).toEqual([[], [{ id: created.id, reason: 'own' }]]);
  });
});
