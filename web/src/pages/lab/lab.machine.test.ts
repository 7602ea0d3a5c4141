import { NEVER, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createActor, fromObservable, fromPromise, waitFor } from 'xstate';
import type { Status, Verdict } from './api';
import { labMachine, type Result } from './lab.machine';

const verdict: Verdict = {
  settled: true,
  orders: 3,
  delivered: 2,
  cancelled: 1,
  lateness: 0,
  invariants: [],
};
const START = { type: 'START', seconds: 30, kills: 4, at: 1_000 } as const;

function start({
  settle = () => Promise.resolve<unknown>(undefined),
  check = () => Promise.resolve(verdict),
} = {}) {
  const traffic$ = new Subject<never>();
  const feed$ = new Subject<never>();
  const crashes$ = new Subject<Status>();
  const prepared: number[] = [];
  const actor = createActor(
    labMachine.provide({
      actors: {
        traffic: fromObservable(({ input }) => (input.seconds === 30 ? traffic$ : NEVER)),
        feed: fromObservable(() => feed$),
        crashes: fromObservable(() => crashes$),
        settle: fromPromise(settle),
        check: fromPromise(async ({ input }): Promise<Result> => ({
          verdict: await check(),
          crashes: 9 - input.killsBefore,
        })),
      },
      actions: { prepare: () => prepared.push(prepared.length) },
    }),
  ).start();
  return { actor, traffic$, feed$, crashes$, prepared };
}

describe('a run', () => {
  it('goes from traffic over settling and the check to the verdict', async () => {
    const run = start();
    run.actor.send(START);
    expect(run.actor.getSnapshot().value).toEqual({ run: 'traffic' });
    expect(run.crashes$.observed).toBe(true);
    expect(run.feed$.observed).toBe(true);

    run.traffic$.complete();
    expect(run.actor.getSnapshot().value).toEqual({ run: 'settling' });
    expect(run.crashes$.observed).toBe(false);
    expect(run.feed$.observed).toBe(true);

    const { context } = await waitFor(run.actor, (state) => state.matches('verdict'));
    expect(run.feed$.observed).toBe(false);
    expect(context.result).toEqual({ verdict, crashes: 5 });
  });

  it('is checked early when it is stopped', async () => {
    const run = start();
    run.actor.send(START);
    run.actor.send({ type: 'STOP' });
    expect(run.traffic$.observed).toBe(false);
    await waitFor(run.actor, (state) => state.matches('verdict'));
  });

  it('has new customers when it starts again', async () => {
    const run = start();
    run.actor.send(START);
    run.actor.send({ type: 'STOP' });
    await waitFor(run.actor, (state) => state.matches('verdict'));
    run.actor.send(START);
    expect(run.prepared).toHaveLength(2);
    expect(run.actor.getSnapshot().context.result).toBeUndefined();
  });

  it('can be checked again after the check has failed', async () => {
    let attempts = 0;
    const run = start({
      check: () => (attempts++ === 0 ? Promise.reject(new Error('unreachable')) : Promise.resolve(verdict)),
    });
    run.actor.send(START);
    run.actor.send({ type: 'STOP' });
    const failed = await waitFor(run.actor, (state) => state.matches('failed'));
    expect(failed.context.error).toEqual(new Error('unreachable'));
    run.actor.send({ type: 'RETRY' });
    await waitFor(run.actor, (state) => state.matches('verdict'));
  });
});
