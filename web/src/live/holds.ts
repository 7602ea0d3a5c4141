/**
 * Cancels that can still be undone. They are held for UNDO_TIME after the user's confirmation, and then sent. They are sent
 * at once when the tab is hidden or closed and at the end of the session, because nothing may run later: a confirmed cancel
 * is never lost silently. Until the server has answered, nothing says that the order is cancelled; an order that is delivered
 * meanwhile stays delivered.
 */
import {
  asyncScheduler,
  filter,
  fromEvent,
  map,
  merge,
  type Observable,
  type SchedulerLike,
  Subject,
  take,
  timer,
} from 'rxjs';
import type { Api } from '../api/client';
import type { Order } from '../api/types';
import type { Cancels } from './cancels';
import type { Toasts } from './toasts';

/** In ms. */
export const UNDO_TIME = 5_000;
/** A cancel is held only if the delivery is due later than this, in ms. */
export const UNDO_MARGIN = 15_000;

export interface Holds {
  /** Sends the cancel after UNDO_TIME, and offers to undo it until then. */
  hold(id: string, reason: string): void;
  undo(id: string): void;
  /** The reason of the order's held cancel; undefined when there is none. */
  held(id: string): string | undefined;
  /** Resolves when the order's cancel is no longer held: to whether it is in flight. */
  released(id: string): Promise<boolean>;
  /** Returns a function for the end of the session. */
  open(): () => void;
}

interface HoldsOptions {
  api: Pick<Api, 'cancel'>;
  cancels: Pick<Cancels, 'cancel' | 'running'>;
  toasts: Pick<Toasts, 'show' | 'dismiss'>;
  /** The tab may be closed next. */
  leave$?: Observable<unknown>;
  scheduler?: SchedulerLike;
}

/** Whether the delivery leaves time to undo a cancel. Until the payment is confirmed the time of the delivery is unknown. */
export function isUndoable({ status, deliverAt }: Order, now: number): boolean {
  return status === 'confirmed' && deliverAt !== undefined && Date.parse(deliverAt) - now > UNDO_MARGIN;
}

export function createHolds({
  api,
  cancels,
  toasts,
  leave$ = browserLeaves(),
  scheduler = asyncScheduler,
}: HoldsOptions): Holds {
  const held = new Map<string, { reason: string; released: Promise<boolean> }>();
  const undo$ = new Subject<string>();
  const closed$ = new Subject<void>();

  /** Emits what to do with a held cancel. */
  const decision$ = (id: string) =>
    merge(
      timer(UNDO_TIME, scheduler).pipe(map(() => 'send' as const)),
      leave$.pipe(map(() => 'send' as const)),
      closed$.pipe(map(() => 'end' as const)),
      undo$.pipe(
        filter((undone) => undone === id),
        map(() => 'keep' as const),
      ),
    ).pipe(take(1));

  return {
    hold(id, reason) {
      if (held.has(id)) return;
      const toast = toasts.show('Order will be cancelled in 5 s', {
        order: id,
        action: { name: 'Undo', run: () => undo$.next(id) },
      });
      let release = (_sent: boolean) => undefined as unknown;
      held.set(id, { reason, released: new Promise((resolve) => (release = resolve)) });
      decision$(id).subscribe((next) => {
        held.delete(id);
        toasts.dismiss(toast);
        // Without an observer a toast shows the outcome. The order's page observes it next.
        if (next === 'send')
          cancels
            .cancel(id, reason)
            .subscribe({ error: () => undefined })
            .unsubscribe();
        // The cancels of an ended session are aborted, but not this one.
        if (next === 'end') api.cancel(id, reason).subscribe({ error: () => undefined });
        if (next === 'keep') toasts.show('Order kept', { order: id });
        release(next === 'send');
      });
    },
    undo: (id) => undo$.next(id),
    held: (id) => held.get(id)?.reason,
    released: (id) => held.get(id)?.released ?? Promise.resolve(cancels.running(id) !== undefined),
    open: () => () => closed$.next(),
  };
}

function browserLeaves(): Observable<unknown> {
  return merge(fromEvent(window, 'pagehide'), fromEvent(document, 'visibilitychange')).pipe(
    filter(({ type }) => type === 'pagehide' || document.visibilityState === 'hidden'),
  );
}
