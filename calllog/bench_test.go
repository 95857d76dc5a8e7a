package calllog

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

var report = flag.String("report", "", "write what was measured of the log to this Markdown file")

// benchFilter is a filter with other values each time.
type benchFilter struct {
	name  string
	actor crm.Actor
	make  func(r *rand.Rand, l *benchLog) Filter
}

var (
	benchAdmin  = crm.Actor{AgentID: benchAgent(0), Role: crm.RoleAdmin}
	benchLeader = crm.Actor{AgentID: benchAgent(1), Role: crm.RoleSupervisor, Teams: []uuid.UUID{benchTeam(3)}}
	benchOne    = crm.Actor{AgentID: benchAgent(77), Role: crm.RoleAgent}
)

// benchParts are the filters of GET /calls, of which any two are measured together.
func benchParts() []benchFilter {
	any := func(all ...string) func(r *rand.Rand) string {
		return func(r *rand.Rand) string { return all[r.IntN(len(all))] }
	}
	outcomes := any("answered", "missed", "abandoned", "busy", "failed", "voicemail", "cancelled")
	directions := any("inbound", "outbound", "internal")
	words := any("سارا", "karimi", "قرارداد", "refund", "contr", "تع", "از", "of", "نادرترین", "نیست", "سارا احمدی", "4915", "981", "1234567", "peter inv")
	part := func(name string, set func(f *Filter, r *rand.Rand, l *benchLog)) benchFilter {
		return benchFilter{name, benchAdmin, func(r *rand.Rand, l *benchLog) (f Filter) {
			set(&f, r, l)
			return f
		}}
	}
	return []benchFilter{
		part("day", func(f *Filter, r *rand.Rand, _ *benchLog) {
			f.From = time.Now().AddDate(0, 0, -r.IntN(365*benchYears)).Truncate(24 * time.Hour)
			f.To = f.From.AddDate(0, 0, 1)
		}),
		part("direction", func(f *Filter, r *rand.Rand, _ *benchLog) { f.Direction = pbx.Direction(directions(r)) }),
		part("outcome", func(f *Filter, r *rand.Rand, _ *benchLog) { f.Outcome = pbx.Outcome(outcomes(r)) }),
		part("state", func(f *Filter, r *rand.Rand, _ *benchLog) {
			f.State = []pbx.State{pbx.StateEnded, pbx.StateRinging}[r.IntN(2)]
		}),
		part("queue", func(f *Filter, r *rand.Rand, _ *benchLog) { f.Queue = benchQueue(r.IntN(benchQueues)) }),
		part("agent", func(f *Filter, r *rand.Rand, _ *benchLog) { // every tenth time one who has left
			f.Agent = benchAgent(r.IntN(benchAgents))
			if r.IntN(10) == 0 {
				f.Agent = benchAgent(r.IntN(5))
			}
		}),
		part("number", func(f *Filter, r *rand.Rand, l *benchLog) {
			f.Number = benchNumber(r.IntN([]int{3, l.customers * 2, 900_000_000}[r.IntN(3)]))
		}),
		part("customer", func(f *Filter, r *rand.Rand, l *benchLog) {
			f.Customer = benchCustomer(r.IntN([]int{3, l.customers}[r.IntN(2)]))
		}),
		part("q", func(f *Filter, r *rand.Rand, _ *benchLog) { f.Q = words(r) }),
	}
}

// benchFilters are those that are measured: none, each, any two, and all again for a supervisor and an agent.
func benchFilters() []benchFilter {
	parts := benchParts()
	none := benchFilter{"none", benchAdmin, func(*rand.Rand, *benchLog) Filter { return Filter{} }}
	all := append([]benchFilter{none}, parts...)
	for i, a := range parts {
		for _, b := range parts[i+1:] {
			all = append(all, benchFilter{a.name + " + " + b.name, benchAdmin, func(r *rand.Rand, l *benchLog) Filter {
				return both(a.make(r, l), b.make(r, l))
			}})
		}
	}
	for _, who := range []struct {
		name  string
		actor crm.Actor
	}{{"a supervisor's", benchLeader}, {"an agent's own", benchOne}} {
		for _, p := range append([]benchFilter{none}, parts...) {
			all = append(all, benchFilter{who.name + ": " + p.name, who.actor, p.make})
		}
	}
	return all
}

