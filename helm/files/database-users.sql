-- Creates separate database users for orders and ledger, so that neither service can read the other's tables, and gives them
-- the tables that the administrator owned in earlier releases. The administrator runs it; it can be repeated.
-- psql variables: orders_password, ledger_password.
\set ON_ERROR_STOP on
SELECT 'CREATE ROLE ' || name FROM unnest(ARRAY['orders_app', 'orders_ledger']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE orders_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'orders_password';
ALTER ROLE orders_ledger LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'ledger_password';
GRANT USAGE, CREATE ON SCHEMA public TO orders_app, orders_ledger;
SELECT format('ALTER TABLE public.%I OWNER TO %I', tablename,
  CASE WHEN starts_with(tablename, 'ledger_') THEN 'orders_ledger' ELSE 'orders_app' END)
FROM pg_tables WHERE schemaname = 'public' AND tableowner NOT IN ('orders_app', 'orders_ledger') \gexec
SELECT format('ALTER SEQUENCE public.%I OWNER TO orders_app', sequencename)
FROM pg_sequences WHERE schemaname = 'public' AND sequenceowner NOT IN ('orders_app', 'orders_ledger') \gexec
SELECT format('ALTER ROUTINE %s OWNER TO orders_app', oid::regprocedure)
FROM pg_proc WHERE pronamespace = 'public'::regnamespace
AND proowner NOT IN (SELECT oid FROM pg_roles WHERE rolname IN ('orders_app', 'orders_ledger')) \gexec
