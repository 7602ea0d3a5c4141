-- Totals are compared within one currency only.
DROP INDEX orders_total;
DROP INDEX orders_customer_total;
CREATE INDEX orders_currency ON orders ((state->>'currency'), status, total, id);
CREATE INDEX orders_customer_currency ON orders (customer, (state->>'currency'), status, total, id);
CREATE INDEX orders_cancelled ON orders ((state->'cancellation'->>'by'), created_at, id) WHERE status = 'cancelled';
