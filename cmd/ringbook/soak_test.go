package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
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
	s := newSoak(b)
	began := time.Now()
	kinds := soakKinds()
	placed := map[string]string{} // caller -> kind
	var loads []*pbxtest.Load
	for _, kind := range kinds {
		spec := pbxtest.LoadSpec{Rate: kind.rate, GiveUp: kind.giveUp, Talk: kind.talk}
		for n := range int(soakTime.Seconds()) * kind.rate {
			call := pbxtest.LoadCall{From: fmt.Sprintf("%s%06d", kind.prefix, n), To: kind.dialled(kind.phones[n%len(kind.phones)])}
			placed[call.From] = kind.name
			spec.Calls = append(spec.Calls, call)
		}
		loads = append(loads, s.exchange.Load(kind.name, spec))
	}

	ctx, cancel := context.WithCancel(b.Context())
	var beside sync.WaitGroup
	beside.Go(func() { s.sample(ctx) })
	faults, next := s.faults(), 0
	for at := range ticks(ctx, soakEvery) {
		if at.Sub(began) > *soakTime-soakEvery {
			break
		}
		s.cause(faults[next%len(faults)])
		next++
	}
	failed := 0
	for _, load := range loads {
		_, bad, err := load.Wait()
		if err != nil {
			b.Fatal(err)
		}
		failed += bad
	}
	s.exchange.Quiet()
	s.await("both nodes are ready", func() bool { return s.nodes[0].ready() && s.nodes[1].ready() })
	cancel()
	beside.Wait()

	table, wrong := s.compare(placed, kinds)
	for _, line := range wrong {
		b.Error(line)
	}
	s.browsers.close()
	unseen := s.browsers.missing(placed, "09351", "09354")
	text := s.report(began, len(placed), failed, table, len(wrong)) + fmt.Sprintf(`
Sockets that were lost: %d; the browser had a picture again after %s (median), %s (95 %%), %s (at most). A call that is answered rings for 0.3 s
here: %d of %d rang while its desk's browsers had no socket to a node that saw it, and were first shown as under way.
`, len(s.browsers.away), seconds(percentile(s.browsers.away, .5)), seconds(percentile(s.browsers.away, .95)), seconds(percentile(s.browsers.away, 1)),
		len(unseen), s.placedFrom(placed, "09351", "09354"))
	b.Log("\n" + text)
	if *report != "" {
		if err := writeSection(*report, soakHeading, text); err != nil {
			b.Fatal(err)
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

func newSoak(b *testing.B) *soak {
	b.Helper()
	s := &soak{b: b, folder: b.TempDir(), memory: map[int][]memorySample{}}
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
		for n := 0; n < int(soakTime.Seconds())*kind.rate; n += 10 {
			number := fmt.Sprintf("%s%06d", kind.prefix, n)
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
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !state() {
		select {
		case <-tick.C:
		case <-deadline:
			s.b.Fatalf("has not come about within two minutes: %s", what)
		}
	}
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
func (s *soak) compare(placed map[string]string, kinds []soakKind) (table string, wrong []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.cluster.URL("ringbook"))
	if err != nil {
		s.b.Fatal(err)
	}
	defer conn.Close(ctx)
	s.await("no call is open in the log", func() bool {
		var open, rows int
		if err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state <> 'ended'), count(*) FROM call`).Scan(&open, &rows); err != nil {
			s.b.Fatal(err)
		}
		return open == 0 && rows >= len(placed)-len(placed)/100
	})
	type row struct {
		Caller, Outcome        string
		Partial, Reconstructed bool
	}
	rows, err := conn.Query(ctx, `SELECT caller_raw AS caller, outcome, partial, reconstructed FROM call WHERE merged_into IS NULL`)
	if err != nil {
		s.b.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		s.b.Fatal(err)
	}
	byKind := map[string]soakKind{}
	for _, k := range kinds {
		byKind[k.name] = k
	}
	type count struct{ placed, logged, right, partial, reconstructed int }
	counts := map[string]*count{}
	for _, kind := range placed {
		if counts[kind] == nil {
			counts[kind] = &count{}
		}
		counts[kind].placed++
	}
	seen := map[string]int{}
	for _, r := range all {
		kind, known := placed[r.Caller]
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
		}
	}
	for caller, kind := range placed {
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

func (s *soak) report(began time.Time, placed, failed int, table string, wrong int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s

Written by `+"`make soak`"+`, %s, on %s: %s, %d cores shared by two nodes, PostgreSQL, a real Asterisk 22, the telephones and %d browsers. %d calls in %v, %d per second,
and a fault every %v. Calls placed and not in the log, in it twice, or in it without having been placed: **%d**. Calls that did not go as SIP should, seen from the telephones: %d.

%s
`, soakHeading, time.Now().UTC().Format(time.DateOnly), processor(), runtime.Version(), runtime.NumCPU(), soakSockets, placed,
		time.Since(began).Round(time.Second), soakRate, soakEvery, wrong, failed, table)

	b.WriteString("| fault | times | another node led after, median | at most |\n|---|---|---|---|\n")
	byName := map[string][]mishap{}
	for _, o := range s.mishaps {
		byName[o.name] = append(byName[o.name], o)
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		var took []time.Duration
		for _, o := range byName[name] {
			if o.takeover > 0 {
				took = append(took, o.takeover)
			}
		}
		median, most := "no change", ""
		if len(took) > 0 {
			median, most = seconds(percentile(took, .5)), seconds(percentile(took, 1))
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", name, len(byName[name]), median, most)
	}

	calm, troubled := s.browsers.delays(s.mishaps)
	b.WriteString("\nFrom Asterisk's time stamp of a ring until a browser has read the frame in which it rings, looked up:\n\n| | rings × browsers | p50 | p95 | p99 |\n|---|---|---|---|---|\n")
	for _, part := range []struct {
		name   string
		delays []time.Duration
	}{{"without a fault", calm}, {fmt.Sprintf("from a fault until %v after it", aftermath), troubled}} {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", part.name, len(part.delays), ms(percentile(part.delays, .5)), ms(percentile(part.delays, .95)), ms(percentile(part.delays, .99)))
	}
	b.WriteString("\nMemory of the process that lived longest, in the second half of its life: " + s.memoryTrend() + "\n")
	return b.String()
}

// placedFrom counts the calls from callers with these prefixes.
func (*soak) placedFrom(placed map[string]string, prefixes ...string) (n int) {
	for caller := range placed {
		for _, prefix := range prefixes {
			if strings.HasPrefix(caller, prefix) {
				n++
			}
		}
	}
	return n
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// memoryTrend is the straight line through the second half of the longest life's samples.
func (s *soak) memoryTrend() string {
	var longest []memorySample
	for _, samples := range s.memory {
		if len(samples) > len(longest) {
			longest = samples
		}
	}
	longest = longest[len(longest)/2:]
	if len(longest) < 3 {
		return "no process lived long enough."
	}
	var n, sx, sy, sxx, sxy float64
	low, high := longest[0].bytes, longest[0].bytes
	for _, m := range longest {
		x, y := m.at.Sub(longest[0].at).Minutes(), float64(m.bytes)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		low, high = min(low, m.bytes), max(high, m.bytes)
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return fmt.Sprintf("%+.2f MB per minute over %v, between %.1f and %.1f MB.", slope/1e6, longest[len(longest)-1].at.Sub(longest[0].at).Round(time.Second),
		float64(low)/1e6, float64(high)/1e6)
}

// section is a section of a Markdown file, with its heading; empty: it has none.
func section(file, heading string) string {
	content, err := os.ReadFile(file)
	_, text, found := strings.Cut(string(content), heading+"\n")
	if err != nil || !found {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return heading + "\n" + text
}

// writeSection puts a section into a Markdown file in the place of the one with this heading, or at its end.
func writeSection(file, heading, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), heading+"\n")
	after := ""
	if found {
		if i := strings.Index(rest, "\n## "); i >= 0 {
			after = rest[i:]
		}
	} else {
		before = strings.TrimRight(before, "\n") + "\n\n"
	}
	return os.WriteFile(filepath.Clean(file), []byte(before+strings.TrimRight(text, "\n")+"\n"+after), 0o644)
}