func both(a, b Filter) Filter {
	if !b.From.IsZero() {
		a.From, a.To = b.From, b.To
	}
	if b.Direction != "" {
		a.Direction = b.Direction
	}
	if b.Outcome != "" {
		a.Outcome = b.Outcome
	}
	if b.State != "" {
		a.State = b.State
	}
	if b.Queue != "" {
		a.Queue = b.Queue
	}
	if b.Agent != uuid.Nil {
		a.Agent = b.Agent
	}
	if b.Number != "" {
		a.Number = b.Number
	}
	if b.Customer != uuid.Nil {
		a.Customer = b.Customer
	}
	if b.Q != "" {
		a.Q = b.Q
	}
	return a
}

// benchResult is what one filter took in one log.
type benchResult struct {
	p50, p95 time.Duration
	again    time.Duration // p95 of what was asked a moment ago: all that it reads is in memory
	calls    float64       // on a page
	slowest  Filter
	most     time.Duration
}

// BenchmarkLog measures the first page of every filter, and of any two at once, with ten thousand calls and with more, and
// writes the report. Run by make bench; RINGBOOK_BENCH_CALLS is the size of the greatest log, RINGBOOK_BENCH_TIMES how often
// each is asked.
func BenchmarkLog(b *testing.B) {
	for b.Loop() {
		benchmarkLog(b)
	}
}

func fromEnvironment(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return usual
}

func benchmarkLog(b *testing.B) {
	most, times := fromEnvironment("RINGBOOK_BENCH_CALLS", 10_000_000), fromEnvironment("RINGBOOK_BENCH_TIMES", 60)
	var logs []*benchLog
	for n := 10_000; n < most; n *= 10 {
		logs = append(logs, newBenchLog(b, n))
	}
	logs = append(logs, newBenchLog(b, most))
	first, last := 0, len(logs)-1
	filters := benchFilters()
	results := make([][]benchResult, len(filters))
	for i, f := range filters {
		results[i] = make([]benchResult, len(logs))
		for j, l := range logs {
			results[i][j] = l.measure(b, f, times)
		}
		b.Logf("%-40s p95 %s … %s", f.name, results[i][first].p95, results[i][last].p95)
	}
	others := benchOthers(b, logs, times)

	worst := make([]int, len(filters))
	for i := range worst {
		worst[i] = i
	}
	slices.SortStableFunc(worst, func(i, j int) int { return int(results[j][last].p95 - results[i][last].p95) })
	b.ReportMetric(results[worst[0]][last].p95.Seconds()*1e3, "worst-p95-ms")
	if *report == "" {
		return
	}
	var t strings.Builder
	fmt.Fprintf(&t, "# The call log at size\n\nWritten by `make bench`, %s, on %s with %d cores, shared with PostgreSQL, which has its usual 256 MB: ", time.Now().UTC().Format(time.DateOnly), runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(&t, `the first page (50 calls with their legs, names and
notes, ready as JSON's values) of each filter of `+"`GET /calls`"+` and of any two at once, %d times with other values each time: frequent, rare and such as no call has.
Every log is of three years until now, in 36 tables of months, with six legs to a call; what differs is how many calls a month has. The goal: p95 at most 20 ms, growing at
most twice from ten thousand calls to the most. In a small log what two filters ask for is often nowhere: a page that is empty there and has fifty calls, with 350 legs, in a great
log takes longer there for what is on it, 3 ms or so, and not for what was looked through; how many calls were on the page stands beside.

How it is done: what is frequent is found among the newest calls, along an index, and what is rare by its words, from one month's table after another, by statements that
a connection prepares once for each month, with their plans (`+"`calllog/gather.go`"+`). To have looked through all 36 months in vain takes about 2 ms that way; to plan over them took 4 to 28 ms.

| calls | made by COPY, with all indexes, in | on disk |
|---|---|---|
`, times)
	for _, l := range logs {
		fmt.Fprintf(&t, "| %d | %s | %.1f GB |\n", l.calls, l.took.Round(time.Second), float64(l.bytes)/(1<<30))
	}
	t.WriteString("\n## The first page\n\np50 / p95 in ms (calls on a page, on average); the growth is that of p95. The last column is the p95 of the greatest\nlog for the same question asked again at once: the difference is what was read from the disk, on which a log of that size lies that does not fit into memory.\n\n| filter |")
	for _, l := range logs {
		fmt.Fprintf(&t, " %d |", l.calls)
	}
	t.WriteString(" growth | again |\n|---|" + strings.Repeat("---|", len(logs)+2) + "\n")
	slow, cold, grown, fuller := 0, 0, 0, 0
	for i, f := range filters {
		fmt.Fprintf(&t, "| %s |", f.name)
		for _, r := range results[i] {
			fmt.Fprintf(&t, " %s / %s (%.0f) |", inMS(r.p50), inMS(r.p95), r.calls)
		}
		growth := float64(results[i][last].p95) / float64(results[i][first].p95)
		fmt.Fprintf(&t, " %.1f | %s |\n", growth, inMS(results[i][last].again))
		if results[i][last].p95 > 20*time.Millisecond {
			slow++
			if results[i][last].again <= 20*time.Millisecond {
				cold++
			}
		}
		if growth > 2 {
			grown++
			if results[i][last].calls > 2*results[i][first].calls {
				fuller++
			}
		}
	}
	fmt.Fprintf(&t, "\nOf %d filters, %d take longer than 20 ms in the greatest log, %d of these not when asked again, and %d grow more than twice, %d of these with more than twice as many calls on the page.\n\n## What else reads the log\n\n%s\n", len(filters), slow, cold, grown, fuller, others)
	t.WriteString("## The plans of the slowest\n\nOf the three filters with the greatest p95 with the most calls, the slowest of all queries that their slowest page was made of.\n")
	for _, i := range worst[:3] {
		f := filters[i]
		fmt.Fprintf(&t, "\n### %s\n\n%s\n", f.name, logs[last].explain(b, f.actor, results[i][last].slowest))
	}
	if err := os.WriteFile(*report, []byte(t.String()), 0o644); err != nil {
		b.Fatal(err)
	}
}

func inMS(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

func shareOf(took []time.Duration, share float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(share*float64(len(took))))]
}

