CREATE TABLE orders (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    customer   TEXT COLLATE "C" NOT NULL,
    status     TEXT COLLATE "C" NOT NULL,
    version    BIGINT  NOT NULL,
    total      BIGINT  NOT NULL,
    created_at BIGINT  NOT NULL, -- times are Unix milliseconds
    updated_at BIGINT  NOT NULL,
    deliver_at BIGINT,
    void_owed  BOOLEAN NOT NULL,
    words      TEXT    NOT NULL, -- the search words, each with a space before it
    state      JSON    NOT NULL
);

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
    word     TEXT COLLATE "C" NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (word, order_id)
);

CREATE TABLE order_events (
    tx       BIGINT NOT NULL, -- the number of its transaction: events become visible in the order of (tx, seq), see events.go
    seq      BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    at       BIGINT NOT NULL,
    customer TEXT COLLATE "C" NOT NULL,
    document JSON   NOT NULL, -- the order without its history
    PRIMARY KEY (tx, seq)
);
CREATE INDEX order_events_customer ON order_events (customer, tx, seq);

-- One row: the id of the log, and the position up to which it is pruned.
CREATE TABLE event_log (
    id         TEXT   NOT NULL,
    pruned_tx  BIGINT NOT NULL,
    pruned_seq BIGINT NOT NULL
);
INSERT INTO event_log VALUES (left(replace(gen_random_uuid()::text, '-', ''), 8), 0, 0);

CREATE TABLE idempotency_keys (
    customer    TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT   NOT NULL,
    order_id    TEXT   NOT NULL,
    claimed_at  BIGINT NOT NULL,
    PRIMARY KEY (customer, name)
);
CREATE INDEX idempotency_keys_claimed ON idempotency_keys (claimed_at);
