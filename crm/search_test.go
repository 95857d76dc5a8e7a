package crm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func search(t testing.TB, s *Store, f CustomerFilter) (names []string) {
	t.Helper()
	for _, c := range must(s.Customers(t.Context(), System, f))(t).Items {
		names = append(names, c.Name)
	}
	return names
}

func TestCustomers_SearchFoldsPersian(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	org := must(s.CreateCustomer(ctx, System, CustomerInput{Kind: Organization, Name: "شرکت نوین‌پرداز", Numbers: numbers("021-88881234")}))(t)
	must(s.CreateCustomer(ctx, System, CustomerInput{Name: "علي كريمي", Numbers: numbers("0912 123 4567"), OrganizationID: &org.ID, Tags: []string{"ویژه"}, Reference: "C-77"}))(t)
	person(t, s, "Élodie Martin", "+33 6 98 76 54 32")
	for q, want := range map[string]string{
		"علی کریمی": "علي كريمي", "علي": "علي كريمي", "کریم": "علي كريمي", "كريمي علي": "علي كريمي",
		"نوینپرداز": "شرکت نوین‌پرداز علي كريمي", "نوین‌پرداز": "شرکت نوین‌پرداز علي كريمي", "شرکت": "شرکت نوین‌پرداز علي كريمي",
		"0912123": "علي كريمي", "۰۹۱۲ ۱۲۳": "علي كريمي", "+98912123": "علي كريمي", "0098912": "علي كريمي", "4567": "علي كريمي", "345": "علي كريمي",
		"0912 123 4567": "علي كريمي", "2109121234567": "علي كريمي", "021-8888": "شرکت نوین‌پرداز", "ویژه": "علي كريمي", "c-77": "علي كريمي",
		"elodie": "Élodie Martin", "ELO mar": "Élodie Martin", "el": "Élodie Martin", "lo": "", "ع": "علي كريمي", "ی": "",
		"علی رضا": "", "100%": "", "_": "شرکت نوین‌پرداز علي كريمي Élodie Martin", "'; --": "شرکت نوین‌پرداز علي كريمي Élodie Martin",
	} {
		got := search(t, s, CustomerFilter{Q: q})
		slices.Sort(got)
		w := []string{}
		for _, n := range []string{"شرکت نوین‌پرداز", "علي كريمي", "Élodie Martin"} {
			if strings.Contains(want, n) {
				w = append(w, n)
			}
		}
		slices.Sort(w)
		if !slices.Equal(got, w) {
			t.Errorf("search %q = %q, want %q", q, got, w)
		}
	}
	// An organization's new name finds its persons.
	must(s.UpdateCustomer(ctx, System, org.ID, CustomerPatch{Name: ptr("بازرگانی البرز")}))(t)
	if got := search(t, s, CustomerFilter{Q: "البرز علی"}); !slices.Equal(got, []string{"علي كريمي"}) {
		t.Errorf("by the new name: %q", got)
	}
	if got := search(t, s, CustomerFilter{Q: "نوین"}); len(got) != 0 {
		t.Errorf("by the old name: %q", got)
	}
}

func TestCustomers_PersianOrderAndKeysetPages(t *testing.T) {
	s := newStore(t)
	// In Persian پ follows ب and گ follows ک; by code point neither does.
	want := []string{"آرش", "بابک", "پریسا", "جواد", "چنگیز", "ژاله", "کامران", "گلناز", "لیلا", "وحید", "هادی", "یاسمن"}
	mixed := slices.Clone(want)
	slices.Reverse(mixed)
	for _, n := range mixed {
		person(t, s, n)
		person(t, s, n)
	}
	var got []string
	seen := map[uuid.UUID]bool{}
	f := CustomerFilter{Limit: 5}
	for {
		page := must(s.Customers(t.Context(), System, f))(t)
		for _, c := range page.Items {
			if seen[c.ID] {
				t.Fatalf("%s is on two pages", c.Name)
			}
			seen[c.ID] = true
			got = append(got, c.Name)
		}
		if page.Next == nil {
			break
		}
		if len(page.Items) != 5 {
			t.Fatalf("a page of %d before the last", len(page.Items))
		}
		f.Cursor = *page.Next
	}
	if len(got) != 24 || !slices.Equal(slices.Compact(got), want) {
		t.Errorf("order %q", got)
	}
}

