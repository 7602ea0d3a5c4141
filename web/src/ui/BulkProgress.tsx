import { plural } from '../domain/format';
import { Link } from './router';

interface BulkProgressProps {
  progress: { done: number; total: number; waiting: boolean; stopping: boolean };
  onStop: () => void;
  /** The address of the list, on other pages. */
  back?: string;
}

/** The progress of a cancel of many orders, at the bottom of the window. */
export function BulkProgress({ progress, onStop, back }: BulkProgressProps) {
  return (
    <div className="bulk" role="region" aria-label="Cancellation">
      <span role="status">
        Cancelling {progress.done.toLocaleString()} of {plural(progress.total, 'order')}
        {progress.waiting && ' – waiting for the server'}
      </span>
      <progress value={progress.done} max={progress.total} aria-label="Progress" />
      {back !== undefined && (
        <Link href={back} className="button">
          Show orders
        </Link>
      )}
      <button type="button" disabled={progress.stopping} onClick={onStop}>
        {progress.stopping ? 'Stopping…' : 'Stop'}
      </button>
    </div>
  );
}
