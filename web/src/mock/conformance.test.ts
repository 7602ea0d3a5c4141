import { server } from '../test/server';
import { testBackend } from '../test/conformance/suite';
import { Backend } from './backend';
import { handlers } from './handlers';

testBackend(({ deliverAfter, paymentsConfirm }) => {
  const backend = new Backend();
  const options = {
    paymentTakes: 1,
    deliverAfter: deliverAfter === 'long' ? 3_600_000 : 1,
    confirmRate: paymentsConfirm ? 1 : 0,
  };
  // The initial handlers stay when src/test/setup.ts resets those of a test.
  server.resetHandlers(...handlers(backend, options));
  return Promise.resolve({ url: location.origin, close: () => undefined });
});
