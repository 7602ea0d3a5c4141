-- One row: how far the audit is, see package audits. Times are Unix milliseconds, 0 for none.
CREATE TABLE order_audit (
    claims        INTEGER NOT NULL, -- counts the claims of all replicas
    claimed_at    INTEGER NOT NULL,
    checked       INTEGER NOT NULL,
    checked_at    INTEGER NOT NULL,
    log           TEXT NOT NULL, -- the event log, and the position up to which its newest orders are claimed
    tx            INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    sweep         TEXT NOT NULL, -- the last order that the current sweep has claimed
    sweep_started INTEGER NOT NULL,
    sweep_orders  INTEGER NOT NULL,
    last_started  INTEGER NOT NULL, -- the last complete sweep
    last_ended    INTEGER NOT NULL,
    last_orders   INTEGER NOT NULL
);
INSERT INTO order_audit VALUES (0, 0, 0, 0, '', 0, 0, '', 0, 0, 0, 0, 0);
