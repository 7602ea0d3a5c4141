-- One row: how far the removal of old orders is, see package removal. Times are Unix milliseconds.
CREATE TABLE order_removal (
    claimed_at INTEGER NOT NULL,
    final_at   INTEGER NOT NULL, -- the last order that was claimed
    order_id   TEXT NOT NULL
);
INSERT INTO order_removal VALUES (0, 0, '');