func (l *benchLog) measure(b *testing.B, f benchFilter, times int) (res benchResult) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	took, again := make([]time.Duration, 0, times), make([]time.Duration, 0, times)
	for n := range times + 5 {
		filter := f.make(r, l)
		began := time.Now()
		page, err := l.store.Calls(context.Background(), f.actor, filter)
		if err != nil {
			b.Fatalf("%s of %d calls: %v", f.name, l.calls, err)
		}
		if n < 5 {
			continue
		}
		d := time.Since(began)
		began = time.Now()
		if _, err := l.store.Calls(context.Background(), f.actor, filter); err != nil {
			b.Fatalf("%s of %d calls: %v", f.name, l.calls, err)
		}
		again = append(again, time.Since(began))
		res.calls += float64(len(page.Items)) / float64(times)
		if took = append(took, d); d > res.most {
			res.most, res.slowest = d, filter
		}
	}
	res.p50, res.p95, res.again = shareOf(took, .5), shareOf(took, .95), shareOf(again, .95)
	return res
}

// explain is the plan of the slowest query of a page.
func (l *benchLog) explain(b *testing.B, a crm.Actor, f Filter) string {
	b.Helper()
	ctx := context.Background()
	scope, err := listScope(a, f)
	if err != nil {
		b.Fatal(err)
	}
	list, err := l.store.list(ctx, a, scope, f)
	if err != nil {
		b.Fatal(err)
	}
	asked := &asking{pooled: pooled{l.db.Pool()}}
	if _, err := list.keys(ctx, asked, list.limit+1); err != nil {
		b.Fatal(err)
	}
	slowest, slow := "", time.Duration(0)
	var planning, total time.Duration
	for _, q := range asked.queries {
		began := time.Now()
		plan, err := q.explain(ctx, l.db, "COSTS OFF, SUMMARY")
		if err != nil {
			b.Fatal(err)
		}
		_, said, _ := strings.Cut(plan, "\nPlanning Time: ")
		if ms, err := strconv.ParseFloat(strings.Fields(said)[0], 64); err == nil {
			planning += time.Duration(ms * float64(time.Millisecond))
		}
		total += time.Since(began)
		if took := time.Since(began); took > slow {
			slowest, slow = plan, took
		}
	}
	lines := strings.SplitAfter(slowest, "\n")
	for i, line := range lines {
		if most := 400; len(line) > most {
			lines[i] = strings.ToValidUTF8(line[:most], "") + " …\n"
		}
	}
	if most := 45; len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… and %d lines more\n", len(lines)-most))
	}
	asks, err := json.Marshal(f)
	if err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf("`%s`, %d queries for its keys; planning %s, all in all %s\n\n```\n%s```", asks, len(asked.queries), planning, total, strings.Join(lines, ""))
}

