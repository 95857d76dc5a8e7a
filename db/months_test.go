package db_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"ringbook/db"
	"ringbook/db/dbtest"
)

// old is a database as it was before a migration, without rows.
func old(t *testing.T, before int64) *db.DB {
	t.Helper()
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	conns := stdlib.OpenDB(*d.Pool().Config().ConnConfig)
	defer conns.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, conns, db.Migrations(), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), before-1); err != nil {
		t.Fatal(err)
	}
	return d
}

// oldCalls makes $1 calls over 400 days, as ringbook wrote them before there were months, with a queue, two agents and three
// legs each, and notes of some; and some of clocks that were wrong.
const oldCalls = `
WITH made AS (
	INSERT INTO call (id, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld,
		dialed_raw, dialed_number, number, trunk, queue, customer_ref, started_at, ended_at, wait_ms, talk_ms, hold_ms, hangup_by,
		hangup_cause, hangup_text, transfers, partial, reconstructed, whole, search, note_search, match_rule, candidates)
	SELECT (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
		'main', 1, 'inbound', 'ended', 'answered', '0912' || n, '+98912' || n, 'Sara', false, '', '', '+98912' || n, '', 'support', '',
		at, at + interval '1 minute', 0, 0, 0, '', 16, '', '[]', false, false, true, 'sara 0912' || n || ' 98912' || n,
		CASE WHEN n % 10 = 0 THEN repeat('x', 3000) || ' قرارداد' ELSE '' END, 'none', '{}'
	FROM generate_series(1, $1::int) n, LATERAL (SELECT CASE n WHEN 1 THEN '1970-01-05' WHEN 2 THEN '2093-02-03'
			ELSE timestamptz '2026-11-20 12:00Z' - n * interval '400 days' / $1 END) a (at),
		LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')) b (h)
	RETURNING id, started_at, note_search),
legs AS (
	INSERT INTO call_leg (call_id, id, version, channel, role, extension, number, offered_at, ended_as, talk_ms, hold_ms, parent, pbx)
	SELECT id, 'leg.' || l, 1, 'PJSIP/100' || l || '-0000000a', 'agent', '100' || l, '', started_at, 'hung_up', 0, 0, '', 'main' FROM made, generate_series(1, 3) l),
agents AS (
	INSERT INTO call_agent (call_id, agent_id, started_at)
	SELECT id, ('0193527f-0000-7000-8000-00000000000' || a)::uuid, started_at FROM made, generate_series(1, 2) a),
notes AS (
	INSERT INTO call_annotation (call_id, note, updated_at) SELECT id, note_search, started_at FROM made WHERE note_search <> '')
INSERT INTO call_note (call_id, note, written_at) SELECT id, note_search, started_at FROM made WHERE note_search <> ''`

// What an earlier version wrote is all there afterwards, each in the tables of its month, and the rest where no month is.
func TestMigrate_CallsByMonth(t *testing.T) {
	calls := 2000
	if n, err := strconv.Atoi(os.Getenv("RINGBOOK_BENCH_CALLS")); err == nil {
		calls = n // to see how long a great log takes
	}
	d := old(t, 24)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	err := pgx.BeginFunc(t.Context(), d.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, oldCalls, calls)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sums := func() (all [5]string) {
		if calls > 10_000 {
			return all
		}
		for i, sql := range []string{
			`SELECT id, version, caller_raw, number, queue_id, started_at, match_rule FROM call`,
			`SELECT call_id, id, channel, endpoint, offered_at FROM call_leg`,
			`SELECT call_id, agent_id, started_at FROM call_agent`,
			`SELECT call_id, note, updated_at FROM call_annotation`,
			`SELECT call_id, id, note, written_at FROM call_note`,
		} {
			all[i] = ask[string](t, d, fmt.Sprintf(`SELECT count(*) || ' ' || md5(string_agg(r::text, ',' ORDER BY r::text)) FROM (%s) r`, sql))
		}
		return all
	}
	before := sums()
	began := time.Now()
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls in %s", calls, time.Since(began))
	if after := sums(); after != before {
		t.Errorf("before %v\nafter  %v", before, after)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM call_rest`); n != 2 {
		t.Errorf("%d calls are of no month, want those two whose clocks were wrong", n)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'call'::regclass`); n != 15 {
		t.Errorf("%d tables of calls, want those of 14 months and the rest", n)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM call WHERE tableoid <> 'call_rest'::regclass AND to_regclass('call' || to_char(started_at AT TIME ZONE 'UTC', '_YYYY_MM')) <> tableoid`); n != 0 {
		t.Errorf("%d calls are in another month's table", n)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM call WHERE cardinality(agents) = 2 AND search = 'sara '`); n != calls {
		t.Errorf("%d calls know their agents and are searched by their names alone, want %d", n, calls)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM call WHERE call_words(search, note_search, caller_number, dialed_number, number, customer_id, agents, direction, state, outcome, queue_id, started_at) @@ $$'sara' & 'قرار':* & 'o=answered'$$`); n != calls/10 {
		t.Errorf("%d calls have the word, want %d", n, calls/10)
	}
	// The version of before goes on writing, and numbers of notes go on.
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO call_note (call_id, note, written_at) SELECT id, 'x', now() FROM call LIMIT 1`); err != nil {
		t.Error(err)
	}
	if err := d.Migrate(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}
