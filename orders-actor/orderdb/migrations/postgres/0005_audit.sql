-- One row: how far the audit is, see package audits. Times are Unix milliseconds, 0 for none.
CREATE TABLE order_audit (
    claims        BIGINT NOT NULL, -- counts the claims of all replicas
    claimed_at    BIGINT NOT NULL,
    checked       BIGINT NOT NULL,
    checked_at    BIGINT NOT NULL,
    log           TEXT NOT NULL, -- the event log, and the position up to which its newest orders are claimed
    tx            BIGINT NOT NULL,
    seq           BIGINT NOT NULL,
    sweep         TEXT NOT NULL, -- the last order that the current sweep has claimed
    sweep_started BIGINT NOT NULL,
    sweep_orders  BIGINT NOT NULL,
    last_started  BIGINT NOT NULL, -- the last complete sweep
    last_ended    BIGINT NOT NULL,
    last_orders   BIGINT NOT NULL
);
INSERT INTO order_audit VALUES (0, 0, 0, 0, '', 0, 0, '', 0, 0, 0, 0, 0);
