-- +goose Up

-- Who called and was not answered: calllog's missed.go says what that is. Whatever changes a call, or whose a number is, is
-- followed here in the same transaction, at its end and one transaction at a time, so that two that belong together see each
-- other; nothing depends on the order in which they come.

-- missed_call: the calls from outside that nobody answered, of this log's since missed_state.since.
CREATE TABLE missed_call (
	call_id     uuid        PRIMARY KEY,
	party       text        NOT NULL DEFAULT '', -- whose it is: the customer's id, else the number
	customer_id uuid,                            -- the call's
	number      text        NOT NULL,
	started_at  timestamptz NOT NULL,
	queue_id    uuid,
	wait_ms     bigint      NOT NULL,
	agents      uuid[]      NOT NULL,
	answered_by uuid,                            -- the later call that answered it
	done_at     timestamptz                      -- when a person said that it is dealt with
);
CREATE INDEX missed_call_party    ON missed_call (party) WHERE answered_by IS NULL AND done_at IS NULL;
CREATE INDEX missed_call_done     ON missed_call (party, done_at) WHERE done_at IS NOT NULL;
CREATE INDEX missed_call_number   ON missed_call (number);
CREATE INDEX missed_call_customer ON missed_call (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX missed_call_answered ON missed_call (answered_by) WHERE answered_by IS NOT NULL;

-- missed: one row for each of those who wait to be called back, and for those who did.
CREATE TABLE missed (
	id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
	party       text        NOT NULL UNIQUE,
	customer_id uuid,
	number      text        NOT NULL, -- of the newest call
	calls       integer     NOT NULL, -- that nobody has answered since; 0: it is over
	first_at    timestamptz NOT NULL,
	last_at     timestamptz NOT NULL,
	last_call   uuid        NOT NULL,
	queue_id    uuid,                 -- of the newest
	wait_ms     bigint      NOT NULL, -- the longest
	queues      uuid[]      NOT NULL, -- to which the calls came,
	agents      uuid[]      NOT NULL, -- whom they rang,
	loose       boolean     NOT NULL, -- and whether some came to neither
	claimed_by  uuid,
	claimed_at  timestamptz,
	done_by     uuid,
	done_at     timestamptz,
	updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX missed_open ON missed (first_at, id) WHERE calls > 0;

-- missed_state: calls of before are nobody's business any more; those of the time before this table are looked through by a job,
-- backwards, down to filled.
CREATE TABLE missed_state (
	one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
	since  timestamptz NOT NULL,
	filled timestamptz NOT NULL
);
INSERT INTO missed_state (since, filled) VALUES (now() - interval '30 days', now() + interval '1 day');

-- +goose StatementBegin
CREATE FUNCTION missed_owner(the_customer uuid, the_number text) RETURNS uuid LANGUAGE sql STABLE AS $$
	SELECT coalesce(the_customer, (SELECT (array_agg(o.id))[1] FROM (
		SELECT DISTINCT c.id FROM customer_number n JOIN customer c ON c.id = n.customer_id AND c.archived_at IS NULL
		WHERE n.key = the_number AND the_number <> '' LIMIT 2) o HAVING count(*) = 1))
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION missed_owner IS 'whose a call is: the customer it names, else the only one who has its number';

-- +goose StatementBegin
CREATE FUNCTION missed_has(the_customer uuid, the_number text) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT EXISTS (SELECT FROM customer_number n WHERE n.customer_id = the_customer AND n.key = the_number AND the_number <> '')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION missed_answers(missed_customer uuid, missed_number text, customer uuid, number text) RETURNS boolean LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN missed_customer IS NOT NULL AND customer IS NOT NULL THEN missed_customer = customer
		ELSE missed_number = number AND number <> '' OR missed_has(missed_customer, number) OR missed_has(customer, missed_number) END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION missed_answers IS 'whether a call with an owner and a number answers a missed one with an owner and a number';

-- +goose StatementBegin
CREATE FUNCTION missed_count(the_party text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	m       record;
	changed uuid;
BEGIN
	SELECT count(*) AS calls, min(started_at) AS first_at, max(started_at) AS last_at, max(wait_ms) AS wait_ms,
		(array_agg(call_id ORDER BY started_at DESC, call_id DESC))[1] AS last_call,
		(array_agg(queue_id ORDER BY started_at DESC, call_id DESC))[1] AS queue_id,
		(array_agg(number ORDER BY started_at DESC, call_id DESC))[1] AS number,
		array_remove(array_agg(DISTINCT queue_id), NULL) AS queues,
		bool_or(queue_id IS NULL AND agents = '{}') AS loose,
		(array_agg(missed_owner(customer_id, number)))[1] AS owner
	INTO m FROM missed_call WHERE party = the_party AND answered_by IS NULL AND done_at IS NULL;
	IF m.calls = 0 THEN
		UPDATE missed SET calls = 0, claimed_by = NULL, claimed_at = NULL, updated_at = clock_timestamp()
			WHERE party = the_party AND calls > 0 RETURNING id INTO changed;
	ELSE
		INSERT INTO missed AS o (party, customer_id, number, calls, first_at, last_at, last_call, queue_id, wait_ms, queues, agents, loose)
		SELECT the_party, m.owner, m.number, m.calls, m.first_at, m.last_at, m.last_call, m.queue_id, m.wait_ms, m.queues,
			ARRAY(SELECT DISTINCT unnest(agents) FROM missed_call WHERE party = the_party AND answered_by IS NULL AND done_at IS NULL ORDER BY 1), m.loose
		ON CONFLICT (party) DO UPDATE SET customer_id = excluded.customer_id, number = excluded.number, calls = excluded.calls,
			first_at = excluded.first_at, last_at = excluded.last_at, last_call = excluded.last_call, queue_id = excluded.queue_id,
			wait_ms = excluded.wait_ms, queues = excluded.queues, agents = excluded.agents, loose = excluded.loose, done_by = NULL, done_at = NULL,
			updated_at = clock_timestamp()
		WHERE (o.customer_id, o.number, o.calls, o.first_at, o.last_at, o.last_call, o.queue_id, o.wait_ms, o.queues, o.agents, o.loose) IS DISTINCT FROM
			(excluded.customer_id, excluded.number, excluded.calls, excluded.first_at, excluded.last_at, excluded.last_call, excluded.queue_id,
			 excluded.wait_ms, excluded.queues, excluded.agents, excluded.loose)
		RETURNING id INTO changed;
	END IF;
	IF changed IS NOT NULL THEN
		INSERT INTO event (kind, id) VALUES ('missed', changed::text);
	END IF;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION missed_count IS 'makes the row of a party anew of its calls';

-- +goose StatementBegin
CREATE FUNCTION missed_look(the_call uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	m      missed_call;
	owner  uuid;
	owners uuid[];
	keys   text[];
	now_of text;
	later  uuid;
BEGIN
	SELECT * INTO m FROM missed_call WHERE call_id = the_call;
	owner := missed_owner(m.customer_id, m.number);
	now_of := coalesce(owner::text, m.number);
	owners := CASE WHEN owner IS NOT NULL THEN ARRAY[owner] ELSE ARRAY(
		SELECT DISTINCT n.customer_id FROM customer_number n WHERE n.key = m.number AND m.number <> '' LIMIT 20) END;
	keys := ARRAY(SELECT DISTINCT n.key FROM customer_number n WHERE n.customer_id = ANY (owners) AND n.key <> '' LIMIT 200) || nullif(m.number, '');
	SELECT a.id INTO later FROM (
		SELECT c.id, c.answered_at, c.customer_id, c.number FROM call c
		WHERE c.customer_id = ANY (owners) AND c.id >= call_id_at(m.started_at - interval '7 days')
			AND c.answered_at > m.started_at AND c.direction <> 'internal' AND c.merged_into IS NULL
		UNION ALL
		SELECT c.id, c.answered_at, c.customer_id, c.number FROM call c
		WHERE c.number = ANY (keys) AND c.number <> '' AND c.id >= call_id_at(m.started_at - interval '7 days')
			AND c.answered_at > m.started_at AND c.direction <> 'internal' AND c.merged_into IS NULL) a
	WHERE missed_answers(owner, m.number, missed_owner(a.customer_id, a.number), a.number) ORDER BY a.answered_at, a.id LIMIT 1;
	UPDATE missed_call SET party = now_of, answered_by = later WHERE call_id = the_call AND (party, answered_by) IS DISTINCT FROM (now_of, later);
	IF NOT FOUND THEN
		RETURN;
	END IF;
	PERFORM missed_count(now_of);
	IF m.party <> now_of AND m.party <> '' THEN -- whoever had the one has the other
		UPDATE missed n SET claimed_by = o.claimed_by, claimed_at = o.claimed_at FROM missed o
			WHERE n.party = now_of AND n.calls > 0 AND n.claimed_by IS NULL AND o.party = m.party AND o.claimed_by IS NOT NULL;
		PERFORM missed_count(m.party);
	END IF;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION missed_look IS 'looks anew whose a missed call is and whether a later one answered it';

-- +goose StatementBegin
CREATE FUNCTION missed_heed(the_call uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c     call;
	m     missed_call;
	owner uuid;
BEGIN
	SELECT * INTO c FROM call WHERE id = the_call;
	IF c.direction = 'inbound' AND c.state = 'ended' AND c.outcome IN ('missed', 'abandoned', 'voicemail') AND c.answered_at IS NULL
		AND c.merged_into IS NULL AND (c.number <> '' OR c.customer_id IS NOT NULL)
		AND c.started_at >= (SELECT since FROM missed_state)
	THEN
		INSERT INTO missed_call AS o (call_id, customer_id, number, started_at, queue_id, wait_ms, agents)
		VALUES (c.id, c.customer_id, c.number, c.started_at, c.queue_id, c.wait_ms, c.agents)
		ON CONFLICT (call_id) DO UPDATE SET customer_id = excluded.customer_id, number = excluded.number, started_at = excluded.started_at,
			queue_id = excluded.queue_id, wait_ms = excluded.wait_ms, agents = excluded.agents
		WHERE (o.customer_id, o.number, o.started_at, o.queue_id, o.wait_ms, o.agents) IS DISTINCT FROM
			(excluded.customer_id, excluded.number, excluded.started_at, excluded.queue_id, excluded.wait_ms, excluded.agents)
		RETURNING * INTO m;
		IF FOUND THEN
			PERFORM missed_look(c.id);
			PERFORM missed_count(m.party) WHERE m.party <> '';
		END IF;
	ELSE
		DELETE FROM missed_call WHERE call_id = the_call RETURNING * INTO m;
		IF FOUND THEN
			PERFORM missed_count(m.party);
		END IF;
	END IF;
	-- What the call answered, and does not any more.
	FOR m IN SELECT * FROM missed_call WHERE answered_by = the_call LOOP
		PERFORM missed_look(m.call_id);
	END LOOP;
	IF c.answered_at IS NULL OR c.direction = 'internal' OR c.merged_into IS NOT NULL THEN
		RETURN;
	END IF;
	owner := missed_owner(c.customer_id, c.number);
	FOR m IN SELECT o.* FROM missed_call o
		WHERE o.answered_by IS NULL AND o.started_at < c.answered_at AND o.call_id IN (
			SELECT call_id FROM missed_call WHERE number = c.number AND c.number <> ''
			UNION SELECT call_id FROM missed_call WHERE customer_id = owner
			UNION SELECT call_id FROM missed_call WHERE number IN (SELECT n.key FROM customer_number n WHERE n.customer_id = owner AND n.key <> '')
			UNION SELECT call_id FROM missed_call WHERE customer_id IN (SELECT n.customer_id FROM customer_number n WHERE n.key = c.number AND c.number <> '')
			UNION SELECT theirs.call_id FROM customer_number n JOIN customer_number other ON other.customer_id = n.customer_id
				JOIN missed_call theirs ON theirs.number = other.key WHERE n.key = c.number AND c.number <> '' AND other.key <> '')
	LOOP
		PERFORM missed_look(m.call_id);
	END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION missed_heed IS 'follows what a call is now';

-- One at a time, and only at the end of a transaction: who waits here holds nothing that another needs who has come here.
-- +goose StatementBegin
CREATE FUNCTION missed_on_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtext('ringbook missed'));
	PERFORM missed_heed(NEW.id);
	RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER missed_new AFTER INSERT ON call DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN (NEW.direction <> 'internal' AND (NEW.answered_at IS NOT NULL OR NEW.outcome IN ('missed', 'abandoned', 'voicemail')))
	EXECUTE FUNCTION missed_on_call();
CREATE CONSTRAINT TRIGGER missed_changed AFTER UPDATE ON call DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN ((NEW.answered_at IS NOT NULL OR OLD.answered_at IS NOT NULL OR NEW.outcome IN ('missed', 'abandoned', 'voicemail') OR OLD.outcome IN ('missed', 'abandoned', 'voicemail'))
		AND (OLD.direction, OLD.state, OLD.outcome, OLD.answered_at, OLD.number, OLD.customer_id, OLD.merged_into, OLD.queue_id, OLD.started_at, OLD.agents)
		IS DISTINCT FROM (NEW.direction, NEW.state, NEW.outcome, NEW.answered_at, NEW.number, NEW.customer_id, NEW.merged_into, NEW.queue_id, NEW.started_at, NEW.agents))
	EXECUTE FUNCTION missed_on_call();

-- A customer's numbers are written anew whenever one changes: what was deleted is looked at when all is there again.
-- +goose StatementBegin
CREATE FUNCTION missed_on_numbers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	m uuid;
	locked boolean := false;
BEGIN
	FOR m IN SELECT call_id FROM missed_call WHERE number IN (SELECT key FROM fresh WHERE key <> '') OR customer_id IN (SELECT customer_id FROM fresh)
		OR number IN (SELECT n.key FROM customer_number n WHERE n.customer_id IN (SELECT customer_id FROM fresh) AND n.key <> '')
	LOOP
		IF NOT locked THEN
			PERFORM pg_advisory_xact_lock(hashtext('ringbook missed'));
			locked := true;
		END IF;
		PERFORM missed_look(m);
	END LOOP;
	RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER missed_numbers AFTER INSERT ON customer_number REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION missed_on_numbers();

-- +goose StatementBegin
CREATE FUNCTION missed_on_customer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	whose uuid := CASE WHEN TG_TABLE_NAME = 'customer' THEN (to_jsonb(NEW)->>'id')::uuid ELSE (to_jsonb(OLD)->>'customer_id')::uuid END;
	gone  text := CASE WHEN TG_TABLE_NAME = 'customer' THEN '' ELSE to_jsonb(OLD)->>'key' END;
	calls uuid[];
	m     uuid;
BEGIN
	calls := ARRAY(SELECT call_id FROM missed_call WHERE customer_id = whose OR number = nullif(gone, '')
		OR number IN (SELECT n.key FROM customer_number n WHERE n.customer_id = whose AND n.key <> ''));
	IF calls = '{}' THEN
		RETURN NULL;
	END IF;
	PERFORM pg_advisory_xact_lock(hashtext('ringbook missed'));
	FOREACH m IN ARRAY calls LOOP
		PERFORM missed_look(m);
	END LOOP;
	-- Its name is on the list.
	INSERT INTO event (kind, id) SELECT 'missed', x.id::text FROM missed x WHERE x.party = whose::text AND x.calls > 0;
	RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER missed_customer AFTER UPDATE ON customer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN (OLD.archived_at IS DISTINCT FROM NEW.archived_at OR OLD.name <> NEW.name) EXECUTE FUNCTION missed_on_customer();
CREATE CONSTRAINT TRIGGER missed_number AFTER DELETE ON customer_number DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION missed_on_customer();
