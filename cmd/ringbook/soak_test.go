package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

var soakTime = flag.Duration("soak", 10*time.Minute, "how long BenchmarkSoak places calls")

const (
	soakRate    = 20               // calls per second
	soakSockets = 200              // browsers
	soakEvery   = 20 * time.Second // between two faults
	catchUp     = 5 * time.Minute  // that the log may take to be complete, after the last call
)

// soakKind is one kind of the calls of the soak.
type soakKind struct {
	name    string
	rate    int    // per second
	prefix  string // of the callers' numbers: no two calls come from the same
	phones  []string
	does    pbxtest.Behaviour
	dialled func(phone string) string
	giveUp  time.Duration
	talk    time.Duration
	// right says whether a record may tell this of such a call. What the exchange does with it is certain but for a few that
	// come at a moment when the machine is slow; faults change nothing of it, unless nobody saw it.
	right func(outcome string) bool
}

// caller is the number of the nth caller.
func (k soakKind) caller(n int) string { return fmt.Sprintf("%s%06d", k.prefix, n) }

func direct(phone string) string { return "9101" + phone }

func is(outcomes ...pbx.Outcome) func(string) bool {
	return func(got string) bool { return slices.Contains(outcomes, pbx.Outcome(got)) }
}

// soakKinds is the mix. Their rates add up to soakRate.
func soakKinds() []soakKind {
	extensions := func(from, to int) (all []string) {
		for n := from; n <= to; n++ {
			all = append(all, fmt.Sprint(n))
		}
		return all
	}
	return []soakKind{
		{
			name: "answered", rate: 12, prefix: "09351", phones: extensions(1011, 1026), dialled: direct, talk: 1500 * time.Millisecond,
			does: pbxtest.Behaviour{Answer: true, Ring: 300 * time.Millisecond}, right: is(pbx.Answered),
		},
		{
			name: "busy", rate: 3, prefix: "09352", phones: extensions(1027, 1028), dialled: direct,
			does: pbxtest.Behaviour{Refuse: "486 Busy Here"}, right: is(pbx.Missed, pbx.Busy),
		},
		{
			name: "given-up", rate: 3, prefix: "09353", phones: extensions(1029, 1030), dialled: direct, giveUp: 700 * time.Millisecond,
			right: is(pbx.Missed),
		},
		{
			name: "queue", rate: 2, prefix: "09354", phones: []string{"1003"}, dialled: func(string) string { return "91001252" }, talk: time.Second,
			does: pbxtest.Behaviour{Answer: true, Ring: 200 * time.Millisecond}, right: is(pbx.Answered),
		},
	}
}

// BenchmarkSoak is make soak: two nodes, a real Asterisk with a steady mix of calls, browsers, and a fault every 20 s. What
// counts is that every call that was placed is in the log, once. It writes its report into the file of the benchmarks.
func BenchmarkSoak(b *testing.B) {
	if b.N > 1 {
		b.Fatal("run it with -benchtime 1x")
	}
	s := newSoak(b, *soakTime)
	s.place(func(ctx context.Context) {
		faults, next := s.faults(), 0
		for at := range ticks(ctx, soakEvery) {
			if at.Sub(s.began) > *soakTime-soakEvery {
				return
			}
			s.cause(faults[next%len(faults)])
			next++
		}
	})
	s.publish(soakHeading, fmt.Sprintf("Two nodes, and a fault every %v.", soakEvery))
}

var awayTime = flag.Duration("away", 10*time.Minute, "how long PostgreSQL is away in BenchmarkAway")

const awayHeading = "## PostgreSQL away"

// BenchmarkAway is the part of make soak in which PostgreSQL is away for long, under the same calls.
func BenchmarkAway(b *testing.B) {
	if b.N > 1 {
		b.Fatal("run it with -benchtime 1x")
	}
	const before, after = 20 * time.Second, 40 * time.Second
	s := newSoak(b, before+*awayTime+after)
	s.place(func(context.Context) {
		<-time.After(before)
		o := mishap{name: fmt.Sprintf("PostgreSQL is away for %v", *awayTime), began: time.Now()}
		stopCluster(b, s.cluster)
		<-time.After(*awayTime)
		s.cluster = startCluster(b, s.folder)
		o.end = time.Now()
		s.mishaps = append(s.mishaps, o)
	})
	s.publish(awayHeading, fmt.Sprintf("Two nodes; PostgreSQL is stopped after %v, and back %v later.", before, *awayTime))
}

