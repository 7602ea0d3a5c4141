-- Orders whose stores differ, as the last inspection found. Absent for consistent orders.
CREATE TABLE order_findings (
    order_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    found_at BIGINT NOT NULL, -- first
    codes    TEXT   NOT NULL  -- separated by spaces
);
CREATE INDEX order_findings_found ON order_findings (found_at);

-- The repairs that operators have requested.
CREATE TABLE order_repairs (
    order_id   TEXT COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    note       JSON   NOT NULL,
    PRIMARY KEY (order_id, at, request_id)
);
