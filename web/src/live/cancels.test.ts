import { catchError, concat, defer, map, NEVER, of, switchMap, throwError, timer } from 'rxjs';
import type { CancelOutcome } from '../api/types';
import { describe, expect, it } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import { orderVersions } from '../test/orders';
import { marbles } from '../test/marbles';
import { createCancels } from './cancels';

const order = { ...orderVersions('cancelled')[2], changed: true };
const before = { ...order, changed: false };
const { id } = order;
const late = new ApiError({ type: 'about:blank', title: 'Late', status: 409, code: 'already-delivered' });

/** Cancels whose nth request returns the nth of `answers` after 1 s, and the toasts that are shown. */
function start(scheduler: Parameters<typeof createCancels>[0]['scheduler'], ...answers: unknown[]) {
  const toasts: string[] = [];
  let sent = 0;
  const send = <T>() =>
    defer(() => {
      const answer = answers[sent++];
      return timer(1_000, scheduler).pipe(
        switchMap(() => (answer instanceof Error ? throwError(() => answer) : of(answer as T))),
      );
    });
  const cancels = createCancels({
    ...(scheduler ? { scheduler } : {}),
    toasts: { show: (text, { order } = {}) => toasts.push(order === undefined ? text : `${text} ${order}`) },
    api: { cancel: send, cancelMany: send, list: () => NEVER },
  });
  return { cancels, toasts, sent: () => sent };
}

describe('a cancel in flight', () => {
  it('is reported to its observer without a toast', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, order);
      expectObservable(page.cancels.cancel(id, 'late')).toBe('1s (a|)', { a: order });
      return page;
    });
    expect([page.toasts, page.sent()]).toEqual([[], 1]);
  });

  it('continues without an observer, and ends in a toast', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, order);
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect(page.toasts).toEqual([`Order cancelled ${id}`]);
    expect(page.cancels.running(id)).toBeUndefined();
  });

  it('is observed again when the user returns to its page', () => {
    const page = marbles(({ scheduler, expectObservable, cold }) => {
      const page = start(scheduler, order);
      expectObservable(page.cancels.cancel(id, 'late'), '200ms !').toBe('-');
      const back$ = cold('500ms (a|)').pipe(switchMap(() => page.cancels.cancel(id, 'again')));
      expectObservable(back$).toBe('1s (a|)', { a: order });
      return page;
    });
    expect([page.toasts, page.sent()]).toEqual([[], 1]);
  });

  it.each([
    [before, `The order was already cancelled by olivia. Nothing changed. ${id}`],
    [late, `Too late to cancel: the order was already delivered. ${id}`],
  ])('ends in a toast that explains why nothing changed', (answer, text) => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, answer);
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect(page.toasts).toEqual([text]);
  });

  it('is retried up to 10 times without network and observer', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, new NetworkError(), before);
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect([page.toasts, page.sent()]).toEqual([[`Order cancelled ${id}`], 2]);

    const lost = marbles(({ scheduler, expectObservable }) => {
      const lost = start(scheduler, ...Array.from({ length: 20 }, () => new NetworkError()));
      expectObservable(lost.cancels.cancel(id, ''), '500ms !').toBe('-');
      return lost;
    });
    expect(lost.sent()).toBe(11);
    expect(lost.toasts).toEqual([expect.stringMatching(/^We couldn’t confirm/)]);
  });

  it('ends with the session, without a toast', () => {
    const toasts: string[] = [];
    const cancels = createCancels({
      api: { cancel: () => NEVER, cancelMany: () => NEVER, list: () => NEVER },
      toasts: { show: (text) => toasts.push(text) },
    });
    const close = cancels.open();
    cancels.cancel(id, '').subscribe();
    expect(cancels.running(id)).toBe('');
    close();
    expect([cancels.running(id), toasts]).toEqual([undefined, []]);
  });
});

describe('whether a cancel changed the order', () => {
  const { changed: _, ...unknown } = before;

  it('is the server’s answer to the first request', () => {
    marbles(({ scheduler, expectObservable }) => {
      expectObservable(start(scheduler, before).cancels.cancel(id, '')).toBe('1s (a|)', { a: before });
    });
  });

  it.each([new NetworkError(), new ApiError({ type: '', title: '', status: 500, code: 'internal' })])(
    'is unknown after an earlier request failed: %s',
    (lost) => {
      marbles(({ scheduler, expectObservable }) => {
        const { cancels } = start(scheduler, lost, before);
        const twice$ = cancels.cancel(id, '').pipe(catchError(() => cancels.cancel(id, '')));
        expectObservable(twice$).toBe('2s (a|)', { a: unknown });
      });
    },
  );

  it('is the server’s answer after an earlier request was refused', () => {
    const refused = new ApiError({ type: '', title: '', status: 429, code: 'rate-limited' });
    marbles(({ scheduler, expectObservable }) => {
      const { cancels } = start(scheduler, refused, before);
      const twice$ = cancels.cancel(id, '').pipe(catchError(() => cancels.cancel(id, '')));
      expectObservable(twice$).toBe('2s (a|)', { a: before });
    });
  });

  it('is unknown for each of many orders whose earlier cancel failed', () => {
    const outcome = (id: string): CancelOutcome => ({ id, outcome: 'cancelled', order, changed: false });
    const half = [outcome('a'), { id: 'b', outcome: 'failed' as const }];
    const noneLost = { id: 'b', outcome: 'cancelled' };
    marbles(({ scheduler, expectObservable }) => {
      const { cancels } = start(scheduler, half, [outcome('b')]);
      const twice$ = concat(
        cancels.cancelMany({ ids: ['a', 'b'] }, ''),
        cancels.cancelMany({ ids: ['b'] }, ''),
      ).pipe(map(({ outcomes }) => outcomes));
      expectObservable(twice$).toBe('1s a 999ms (b|)', { a: half, b: [noneLost] });
    });
  });
});

