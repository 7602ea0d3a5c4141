-- What happened to orders, per minute, see package minutes.
CREATE TABLE order_minutes (
    at     BIGINT NOT NULL PRIMARY KEY, -- the beginning of the minute, in Unix milliseconds
    counts JSON   NOT NULL
);

-- One row: the id of the event log, and the position up to which its events are counted.
CREATE TABLE order_minutes_position (
    log TEXT   NOT NULL,
    tx  BIGINT NOT NULL,
    seq BIGINT NOT NULL
);
INSERT INTO order_minutes_position VALUES ('', 0, 0);
