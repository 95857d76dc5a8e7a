-- +goose Up

-- The tables that grow with every call are cut by the month of its beginning, which a call's id tells: its first 48 bits are
-- the time at which its first channel was made. A table of a month is named call_2026_11; what belongs to no month that has
-- one is in call_rest: nothing is ever refused. calllog.Months makes months ahead and drops old ones.
--
-- There are no foreign keys among them, so that a month can go without looking at all others: a call and what belongs to it
-- are written in one transaction, and have the same month.

-- +goose StatementBegin
CREATE FUNCTION call_id_at(t timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT (lpad(to_hex(greatest(0, floor(extract(epoch FROM t) * 1000))::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION call_id_at IS 'the least id that a call can have which began then';

-- +goose StatementBegin
CREATE FUNCTION call_words(search text, note_search text, caller_number text, dialed_number text, agents uuid[], direction text, outcome text, queue_id uuid)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT array_to_tsvector(array_remove(string_to_array(search || ' ' || note_search, ' ')
		|| public.show_trgm(caller_number || ' ' || dialed_number) || agents::text[] || ARRAY['d=' || direction, 'o=' || outcome, coalesce(queue_id::text, '')], ''))
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION call_words IS 'what calls are searched by: folded words, which are letters and digits only, any three digits of the numbers, and what they are filtered by, which has other signs';

-- +goose StatementBegin
CREATE FUNCTION call_months() RETURNS TABLE (of text, key text) LANGUAGE sql IMMUTABLE AS $$
	VALUES ('call', 'id'), ('call_annotation', 'call_id'), ('call_note', 'call_id'), ('call_leg', 'call_id'), ('call_agent', 'call_id')
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION call_months IS 'the tables that are cut by month, in the order in which all lock them, and the column that tells it';

-- +goose StatementBegin
CREATE FUNCTION plan_call_words() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	part regclass;
BEGIN
	FOR part IN SELECT i.inhrelid::regclass FROM pg_inherits i JOIN pg_attribute a ON a.attrelid = i.inhrelid AND a.attnum = 1
		WHERE i.inhparent = 'call_words'::regclass AND a.attstattarget <> 0
	LOOP
		EXECUTE format('ALTER INDEX %s ALTER COLUMN 1 SET STATISTICS 0', part);
	END LOOP;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION plan_call_words IS 'keeps the planner from weighing words, which takes longer than looking them up: what is looked up by words is rare';

-- +goose StatementBegin
CREATE FUNCTION make_call_month(month date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	low    uuid := call_id_at(date_trunc('month', month) AT TIME ZONE 'UTC');
	high   uuid := call_id_at((date_trunc('month', month) + interval '1 month') AT TIME ZONE 'UTC');
	cut    record;
	part   text;
	listed text;
	n      bigint;
	moved  bigint := 0;
BEGIN
	FOR cut IN SELECT of, key FROM call_months() LOOP
		EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', cut.of || '_rest');
	END LOOP;
	FOR cut IN SELECT of, key FROM call_months() LOOP
		part := cut.of || to_char(month, '_YYYY_MM');
		CONTINUE WHEN to_regclass(part) IS NOT NULL;
		EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS INCLUDING STORAGE)', part, cut.of);
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO listed FROM pg_attribute
			WHERE attrelid = cut.of::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
		EXECUTE format('WITH gone AS (DELETE FROM %I WHERE %I >= $1 AND %2$I < $2 RETURNING %s) INSERT INTO %I (%3$s) SELECT %3$s FROM gone',
			cut.of || '_rest', cut.key, listed, part) USING low, high;
		GET DIAGNOSTICS n = ROW_COUNT;
		moved := moved + n;
		EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', cut.of, part, low, high);
	END LOOP;
	PERFORM plan_call_words();
	RETURN moved;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION make_call_month IS 'makes the tables of a month, unless they are there, and moves what the rest has of it there; returns how many rows';

-- What was known until now is copied into tables of its months, while others go on reading it. Nobody writes meanwhile.
LOCK TABLE call, call_annotation, call_note, call_leg, call_agent IN EXCLUSIVE MODE;
CREATE SCHEMA moving;
SET LOCAL search_path = moving, public;

CREATE TABLE moving.call (LIKE public.call INCLUDING DEFAULTS INCLUDING GENERATED, agents uuid[] NOT NULL DEFAULT '{}') PARTITION BY RANGE (id);
COMMENT ON COLUMN moving.call.agents IS 'those of call_agent';
CREATE TABLE moving.call_annotation (LIKE public.call_annotation INCLUDING DEFAULTS) PARTITION BY RANGE (call_id);
CREATE TABLE moving.call_note (LIKE public.call_note INCLUDING DEFAULTS) PARTITION BY RANGE (call_id);
CREATE TABLE moving.call_leg (LIKE public.call_leg INCLUDING DEFAULTS INCLUDING GENERATED) PARTITION BY RANGE (call_id);
CREATE TABLE moving.call_agent (LIKE public.call_agent INCLUDING DEFAULTS) PARTITION BY RANGE (call_id);
ALTER TABLE moving.call ADD PRIMARY KEY (id);
ALTER TABLE moving.call_annotation ADD PRIMARY KEY (call_id);
ALTER TABLE moving.call_note ADD PRIMARY KEY (call_id, id);
ALTER TABLE moving.call_leg ADD PRIMARY KEY (call_id, id);
ALTER TABLE moving.call_agent ADD PRIMARY KEY (call_id, agent_id);
CREATE SEQUENCE moving.call_note_number OWNED BY moving.call_note.id;
ALTER TABLE moving.call_note ALTER id SET DEFAULT nextval('moving.call_note_number');
SELECT setval('moving.call_note_number', coalesce(max(id), 0) + 1, false) FROM public.call_note;

-- The log is read newest first, by each filter; two at once are looked for among the words (calllog.Store.Calls).
CREATE INDEX call_started   ON moving.call (started_at DESC, id DESC);
CREATE INDEX call_direction ON moving.call (direction, outcome, started_at DESC, id DESC);
CREATE INDEX call_outcome   ON moving.call (outcome, started_at DESC, id DESC);
CREATE INDEX call_queue     ON moving.call (queue_id, started_at DESC, id DESC) WHERE queue_id IS NOT NULL;
CREATE INDEX call_number    ON moving.call (number, started_at DESC, id DESC) WHERE number <> '';
CREATE INDEX call_customer  ON moving.call (customer_id, started_at DESC, id DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX call_unended   ON moving.call (pbx, started_at) WHERE state <> 'ended';
CREATE INDEX call_unmatched ON moving.call (started_at DESC) WHERE match_rule = '';
-- What has not been sorted in is read at every search.
CREATE INDEX call_words     ON moving.call USING gin (call_words(search, note_search, caller_number, dialed_number, agents, direction, outcome, queue_id)) WITH (gin_pending_list_limit = 256);
CREATE INDEX call_leg_endpoint  ON moving.call_leg (pbx, endpoint, offered_at DESC) WHERE endpoint <> '';
CREATE INDEX call_agent_started ON moving.call_agent (agent_id, started_at DESC, call_id DESC);

-- What a call is searched by held its numbers, too; of these any three digits are words now. A word of an index has an end.
-- +goose StatementBegin
CREATE FUNCTION pg_temp.copy_calls(of text, part text, among text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	listed text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = ('public.' || of)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
	read   text := listed;
BEGIN
	IF of <> 'call' THEN
		RETURN format('INSERT INTO moving.%I (%s) SELECT %2$s FROM public.%I WHERE %s', part, listed, of, replace(among, '@', 'call_id'));
	END IF;
	read := regexp_replace(read, '\msearch\M', $r$regexp_replace(search, '\m[0-9]{5,}\M *', '', 'g')$r$);
	read := regexp_replace(read, '\mnote_search\M', $r$CASE WHEN length(note_search) <= 64 THEN note_search
		ELSE regexp_replace(note_search, '(\S{64})(?=\S)', '\1 ', 'g') END$r$);
	RETURN format('INSERT INTO moving.%I (%s, agents) SELECT %s, coalesce(a.agents, ''{}'') FROM public.call c LEFT JOIN (
		SELECT call_id, array_agg(agent_id ORDER BY agent_id) AS agents FROM public.call_agent WHERE %s GROUP BY call_id) a ON a.call_id = c.id WHERE %s',
		part, listed, read, replace(among, '@', 'call_id'), replace(among, '@', 'c.id'));
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
DECLARE
	cut    record;
	part   text;
	low    uuid;
	high   uuid;
	month  date;
	among  text;
BEGIN
	FOR cut IN SELECT of, key FROM call_months() LOOP
		EXECUTE format('CREATE TABLE moving.%I PARTITION OF moving.%I DEFAULT', cut.of || '_rest', cut.of);
	END LOOP;
	-- The clock of an exchange may have been wrong: what tells no likely month goes to the rest.
	FOR month IN
		WITH RECURSIVE walk (id) AS (
			(SELECT id FROM public.call WHERE id >= call_id_at('2000-01-01 00:00+00') ORDER BY id LIMIT 1)
			UNION ALL
			SELECT (SELECT c.id FROM public.call c WHERE c.id >= call_id_at((date_trunc('month', began) + interval '1 month') AT TIME ZONE 'UTC') ORDER BY c.id LIMIT 1)
			FROM walk, LATERAL (SELECT to_timestamp(('x' || left(replace(walk.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC') t (began)
			WHERE walk.id < call_id_at(now() + interval '3 months'))
		SELECT DISTINCT date_trunc('month', to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC')::date
		FROM walk WHERE id < call_id_at(now() + interval '3 months') ORDER BY 1
	LOOP
		low := call_id_at(month::timestamp AT TIME ZONE 'UTC');
		high := call_id_at((month + interval '1 month') AT TIME ZONE 'UTC');
		among := concat_ws(' OR ', among, format('@ >= %L AND @ < %L', low, high));
		FOR cut IN SELECT of, key FROM call_months() LOOP
			part := cut.of || to_char(month, '_YYYY_MM');
			EXECUTE format('CREATE TABLE moving.%I (LIKE moving.%I INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS INCLUDING STORAGE)', part, cut.of);
			EXECUTE pg_temp.copy_calls(cut.of, part, format('@ >= %L AND @ < %L', low, high));
			EXECUTE format('ALTER TABLE moving.%I ATTACH PARTITION moving.%I FOR VALUES FROM (%L) TO (%L)', cut.of, part, low, high);
		END LOOP;
	END LOOP;
	FOR cut IN SELECT of, key FROM call_months() LOOP
		EXECUTE pg_temp.copy_calls(cut.of, cut.of || '_rest', format('NOT (%s)', coalesce(among, 'false')));
	END LOOP;
END
$$;
-- +goose StatementEnd

-- Whoever read the old tables, and waits to write them, gives up sooner than we do.
-- +goose StatementBegin
DO $$
BEGIN
	FOR try IN 1..60 LOOP
		BEGIN
			LOCK TABLE public.call, public.call_annotation, public.call_note, public.call_leg, public.call_agent IN ACCESS EXCLUSIVE MODE;
			EXIT;
		EXCEPTION WHEN deadlock_detected THEN
			IF try = 60 THEN
				RAISE;
			END IF;
		END;
	END LOOP;
END
$$;
-- +goose StatementEnd
DROP TABLE public.call_annotation, public.call_note, public.call_leg, public.call_agent, public.call;
-- +goose StatementBegin
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'moving'::regnamespace AND relkind IN ('r', 'p') LOOP
		EXECUTE format('ALTER TABLE moving.%I SET SCHEMA public', name);
	END LOOP;
END
$$;
-- +goose StatementEnd
DROP FUNCTION pg_temp.copy_calls;
DROP SCHEMA moving;
SET LOCAL search_path = public;
SELECT plan_call_words();
ANALYZE call, call_annotation, call_note, call_leg, call_agent;
