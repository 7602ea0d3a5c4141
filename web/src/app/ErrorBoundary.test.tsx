import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { expect, it, vi } from 'vitest';
import { server } from '../test/server';
import { ErrorBoundary } from './ErrorBoundary';

function Broken(): never {
  throw new Error('broken');
}

it('reloads only while the server is reachable, because a reload would end in the browser’s error page', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const reload = vi.spyOn(location, 'reload').mockImplementation(() => undefined);
  server.use(http.get('*/', () => HttpResponse.error(), { once: true }));
  render(
    <ErrorBoundary>
      <Broken />
    </ErrorBoundary>,
  );
  const user = userEvent.setup();
  await user.click(screen.getByRole('button', { name: 'Reload' }));
  await screen.findByText('Can’t reach the server. Try again in a moment.');
  expect(reload).not.toHaveBeenCalled();
  server.use(http.get('*/', () => HttpResponse.text('')));
  await user.click(screen.getByRole('button', { name: 'Reload' }));
  await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce());
});
