-- What happened to orders, per minute, see package minutes.
CREATE TABLE order_minutes (
    at     INTEGER NOT NULL PRIMARY KEY, -- the beginning of the minute, in Unix milliseconds
    counts TEXT    NOT NULL              -- JSON
);

-- One row: the id of the event log, and the position up to which its events are counted.
CREATE TABLE order_minutes_position (
    log TEXT    NOT NULL,
    tx  INTEGER NOT NULL,
    seq INTEGER NOT NULL
);
INSERT INTO order_minutes_position VALUES ('', 0, 0);
