/**
 * The phases of the fault lab: traffic, then waiting until all orders are final (settling), then reading the rest of the feed and the
 * check. Data does not pass through here, except the verdict.
 */
import { assign, fromObservable, fromPromise, setup } from 'xstate';
import type { Status, Verdict } from './api';

export interface Result {
  verdict: Verdict;
  crashes: number;
}

interface LabContext {
  seconds: number;
  /** How often parts had been killed before the run. */
  killsBefore: number;
  startedAt: number;
  result: Result | undefined;
  error: unknown;
}

export type LabEvent =
  { type: 'START'; seconds: number; kills: number; at: number } | { type: 'STOP' } | { type: 'RETRY' };

const notProvided = () => {
  throw new Error('the actor is not provided');
};

export const labMachine = setup({
  types: { context: {} as LabContext, events: {} as LabEvent },
  actors: {
    traffic: fromObservable<never, { seconds: number }>(notProvided),
    feed: fromObservable<never, undefined>(notProvided),
    crashes: fromObservable<Status, undefined>(notProvided),
    settle: fromPromise<unknown, undefined>(notProvided),
    check: fromPromise<Result, { killsBefore: number }>(notProvided),
  },
  actions: {
    /** The customers of the next run. */
    prepare: () => undefined,
    begin: assign(({ context }, params: { seconds: number; kills: number; at: number } | undefined) =>
      params === undefined
        ? context
        : {
            seconds: params.seconds,
            killsBefore: params.kills,
            startedAt: params.at,
            result: undefined,
            error: undefined,
          },
    ),
  },
}).createMachine({
  id: 'lab',
  context: { seconds: 60, killsBefore: 0, startedAt: 0, result: undefined, error: undefined },
  initial: 'idle',
  states: {
    idle: {
      on: { START: { target: 'run', actions: ['prepare', { type: 'begin', params: ({ event }) => event }] } },
    },
    run: {
      invoke: { src: 'feed' },
      initial: 'traffic',
      states: {
        traffic: {
          invoke: [
            {
              src: 'traffic',
              input: ({ context }) => ({ seconds: context.seconds }),
              onDone: 'settling',
              onError: {
                target: '#lab.failed',
                actions: assign({ error: ({ event }) => event.error }),
              },
            },
            { src: 'crashes' },
          ],
          on: { STOP: 'settling' },
        },
        settling: {
          invoke: {
            src: 'settle',
            onDone: '#lab.checking',
            onError: { target: '#lab.failed', actions: assign({ error: ({ event }) => event.error }) },
          },
        },
      },
    },
    checking: {
      invoke: {
        src: 'check',
        input: ({ context }) => ({ killsBefore: context.killsBefore }),
        onDone: { target: 'verdict', actions: assign({ result: ({ event }) => event.output }) },
        onError: { target: 'failed', actions: assign({ error: ({ event }) => event.error }) },
      },
    },
    verdict: {
      on: { START: { target: 'run', actions: ['prepare', { type: 'begin', params: ({ event }) => event }] } },
    },
    failed: {
      on: {
        RETRY: { target: 'checking', actions: assign({ error: undefined }) },
        START: { target: 'run', actions: ['prepare', { type: 'begin', params: ({ event }) => event }] },
      },
    },
  },
});
