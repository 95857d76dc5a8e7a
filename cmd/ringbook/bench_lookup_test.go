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

// benchLookup: the match of a number, with few numbers and with many. The two databases and the floor take turns.
func benchLookup(b *testing.B) string {
	most := size("NUMBERS", 10_000_000)
	few := newLookups(b, min(10_000, most))
	many := newLookups(b, most)
	const warm, turns, turn = 5_000, 20, 1_000
	few.measure(b, warm)
	many.measure(b, warm)
	few.took, few.floor, many.took, many.floor = nil, nil, nil, nil
	for range turns {
		few.measure(b, turn)
		many.measure(b, turn)
	}
	var rows string
	for _, l := range []*lookups{few, many} {
		rows += fmt.Sprintf("| %d numbers | %s | %s | %s | %s |\n", l.count,
			ms(percentile(l.took, .5)), ms(percentile(l.took, .99)), ms(percentile(l.floor, .5)), ms(percentile(l.floor, .99)))
	}
	growth := func(share float64) string { return ratio(percentile(many.took, share), percentile(few.took, share)) }
	floor := func(share float64) string { return ratio(percentile(many.floor, share), percentile(few.floor, share)) }
	b.ReportMetric(float64(percentile(many.took, .99))/float64(percentile(few.took, .99)), "lookup-growth-p99")
	b.ReportMetric(percentile(many.took, .99).Seconds()*1e6, "lookup-p99-µs")
	return fmt.Sprintf(`## Look-up by number

The match of a random known number, ten numbers to a customer, one after the other; the two sizes take turns. The floor, in turn with both, is a round trip to
PostgreSQL that looks nothing up (`+"`SELECT 1`"+`).

| | p50 | p99 | floor p50 | floor p99 |
|---|---|---|---|---|
%s| **growth** | %s | **%s** | %s | %s |

The goals: p99 at most 1 ms, growing at most 1.5 times.
`, rows, growth(.5), growth(.99), floor(.5), floor(.99))
}

// lookups are what look-ups took in a database with so many numbers.
type lookups struct {
	count       int
	database    *db.DB
	store       *crm.Store
	took, floor []time.Duration
}

func newLookups(b *testing.B, count int) *lookups {
	b.Helper()
	database := dbtest.New(b)
	fill(b, database, count/10, 10)
	return &lookups{
		count: count, database: database,
		store: crm.NewStore(database, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR"}}, Log: slog.New(slog.DiscardHandler)}),
	}
}

func (l *lookups) measure(b *testing.B, times int) {
	b.Helper()
	ctx := context.Background()
	for range times {
		raw := "+98" + filledNumber(rand.IntN(l.count))[1:]
		start := time.Now()
		match, err := l.store.Match(ctx, crm.Query{Raw: raw})
		l.took = append(l.took, time.Since(start))
		if err != nil || match.Customer == nil {
			b.Fatalf("match %s: %v, %s", raw, err, match.Rule)
		}
		start = time.Now()
		if _, err := l.database.RingPool().Exec(ctx, `SELECT 1`); err != nil {
			b.Fatal(err)
		}
		l.floor = append(l.floor, time.Since(start))
	}
}

// fill makes customers with so many numbers each. The server writes them itself, indexes afterwards; all indexes are
// there when it returns.
func fill(b testing.TB, database *db.DB, customers, each int) {
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
