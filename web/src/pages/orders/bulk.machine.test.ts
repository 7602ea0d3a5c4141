import { describe, expect, it } from 'vitest';
import { BehaviorSubject } from 'rxjs';
import { createActor, fromObservable, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';
import type { BulkProgress, BulkResult, BulkTarget } from '../../live/bulk';
import { type BulkEvent, bulkMachine } from './bulk.machine';

type Outcome = CancelOutcome['outcome'];

const outcomes = (all: Record<string, Outcome>): CancelOutcome[] =>
  Object.entries(all).map(([id, outcome]) => ({ id, outcome }));

const ASK: BulkEvent = { type: 'ASK', target: { ids: ['a', 'b', 'c'] } };
const CONFIRM: BulkEvent = { type: 'CONFIRM', reason: 'out of stock' };
const RETRY: BulkEvent = { type: 'RETRY' };
const STOP: BulkEvent = { type: 'STOP' };
const DISMISS: BulkEvent = { type: 'DISMISS' };

/** The machine after these events, with a server that responds when the test calls `answer` or `lose`. */
function start(...events: BulkEvent[]) {
  const asked: { target: BulkTarget; reason: string }[] = [];
  const answers: { resolve: (result: BulkResult) => void; reject: (error: unknown) => void }[] = [];
  const progress$ = new BehaviorSubject<BulkProgress | undefined>(undefined);
  const stops: string[] = [];
  const clock = new SimulatedClock();
  const actor = createActor(
    bulkMachine.provide({
      actors: {
        cancelMany: fromPromise<BulkResult, { target: BulkTarget; reason: string }>(({ input }) => {
          asked.push(input);
          return new Promise((resolve, reject) => answers.push({ resolve, reject }));
        }),
        progress: fromObservable(() => progress$),
      },
      actions: { stopCancel: () => stops.push('stop') },
    }),
    { clock },
  ).start();
  const page = {
    clock,
    asked,
    stops,
    /** Makes the request wait, or go on. */
    wait: (waiting: boolean) => progress$.next({ done: 0, total: 3, waiting, stopping: false }),
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    send: (...events: BulkEvent[]) => events.forEach((event) => actor.send(event)),
    async answer(all: Record<string, Outcome>, stopped = false) {
      answers.at(-1)?.resolve({ outcomes: outcomes(all), stopped });
      await waitFor(actor, (now) => !now.matches('cancelling'));
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
    expect(start({ type: 'ASK', target: { ids: [] } }).state()).toBe('idle');
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
    const page = start(ASK, { type: 'ASK', target: { ids: ['d'] } }, CONFIRM, CONFIRM, RETRY, DISMISS, ASK);
    expect(page.state()).toBe('cancelling');
    expect(page.asked).toEqual([{ target: { ids: ['a', 'b', 'c'] }, reason: 'out of stock' }]);
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
    expect(page.asked[1]).toEqual({ target: { ids: ['a', 'c'] }, reason: 'out of stock' });
    await page.answer({ a: 'cancelled', c: 'failed' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', a: 'cancelled', c: 'failed' }));
    page.send(RETRY);
    expect(page.asked[2]).toEqual({ target: { ids: ['c'] }, reason: 'out of stock' });
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
    expect(page.asked[2]).toEqual({ target: { ids: ['a'] }, reason: 'out of stock' });
    await page.answer({ a: 'cancelled' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', c: 'refused', a: 'cancelled' }));
  });

  it.each(['done', 'failed'])('accepts other orders in the state %s', async (end) => {
    const page = start(ASK, CONFIRM);
    if (end === 'failed') await page.lose(new NetworkError());
    else await page.answer({ a: 'cancelled', b: 'cancelled', c: 'cancelled' });
    expect(page.state()).toBe(end);
    page.send({ type: 'ASK', target: { ids: [] } });
    expect(page.state()).toBe(end);
    page.send({ type: 'ASK', target: { ids: ['d'] } });
    expect(page.state()).toBe('confirming');
    expect(page.context()).toEqual({
      target: { ids: ['d'] },
      reason: '',
      outcomes: [],
      stopped: false,
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
    expect(page.asked[1]).toEqual({ target: { ids: ['a', 'b', 'c'] }, reason: 'better' });
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
    expect([page.state(), page.stops]).toEqual(['cancelling', []]);
  });

  it('can be left while its request waits', () => {
    const page = start(ASK, CONFIRM);
    page.wait(true);
    page.send(DISMISS);
    expect([page.state(), page.stops]).toEqual(['idle', []]);
  });

  it('returns to the dialog when it is stopped before any order has an outcome', async () => {
    const page = start(ASK, CONFIRM);
    page.wait(true);
    expect(page.context().waiting).toBe(true);
    page.send(STOP);
    expect([page.state(), page.stops]).toEqual(['cancelling', ['stop']]);
    await page.answer({}, true);
    expect([page.state(), page.context().reason]).toEqual(['confirming', 'out of stock']);
    page.wait(false);
    page.send(CONFIRM);
    expect([page.state(), page.context().waiting]).toEqual(['cancelling', false]);
  });

  it('of more than one batch can be left, or stopped with the outcomes so far', async () => {
    const many: BulkEvent = { type: 'ASK', target: { params: { status: ['created'] }, total: 101 } };
    expect(start(many, CONFIRM, DISMISS).state()).toBe('idle');
    const page = start(many, CONFIRM, STOP);
    await page.answer({ a: 'cancelled', b: 'failed' }, true);
    expect([page.state(), page.stops, page.context().stopped]).toEqual(['done', ['stop'], true]);
    page.send(RETRY);
    expect(page.asked[1]?.target).toEqual({ ids: ['b'] });
  });

  it('starts afresh after it is dismissed', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'cancelled' });
    page.send(DISMISS);
    expect(page.state()).toBe('idle');
    page.send({ type: 'ASK', target: { ids: ['d'] } });
    expect(page.context()).toEqual({
      target: { ids: ['d'] },
      reason: '',
      outcomes: [],
      stopped: false,
      error: undefined,
      waiting: false,
    });

    page.send({ type: 'CONFIRM', reason: '' });
    await page.lose(new NetworkError());
    page.send(DISMISS, ASK);
    expect([page.state(), page.context().error]).toEqual(['confirming', undefined]);
  });
});
