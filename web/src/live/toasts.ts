import { BehaviorSubject, type Observable } from 'rxjs';

export interface Toast {
  id: number;
  text: string;
  tone: 'good' | 'bad';
}

export interface Toasts {
  shown$: Observable<readonly Toast[]>;
  show(text: string, tone?: Toast['tone']): void;
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
    show(text, tone = 'good') {
      const id = ++last;
      shown$.next([...shown$.value, { id, text, tone }].slice(-MOST));
      if (tone === 'good') setTimeout(() => dismiss(id), SHOWN_FOR);
    },
  };
}
