-- +goose Up

-- Whoever plans a query takes the list of months first and waits for their tables afterwards. If rows have moved by then to a
-- month that was not on the list, they are not found. So nobody plans while a month is made.

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION make_call_month(month date) RETURNS bigint LANGUAGE plpgsql AS $$
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
		EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', cut.of);
	END LOOP;
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