// place places calls, causes trouble meanwhile, and returns when all calls are over and both nodes are well.
func (s *soak) place(trouble func(context.Context)) {
	s.began = time.Now()
	var loads []*pbxtest.Load
	for _, kind := range soakKinds() {
		spec := pbxtest.LoadSpec{Rate: kind.rate, GiveUp: kind.giveUp, Talk: kind.talk}
		for n := range int(s.lasts.Seconds()) * kind.rate {
			call := pbxtest.LoadCall{From: kind.caller(n), To: kind.dialled(kind.phones[n%len(kind.phones)])}
			s.placed[call.From] = kind.name
			spec.Calls = append(spec.Calls, call)
		}
		loads = append(loads, s.exchange.Load(kind.name, spec))
	}
	ctx, cancel := context.WithCancel(s.b.Context())
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { s.sample(ctx) })
	trouble(ctx)
	for _, load := range loads {
		bad, err := load.Wait()
		if err != nil {
			s.b.Fatal(err)
		}
		s.failed += bad
	}
	s.exchange.Quiet()
	s.await("both nodes are ready", func() bool { return s.nodes[0].ready() && s.nodes[1].ready() })
	cancel()
	beside.Wait()
}

// publish compares the log with what was placed, and writes the report.
func (s *soak) publish(heading, what string) {
	table, wrong := s.compare()
	for i, line := range wrong {
		if i == 20 {
			s.b.Errorf("and %d more", len(wrong)-i)
			break
		}
		s.b.Error(line)
	}
	s.browsers.close()
	text := s.report(heading, what, table, len(wrong))
	s.b.Log("\n" + text)
	if *report != "" {
		if err := writeSection(*report, heading, text); err != nil {
			s.b.Fatal(err)
		}
	}
}

// ticks yields the time at every interval until ctx ends.
func ticks(ctx context.Context, interval time.Duration) func(func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case at := <-tick.C:
				if !yield(at) {
					return
				}
			}
		}
	}
}

// soak is the house under test, and what is seen of it.
type soak struct {
	b        *testing.B
	lasts    time.Duration     // for which calls are placed
	began    time.Time         // when the first one was
	placed   map[string]string // caller -> kind
	failed   int               // of them, for their callers
	exchange *pbxtest.Asterisk
	folder   string // PostgreSQL's
	cluster  *db.Cluster
	nodes    []*soakNode
	balancer *balancer
	browsers *soakBrowsers

	mu      sync.Mutex
	memory  map[int][]memorySample // of a process by its id
	mishaps []mishap
}

// mishap is a fault that was caused.
type mishap struct {
	name       string
	began, end time.Time
	takeover   time.Duration // until the other node led; zero: it did not need to
}

type memorySample struct {
	at    time.Time
	bytes int64
}

func newSoak(b *testing.B, lasts time.Duration) *soak {
	b.Helper()
	s := &soak{b: b, lasts: lasts, placed: map[string]string{}, folder: b.TempDir(), memory: map[int][]memorySample{}}
	s.cluster = startCluster(b, s.folder)
	s.exchange = pbxtest.StartAsterisk(b, "RING_SECONDS=10")
	for _, kind := range soakKinds() {
		s.exchange.PhoneBank(kind.phones, kind.does)
	}
	s.nodes = []*soakNode{s.newNode("a"), s.newNode("b")}
	for _, n := range s.nodes {
		n.start()
		awaitReady(b, n.process.URL)
	}
	s.balancer = newBalancer(b, s.nodes)

	admin := login(b, s.balancer.url(), "admin", testPassword)
	var desks []*person
	for _, kind := range soakKinds() {
		for _, phone := range kind.phones {
			admin.do(http.MethodPost, "/agents", map[string]any{
				"username": "agent" + phone, "password": testPassword, "name": "Agent " + phone, "role": "agent", "extensions": []string{phone},
			}, nil)
			desks = append(desks, login(b, s.balancer.url(), "agent"+phone, testPassword))
		}
		// Every tenth of the callers is a customer.
		for n := 0; n < int(lasts.Seconds())*kind.rate; n += 10 {
			number := kind.caller(n)
			admin.do(http.MethodPost, "/customers", map[string]any{
				"name": "Customer " + number, "numbers": []any{map[string]any{"number": number}},
			}, nil)
		}
	}
	s.browsers = openBrowsers(b, s.balancer, desks, soakSockets)
	return s
}

