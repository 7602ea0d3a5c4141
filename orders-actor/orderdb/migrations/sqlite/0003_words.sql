-- The customer whose searches use the word. NULL for the words of the customer's own name, which all their orders share, and
-- for those of releases without this column.
ALTER TABLE order_words ADD COLUMN customer TEXT;
CREATE INDEX order_words_customer ON order_words (customer, word, order_id) WHERE customer IS NOT NULL;

-- The version of the rules for words, see package words. Releases without this column wrote version 1.
ALTER TABLE orders ADD COLUMN words_version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX orders_outdated_words ON orders (customer, id) WHERE words_version < 2;
