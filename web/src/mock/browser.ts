import { setupWorker } from 'msw/browser';
import { Backend } from './backend';
import { handlers } from './handlers';

/** Answers the page's requests from a mock backend with orders. */
export async function startMock(): Promise<void> {
  const backend = new Backend();
  backend.seed(60);
  await setupWorker(...handlers(backend)).start({ onUnhandledRequest: 'bypass', quiet: true });
}
