package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db"
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
	fill(b, database, count/10, 10)

	store := crm.NewStore(database, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR"}}, Log: slog.New(slog.DiscardHandler)})
	const warm, measured = 5_000, 20_000
	var all, floors []time.Duration
	for i := range warm + measured {
		raw := "+98" + filledNumber(rand.IntN(count))[1:]
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

// fill makes customers with so many numbers each. The server writes them itself, indexes afterwards; all indexes are
// there when it returns.
func fill(b *testing.B, database *db.DB, customers, each int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	conn, err := database.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	began := time.Now()
	for _, sql := range []string{
		`SET statement_timeout = 0`, `SET maintenance_work_mem = '1GB'`,
		`DROP INDEX customer_search, customer_name, customer_tags, customer_number_key`,
		`ALTER TABLE customer_number DROP CONSTRAINT customer_number_customer_id_fkey, DROP CONSTRAINT customer_number_pkey`,
		fmt.Sprintf(`INSERT INTO customer (id, kind, name, search)
			SELECT ('01950000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'person', 'مشتری ' || n, 'مشتری ' || n FROM generate_series(0, %d) n`, customers-1),
		fmt.Sprintf(`INSERT INTO customer_number (customer_id, position, key, raw, kind)
			SELECT ('01950000-0000-7000-8000-' || lpad(to_hex(n / %d), 12, '0'))::uuid, n %% %d, '+989' || lpad(((n::bigint * 7919) %% 999999937)::text, 9, '0'), '', 'e164'
			  FROM generate_series(0, %d) n`, each, each, customers*each-1),
		`ALTER TABLE customer_number ADD PRIMARY KEY (customer_id, position)`,
		`ALTER TABLE customer_number ADD FOREIGN KEY (customer_id) REFERENCES customer NOT VALID`,
		`CREATE INDEX customer_number_key ON customer_number (key, historic, customer_id)`,
		`CREATE INDEX customer_name ON customer (name, id) WHERE archived_at IS NULL`,
		`CREATE INDEX customer_search ON customer USING gin (search gin_trgm_ops)`,
		`CREATE INDEX customer_tags ON customer USING gin (tags)`,
		`VACUUM ANALYZE customer, customer_number`, `RESET statement_timeout`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
	b.Logf("made %d customers with %d numbers each in %s", customers, each, time.Since(began).Round(time.Second))
}

// filledNumber is the nth number that fill makes, as a trunk delivers it.
func filledNumber(n int) string { return fmt.Sprintf("09%09d", int64(n)*7919%999999937) }
