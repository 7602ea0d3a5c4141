-- One row: how far the removal of old orders is, see package removal. Times are Unix milliseconds.
CREATE TABLE order_removal (
    claimed_at BIGINT NOT NULL,
    final_at   BIGINT NOT NULL, -- the last order that was claimed
    order_id   TEXT COLLATE "C" NOT NULL
);
INSERT INTO order_removal VALUES (0, 0, '');