func TestCustomers_Filters(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	org := must(s.CreateCustomer(ctx, System, CustomerInput{Kind: Organization, Name: "org"}))(t)
	p := must(s.CreateCustomer(ctx, System, CustomerInput{Name: "member", OrganizationID: &org.ID, Tags: []string{"vip"}}))(t)
	old := person(t, s, "old")
	must(s.ArchiveCustomer(ctx, System, old.ID))(t)
	for _, c := range []struct {
		f    CustomerFilter
		want []string
	}{
		{CustomerFilter{}, []string{"member", "org"}},
		{CustomerFilter{Kind: Organization}, []string{"org"}},
		{CustomerFilter{OrganizationID: &org.ID}, []string{"member"}},
		{CustomerFilter{Tag: "vip"}, []string{"member"}},
		{CustomerFilter{Tag: "vi"}, nil},
		{CustomerFilter{Archived: true}, []string{"old"}},
		{CustomerFilter{Q: "org", Kind: Person}, []string{"member"}},
	} {
		if got := search(t, s, c.f); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
	_ = p
	_, err := s.Customers(ctx, System, CustomerFilter{Limit: 101, Kind: "x", Tag: "\x00", Q: "\xff", Cursor: "?"})
	wantFields(t, err, "limit", "kind", "tag", "q", "cursor")
	for _, cursor := range []string{"AAAA", "eyJuIjoiXHUwMDAwIn0", strings.Repeat("A", 5000)} {
		_, err := s.Customers(ctx, System, CustomerFilter{Cursor: cursor})
		wantFields(t, err, "cursor")
	}
}

func TestCustomers_UsesIndexes(t *testing.T) {
	s := newStore(t)
	seed(t, s, 20_000)
	exec(t, s, `ANALYZE`)
	some := must(s.Customers(t.Context(), System, CustomerFilter{Limit: 1, Q: "محمدی"}))(t).Items[0]
	for _, f := range []CustomerFilter{
		{},
		{Q: "محمدی"},
		{Q: "علی محمدی"},
		{Q: "0912"},
		{Q: "12345"},
		{Q: "zzzz"},
		{Q: "ع"},
		{Q: "شرکت"},
		{Tag: "ویژه"},
		{OrganizationID: ptr(newDemo().id(0))},
		{Archived: true},
		{Kind: Organization},
		{Cursor: nameCursor{some.Name, some.ID}.String()},
		{Q: "محمدی", Cursor: nameCursor{some.Name, some.ID}.String()},
	} {
		sql, args, _, err := s.customersQuery(f)
		if err != nil {
			t.Fatal(err)
		}
		if plan := explain(t, s, sql, args...); strings.Contains(plan, "Seq Scan") {
			t.Errorf("%+v:\n%s", f, plan)
		}
	}
}

// BenchmarkMillion loads a million customers and measures a look-up by number and the first page of searches.
func BenchmarkMillion(b *testing.B) {
	s := newStore(b)
	const n = 1_000_000
	started := time.Now()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
	defer cancel()
	conn, err := s.db.Pool().Acquire(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	run := func(sql string) error {
		_, err := conn.Exec(ctx, sql)
		return err
	}
	load := func() error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return s.copyCustomers(ctx, tx, n) })
	}
	if err := errors.Join(
		run(`SET statement_timeout = 0`), run(`SET maintenance_work_mem = '512MB'`),
		run(`DROP INDEX customer_search`), load(), run(`CREATE INDEX customer_search ON customer USING gin (search gin_trgm_ops)`),
		run(`VACUUM ANALYZE customer`), run(`VACUUM ANALYZE customer_number`),
	); err != nil {
		b.Fatal(err)
	}
	b.Logf("loaded %d customers in %v", n, time.Since(started).Round(time.Second))
	known := DemoNumbers(10_000)
	b.Run("match", func(b *testing.B) {
		took := make([]time.Duration, 0, b.N)
		for i := 0; b.Loop(); i++ {
			t := time.Now()
			match(b, s, Query{Raw: known[i*7919%len(known)]})
			took = append(took, time.Since(t))
		}
		report(b, took)
	})
	for _, q := range []string{"", "محمدی", "علی محمدی", "رضا شرکت البرز", "0912", "0912123", "1234567", "ع", "zzzz", "پیگیری ویژه"} {
		b.Run(fmt.Sprintf("search=%q", q), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				t := time.Now()
				search(b, s, CustomerFilter{Q: q})
				took = append(took, time.Since(t))
			}
			report(b, took)
		})
	}
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
