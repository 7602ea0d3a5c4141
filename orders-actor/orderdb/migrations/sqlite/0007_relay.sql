-- The relay sends events of the log to destinations, see packages destinations and webhooks. Times are Unix milliseconds, 0 for none.

-- One row: which replica runs the relay.
CREATE TABLE relay_lease (
    holder   TEXT    NOT NULL, -- empty if it is free
    fence    INTEGER NOT NULL, -- grows with each holder
    renewals INTEGER NOT NULL
);
INSERT INTO relay_lease VALUES ('', 0, 0);

CREATE TABLE relay_destinations (
    id           TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    enabled      INTEGER NOT NULL,
    reason       TEXT    NOT NULL, -- why it is disabled
    log          TEXT    NOT NULL, -- the event log, and the position up to which events are sent or waiting
    tx           INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    failures     INTEGER NOT NULL, -- since the last success
    last_success INTEGER NOT NULL,
    last_failure INTEGER NOT NULL,
    last_error   TEXT    NOT NULL
);

-- Events before the position that must be sent again, and later events of the same orders.
CREATE TABLE relay_waiting (
    destination TEXT    NOT NULL,
    tx          INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    order_id    TEXT    NOT NULL,
    first_at    INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    document    TEXT    NOT NULL,
    PRIMARY KEY (destination, tx, seq)
);
CREATE INDEX relay_waiting_order ON relay_waiting (order_id);

CREATE TABLE webhooks (
    id              TEXT    NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    types           TEXT    NOT NULL, -- a list; empty for all
    secret          TEXT    NOT NULL, -- encrypted
    previous_secret TEXT    NOT NULL,
    previous_until  INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
);

CREATE TABLE webhook_deliveries (
    id       TEXT    NOT NULL PRIMARY KEY,
    webhook  TEXT    NOT NULL,
    event_id TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    order_id TEXT    NOT NULL, -- empty for a test event
    at       INTEGER NOT NULL,
    millis   INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    status   INTEGER NOT NULL, -- of the response, 0 if there was none
    error    TEXT    NOT NULL,
    body     TEXT    NOT NULL
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (order_id);
