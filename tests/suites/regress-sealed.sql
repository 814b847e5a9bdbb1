-- A table that is sealed, with what hangs on such a table in practice: a view of its clear columns, a function that
-- reads it, and a trigger that writes to a table of its own.
CREATE TABLE sealed_account (
    id bigint PRIMARY KEY,
    email text NOT NULL UNIQUE,
    branch text NOT NULL,
    balance numeric(12,2) NOT NULL,
    note text
);
CREATE TABLE sealed_account_log (account bigint NOT NULL, what text NOT NULL);

CREATE VIEW sealed_account_branches AS SELECT branch, count(*) AS accounts FROM sealed_account GROUP BY branch;

CREATE FUNCTION sealed_account_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM sealed_account';

CREATE FUNCTION sealed_account_audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sealed_account_log VALUES (NEW.id, TG_OP || ' on sealed_account');
    RETURN NULL;
END $$;
CREATE TRIGGER sealed_account_audit AFTER INSERT ON sealed_account
    FOR EACH ROW EXECUTE FUNCTION sealed_account_audited();
