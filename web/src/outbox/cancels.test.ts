import { NEVER, of, throwError, timer, switchMap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ApiError, NetworkError } from '../api/problem';
import { shortId } from '../orders/format';
import { life } from '../test/orders';
import { marbles } from '../test/marbles';
import { createCancels } from './cancels';

const order = life('cancelled')[2];
const { id } = order;
const short = shortId(id);
const late = new ApiError({ type: 'about:blank', title: 'Late', status: 409, code: 'already-delivered' });

/** Cancels whose nth request answers with the nth of `answers`, 1 s after it was sent; and the toasts shown. */
function start(scheduler: Parameters<typeof createCancels>[0]['scheduler'], ...answers: unknown[]) {
  const toasts: string[] = [];
  let sent = 0;
  const cancels = createCancels({
    ...(scheduler ? { scheduler } : {}),
    toasts: { show: (text) => toasts.push(text) },
    send: () => {
      const answer = answers[sent++];
      return timer(1_000, scheduler).pipe(
        switchMap(() => (answer instanceof Error ? throwError(() => answer) : of(answer as typeof order))),
      );
    },
  });
  return { cancels, toasts, sent: () => sent };
}

describe('a cancel in flight', () => {
  it('goes to the page that watches it, without a toast', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, order);
      expectObservable(page.cancels.cancel(id, 'late')).toBe('1s (a|)', { a: order });
      return page;
    });
    expect([page.toasts, page.sent()]).toEqual([[], 1]);
  });

  it('goes on when its page is left, and ends in a toast', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, order);
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect(page.toasts).toEqual([`Order ${short} is cancelled.`]);
    expect(page.cancels.running(id)).toBeUndefined();
  });

  it('is joined by the page when the user comes back', () => {
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
    [{ ...order, changed: false }, `Order ${short} was cancelled already. Your cancel changed nothing.`],
    [late, `Order ${short} was not cancelled: it was delivered before.`],
  ])('names the outcome when nothing was changed', (answer, text) => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, answer);
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect(page.toasts).toEqual([text]);
  });

  it('is repeated when the network is away and nobody watches, and gives up in the end', () => {
    const page = marbles(({ scheduler, expectObservable }) => {
      const page = start(scheduler, new NetworkError(), { ...order, changed: false });
      expectObservable(page.cancels.cancel(id, ''), '500ms !').toBe('-');
      return page;
    });
    expect([page.toasts, page.sent()]).toEqual([[`Order ${short} is cancelled.`], 2]);

    const lost = marbles(({ scheduler, expectObservable }) => {
      const lost = start(scheduler, ...Array.from({ length: 20 }, () => new NetworkError()));
      expectObservable(lost.cancels.cancel(id, ''), '500ms !').toBe('-');
      return lost;
    });
    expect(lost.sent()).toBe(11);
    expect(lost.toasts).toEqual([expect.stringMatching(/^We couldn’t confirm/)]);
  });

  it('ends with the session, without a word', () => {
    const toasts: string[] = [];
    const cancels = createCancels({ send: () => NEVER, toasts: { show: (text) => toasts.push(text) } });
    const close = cancels.open();
    cancels.cancel(id, '').subscribe();
    expect(cancels.running(id)).toBe('');
    close();
    expect([cancels.running(id), toasts]).toEqual([undefined, []]);
  });
});
