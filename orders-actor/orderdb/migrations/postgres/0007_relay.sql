-- The relay sends events of the log to destinations, see packages destinations and webhooks. Times are Unix milliseconds, 0 for none.

-- One row: which replica runs the relay.
CREATE TABLE relay_lease (
    holder   TEXT   NOT NULL, -- empty if it is free
    fence    BIGINT NOT NULL, -- grows with each holder
    renewals BIGINT NOT NULL
);
INSERT INTO relay_lease VALUES ('', 0, 0);

CREATE TABLE relay_destinations (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    reason       TEXT    NOT NULL, -- why it is disabled
    log          TEXT    NOT NULL, -- the event log, and the position up to which events are sent or waiting
    tx           BIGINT  NOT NULL,
    seq          BIGINT  NOT NULL,
    failures     BIGINT  NOT NULL, -- since the last success
    last_success BIGINT  NOT NULL,
    last_failure BIGINT  NOT NULL,
    last_error   TEXT    NOT NULL
);

-- Events before the position that must be sent again, and later events of the same orders.
CREATE TABLE relay_waiting (
    destination TEXT COLLATE "C" NOT NULL,
    tx          BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    order_id    TEXT COLLATE "C" NOT NULL,
    first_at    BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    document    JSON   NOT NULL,
    PRIMARY KEY (destination, tx, seq)
);
CREATE INDEX relay_waiting_order ON relay_waiting (order_id);

CREATE TABLE webhooks (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    url             TEXT   NOT NULL,
    description     TEXT   NOT NULL,
    types           JSON   NOT NULL, -- a list; empty for all
    secret          TEXT   NOT NULL, -- encrypted
    previous_secret TEXT   NOT NULL,
    previous_until  BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

CREATE TABLE webhook_deliveries (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    webhook  TEXT COLLATE "C" NOT NULL,
    event_id TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL, -- empty for a test event
    at       BIGINT NOT NULL,
    millis   BIGINT NOT NULL,
    attempt  BIGINT NOT NULL,
    status   BIGINT NOT NULL, -- of the response, 0 if there was none
    error    TEXT   NOT NULL,
    body     TEXT   NOT NULL
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook, id);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (order_id);
