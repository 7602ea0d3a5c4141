import { setupWorker } from 'msw/browser';
import { Backend } from './backend';
import { handlers } from './handlers';

/** Puts a seeded backend between the page and the network. */
export async function startMock(): Promise<void> {
  const backend = new Backend();
  backend.seed(60);
  await setupWorker(...handlers(backend)).start({ onUnhandledRequest: 'bypass', quiet: true });
}
