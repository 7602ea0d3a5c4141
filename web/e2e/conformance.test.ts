import { testBackend } from '../src/test/conformance/suite';
import { Stack } from './stack';

testBackend(({ deliverAfter, paymentsConfirm }) =>
  Stack.start({
    PAYMENT_CONFIRM_RATE: paymentsConfirm ? '1' : '0',
    PAYMENT_LATENCY: '50ms',
    DELIVER_AFTER: deliverAfter === 'long' ? '1h' : '1s',
    RATE_LIMIT: '0',
  }),
);