// await waits for a state for up to two minutes.
func (s *soak) await(what string, state func() bool) {
	s.b.Helper()
	await(s.b, 2*time.Minute, what, state)
}

// sample watches how much memory the nodes take.
func (s *soak) sample(ctx context.Context) {
	for at := range ticks(ctx, 2*time.Second) {
		for _, n := range s.nodes {
			pid, bytes := n.memory()
			if bytes == 0 {
				continue
			}
			s.mu.Lock()
			s.memory[pid] = append(s.memory[pid], memorySample{at, bytes})
			s.mu.Unlock()
		}
	}
}

// compare waits until the log is complete, and looks whether it has every call that was placed, once, and no other.
func (s *soak) compare() (table string, wrong []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*catchUp)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.cluster.URL("ringbook"))
	if err != nil {
		s.b.Fatal(err)
	}
	defer conn.Close(ctx)
	began := time.Now()
	for at := range ticks(ctx, time.Second) {
		var open, rows int
		if err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state <> 'ended'), count(*) FROM call WHERE merged_into IS NULL`).Scan(&open, &rows); err != nil {
			s.b.Fatal(err)
		}
		if open == 0 && rows >= len(s.placed) {
			s.b.Logf("the log was complete %v after the last call", at.Sub(began).Round(time.Second))
			break
		}
		if waited := at.Sub(began); waited > time.Minute && int(waited.Seconds())%10 == 0 {
			s.b.Logf("after %v: %d rows of %d, %d of them open", waited.Round(time.Second), rows, len(s.placed), open)
		}
		if at.Sub(began) > catchUp {
			break // what is missing is said below
		}
	}
	type row struct {
		Caller, Outcome        string
		Partial, Reconstructed bool
		Told                   string // how it went, for those that went otherwise than placed
	}
	rows, err := conn.Query(ctx, `SELECT caller_raw AS caller, outcome, partial, reconstructed,
		format('began %s, waited %s ms, hung up by %s with %s; legs: %s', started_at, wait_ms, hangup_by, hangup_cause,
			(SELECT string_agg(concat_ws(' ', extension, offered_at, answered_at, ended_at, ended_as), '; ') FROM call_leg WHERE call_id = call.id)) AS told
		FROM call WHERE merged_into IS NULL`)
	if err != nil {
		s.b.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		s.b.Fatal(err)
	}
	byKind := map[string]soakKind{}
	for _, k := range soakKinds() {
		byKind[k.name] = k
	}
	type count struct{ placed, logged, right, partial, reconstructed int }
	counts := map[string]*count{}
	for _, kind := range s.placed {
		if counts[kind] == nil {
			counts[kind] = &count{}
		}
		counts[kind].placed++
	}
	seen := map[string]int{}
	for _, r := range all {
		kind, known := s.placed[r.Caller]
		if !known {
			wrong = append(wrong, fmt.Sprintf("a ghost: the log has a call from %q, which nobody placed", r.Caller))
			continue
		}
		if seen[r.Caller]++; seen[r.Caller] > 1 {
			wrong = append(wrong, fmt.Sprintf("a double: %s (%s) is in the log %d times", r.Caller, kind, seen[r.Caller]))
			continue
		}
		c := counts[kind]
		c.logged++
		if r.Partial {
			c.partial++
		}
		if r.Reconstructed {
			c.reconstructed++
		}
		if byKind[kind].right(r.Outcome) {
			c.right++
		} else {
			s.b.Logf("%s (%s) became %s: %s", r.Caller, kind, r.Outcome, r.Told)
		}
	}
	for caller, kind := range s.placed {
		if seen[caller] == 0 {
			wrong = append(wrong, fmt.Sprintf("lost: %s (%s) is not in the log", caller, kind))
		}
	}
	var b strings.Builder
	b.WriteString("| calls | placed | in the log | outcome as placed | joined in the middle | end not seen |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		c := counts[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", name, c.placed, c.logged, c.right, c.partial, c.reconstructed)
	}
	return b.String(), wrong
}

const soakHeading = "## Ten minutes of faults"
