-- +goose Up

-- What any filter of calls asks for is a word now, and what two at once ask for that are frequent each and rarely together is one, too.
DROP INDEX call_words;
DROP FUNCTION call_words;

-- A program and not an expression, which would be unfolded again for the index of each month whenever a query is planned.
-- +goose StatementBegin
CREATE FUNCTION call_words(search text, note_search text, caller_number text, dialed_number text, number text, customer_id uuid, agents uuid[],
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
COMMENT ON FUNCTION call_words IS 'what calls are searched by: how the folded words begin, which are letters and digits only, in three to six of them, and the shorter ones; of the numbers five digits from each on; what they are filtered by; the day, counted from 1970; all but the first have other signs';

-- The index is made by 0035, once, with the words that are added there.
