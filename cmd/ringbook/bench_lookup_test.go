package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db/dbtest"
)

// benchLookup: the match of a number, with more and more numbers.
func benchLookup(b *testing.B) string {
	most := size("NUMBERS", 10_000_000)
	few := min(10_000, most)
	var rows string
	p99s := map[int]time.Duration{}
	floors := map[int]time.Duration{}
	for _, count := range []int{few, most} {
		p50, p99, floor := lookups(b, count)
		p99s[count], floors[count] = p99, floor
		rows += fmt.Sprintf("| %d numbers | %s | %s | %s |\n", count, ms(p50), ms(p99), ms(floor))
	}
	growth := float64(p99s[most]) / float64(p99s[few])
	b.ReportMetric(growth, "lookup-growth-p99")
	return fmt.Sprintf(`## Look-up by number

The match of a random known number, ten numbers to a customer, one after the other. The floor is a round trip to PostgreSQL that looks nothing up (`+"`SELECT 1`"+`).

| | p50 | p99 | floor p99 |
|---|---|---|---|
%s| **growth of the p99** (goal: at most 1.5) | | **%.2f** | %.2f |
`, rows, growth, float64(floors[most])/float64(floors[few]))
}

func lookups(b *testing.B, count int) (p50, p99, floor time.Duration) {
	b.Helper()
	ctx := context.Background()
	database := dbtest.New(b)
	conn, err := database.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	const each = 10
	began := time.Now()
	// Ids and keys like the real ones; written by the server itself, indexes afterwards.
	for _, sql := range []string{
		`SET statement_timeout = 0`, `SET maintenance_work_mem = '1GB'`,
		`DROP INDEX customer_search, customer_name, customer_tags, customer_number_key`,
		`ALTER TABLE customer_number DROP CONSTRAINT customer_number_customer_id_fkey, DROP CONSTRAINT customer_number_pkey`,
		fmt.Sprintf(`INSERT INTO customer (id, kind, name, search)
			SELECT ('01950000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'person', 'مشتری ' || n, 'مشتری ' || n FROM generate_series(0, %d) n`, count/each-1),
		fmt.Sprintf(`INSERT INTO customer_number (customer_id, position, key, raw, kind)
			SELECT ('01950000-0000-7000-8000-' || lpad(to_hex(n / %d), 12, '0'))::uuid, n %% %d, '+989' || lpad(((n::bigint * 7919) %% 1000000007)::text, 9, '0'), '', 'e164' FROM generate_series(0, %d) n`, each, each, count-1),
		`ALTER TABLE customer_number ADD PRIMARY KEY (customer_id, position)`,
		`CREATE INDEX customer_number_key ON customer_number (key, historic, customer_id)`,
		`VACUUM ANALYZE`, `RESET statement_timeout`,
	} {
		sqlCtx, cancel := context.WithTimeout(ctx, 10*time.Minute)
		_, err := conn.Exec(sqlCtx, sql)
		cancel()
		if err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
	conn.Release()
	b.Logf("made %d numbers in %s", count, time.Since(began).Round(time.Second))

	store := crm.NewStore(database, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR"}}, Log: slog.New(slog.DiscardHandler)})
	const warm, measured = 5_000, 20_000
	var all, floors []time.Duration
	for i := range warm + measured {
		n := rand.Int64N(int64(count))
		raw := fmt.Sprintf("+989%09d", n*7919%1000000007)
		start := time.Now()
		match, err := store.Match(ctx, crm.Query{Raw: raw})
		took := time.Since(start)
		if err != nil || match.Customer == nil {
			b.Fatalf("match %s: %v, %s", raw, err, match.Rule)
		}
		start = time.Now()
		if _, err := database.Pool().Exec(ctx, `SELECT 1`); err != nil {
			b.Fatal(err)
		}
		if i >= warm {
			all, floors = append(all, took), append(floors, time.Since(start))
		}
	}
	return percentile(all, .5), percentile(all, .99), percentile(floors, .99)
}
