import { exactTime, relativeTime } from '../orders/format';
import { useNow } from '../app/services';

/** A time relative to now; the exact one shows on hover. */
export function Time({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={exactTime(at)}>
      {relativeTime(at, now)}
    </time>
  );
}
