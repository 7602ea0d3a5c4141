import { plural } from '../../domain/format';
import type { Outcome } from './api';
import type { Result } from './lab.machine';

/** The invariants that the headline names, by their numbers in docs/faults.md. */
const LOST = 1;
const CHARGED_TWICE = 2;
const DELIVERED_AFTER_CANCEL = 4;

/** The verdict of the checker: a headline, and for each invariant what was compared and what violates it. */
export function VerdictCard({ result: { verdict, crashes } }: { result: Result }) {
  const violated = (number: number) => verdict.invariants.find((one) => one.number === number)?.violated ?? 0;
  const named = [LOST, CHARGED_TWICE, DELIVERED_AFTER_CANCEL];
  const others = verdict.invariants
    .filter(({ number }) => !named.includes(number))
    .reduce((sum, one) => sum + one.violated, 0);
  const broken = verdict.invariants.some((one) => one.violated > 0);
  return (
    <section className={`card lab-verdict ${broken ? 'broken' : 'kept'}`} data-testid="verdict">
      <h2>{broken ? 'The checker found violations' : 'Every promise was kept'}</h2>
      <ul className="lab-headline">
        <Figure n={verdict.orders} name={verdict.orders === 1 ? 'order' : 'orders'} />
        <Figure n={crashes} name={crashes === 1 ? 'crash' : 'crashes'} />
        <Figure n={violated(LOST)} name="lost" fault />
        <Figure n={violated(CHARGED_TWICE)} name="charged twice" fault />
        <Figure n={violated(DELIVERED_AFTER_CANCEL)} name="delivered after a cancel" fault />
        {others > 0 && <Figure n={others} name="other violations" fault />}
      </ul>
      <p className="soft">
        {verdict.delivered} delivered, {verdict.cancelled} cancelled; the latest delivery was{' '}
        {(verdict.lateness / 1_000).toFixed(1)} s after its due time.
        {!verdict.settled && ' Some orders were not final when the wait ended.'}
      </p>
      <ul className="lab-invariants">
        {verdict.invariants.map((outcome) => (
          <Invariant key={outcome.number} outcome={outcome} />
        ))}
      </ul>
    </section>
  );
}

function Figure({ n, name, fault = false }: { n: number; name: string; fault?: boolean }) {
  return (
    <li className={fault ? (n === 0 ? 'good' : 'bad') : undefined}>
      <b>{n}</b> {name}
    </li>
  );
}

function Invariant({ outcome: { name, checked, facts, violated, violations } }: { outcome: Outcome }) {
  const kept = violated === 0;
  return (
    <li>
      <span className={kept ? 'good' : 'bad'}>{kept ? 'Kept' : plural(violated, 'violation')}</span>
      <span>{name.charAt(0).toUpperCase() + name.slice(1)}</span>
      <span className="soft">
        {checked} {facts} checked
      </span>
      {violations.map(({ order, detail, trace }) => (
        <details key={`${order ?? ''}${detail}`}>
          <summary>{detail}</summary>
          <pre>{trace}</pre>
        </details>
      ))}
    </li>
  );
}
