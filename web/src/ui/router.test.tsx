import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { Link, navigate } from './router';

it.each([
  ['/?status=created', '/', 1],
  ['/new', '/', 0],
])('from %s, a link back to %s goes back in the history %i times', async (from, to, times) => {
  const back = vi.spyOn(history, 'back').mockImplementation(() => undefined);
  history.replaceState(null, '', from);
  navigate('/orders/1');
  navigate('/orders/2', { replace: true });
  render(
    <Link href={to} back>
      Back
    </Link>,
  );
  await userEvent.setup().click(screen.getByText('Back'));
  expect(back).toHaveBeenCalledTimes(times);
  if (times === 0) expect(location.pathname).toBe(to);
});
