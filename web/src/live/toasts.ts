import { BehaviorSubject, type Observable } from 'rxjs';

export interface Toast {
  id: number;
  text: string;
  tone: 'good' | 'bad';
  /** The id of the order that the toast links to. */
  order: string | undefined;
}

export interface Toasts {
  shown$: Observable<readonly Toast[]>;
  show(text: string, options?: Partial<Pick<Toast, 'tone' | 'order'>>): void;
  dismiss(id: number): void;
}

const MOST = 4;
const SHOWN_FOR = 6_000;

/** Short news of what the user has done. Bad news stays until it is dismissed, or pushed out by newer ones. */
export function createToasts(): Toasts {
  const shown$ = new BehaviorSubject<readonly Toast[]>([]);
  let last = 0;
  const dismiss = (id: number) => shown$.next(shown$.value.filter((toast) => toast.id !== id));
  return {
    shown$,
    dismiss,
    show(text, { tone = 'good', order } = {}) {
      const id = ++last;
      shown$.next([...shown$.value, { id, text, tone, order }].slice(-MOST));
      if (tone === 'good') setTimeout(() => dismiss(id), SHOWN_FOR);
    },
  };
}
