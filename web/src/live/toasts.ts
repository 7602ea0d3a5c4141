import { BehaviorSubject, type Observable } from 'rxjs';

export interface Toast {
  id: number;
  text: string;
  tone: 'good' | 'bad';
  /** The id of the order that the toast links to. */
  order: string | undefined;
  /** A button. Such a toast stays until it is dismissed. */
  action: { name: string; run: () => void } | undefined;
}

export interface Toasts {
  shown$: Observable<readonly Toast[]>;
  /** Returns the toast's id. */
  show(text: string, options?: Partial<Pick<Toast, 'tone' | 'order' | 'action'>>): number;
  dismiss(id: number): void;
}

const TOAST_LIMIT = 4;
const TOAST_DURATION = 6_000;

/** Short messages about the user's actions. Errors and toasts with a button stay until they are dismissed or replaced by newer toasts. */
export function createToasts(): Toasts {
  const shown$ = new BehaviorSubject<readonly Toast[]>([]);
  let last = 0;
  const dismiss = (id: number) => shown$.next(shown$.value.filter((toast) => toast.id !== id));
  return {
    shown$,
    dismiss,
    show(text, { tone = 'good', order, action } = {}) {
      const id = ++last;
      shown$.next([...shown$.value, { id, text, tone, order, action }].slice(-TOAST_LIMIT));
      if (tone === 'good' && !action) setTimeout(() => dismiss(id), TOAST_DURATION);
      return id;
    },
  };
}
