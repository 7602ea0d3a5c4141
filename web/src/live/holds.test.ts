import { NEVER, Observable, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { marbles } from '../test/marbles';
import { orderVersions } from '../test/orders';
import type { Toast } from './toasts';
import { createHolds, isUndoable, UNDO_MARGIN, UNDO_TIME } from './holds';

/** Holds a cancel, acts after 1 s, and tells what was sent and which toasts are left. */
function hold(
  act: (page: { holds: ReturnType<typeof createHolds>; leave$: Subject<void>; undo: () => void }) => void,
) {
  const sent: string[] = [];
  const shown: string[] = [];
  const released: boolean[] = [];
  let done: Promise<unknown> = Promise.resolve();
  marbles(({ scheduler }) => {
    const leave$ = new Subject<void>();
    let undo: Toast['action'];
    const send = (by: string) => (id: string, reason: string) =>
      new Observable<never>(() => {
        sent.push(`${scheduler.now()} ${by} ${id} ${reason}`);
      });
    const toasts = {
      show: (text: string, { action }: Partial<Pick<Toast, 'action'>> = {}) => {
        undo ??= action;
        return shown.push(text) - 1;
      },
      dismiss: (id: number) => {
        shown[id] = '';
      },
    };
    const holds = createHolds({
      api: { cancel: send('api') },
      cancels: { cancel: send('cancels'), running: () => undefined },
      toasts,
      leave$,
      scheduler,
    });
    const close = holds.open();
    holds.hold('a', 'late');
    holds.hold('a', 'again');
    expect([holds.held('a'), holds.held('b')]).toEqual(['late', undefined]);
    done = holds.released('a').then((value) => released.push(value));
    scheduler.schedule(
      () => act({ holds: { ...holds, open: () => close }, leave$, undo: () => undo?.run() }),
      1_000,
    );
    scheduler.schedule(() => expect(holds.held('a')).toBeUndefined(), UNDO_TIME + 1);
  });
  return done.then(() => ({ sent, shown: shown.filter(Boolean), released }));
}

describe('a held cancel', () => {
  it('is sent once, after 5 s', async () => {
    expect(await hold(() => undefined)).toEqual({
      sent: ['5000 cancels a late'],
      shown: [],
      released: [true],
    });
  });

  it('is not sent after Undo', async () => {
    expect(await hold(({ undo }) => undo())).toEqual({ sent: [], shown: ['Order kept'], released: [false] });
    expect(await hold(({ holds }) => holds.undo('a'))).toMatchObject({ sent: [] });
    expect(await hold(({ holds }) => holds.undo('b'))).toMatchObject({ sent: ['5000 cancels a late'] });
  });

  it('is sent at once when the tab may be closed, and not again', async () => {
    expect(await hold(({ leave$ }) => leave$.next())).toMatchObject({ sent: ['1000 cancels a late'] });
  });

  it('is sent at the end of the session, outside of the cancels that are aborted', async () => {
    const { sent } = await hold(({ holds }) => holds.open()());
    expect(sent).toEqual(['1000 api a late']);
  });

  it('is sent when the page is hidden or left', () => {
    for (const event of ['pagehide', 'visibilitychange']) {
      let sent = 0;
      const cancels = {
        cancel: () =>
          new Observable<never>(() => {
            sent++;
          }),
        running: () => undefined,
      };
      const toasts = { show: () => 0, dismiss: () => undefined };
      createHolds({ api: { cancel: () => NEVER }, cancels, toasts }).hold('a', '');
      if (event === 'pagehide') dispatchEvent(new Event(event));
      else {
        Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
        document.dispatchEvent(new Event(event));
        Reflect.deleteProperty(document, 'visibilityState');
      }
      expect(sent).toBe(1);
    }
  });
});

it('a cancel can be undone only while the delivery is known to be far', () => {
  const [created, confirmed, delivered] = orderVersions();
  const due = Date.parse(confirmed.deliverAt ?? '');
  expect(isUndoable(confirmed, due - UNDO_MARGIN - 1)).toBe(true);
  expect(isUndoable(confirmed, due - UNDO_MARGIN)).toBe(false);
  expect(isUndoable(created, due - 3_600_000)).toBe(false);
  expect(isUndoable(delivered, due - 3_600_000)).toBe(false);
});
