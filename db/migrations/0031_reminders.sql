-- +goose Up

-- What was not shown as due yet, for reminding; and the open ones of a customer, of whom most are closed.
CREATE INDEX follow_up_unoffered     ON follow_up (due_at, id) WHERE offered_at IS NULL AND closed_at IS NULL;
CREATE INDEX follow_up_customer_open ON follow_up (customer_id, due_at, id) WHERE closed_at IS NULL AND customer_id IS NOT NULL;

-- Whose agenda, and what was promised to whom, is told by the table itself, before and after, so that no statement forgets the
-- owner from whom a follow-up was taken, and a statement about five hundred of them tells each owner once.
-- +goose StatementBegin
CREATE FUNCTION follow_up_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO event (kind, id)
		SELECT DISTINCT t.kind, t.id FROM fresh f, LATERAL (VALUES ('agenda', f.owner::text), ('promise', f.customer_id::text),
			('promise', nullif(f.number, ''))) t (kind, id) WHERE t.id IS NOT NULL;
	ELSIF TG_OP = 'UPDATE' THEN
		INSERT INTO event (kind, id)
		SELECT DISTINCT t.kind, t.id FROM (SELECT * FROM former UNION ALL SELECT * FROM fresh) f,
			LATERAL (VALUES ('agenda', f.owner::text), ('agenda', f.claimed_by::text), ('promise', f.customer_id::text),
				('promise', nullif(f.number, ''))) t (kind, id) WHERE t.id IS NOT NULL;
	END IF;
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER follow_up_made    AFTER INSERT ON follow_up REFERENCING NEW TABLE AS fresh
	FOR EACH STATEMENT EXECUTE FUNCTION follow_up_tells();
CREATE TRIGGER follow_up_changed AFTER UPDATE ON follow_up REFERENCING OLD TABLE AS former NEW TABLE AS fresh
	FOR EACH STATEMENT EXECUTE FUNCTION follow_up_tells();
