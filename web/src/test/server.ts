import { setupServer } from 'msw/node';

/** The mocked network. A request without a handler fails the test. */
export const server = setupServer();