describe('a cancel of many in flight', () => {
  const outcomes = (...all: CancelOutcome['outcome'][]) =>
    all.map((outcome, i): CancelOutcome => ({ id: String(i), outcome }));
  const already: CancelOutcome = { id: '9', outcome: 'cancelled', order, changed: false };

  it.each([
    [outcomes('cancelled'), /^1 order cancelled$/],
    [outcomes('cancelled', 'cancelled'), /^2 orders cancelled$/],
    [outcomes('cancelled', 'refused', 'failed'), /^1 of 3 orders cancelled\. The others/],
    [[...outcomes('cancelled'), already], /^1 order cancelled, 1 already cancelled$/],
    [
      [...outcomes('cancelled', 'failed'), already],
      /^1 of 3 orders cancelled, 1 already cancelled\. The others/,
    ],
    [late, /^Couldn’t cancel 2 orders/],
  ])('continues without an observer, and ends in a toast', (answer, text) => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, answer);
      const ids = answer instanceof Error ? ['0', '1'] : answer.map(({ id }) => id);
      expectObservable(page.cancels.cancelMany({ ids }, ''), '500ms !').toBe('-');
      return page;
    });
    expect(page.toasts).toEqual([expect.stringMatching(text)]);
  });

  it('is retried after the server’s Retry-After', () => {
    const busy = new ApiError({ type: '', title: '', status: 429, code: 'rate-limited' }, 30);
    marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, busy, outcomes('cancelled'));
      expectObservable(page.cancels.cancelMany({ ids: ['0'] }, ''), '500ms !').toBe('-');
      scheduler.schedule(() => expect(page.sent()).toBe(1), 30_900);
      scheduler.schedule(() => expect(page.sent()).toBe(2), 31_100);
    });
  });
});

describe('while the server can’t carry out commands', () => {
  const away = (retryAfter?: number) =>
    new ApiError({ type: '', title: '', status: 503, code: 'unavailable' }, retryAfter);

  it('a cancel waits, and is retried after the server’s Retry-After with an observer too', () => {
    marbles(({ scheduler, expectObservable }) => {
      const { cancels } = start(scheduler, away(10), away(), new NetworkError(), order);
      expectObservable(cancels.cancel(id, 'late')).toBe('20s (a|)', { a: order });
      expectObservable(cancels.waiting$(id), '25s !').toBe('a 999ms b 18999ms a', { a: false, b: true });
      expectObservable(cancels.waiting$('other'), '25s !').toBe('a', { a: false });
    });
  });

  it('a cancel without an observer waits longer than for a lost network', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, ...Array.from({ length: 20 }, () => away()), order);
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect([page.sent(), page.toasts]).toEqual([21, [`Order cancelled ${id}`]]);
  });

  it('a waiting cancel can be given up', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, away(), order);
      expectObservable(page.cancels.cancel(id, '')).toBe('2s |');
      scheduler.schedule(() => page.cancels.stop(id), 2_000);
      expectObservable(page.cancels.waiting$(id), '10s !').toBe('a 999ms b 999ms a', { a: false, b: true });
      return page;
    });
    expect([page.sent(), page.toasts, page.cancels.running(id)]).toEqual([1, [], undefined]);
  });

  it('only the orders that it could not cancel are sent again', () => {
    const problem = away().problem;
    const asked: (readonly string[])[] = [];
    const some = [
      { id: 'a', outcome: 'cancelled' as const, changed: true },
      { id: 'b', outcome: 'failed' as const, problem },
    ];
    const rest = [{ id: 'b', outcome: 'cancelled' as const, changed: false }];
    marbles(({ scheduler, expectObservable }) => {
      const cancels = createCancels({
        scheduler,
        toasts: { show: () => 0 },
        api: {
          cancel: () => NEVER,
          list: () => NEVER,
          cancelMany: (ids) => {
            asked.push(ids);
            return of(ids.length === 2 ? some : rest);
          },
        },
      });
      const done = [some[0], { id: 'b', outcome: 'cancelled' }]; // an earlier request may have cancelled it
      expectObservable(cancels.cancelMany({ ids: ['a', 'b'] }, '')).toBe('3s (a|)', {
        a: { outcomes: done, stopped: false },
      });
      const waits$ = cancels.progress$.pipe(map((progress) => progress?.waiting));
      expectObservable(waits$, '5s !').toBe('b 2999ms (ac)', { a: false, b: true, c: undefined });
    });
    expect(asked).toEqual([['a', 'b'], ['b']]);
  });
});
