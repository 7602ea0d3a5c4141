import { render, screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import file from '../../../../api/order-machine.json';
import type { Order } from '../../api/types';
import { statusNames } from '../../domain/format';
import { orderVersions } from '../../test/orders';
import Diagram from './Diagram';

const draw = ({ status, history }: Order) => {
  render(<Diagram status={status} history={history} />);
  return screen.getByRole('img');
};
const texts = (drawing: HTMLElement, selector: string) =>
  [...drawing.querySelectorAll(selector)].map(({ textContent }) => textContent);

describe('the status diagram', () => {
  it('has each state and each event of the file once', () => {
    const drawing = draw(orderVersions()[0]);
    const states = new Set([file.initial, ...file.transitions.flatMap(({ from, to }) => [from, to])]);
    const names = Object.entries(statusNames).flatMap(([state, name]) => (states.has(state) ? [name] : []));
    expect(texts(drawing, '.state').sort()).toEqual(names.sort());
    expect(texts(drawing, 'g:not(.state) > text').sort()).toEqual(
      file.transitions.map(({ event }) => event).sort(),
    );
    const pairs = new Set(file.transitions.map(({ from, to }) => `${from} ${to}`));
    expect(drawing.querySelectorAll('line')).toHaveLength(pairs.size);
  });

  it('has no state outside of its frame or on another state', () => {
    const drawing = draw(orderVersions()[0]);
    const [, , width = 0, height = 0] = (drawing.getAttribute('viewBox') ?? '').split(' ').map(Number);
    const boxes = [...drawing.querySelectorAll('rect')].map((rect) => {
      const [x = 0, y = 0, w = 0, h = 0] = ['x', 'y', 'width', 'height'].map((name) =>
        Number(rect.getAttribute(name)),
      );
      return { left: x, top: y, right: x + w, bottom: y + h };
    });
    for (const box of boxes) {
      expect(Math.min(box.left, box.top, width - box.right, height - box.bottom)).toBeGreaterThanOrEqual(0);
      const on = boxes.filter(
        (one) => one.left < box.right && box.left < one.right && one.top < box.bottom && box.top < one.bottom,
      );
      expect(on).toEqual([box]);
    }
  });

  it.each([
    ['a new order', orderVersions()[0], 'Created', [], []],
    ['a paid one', orderVersions()[1], 'Confirmed', ['Created'], ['payment-confirmed']],
    [
      'a delivered one',
      orderVersions()[2],
      'Delivered',
      ['Created', 'Confirmed'],
      ['payment-confirmed', 'delivery-due'],
    ],
    [
      'a cancelled one',
      orderVersions('cancelled')[2],
      'Cancelled',
      ['Created', 'Confirmed'],
      ['payment-confirmed', 'cancel'],
    ],
  ])('of %s marks its status and its transitions', (_, order, now, visited, way) => {
    const drawing = draw(order);
    expect(texts(drawing, '.state.now')).toEqual([now]);
    expect(texts(drawing, '.state.visited')).toEqual(visited);
    expect(texts(drawing, 'text.taken').sort()).toEqual([...way].sort());
    expect(drawing.querySelectorAll('g.taken > line')).toHaveLength(way.length);
    expect(within(drawing).getByText(now)).toBeTruthy();
  });

  it('has a text for screen readers', () => {
    expect(draw(orderVersions('cancelled')[2]).getAttribute('aria-label')).toBe(
      'Order status diagram: created, then confirmed (payment-confirmed), then cancelled (cancel). ' +
        'Current status: cancelled.',
    );
  });
});
