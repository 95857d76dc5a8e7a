package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
)

// benchExport: a whole log as a file, beside COPY of the same rows to the same program, and what memory that takes.
func benchExport(b *testing.B) string {
	calls := size("EXPORT", 1_000_000)
	database := dbtest.New(b)
	fillCalls(b, database, calls)
	people := crm.NewStore(database, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR"}}})
	store := calllog.NewStore(database, people)
	admin, err := people.CreateAgent(context.Background(), crm.System, crm.AgentInput{Username: "boss", Role: crm.RoleAdmin})
	if err != nil {
		b.Fatal(err)
	}
	actor := crm.Actor{AgentID: admin.ID, Username: "boss", Role: crm.RoleAdmin}

	floor := copyOut(b, database)
	var rows string
	for _, format := range []calllog.ExportFormat{calllog.ExportCSV, calllog.ExportXLSX} {
		took, bytes, heap := exportAll(b, store, actor, format, int64(calls))
		rows += fmt.Sprintf("| %s, Persian, Jalali | %.0f | %d MB | %.1f MB | **%.2f** |\n", format, float64(calls)/took.Seconds(), bytes>>20,
			float64(heap)/(1<<20), took.Seconds()/floor.Seconds())
		b.ReportMetric(float64(calls)/took.Seconds(), string(format)+"-rows/s")
		b.ReportMetric(float64(heap)/(1<<20), string(format)+"-heap-MB")
		if heap > 128<<20 {
			b.Errorf("%s: the heap grew by %d MB: a file is not to be collected in memory", format, heap>>20)
		}
	}
	return fmt.Sprintf(`## Files of calls

All of %d calls with a note on every tenth and an agent in each, to a reader who takes all at once. The floor is `+"`COPY (SELECT …) TO STDOUT`"+` of the same columns of the same calls, with
the names of customers and agents joined, in one statement and one snapshot, read by the same program and thrown away. Heap is the most that was in use above what there was before.

| | calls per second | size | heap | time, as a ratio to the floor |
|---|---|---|---|---|
%s| floor: COPY TO STDOUT | %.0f | | | 1 |
`, calls, rows, float64(calls)/floor.Seconds())
}

// exportAll makes and takes a file, and tells how long that took, how large it is, and by how much the heap grew.
func exportAll(b *testing.B, store *calllog.Store, actor crm.Actor, format calllog.ExportFormat, calls int64) (took time.Duration, size int64, heap uint64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	e, err := store.CreateExport(ctx, actor, calllog.ExportInput{Format: format, Language: "fa", Calendar: calllog.CalendarJalali})
	if err != nil {
		b.Fatal(err)
	}
	run, err := store.StartExport(ctx, actor, e.ID, "bench")
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				if now.HeapInuse > before.HeapInuse {
					heap = max(heap, now.HeapInuse-before.HeapInuse)
				}
			}
		}
	})
	began := time.Now()
	err = run.Send(ctx, calllog.ExportReader{
		W: io.Discard, Interrupt: func() {}, May: func(context.Context) bool { return true }, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
	})
	took = time.Since(began)
	stop()
	watcher.Wait()
	if err != nil {
		b.Fatal(err)
	}
	if e, err = store.Export(ctx, actor, e.ID); err != nil || e.Rows != calls {
		b.Fatalf("%d calls were written, not %d: %v", e.Rows, calls, err)
	}
	return took, e.Bytes, heap
}

// copyOut is how long PostgreSQL takes to tell the same.
func copyOut(b *testing.B, database *db.DB) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	conn, err := database.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SET statement_timeout = 0`); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	_, err = conn.Conn().PgConn().CopyTo(ctx, io.Discard, `COPY (
		SELECT c.id, c.pbx, c.started_at, c.direction, c.state, c.outcome, c.caller_number, c.caller_raw, c.caller_name, c.caller_withheld,
			c.dialed_number, c.dialed_raw, c.queue, c.wait_ms, c.talk_ms, c.hold_ms, c.hangup_by, jsonb_array_length(c.transfers), c.partial,
			c.reconstructed, n.note, u.name, g.name, l.extension
		FROM call c LEFT JOIN call_annotation n ON n.call_id = c.id LEFT JOIN customer u ON u.id = c.customer_id
			LEFT JOIN call_leg l ON l.call_id = c.id AND l.role = 'agent' AND l.answered_at IS NOT NULL LEFT JOIN agent g ON g.id = l.agent_id
		ORDER BY c.started_at DESC, c.id DESC) TO STDOUT`)
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// fillCalls makes calls, one each ten seconds until now, with a customer and an agent each.
func fillCalls(b *testing.B, database *db.DB, calls int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	conn, err := database.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	agent, customer := uuid.New(), uuid.New()
	began := time.Now()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`SET statement_timeout = 0`, nil},
		{`SELECT make_call_month(m::date) FROM generate_series(date_trunc('month', now() - $1::int * interval '10 seconds'), now(), interval '1 month') m`, []any{calls}},
		{`INSERT INTO agent (id, username, name, role) VALUES ($1, 'neda', 'ندا', 'agent')`, []any{agent}},
		{`INSERT INTO customer (id, kind, name, search) VALUES ($1, 'person', 'سارا احمدی', '')`, []any{customer}},
		{`CREATE TEMP TABLE made AS SELECT overlay(gen_random_uuid()::text PLACING substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' FROM 1 FOR 15)::uuid AS id, n, at
			FROM generate_series(1, $1::int) n, LATERAL (SELECT now() - n * interval '10 seconds' AS at) a,
				LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS h) b`, []any{calls}},
		{`INSERT INTO call (id, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld, dialed_raw,
				dialed_number, number, trunk, queue, customer_ref, started_at, answered_at, ended_at, wait_ms, talk_ms, hold_ms, hangup_by, hangup_cause,
				hangup_text, transfers, partial, reconstructed, whole, search, match_rule, matched_id, candidates)
			SELECT id, 'main', 1, 'inbound', 'ended', 'answered', '0912' || n, '+98912' || n, 'Caller ' || n, false, '91001234',
				'+982191001234', '+98912' || n, '', 'support', '', at, at, at, 4000, 61000, 0, 'caller', 16, '', '[]', false, false, true,
				'', 'exact', $1, '{}' FROM made`, []any{customer}},
		{`INSERT INTO call_leg (call_id, id, version, channel, role, extension, number, agent_id, offered_at, answered_at, ended_at, ended_as,
				talk_ms, hold_ms, parent) SELECT id, '1', 1, '', 'agent', '1001', '', $1, at, at, at, 'hung_up', 61000, 0, '' FROM made`, []any{agent}},
		{`INSERT INTO call_annotation (call_id, note, updated_at) SELECT id, 'پیگیری سفارش شمارهٔ ' || n, at FROM made WHERE n % 10 = 0`, nil},
		{`DROP TABLE made`, nil},
		{`RESET statement_timeout`, nil},
	} {
		if _, err := conn.Exec(ctx, q.sql, q.args...); err != nil {
			b.Fatalf("%s: %v", q.sql, err)
		}
	}
	if _, err := conn.Exec(ctx, `VACUUM ANALYZE`); err != nil {
		b.Fatal(err)
	}
	b.Logf("made %d calls in %s", calls, time.Since(began).Round(time.Second))
}
