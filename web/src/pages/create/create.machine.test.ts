import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createActor, fromObservable } from 'xstate';
import type { Entry } from '../../live/outbox.store';
import { createOrderMachine, type Progress } from './create.machine';
import type { Saved } from '../../live/draft.store';
import { type Draft, emptyDraft, toRequest } from '../../domain/draft';

const tea: Draft = {
  items: [{ row: 1, sku: 'tea-1', name: 'Green tea', quantity: '2', price: '4.50' }],
  currency: 'EUR',
};
const SUBMIT = { type: 'SUBMIT' } as const;
const error = { field: 'items[0].sku', message: 'is not sold here' };

/** The page's machine with an outbox whose progress the test emits. */
function start(saved: Saved = { draft: tea, key: undefined }) {
  const progress$ = new Subject<Progress>();
  const submitted: Pick<Entry, 'key' | 'request' | 'draft'>[] = [];
  const stored: Saved[] = [];
  const removed: string[] = [];
  const machine = createOrderMachine.provide({
    actors: { watch: fromObservable<Progress, { key: string }>(() => progress$) },
    actions: {
      save: (_, params) => stored.push(params),
      submit: (_, params) => submitted.push(params),
      removeFromOutbox: (_, { key }) => removed.push(key),
    },
  });
  const actor = createActor(machine, { input: saved }).start();
  return { actor, progress$, submitted, stored, removed, snapshot: () => actor.getSnapshot() };
}

describe('submitting an order', () => {
  it('hands the draft to the outbox once, and clears the stored draft', () => {
    const page = start();
    page.actor.send(SUBMIT);
    page.actor.send(SUBMIT);
    expect(page.submitted).toEqual([
      { key: expect.any(String) as string, request: toRequest(tea), draft: tea },
    ]);
    expect(page.stored.at(-1)).toEqual({ draft: emptyDraft, key: undefined });
  });

  it('submits a stored draft only on request, with its key', () => {
    const page = start({ draft: tea, key: 'k1' });
    expect([page.snapshot().value, page.submitted]).toEqual(['editing', []]);
    page.actor.send(SUBMIT);
    expect(page.submitted[0]?.key).toBe('k1');
  });

  it('returns to the form with the same key after a refusal', () => {
    const page = start();
    page.actor.send(SUBMIT);
    page.progress$.next({ state: 'refused', refusal: { detail: 'No.', errors: [error] } });
    const key = page.submitted[0]?.key;
    expect([page.snapshot().value, page.removed]).toEqual(['editing', [key]]);
    expect(page.snapshot().context).toMatchObject({ draft: tea, key, errors: [error], refused: 'No.' });
    page.actor.send(SUBMIT);
    expect(page.submitted[1]?.key).toBe(key);
  });

  it('uses a new key after the old one was used with different contents', () => {
    const page = start();
    page.actor.send(SUBMIT);
    page.progress$.next({ state: 'refused', refusal: { detail: 'Used.', errors: [], keyReused: true } });
    page.actor.send(SUBMIT);
    expect(page.submitted[1]?.key).not.toBe(page.submitted[0]?.key);
  });

  it('ends when the order is created', () => {
    const page = start();
    page.actor.send(SUBMIT);
    page.progress$.next({ state: 'waiting' });
    expect(page.snapshot().value).toBe('submitted');
    page.progress$.next({ state: 'created', id: 'o1' });
    expect(page.snapshot().status).toBe('done');
  });

  it('clears the form when the order is discarded', () => {
    const page = start();
    page.actor.send(SUBMIT);
    page.progress$.next({ state: 'discarded' });
    expect(page.snapshot().context).toMatchObject({ draft: emptyDraft, key: undefined });
  });

  it('does not submit a draft with errors, and removes them as they are corrected', () => {
    const page = start({ draft: emptyDraft, key: undefined });
    page.actor.send(SUBMIT);
    expect([page.submitted, page.snapshot().context.errors.map(({ field }) => field)]).toEqual([
      [],
      ['items'],
    ]);
    page.actor.send({ type: 'EDIT', draft: tea });
    expect(page.snapshot().context.errors).toEqual([]);
    expect(page.stored.at(-1)).toEqual({ draft: tea, key: undefined });
  });
});
