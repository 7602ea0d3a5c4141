import { setupServer } from 'msw/node';

/** The network of the tests: it answers only what a test tells it to, and any other request is a failure. */
export const server = setupServer();
