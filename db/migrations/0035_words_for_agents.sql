-- +goose Up

-- What an agent's calls of one outcome and those of one queue are found by is one word each, too: each agent has few queues, and an
-- outcome may be rare. To look among all calls of both for such as hardly are there takes the longer the longer the log is.
DROP INDEX IF EXISTS call_words; -- 0028 made one once

-- A program and not an expression, which would be unfolded again for the index of each month whenever a query is planned.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION call_words(search text, note_search text, caller_number text, dialed_number text, number text, customer_id uuid, agents uuid[],
	direction text, state text, outcome text, queue_id uuid, started_at timestamptz)
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	queue text := queue_id::text;
	words text[] := agents::text[] || ARRAY[
		'n=' || number, 'd=' || direction, 'o=' || outcome, direction || '/' || outcome,
		coalesce('c=' || customer_id::text, ''), coalesce(queue, ''), coalesce(queue || '/' || direction, ''), coalesce(queue || '/' || outcome, ''),
		CASE state WHEN 'ended' THEN '' ELSE 's=' || state END,
		'@' || ((started_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01')::text];
	word text;
	agent text;
	digits text;
BEGIN
	FOREACH word IN ARRAY string_to_array(search || ' ' || note_search, ' ') LOOP
		IF length(word) < 3 THEN
			words := words || word;
		END IF;
		FOR n IN 3..least(length(word), 6) LOOP
			words := words || left(word, n);
		END LOOP;
	END LOOP;
	FOREACH agent IN ARRAY agents::text[] LOOP
		words := words || (agent || '/' || direction);
		words := words || (agent || '/' || outcome);
		IF queue IS NOT NULL THEN
			words := words || (agent || '/' || queue);
		END IF;
	END LOOP;
	FOREACH digits IN ARRAY ARRAY[caller_number, dialed_number] LOOP
		FOR i IN 1..length(digits) - 2 LOOP
			words := words || ('#' || substr(digits, i, 5));
		END LOOP;
	END LOOP;
	RETURN array_to_tsvector(array_remove(words, ''));
END
$$;
-- +goose StatementEnd

SET LOCAL maintenance_work_mem = '256MB';
CREATE INDEX call_words ON call USING gin (call_words(search, note_search, caller_number, dialed_number, number, customer_id, agents,
	direction, state, outcome, queue_id, started_at)) WITH (gin_pending_list_limit = 256);
SELECT plan_call_words();
