-- Orders whose stores differ, as the last inspection found. Absent for consistent orders.
CREATE TABLE order_findings (
    order_id TEXT    NOT NULL PRIMARY KEY,
    found_at INTEGER NOT NULL, -- first
    codes    TEXT    NOT NULL  -- separated by spaces
) WITHOUT ROWID;
CREATE INDEX order_findings_found ON order_findings (found_at);

-- The repairs that operators have requested.
CREATE TABLE order_repairs (
    order_id   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    request_id TEXT    NOT NULL,
    note       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (order_id, at, request_id)
) WITHOUT ROWID;
