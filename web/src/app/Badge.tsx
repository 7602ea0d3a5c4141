import { lazy, Suspense, useMemo } from 'react';
import { scan } from 'rxjs';
import { clockTime } from '../domain/format';
import type { Connection } from '../live/feedConnection';
import { noStats } from '../live/stats';
import { useServices } from '../services';
import { Menu } from '../ui/Menu';
import { useNow } from '../ui/now';
import { useObservable } from '../ui/useObservable';

const Health = lazy(() => import('./Health'));

const names: Record<Connection, string> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
};
const tones = { connecting: 'off', live: 'good', reconnecting: 'warn', offline: 'bad' } as const;

interface Freshness {
  connection: Connection;
  /** The time until which the shown data was current, in ms; undefined before the first connection. */
  until: number | undefined;
}

const unknown: Freshness = { connection: 'connecting', until: undefined };

function follow(before: Freshness, connection: Connection): Freshness {
  const live = connection === 'live' || before.connection === 'live';
  return { connection, until: live ? Date.now() : before.until };
}

function hintOf({ connection, until }: Freshness, now: number): string {
  if (connection === 'connecting') return 'Connecting to live updates';
  if (connection === 'live') return 'Live updates are on';
  const cause = connection === 'offline' ? 'You are offline.' : 'Can’t reach the server.';
  return until === undefined
    ? `${cause} Reconnecting.`
    : `${cause} Showing data from ${clockTime(until, now)}; reconnecting.`;
}

/** The state of live updates. It opens the health of the system. */
export function Badge() {
  const { feed, stats$ } = useServices();
  const freshness$ = useMemo(() => feed.connection$.pipe(scan(follow, unknown)), [feed]);
  const freshness = useObservable(freshness$, unknown);
  const { stats } = useObservable(stats$, noStats);
  const now = useNow();
  const { connection } = freshness;
  const hint = hintOf(freshness, now);
  const late = connection === 'live' && (stats?.attention.length ?? 0) > 0;
  return (
    <>
      <Menu
        className="quiet status"
        label={
          <span className={`badge ${connection}${late ? ' late' : ''}`} data-testid="connection" title={hint}>
            {names[connection]}
          </span>
        }
      >
        <Suspense>
          <Health
            updates={{
              name: 'Live updates',
              tone: tones[connection],
              text: connection === 'live' ? 'On' : hint,
            }}
          />
        </Suspense>
      </Menu>
      <span className="hidden" role="status">
        {connection !== 'live' && connection !== 'connecting' && names[connection]}
      </span>
    </>
  );
}
