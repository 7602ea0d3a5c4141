-- One row: the id of the order database, and how often orders-actor has started with it. A restored dump keeps both, while
-- the id of its event log may change.
CREATE TABLE view_identity (
    id     TEXT    NOT NULL,
    starts INTEGER NOT NULL
);
INSERT INTO view_identity SELECT id, 0 FROM event_log;
