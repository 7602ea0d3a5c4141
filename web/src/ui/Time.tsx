import { exactTime, relativeTime, shortTime, timeZone } from '../domain/format';
import { useNow } from './now';

interface TimeProps {
  at: string;
  /** Shows the time of day or the date instead of the time relative to now. */
  absolute?: boolean;
}

/** A time, with the exact time and its zone as tooltip. */
export function Time({ at, absolute = false }: TimeProps) {
  const now = useNow();
  return (
    <time dateTime={at} title={`${exactTime(at)} ${timeZone}`}>
      {absolute ? shortTime(at, now) : relativeTime(at, now)}
    </time>
  );
}
