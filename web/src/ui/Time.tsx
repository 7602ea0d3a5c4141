import { exactTime, relativeTime } from '../domain/format';
import { useNow } from './now';

/** A time relative to now, with the exact time as tooltip. */
export function Time({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={exactTime(at)}>
      {relativeTime(at, now)}
    </time>
  );
}
