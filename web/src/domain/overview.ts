/** What operators see first: which orders need them, and whether payments and deliveries work. */
import type { AttentionReason, Stats } from '../api/types';
import { clockTime, duration, plural } from './format';

export type Minute = Stats['minutes'][number];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SPARK_MINUTES = 60;

/** Minutes by their beginning in ms. */
export type Minutes = ReadonlyMap<number, Minute>;

/** The local midnight before `now`. Both times are in ms. */
export function midnight(now: number): number {
  return new Date(now).setHours(0, 0, 0, 0);
}

/** Adds the minutes of an answer, and drops those that are neither of today nor of the last hour. */
export function addMinutes(known: Minutes, stats: Stats): Minutes {
  const now = Date.parse(stats.to);
  const first = Math.min(midnight(now), now - HOUR);
  const all = [...known, ...stats.minutes.map((minute) => [Date.parse(minute.at), minute] as const)];
  return new Map(all.filter(([at]) => at >= first));
}

/** The number of minutes to ask for: all since midnight the first time, then those since the last answer. */
export function minutesToLoad(now: number, last: Stats | undefined): number {
  const from = last === undefined ? midnight(now) : Date.parse(last.to);
  return Math.min(Math.max(Math.ceil((now - from) / MINUTE) + 1, SPARK_MINUTES), 24 * 60);
}

export interface Tile {
  name: string;
  count: number;
  detail: string;
  href: string;
  /** Whether an operator has to act. */
  hot: boolean;
  /** A number for each minute of the last hour, with what it counts. */
  spark: { what: string; values: readonly number[] } | undefined;
}

export function tiles(stats: Stats, minutes: Minutes): Tile[] {
  const now = Date.parse(stats.to);
  const { attention, awaitingPayment, dueWithinHour } = stats.current;
  const oldest = Math.min(...stats.attention.map(({ oldestSince }) => Date.parse(oldestSince)));
  const today = [...minutes].filter(([at]) => at >= midnight(now)).map(([, minute]) => minute);
  const sum = (part: (minute: Minute) => number) => today.reduce((total, minute) => total + part(minute), 0);
  const declined = sum((minute) => minute.declined);
  const cancelled = sum((minute) => minute.cancelled);
  const spark = (what: string, part: (minute: Minute) => number) => ({
    what: `${what} per minute in the last hour`,
    values: lastHour(now, minutes, part),
  });
  return [
    {
      name: 'Needs attention',
      count: attention,
      detail: attention > 0 ? `oldest ${age(oldest, now)}` : 'nothing is late',
      href: '/?attention=true',
      hot: attention > 0,
      spark: undefined,
    },
    {
      name: 'Awaiting payment',
      count: awaitingPayment,
      detail: stats.payment ? `median ${milliseconds(stats.payment.p50)}` : '',
      href: '/?status=created',
      hot: false,
      spark: spark('Orders created', (minute) => minute.created),
    },
    {
      name: 'Delivering in the next hour',
      count: dueWithinHour,
      detail: `${sum((minute) => minute.delivered).toLocaleString()} delivered today`,
      href: '/?status=confirmed&due=1h',
      hot: false,
      spark: spark('Orders delivered', (minute) => minute.delivered),
    },
    {
      name: 'Cancelled today',
      count: declined + cancelled,
      detail: `${declined.toLocaleString()} declined`,
      href: '/?status=cancelled&updated=today&sort=-updated',
      hot: false,
      spark: spark('Orders cancelled', (minute) => minute.cancelled + minute.declined),
    },
  ];
}

function lastHour(now: number, minutes: Minutes, part: (minute: Minute) => number): number[] {
  const last = now - (now % MINUTE);
  return Array.from({ length: SPARK_MINUTES }, (_, i) => {
    const minute = minutes.get(last - (SPARK_MINUTES - 1 - i) * MINUTE);
    return minute === undefined ? 0 : part(minute);
  });
}

export interface Health {
  name: string;
  tone: 'good' | 'warn' | 'bad' | 'off';
  text: string;
}

/** The health of payments, deliveries and the audit. */
export function health(stats: Stats, minutes: Minutes): Health[] {
  const now = Date.parse(stats.to);
  const group = (reason: AttentionReason) => stats.attention.find((found) => found.reason === reason);
  const unpaid = group('unpaid');
  const overdue = group('overdue');
  const inconsistent = group('inconsistent')?.count ?? 0;
  const decided = [...minutes]
    .filter(([, minute]) => minute.confirmed + minute.declined > 0)
    .map(([at]) => at);
  const { checked, perMinute } = stats.audit;
  return [
    {
      name: 'Payments',
      ...(unpaid
        ? {
            tone: 'warn',
            text: `${plural(unpaid.count, 'order')} waiting, first since ${clockTime(Date.parse(unpaid.oldestSince), now)}`,
          }
        : { tone: 'good', text: lastDecision(decided, now) }),
    },
    {
      name: 'Deliveries',
      ...(overdue
        ? {
            tone: 'warn',
            text: `${plural(overdue.count, 'order')} overdue, oldest by ${age(Date.parse(overdue.oldestSince), now)}`,
          }
        : {
            tone: 'good',
            text: stats.lateness ? `On time, median ${milliseconds(stats.lateness.p50)} late` : 'On time',
          }),
    },
    {
      name: 'Audit',
      ...(perMinute === 0 && checked === 0
        ? { tone: 'off', text: 'Off' }
        : {
            tone: inconsistent > 0 ? 'bad' : 'good',
            text: `${plural(checked, 'order')} checked, ${plural(inconsistent, 'violation')}`,
          }),
    },
  ];
}

function lastDecision(decided: readonly number[], now: number): string {
  const last = Math.max(...decided);
  if (decided.length === 0) return 'No decisions yet today';
  return now - last < 2 * MINUTE ? 'Last decision just now' : `Last decision at ${clockTime(last, now)}`;
}

function age(since: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - since) / 1_000));
  return duration(seconds < 60 ? seconds : seconds - (seconds % 60));
}

const milliseconds = (ms: number) => (ms < 1_000 ? `${ms} ms` : duration(Math.round(ms / 1_000)));
