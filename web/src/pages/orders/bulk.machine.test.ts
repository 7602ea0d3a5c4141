import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { ApiError, NetworkError } from '../../api/problem';
import type { CancelOutcome } from '../../api/types';
import { type BulkEvent, bulkMachine } from './bulk.machine';

type Outcome = CancelOutcome['outcome'];

const outcomes = (all: Record<string, Outcome>): CancelOutcome[] =>
  Object.entries(all).map(([id, outcome]) => ({ id, outcome }));

const ASK: BulkEvent = { type: 'ASK', ids: ['a', 'b', 'c'] };
const CONFIRM: BulkEvent = { type: 'CONFIRM', reason: 'out of stock' };
const RETRY: BulkEvent = { type: 'RETRY' };
const DISMISS: BulkEvent = { type: 'DISMISS' };

/** The list's machine after these events, with a server that answers when it is told to. */
function start(...events: BulkEvent[]) {
  const asked: { ids: readonly string[]; reason: string }[] = [];
  const answers: { resolve: (outcomes: CancelOutcome[]) => void; reject: (error: unknown) => void }[] = [];
  const clock = new SimulatedClock();
  const actor = createActor(
    bulkMachine.provide({
      actors: {
        cancelMany: fromPromise<CancelOutcome[], { ids: readonly string[]; reason: string }>(({ input }) => {
          asked.push(input);
          return new Promise((resolve, reject) => answers.push({ resolve, reject }));
        }),
      },
    }),
    { clock },
  ).start();
  const page = {
    clock,
    asked,
    state: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
    say: (...events: BulkEvent[]) => events.forEach((event) => actor.send(event)),
    async answer(all: Record<string, Outcome>) {
      answers.at(-1)?.resolve(outcomes(all));
      await waitFor(actor, (now) => now.matches('done'));
    },
    async lose(error: unknown) {
      answers.at(-1)?.reject(error);
      await waitFor(actor, (now) => !now.matches('cancelling'));
    },
  };
  page.say(...events);
  return page;
}

describe('cancelling many', () => {
  it('has nothing to ask when no row is ticked', () => {
    expect(start({ type: 'ASK', ids: [] }).state()).toBe('idle');
  });

  it.each([CONFIRM, RETRY, DISMISS])('does nothing before it is asked: $type', (event) => {
    const page = start(event);
    expect([page.state(), page.asked]).toEqual(['idle', []]);
  });

  it('cancels nothing until it is confirmed', () => {
    const page = start(ASK, RETRY);
    expect([page.state(), page.asked]).toEqual(['confirming', []]);
    page.say(DISMISS, CONFIRM);
    expect([page.state(), page.asked]).toEqual(['idle', []]);
  });

  it('cancels the rows that were ticked when it was asked, once', () => {
    const page = start(ASK, { type: 'ASK', ids: ['d'] }, CONFIRM, CONFIRM, RETRY, DISMISS, ASK);
    expect(page.state()).toBe('cancelling');
    expect(page.asked).toEqual([{ ids: ['a', 'b', 'c'], reason: 'out of stock' }]);
  });

  it('shows what became of each, and has nothing to retry when none failed', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'cancelled', b: 'refused', c: 'not-found' });
    expect(page.context().outcomes).toEqual(outcomes({ a: 'cancelled', b: 'refused', c: 'not-found' }));
    page.say(RETRY);
    expect([page.state(), page.asked.length]).toEqual(['done', 1]);
  });

  it('retries only those that failed, for the same reason, and keeps what became of the others', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'failed' });
    page.say(RETRY);
    expect(page.asked[1]).toEqual({ ids: ['a', 'c'], reason: 'out of stock' });
    await page.answer({ a: 'cancelled', c: 'failed' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', a: 'cancelled', c: 'failed' }));
    page.say(RETRY);
    expect(page.asked[2]).toEqual({ ids: ['c'], reason: 'out of stock' });
    await page.answer({ c: 'refused' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', a: 'cancelled', c: 'refused' }));
  });

  it('repeats the whole request when nobody knows what became of it', async () => {
    const page = start(ASK, CONFIRM);
    const error = new NetworkError();
    await page.lose(error);
    expect(page.context().error).toBe(error);
    page.say(RETRY);
    expect(page.asked).toEqual([page.asked[0], page.asked[0]]);
    await page.answer({ a: 'cancelled', b: 'cancelled', c: 'cancelled' });
    expect(page.context().outcomes).toHaveLength(3);
  });

  it('loses nothing of what is known when a retry is lost', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'refused' });
    page.say(RETRY);
    await page.lose(new NetworkError());
    page.say(RETRY);
    expect(page.asked[2]).toEqual({ ids: ['a'], reason: 'out of stock' });
    await page.answer({ a: 'cancelled' });
    expect(page.context().outcomes).toEqual(outcomes({ b: 'cancelled', c: 'refused', a: 'cancelled' }));
  });

  it.each(['done', 'failed'])('can be asked for other rows when it is %s', async (end) => {
    const page = start(ASK, CONFIRM);
    if (end === 'failed') await page.lose(new NetworkError());
    else await page.answer({ a: 'cancelled', b: 'cancelled', c: 'cancelled' });
    expect(page.state()).toBe(end);
    page.say({ type: 'ASK', ids: [] });
    expect(page.state()).toBe(end);
    page.say({ type: 'ASK', ids: ['d'] });
    expect(page.state()).toBe('confirming');
    expect(page.context()).toEqual({ ids: ['d'], reason: '', outcomes: [], error: undefined });
  });

  const refused = (retryAfter?: number) =>
    new ApiError(
      { type: '', title: 'No', status: retryAfter ? 429 : 400, code: 'invalid-request' },
      retryAfter,
    );

  it('asks again with the reason as it was typed when the server refuses', async () => {
    const page = start(ASK, CONFIRM);
    const error = refused();
    await page.lose(error);
    expect([page.state(), page.context().reason, page.context().error]).toEqual([
      'confirming',
      'out of stock',
      error,
    ]);
    page.say({ type: 'CONFIRM', reason: 'better' });
    expect(page.asked[1]).toEqual({ ids: ['a', 'b', 'c'], reason: 'better' });
    expect(page.context().error).toBeUndefined();
  });

  it('waits as long as the server asks before it can be confirmed again', async () => {
    const page = start(ASK, CONFIRM);
    await page.lose(refused(5));
    page.say(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['confirming', 1]);
    page.clock.increment(5_000);
    expect(page.context().error).toBeUndefined();
    page.say(CONFIRM);
    expect([page.state(), page.asked.length]).toEqual(['cancelling', 2]);
  });

  it('starts anew after it is dismissed', async () => {
    const page = start(ASK, CONFIRM);
    await page.answer({ a: 'failed', b: 'cancelled', c: 'cancelled' });
    page.say(DISMISS);
    expect(page.state()).toBe('idle');
    page.say({ type: 'ASK', ids: ['d'] });
    expect(page.context()).toEqual({ ids: ['d'], reason: '', outcomes: [], error: undefined });

    page.say({ type: 'CONFIRM', reason: '' });
    await page.lose(new NetworkError());
    page.say(DISMISS, ASK);
    expect([page.state(), page.context().error]).toEqual(['confirming', undefined]);
  });
});
