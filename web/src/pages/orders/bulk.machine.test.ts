import { describe, expect, it } from 'vitest';
import { BehaviorSubject } from 'rxjs';
import { createActor, fromObservable, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';
import { type BulkEvent, bulkMachine } from './bulk.machine';

type Outcome = CancelOutcome['outcome'];

const outcomes = (all: Record<string, Outcome>): CancelOutcome[] =>
  Object.entries(all).map(([id, outcome]) => ({ id, outcome }));

const ASK: BulkEvent = { type: 'ASK', ids: ['a', 'b', 'c'] };
const CONFIRM: BulkEvent = { type: 'CONFIRM', reason: 'out of stock' };
const RETRY: BulkEvent = { type: 'RETRY' };
const STOP: BulkEvent = { type: 'STOP' };
const DISMISS: BulkEvent = { type: 'DISMISS' };

/** The machine after these events, with a server that responds when the test calls `answer` or `lose`. */
function start(...events: BulkEvent[]) {
  const asked: { ids: readonly string[]; reason: string }[] = [];
  const answers: { resolve: (outcomes: CancelOutcome[]) => void; reject: (error: unknown) => void }[] = [];
  const waiting$ = new BehaviorSubject(false);
  const stopped: (readonly string[])[] = [];
  const clock = new SimulatedClock();
  const actor = createActor(
    bulkMachine.provide({
      actors: {
        cancelMany: fromPromise<CancelOutcome[], { ids: readonly string[]; reason: string }>(({ input }) => {
          asked.push(input);
          return new Promise((resolve, reject) => answers.push({ resolve, reject }));
        }),
        waiting: fromObservable(() => waiting$),
      },
      actions: { stopCancel: (_, { ids }) => stopped.push(ids) },
    }),
    { clock },
  ).start();
  const page = {
    clock,
    asked,
    stopped,
    waiting$,
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    send: (...events: BulkEvent[]) => events.forEach((event) => actor.send(event)),
    async answer(all: Record<string, Outcome>) {
      answers.at(-1)?.resolve(outcomes(all));
      await waitFor(actor, (now) => now.matches('done'));
    },
    async lose(error: unknown) {
      answers.at(-1)?.reject(error);
      await waitFor(actor, (now) => !now.matches('cancelling'));
    },
  };
  page.send(...events);
  return page;
}

describe('cancelling many', () => {
  it('stays idle when no order is selected', () => {
    expect(start({ type: 'ASK', ids: [] }).state()).toBe('idle');
  });

  it.each([CONFIRM, RETRY, DISMISS])('ignores $type while idle', (event) => {
    const page = start(event);
    expect([page.state(), page.asked]).toEqual(['idle', []]);
  });

  it('sends nothing before the confirmation', () => {
    const page = start(ASK, RETRY);
    expect([page.state(), page.asked]).toEqual(['confirming', []]);
    page.send(DISMISS, CONFIRM);
    expect([page.state(), page.asked]).toEqual(['idle', []]);
  });

  it('sends one request for the orders that were selected when the dialog opened', () => {
    const page = start(ASK, { type: 'ASK', ids: ['d'] }, CONFIRM, CONFIRM, RETRY, DISMISS, ASK);
    expect(page.state()).toBe('cancelling');
    expect(page.asked).toEqual([{ ids: ['a', 'b', 'c'], reason: 'out of stock' }]);
  });

  it('keeps the outcomes, and retries nothing when none failed', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'cancelled', b: 'refused', c: 'not-found' });
    expect(page.context().outcomes).toEqual(outcomes({ a: 'cancelled', b: 'refused', c: 'not-found' }));
    page.send(RETRY);
    expect([page.state(), page.asked.length]).toEqual(['done', 1]);
  });

  it('retries only the failed orders with the same reason, and keeps the other outcomes', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'failed' });
    page.send(RETRY);
    expect(page.asked[1]).toEqual({ ids: ['a', 'c'], reason: 'out of stock' });
    await page.answer({ a: 'cancelled', c: 'failed' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', a: 'cancelled', c: 'failed' }));
    page.send(RETRY);
    expect(page.asked[2]).toEqual({ ids: ['c'], reason: 'out of stock' });
    await page.answer({ c: 'refused' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', a: 'cancelled', c: 'refused' }));
  });

  it('repeats the whole request when its outcome is unknown', async () => {
    const page = start(ASK, CONFIRM);
    const error = new NetworkError();
    await page.lose(error);
    expect(page.context().error).toBe(error);
    page.send(RETRY);
    expect(page.asked).toEqual([page.asked[0], page.asked[0]]);
    await page.answer({ a: 'cancelled', b: 'cancelled', c: 'cancelled' });
    expect(page.context().outcomes).toHaveLength(3);
  });

  it('keeps the known outcomes when the response to a retry is lost', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'refused' });
    page.send(RETRY);
    await page.lose(new NetworkError());
    page.send(RETRY);
    expect(page.asked[2]).toEqual({ ids: ['a'], reason: 'out of stock' });
    await page.answer({ a: 'cancelled' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', c: 'refused', a: 'cancelled' }));
  });

  it.each(['done', 'failed'])('accepts other orders in the state %s', async (end) => {
    const page = start(ASK, CONFIRM);
    if (end === 'failed') await page.lose(new NetworkError());
    else await page.answer({ a: 'cancelled', b: 'cancelled', c: 'cancelled' });
    expect(page.state()).toBe(end);
    page.send({ type: 'ASK', ids: [] });
    expect(page.state()).toBe(end);
    page.send({ type: 'ASK', ids: ['d'] });
    expect(page.state()).toBe('confirming');
    expect(page.context()).toEqual({
      ids: ['d'],
      reason: '',
      outcomes: [],
      error: undefined,
      waiting: false,
    });
  });

  const refused = (retryAfter?: number) =>
    new ApiError(
      { type: '', title: 'No', status: retryAfter ? 429 : 400, code: 'invalid-request' },
      retryAfter,
    );

  it('returns to the dialog with the typed reason when the server refuses', async () => {
    const page = start(ASK, CONFIRM);
    const error = refused();
    await page.lose(error);
    expect([page.state(), page.context().reason, page.context().error]).toEqual([
      'confirming',
      'out of stock',
      error,
    ]);
    page.send({ type: 'CONFIRM', reason: 'better' });
    expect(page.asked[1]).toEqual({ ids: ['a', 'b', 'c'], reason: 'better' });
    expect(page.context().error).toBeUndefined();
  });

  it('can be confirmed again only after the server’s Retry-After', async () => {
    const page = start(ASK, CONFIRM);
    await page.lose(refused(5));
    page.send(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['confirming', 1]);
    page.clock.increment(5_000);
    expect(page.context().error).toBeUndefined();
    page.send(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['cancelling', 2]);
  });

  it('can’t be left while its request is in flight', () => {
    const page = start(ASK, CONFIRM, DISMISS, STOP);
    expect([page.state(), page.stopped]).toEqual(['cancelling', []]);
  });

  it('can be left or given up while its request waits', () => {
    const left = start(ASK, CONFIRM);
    left.waiting$.next(true);
    left.send(DISMISS);
    expect([left.state(), left.stopped]).toEqual(['idle', []]);

    const page = start(ASK, CONFIRM);
    page.waiting$.next(true);
    expect(page.context().waiting).toBe(true);
    page.send(STOP);
    expect([page.state(), page.context().reason, page.stopped]).toEqual([
      'confirming',
      'out of stock',
      [['a', 'b', 'c']],
    ]);
    page.waiting$.next(false);
    page.send(CONFIRM);
    expect([page.state(), page.context().waiting]).toEqual(['cancelling', false]);
  });

  it('starts afresh after it is dismissed', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'cancelled' });
    page.send(DISMISS);
    expect(page.state()).toBe('idle');
    page.send({ type: 'ASK', ids: ['d'] });
    expect(page.context()).toEqual({
      ids: ['d'],
      reason: '',
      outcomes: [],
      error: undefined,
      waiting: false,
    });

    page.send({ type: 'CONFIRM', reason: '' });
    await page.lose(new NetworkError());
    page.send(DISMISS, ASK);
    expect([page.state(), page.context().error]).toEqual(['confirming', undefined]);
  });
});
