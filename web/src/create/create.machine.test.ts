import { describe, expect, it } from 'vitest';
import { createActor, fromCallback, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { getSimplePaths } from 'xstate/graph';
import { ApiError, NetworkError } from '../api/problem';
import type { Order } from '../api/types';
import { life } from '../test/orders';
import { createOrderMachine, type CreateEvent } from './create.machine';
import { type Attempt, type Draft, emptyDraft, type Saved, toRequest } from './draft';

const tea: Draft = {
  items: [{ row: 1, sku: 'tea-1', name: 'Green tea', quantity: '2', price: '4.50' }],
  currency: 'EUR',
};
const mug: Draft = {
  items: [{ row: 1, sku: 'mug-1', name: 'Stoneware mug', quantity: '1', price: '14.50' }],
  currency: 'EUR',
};
const fresh: Saved = { draft: tea, attempt: undefined };
const refusal = new ApiError({
  type: 'about:blank',
  title: 'Invalid request',
  status: 400,
  code: 'invalid-request',
  errors: [{ field: 'items[0].sku', message: 'is not sold here' }],
});
const away = new NetworkError();
const order = life()[0];

/** The page's machine with a server that answers when it is told to, and all that was sent and saved. */
function start(saved: Saved) {
  const sent: Attempt[] = [];
  const stored: Saved[] = [saved];
  const answers: { resolve: (order: Order) => void; reject: (error: unknown) => void }[] = [];
  const clock = new SimulatedClock();
  const machine = createOrderMachine.provide({
    actors: {
      send: fromPromise<Order, Attempt>(({ input }) => {
        // A reload right now must find the key.
        expect(stored.at(-1)?.attempt).toEqual(input);
        sent.push(input);
        return new Promise((resolve, reject) => answers.push({ resolve, reject }));
      }),
      network: fromCallback(() => undefined),
    },
    actions: { save: (_, params) => stored.push(params) },
  });
  const actor = createActor(machine, { input: saved, clock }).start();
  const value = () => JSON.stringify(actor.getSnapshot().value);
  const become = (state: unknown) =>
    waitFor(actor, (now) => JSON.stringify(now.value) === JSON.stringify(state));
  return {
    actor,
    clock,
    sent,
    stored,
    value,
    become,
    say: (...events: CreateEvent[]) => events.forEach((event) => actor.send(event)),
    context: () => actor.getSnapshot().context,
    async answer(order: Order) {
      answers.at(-1)?.resolve(order);
      await become('created');
    },
    async refuse(error: unknown = refusal) {
      answers.at(-1)?.reject(error);
      await become('editing');
    },
    async lose(error: unknown = away) {
      answers.at(-1)?.reject(error);
      await become({ waiting: 'online' });
    },
  };
}

const DONE = 'xstate.done.actor.0.create-order.sending';
const FAILED = 'xstate.error.actor.0.create-order.sending';
const AGAIN = 'xstate.after.again.create-order.waiting.online';
const SUBMIT = { type: 'SUBMIT' } as const;

describe('every simple path of an order that is being sent', () => {
  const happenings = [
    { type: 'EDIT', draft: mug },
    { type: 'EDIT', draft: emptyDraft },
    { type: 'SUBMIT' },
    { type: 'RETRY' },
    { type: 'ONLINE' },
    { type: 'OFFLINE' },
    { type: AGAIN },
    { type: DONE, output: order },
    { type: FAILED, error: refusal },
    { type: FAILED, error: away },
  ] as CreateEvent[];
  const paths = getSimplePaths(createOrderMachine, {
    input: fresh,
    events: happenings,
    // Which key it is does not matter, only whether there is one.
    serializeState: ({ value, context: { attempt, draft } }) =>
      JSON.stringify([value, draft.items[0]?.sku, attempt?.request.items[0]?.sku]),
  });

  it('reaches every state', () => {
    const values = new Set(paths.map(({ state }) => JSON.stringify(state.value)));
    const waiting = ['online', 'offline'].map((state) => JSON.stringify({ waiting: state }));
    expect(values).toEqual(new Set(['"editing"', '"sending"', '"created"', ...waiting]));
  });

  it('is taken by the page too, and no attempt is replaced before its fate is known', async () => {
    for (const { steps } of paths) {
      const page = start(fresh);
      let open: Attempt | undefined;
      for (const step of steps.slice(1)) {
        const event = step.event as { type: string; error?: unknown };
        if (event.type === DONE) await page.answer(order);
        else if (event.type === FAILED) await (event.error === refusal ? page.refuse() : page.lose());
        else if (event.type === AGAIN) page.clock.increment(3_000);
        else page.say(step.event);

        expect(page.value()).toBe(JSON.stringify(step.state.value));
        const { attempt } = page.context();
        if (page.value() === '"editing"') open = undefined;
        else if (page.value() !== '"created"') {
          open ??= attempt;
          expect(attempt).toEqual(open);
          expect(page.sent.at(-1)).toEqual(open);
        }
      }
      page.actor.stop();
    }
    expect(paths.length).toBeGreaterThan(10);
  });
});

describe('sending an order', () => {
  it('sends one attempt for two clicks', async () => {
    const page = start(fresh);
    page.say(SUBMIT, SUBMIT, { type: 'RETRY' }, { type: 'ONLINE' });
    expect(page.sent).toEqual([{ key: expect.any(String) as string, request: toRequest(tea) }]);
    await page.answer(order);
    expect(page.sent).toHaveLength(1);
  });

  it('does not send what has faults, and drops each fault as it is mended', () => {
    const page = start({ draft: emptyDraft, attempt: undefined });
    expect(page.context().errors).toEqual([]);
    page.say(SUBMIT);
    expect(page.context().errors.map(({ field }) => field)).toEqual(['items']);
    const unnamed = { ...tea, items: tea.items.map((item) => ({ ...item, name: '' })) };
    page.say({ type: 'EDIT', draft: unnamed });
    expect(page.context().errors).toEqual([]); // the name's fault waits for the next try
    page.say(SUBMIT);
    expect(page.context().errors.map(({ field }) => field)).toEqual(['items[0].name']);
    expect([page.sent, page.value()]).toEqual([[], '"editing"']);
  });

  it('keeps each edit', () => {
    const page = start(fresh);
    page.say({ type: 'EDIT', draft: mug });
    expect(page.stored.at(-1)).toEqual({ draft: mug, attempt: undefined });
  });

  it('retries with the same key, asked to or by itself', async () => {
    const page = start(fresh);
    page.say(SUBMIT);
    await page.lose();
    expect(page.context().error).toBe(away);
    page.say({ type: 'RETRY' });
    await page.lose();
    page.clock.increment(2_999);
    expect(page.sent).toHaveLength(2);
    page.clock.increment(1);
    expect(page.sent).toHaveLength(3);
    expect(new Set(page.sent.map(({ key }) => key)).size).toBe(1);
  });

  it.each([429, 500, 503])('does not know what became of an attempt after a %i', async (status) => {
    const page = start(fresh);
    page.say(SUBMIT);
    const error = new ApiError({ type: 'about:blank', title: 'Later', status, code: 'unavailable' });
    await page.lose(error);
    expect(page.context()).toMatchObject({ error, attempt: page.sent[0] });
  });

  it('goes on after a reload with the key that it had', async () => {
    const before = start(fresh);
    before.say(SUBMIT);
    const saved = before.stored.at(-1);
    before.actor.stop();
    const after = start(saved ?? fresh);
    expect(after.value()).toBe('"sending"');
    await after.lose();
    after.say({ type: 'RETRY' });
    expect(after.sent).toEqual([...before.sent, ...before.sent]);
    await after.answer(order);
  });

  it('forgets an attempt that was refused, here and for a reload, and shows why', async () => {
    const page = start(fresh);
    page.say(SUBMIT);
    await page.refuse();
    expect(page.context()).toMatchObject({ error: refusal, errors: refusal.problem.errors, draft: tea });
    expect(page.context().attempt).toBeUndefined();
    expect(page.stored.at(-1)).toEqual({ draft: tea, attempt: undefined });
    page.say(SUBMIT);
    expect(page.context()).toMatchObject({ error: undefined, errors: [] });
    expect(page.sent[1]?.request).toEqual(page.sent[0]?.request);
    expect(page.sent[1]?.key).not.toBe(page.sent[0]?.key);
  });

  it('keeps an attempt of unknown fate when the session ends before its retry', async () => {
    const page = start(fresh);
    page.say(SUBMIT);
    await page.lose();
    page.say({ type: 'RETRY' });
    await page.lose(
      new ApiError({ type: 'about:blank', title: 'Signed out', status: 401, code: 'unauthenticated' }),
    );
    expect(page.stored.at(-1)?.attempt).toEqual(page.sent[0]);
  });

  it('waits while offline, and sends again when online', async () => {
    const page = start(fresh);
    page.say(SUBMIT);
    await page.lose();
    page.say({ type: 'OFFLINE' });
    page.clock.increment(60_000);
    expect(page.sent).toHaveLength(1);
    page.say({ type: 'ONLINE' });
    expect(page.sent).toHaveLength(2);
    expect(page.sent[1]).toEqual(page.sent[0]);
  });

  it('clears the draft once the order exists', async () => {
    const page = start(fresh);
    page.say(SUBMIT);
    await page.answer(order);
    expect(page.context().order).toEqual(order);
    expect(page.stored.at(-1)).toEqual({ draft: emptyDraft, attempt: undefined });
    expect(page.actor.getSnapshot().status).toBe('done');
  });
});
