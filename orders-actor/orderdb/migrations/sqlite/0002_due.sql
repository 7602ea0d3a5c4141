-- The status comes first because SQLite, which has no statistics here, prefers any index on a status that is given to one
-- on a range of times.
DROP INDEX orders_due;
CREATE INDEX orders_due ON orders (status, deliver_at) WHERE status = 'confirmed';
