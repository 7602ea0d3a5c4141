-- The status is the first column because SQLite, without statistics, prefers any index on a status to one on a range of times.
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (status, deliver_at) WHERE status = 'confirmed';
