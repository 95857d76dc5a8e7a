package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

var report = flag.String("report", "", "write the measured goals to this Markdown file")

// size is a measure of the benchmark that the environment may make smaller for a quick run.
func size(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv("RINGBOOK_BENCH_" + name)); err == nil && n > 0 {
		return n
	}
	return usual
}

// BenchmarkGoals measures what "fast" means here, each figure beside a floor measured in the same run, and writes the
// report when it has measured all. Run by make bench; sizes by RINGBOOK_BENCH_CUSTOMERS, _DESKS, _RATE, _SECONDS, _NUMBERS.
func BenchmarkGoals(b *testing.B) {
	load := loadAverage()
	var tables []string
	for _, goal := range []struct {
		name    string
		measure func(*testing.B) string
	}{{"pop", benchPop}, {"tracker", benchTracker}, {"lookup", benchLookup}} {
		b.Run(goal.name, func(b *testing.B) {
			var table string
			for b.Loop() {
				table = goal.measure(b)
			}
			tables = append(tables, table)
		})
	}
	if *report == "" || b.Failed() || len(tables) < 3 {
		return
	}
	text := fmt.Sprintf(`# How fast it is

Written by `+"`make bench`"+`, %s, on %s: %s, %d cores shared with the test's own clients and with PostgreSQL. The load average was %s before and %s after.
Absolute times are this machine's at that load; what counts is the ratio to the floor, which was measured in the same run on the same machine: the least that any program
doing this would need.

%s
## Repeat it

`+"`make bench`"+` takes some minutes. `+"`RINGBOOK_BENCH_CUSTOMERS`, `_DESKS`, `_RATE`, `_SECONDS` and `_NUMBERS`"+` make it smaller, for example
`+"`RINGBOOK_BENCH_CUSTOMERS=10000 RINGBOOK_BENCH_NUMBERS=100000 RINGBOOK_BENCH_SECONDS=4 make bench`"+`.
`, time.Now().UTC().Format(time.DateOnly), processor(), runtime.Version(), runtime.NumCPU(), load, loadAverage(), strings.Join(tables, "\n"))
	var soaked []string // the sections that make soak writes
	for _, heading := range []string{soakHeading, awayHeading, crowdHeading} {
		soaked = append(soaked, section(*report, heading))
	}
	if err := os.WriteFile(*report, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, text := range soaked {
		if heading, _, found := strings.Cut(text, "\n"); found {
			if err := writeSection(*report, heading, text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// loadAverage is what the machine has had to do during the last minute, and five.
func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(content)); err == nil && len(f) > 2 {
		return f[0] + " (" + f[1] + " over five minutes)"
	}
	return "unknown"
}

// processor is its name.
func processor() string {
	content, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(content)) {
			if name, found := strings.CutPrefix(line, "model name"); found {
				return strings.TrimSpace(strings.TrimLeft(name, " \t:"))
			}
		}
	}
	return runtime.GOARCH
}

// percentile is the smallest value that a share of the values does not exceed; it sorts them.
func percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(share*float64(len(values))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.3f ms", float64(d)/float64(time.Millisecond)) }

func ratio(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }

// rawRecordings are the events of every recording, as they came from the socket.
func rawRecordings(b *testing.B) [][][]byte {
	b.Helper()
	files, err := filepath.Glob("../../pbx/testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		b.Fatalf("no recordings: %v", err)
	}
	var all [][][]byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, rawEvents(b, content))
	}
	return all
}

// rawEvents are a recording's events of calls, as they came from the socket.
func rawEvents(b *testing.B, recording []byte) [][]byte {
	b.Helper()
	var all [][]byte
	for line := range bytes.Lines(recording) {
		var item struct{ Event json.RawMessage }
		if err := json.Unmarshal(line, &item); err != nil {
			b.Fatal(err)
		}
		if len(item.Event) > 0 && ofCall(item.Event) {
			all = append(all, item.Event)
		}
	}
	return all
}

// ofCall says whether an event is about a call, not about a telephone's registration.
func ofCall(event []byte) bool {
	return !bytes.Contains(event, []byte(`"PeerStatusChange"`)) && !bytes.Contains(event, []byte(`"ContactStatusChange"`))
}

// benchTracker: events per second of decoding and tracking, against decoding alone.
func benchTracker(b *testing.B) string {
	recordings := rawRecordings(b)
	events := 0
	for _, recording := range recordings {
		events += len(recording)
	}
	run := func(track bool) time.Duration {
		start, rounds := time.Now(), 0
		for ; rounds == 0 || time.Since(start) < time.Second; rounds++ {
			for _, recording := range recordings {
				tracker := pbx.NewTracker(pbx.Config{Name: "bench"})
				tracker.Apply(ari.Item{At: start, Live: &ari.Live{App: "bench"}})
				for _, raw := range recording {
					event, err := ari.Decode(raw)
					if err != nil {
						b.Fatal(err)
					}
					if track {
						tracker.Apply(ari.Item{At: start, Event: event})
					}
				}
			}
		}
		return time.Since(start) / time.Duration(rounds*events)
	}
	// In turn, so that a slow moment of the machine hits both; the best of each counts.
	decode, both := time.Hour, time.Hour
	for range 6 {
		decode, both = min(decode, run(false)), min(both, run(true))
	}
	share := float64(decode) / float64(both)
	b.ReportMetric(share, "tracker/decode")
	return fmt.Sprintf(`## Events that the tracker takes

Every recording of the tests, %d events, one core.

| | events per second |
|---|---|
| decode and track | %.0f |
| floor: decode the same JSON | %.0f |
| **share of the floor** (goal: at least 0.7) | **%.2f** |
`, events, float64(time.Second)/float64(both), float64(time.Second)/float64(decode), share)
}
