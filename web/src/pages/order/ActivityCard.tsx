import { explain, isTemporary } from '../../api/problem';
import { timeZone } from '../../domain/format';
import { useServices } from '../../services';
import { Time } from '../../ui/Time';
import { activityOf } from './activity';
import { Copyable } from './Copyable';
import type { OrderView } from '../../live/order';

/** What happened, the newest first. The list’s rows have no history, so it comes later than the rest of the page. */
export function ActivityCard({ order, error }: OrderView) {
  const { role } = useServices().session;
  const entries = order ? activityOf(order, role) : [];
  return (
    <section className="card activity" aria-labelledby="activity">
      <header>
        <h2 id="activity">Activity</h2>
        <span className="soft">times in {timeZone}</span>
      </header>
      {order?.history.length === 0 &&
        (error === undefined ? (
          <div className="skeleton row" role="status" aria-label="Loading activity" />
        ) : (
          <p role="alert">
            {explain(error)}
            {isTemporary(error) && ' Retrying…'}
          </p>
        ))}
      <ol>
        {entries.map(({ at, tone, text, reason, notes, requestId, traceId }, i) => (
          <li key={entries.length - i} className={tone}>
            <span className="at">{at === undefined ? '' : <Time at={at} absolute />}</span>
            <div>
              <strong>{text}</strong>
              {reason !== undefined && <q>{reason}</q>}
              {notes.map((note) => (
                <small key={note} className="soft">
                  {note}
                </small>
              ))}
              {role === 'operator' && (requestId ?? traceId) !== undefined && (
                <small className="soft ids">
                  {requestId !== undefined && (
                    <span>
                      request <Copyable name="request ID" text={requestId} />
                    </span>
                  )}
                  {traceId !== undefined && (
                    <span>
                      trace <Copyable name="trace ID" text={traceId} />
                    </span>
                  )}
                </small>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
