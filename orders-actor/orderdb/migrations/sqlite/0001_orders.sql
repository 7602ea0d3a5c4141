CREATE TABLE orders (
    id         TEXT    NOT NULL PRIMARY KEY,
    customer   TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    created_at INTEGER NOT NULL, -- times are Unix milliseconds
    updated_at INTEGER NOT NULL,
    deliver_at INTEGER,
    void_owed  INTEGER NOT NULL,
    words      TEXT    NOT NULL, -- the search words, each with a space before it
    state      TEXT    NOT NULL  -- JSON; the last column, so that scans of the others do not read it
) WITHOUT ROWID;

-- A page is merged from one index range per status.
CREATE INDEX orders_created ON orders (status, created_at, id);
CREATE INDEX orders_updated ON orders (status, updated_at, id);
CREATE INDEX orders_total ON orders (status, total, id);
CREATE INDEX orders_customer_created ON orders (customer, status, created_at, id);
CREATE INDEX orders_customer_updated ON orders (customer, status, updated_at, id);
CREATE INDEX orders_customer_total ON orders (customer, status, total, id);
CREATE INDEX orders_due ON orders (deliver_at) WHERE status = 'confirmed';
CREATE INDEX orders_void_owed ON orders (updated_at) WHERE void_owed;

CREATE TABLE order_words (
    word     TEXT NOT NULL,
    order_id TEXT NOT NULL,
    PRIMARY KEY (word, order_id)
) WITHOUT ROWID;

CREATE TABLE order_events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    tx       INTEGER NOT NULL, -- always 0: with one writer, events become visible in the order of seq
    at       INTEGER NOT NULL,
    customer TEXT    NOT NULL,
    document TEXT    NOT NULL -- the order without its history, as JSON
);
CREATE INDEX order_events_feed ON order_events (tx, seq);
CREATE INDEX order_events_customer ON order_events (customer, tx, seq);

-- One row: the id of the log, and the position up to which it is pruned.
CREATE TABLE event_log (
    id         TEXT    NOT NULL,
    pruned_tx  INTEGER NOT NULL,
    pruned_seq INTEGER NOT NULL
);
INSERT INTO event_log VALUES (lower(hex(randomblob(4))), 0, 0);

CREATE TABLE idempotency_keys (
    customer    TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    order_id    TEXT    NOT NULL,
    claimed_at  INTEGER NOT NULL,
    PRIMARY KEY (customer, name)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_claimed ON idempotency_keys (claimed_at);
