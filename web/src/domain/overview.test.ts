import { describe, expect, it } from 'vitest';
import { minuteOf, quietStats } from '../test/stats';
import { addMinutes, health, midnight, minutesToLoad, tiles } from './overview';

const TO = '2026-11-24T12:00:00Z';
const NOW = Date.parse(TO);
const ago = (seconds: number) => new Date(NOW - seconds * 1_000).toISOString();
const none = new Map();

describe('the minutes to load', () => {
  it('are all since midnight at first, then those since the last answer, and at least an hour', () => {
    expect(minutesToLoad(NOW, undefined)).toBe(Math.max(60, (NOW - midnight(NOW)) / 60_000 + 1));
    expect(minutesToLoad(NOW, quietStats({ to: ago(10) }))).toBe(60);
    expect(minutesToLoad(NOW, quietStats({ to: ago(7_200) }))).toBe(121);
    expect(minutesToLoad(NOW, quietStats({ to: ago(1_000_000) }))).toBe(1_440);
  });

  it('replace the known ones, which are forgotten after the day and the hour', () => {
    const before = addMinutes(
      none,
      quietStats({
        to: ago(86_400),
        minutes: [minuteOf(ago(86_400), { created: 1 })],
      }),
    );
    const first = addMinutes(before, quietStats({ minutes: [minuteOf(TO, { created: 1 })] }));
    const second = addMinutes(first, quietStats({ minutes: [minuteOf(TO, { created: 2 })] }));
    expect(before.size).toBe(1);
    expect([...second].map(([at, { created }]) => [at, created])).toEqual([[NOW, 2]]);
  });
});

describe('the tiles', () => {
  it('are calm without orders', () => {
    expect(tiles(quietStats(), none).map(({ count, detail, hot }) => [count, detail, hot])).toEqual([
      [0, 'nothing is late', false],
      [0, '', false],
      [0, '0 delivered today', false],
      [0, '0 declined', false],
    ]);
  });

  it('show the age of the order that has waited longest, and what was cancelled today', () => {
    const stats = quietStats({
      current: { attention: 3, awaitingPayment: 4, dueWithinHour: 5 },
      payment: { p50: 240, p99: 1_200 },
      attention: [
        { reason: 'unpaid', count: 2, oldestSince: ago(500) },
        { reason: 'overdue', count: 1, oldestSince: ago(90) },
      ],
      minutes: [
        minuteOf(ago(120), { declined: 2, cancelled: 1, created: 9 }),
        minuteOf(ago(86_400), { declined: 100 }),
      ],
    });
    const all = tiles(stats, addMinutes(none, stats));
    expect(all.map(({ count, detail, hot }) => [count, detail, hot])).toEqual([
      [3, 'oldest 8 min', true],
      [4, 'median 240 ms', false],
      [5, '0 delivered today', false],
      [3, '2 declined', false],
    ]);
    expect(all.map(({ href }) => href)).toEqual([
      '/?attention=true',
      '/?status=created',
      '/?status=confirmed&due=1h',
      '/?status=cancelled&updated=today&sort=-updated',
    ]);
    const spark = all[1]?.spark?.values;
    expect([spark?.length, spark?.indexOf(9)]).toEqual([60, 57]);
  });
});

describe('the health', () => {
  const lines = (...args: Parameters<typeof health>) =>
    health(...args).map(({ name, tone, text }) => `${name} ${tone}: ${text}`);

  it('is good when nothing waits', () => {
    const stats = quietStats({
      lateness: { p50: 18, p99: 30 },
      audit: { perMinute: 60, checked: 1_204, sweep: { orders: 1 } },
      minutes: [minuteOf(ago(60), { declined: 1 })],
    });
    expect(lines(stats, addMinutes(none, stats))).toEqual([
      'Payments good: Last decision just now',
      'Deliveries good: On time, median 18 ms late',
      `Audit good: ${(1_204).toLocaleString()} orders checked, 0 violations`,
    ]);
    expect(lines(quietStats(), none)[0]).toBe('Payments good: No decisions yet today');
  });

  it('shows since when payments fail, and how late deliveries are', () => {
    const stats = quietStats({
      attention: [
        { reason: 'unpaid', count: 2, oldestSince: ago(500) },
        { reason: 'overdue', count: 1, oldestSince: ago(90) },
        { reason: 'inconsistent', count: 3, oldestSince: ago(90) },
      ],
    });
    const [payments, deliveries, audit] = lines(stats, none);
    expect(payments).toMatch(/^Payments warn: 2 orders waiting, first since .*\d/);
    expect(deliveries).toBe('Deliveries warn: 1 order overdue, oldest by 1 min');
    expect(audit).toBe('Audit bad: 0 orders checked, 3 violations');
  });

  it('shows an audit that is off', () => {
    const stats = quietStats({ audit: { perMinute: 0, checked: 0, sweep: { orders: 0 } } });
    expect(lines(stats, none)[2]).toBe('Audit off: Off');
  });
});