// benchOthers measures what else reads a log of any size.
func benchOthers(b *testing.B, logs []*benchLog, times int) string {
	ctx := context.Background()
	t := "p50 / p95 in ms.\n\n| |"
	for _, l := range logs {
		t += fmt.Sprintf(" %d |", l.calls)
	}
	t += "\n|---|" + strings.Repeat("---|", len(logs)) + "\n"
	for _, x := range []struct {
		name string
		ask  func(r *rand.Rand, l *benchLog) error
	}{
		{"the last calls of a customer who rings", func(r *rand.Rand, l *benchLog) error {
			_, err := l.store.LastCalls(ctx, []uuid.UUID{benchCustomer(r.IntN(l.customers))}, "", 5)
			return err
		}},
		{"the last calls of a number that never called", func(r *rand.Rand, l *benchLog) error {
			_, err := l.store.LastCalls(ctx, nil, benchNumber(900_000_000+r.IntN(1000)), 5)
			return err
		}},
		{"one call", func(r *rand.Rand, l *benchLog) error {
			page, err := l.store.Calls(ctx, benchAdmin, Filter{Limit: 1})
			if err == nil {
				_, err = l.store.Call(ctx, benchAdmin, page.Items[0].ID)
			}
			return err
		}},
		{"the estimate of any two filters", func(r *rand.Rand, l *benchLog) error {
			parts := benchParts()
			_, err := l.store.Estimate(ctx, benchAdmin, both(parts[r.IntN(len(parts))].make(r, l), parts[r.IntN(len(parts))].make(r, l)))
			return err
		}},
		{"the first page of phones", func(r *rand.Rand, l *benchLog) error {
			_, err := l.store.Phones(ctx, benchAdmin, PhoneFilter{PBXs: []string{"main"}})
			return err
		}},
		{"what is open when an exchange is back", func(r *rand.Rand, l *benchLog) error {
			w := &Watch{db: l.db}
			_, err := w.open(ctx, "main", pbx.Standing{At: time.Now(), Clock: time.Now()})
			return err
		}},
		{"what a standby compares, 100 calls", func(r *rand.Rand, l *benchLog) error {
			rec := &Recorder{cfg: RecorderConfig{DB: l.db}}
			calls := make([]*pbx.Call, 100)
			for i := range calls {
				calls[i] = &pbx.Call{ID: pbx.CallID("main", strconv.Itoa(i), time.Now().Add(-time.Minute))}
			}
			_, err := rec.told(ctx, calls)
			return err
		}},
	} {
		t += "| " + x.name + " |"
		for _, l := range logs {
			r := rand.New(rand.NewPCG(3, 4))
			took := make([]time.Duration, 0, times)
			for n := range times + 5 {
				began := time.Now()
				if err := x.ask(r, l); err != nil {
					b.Fatalf("%s of %d calls: %v", x.name, l.calls, err)
				}
				if n >= 5 {
					took = append(took, time.Since(began))
				}
			}
			t += fmt.Sprintf(" %s / %s |", inMS(shareOf(took, .5)), inMS(shareOf(took, .95)))
		}
		t += "\n"
		b.Log(strings.TrimSpace(t[strings.LastIndex(strings.TrimSpace(t), "\n"):]))
	}
	return t
}
