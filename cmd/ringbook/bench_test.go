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
	"ringbook/pbx/pbxtest"
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
// report when it has measured all. Run by make bench; sizes by RINGBOOK_BENCH_CUSTOMERS, _DESKS, _RATE, _SECONDS, _NUMBERS,
// _EXPORT.
func BenchmarkGoals(b *testing.B) {
	load := loadAverage()
	var tables []string
	for _, goal := range []struct {
		name    string
		measure func(*testing.B) string
	}{{"pop", benchPop}, {"tracker", benchTracker}, {"lookup", benchLookup}, {"export", benchExport}} {
		b.Run(goal.name, func(b *testing.B) {
			var table string
			for b.Loop() {
				table = goal.measure(b)
			}
			tables = append(tables, table)
		})
	}
	if *report == "" || b.Failed() || len(tables) < 4 {
		return
	}
	text := fmt.Sprintf(`# How fast it is

Written by `+"`make bench`"+`, %s, on %s: %s, %d cores shared with the test's own clients and with PostgreSQL. The load average was %s before and %s after.
Absolute times are this machine's at that load; what counts is the ratio to the floor, which was measured in the same run on the same machine: the least that any program
doing this would need.

%s
## Repeat it

`+"`make bench`"+` takes some minutes. `+"`RINGBOOK_BENCH_CUSTOMERS`, `_DESKS`, `_RATE`, `_SECONDS`, `_NUMBERS` and `_EXPORT`"+` make it smaller, for example
`+"`RINGBOOK_BENCH_CUSTOMERS=10000 RINGBOOK_BENCH_NUMBERS=100000 RINGBOOK_BENCH_SECONDS=4 make bench`"+`.
`, time.Now().UTC().Format(time.DateOnly), processor(), runtime.Version(), runtime.NumCPU(), load, loadAverage(), strings.Join(tables, "\n"))
	var soaked []string // the sections that others write
	for _, heading := range []string{floorHeading, toDoHeading, soakHeading, awayHeading, crowdHeading} {
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

// benchTracker: events per second of decoding and tracking, against decoding alone: every recording by a tracker of its own,
// then one call after the other by a tracker in which few or many calls are live.
func benchTracker(b *testing.B) string {
	recordings := rawRecordings(b)
	events := 0
	for _, recording := range recordings {
		events += len(recording)
	}
	track := func() *pbx.Tracker {
		tracker := pbx.NewTracker(pbx.Config{Name: "bench"})
		tracker.Apply(ari.Item{At: time.Now(), Live: &ari.Live{App: "bench"}})
		return tracker
	}
	rows := []string{
		fmt.Sprintf("| every recording of the tests, %d events | ", events) + shareOfDecoding(b, "recordings", func(decode func([]byte) *ari.Event, apply func(*pbx.Tracker, *ari.Event)) int {
			for _, recording := range recordings {
				tracker := track()
				for _, raw := range recording {
					apply(tracker, decode(raw))
				}
			}
			return events
		}),
	}
	for _, live := range []int{5, 5000} {
		call, err := os.ReadFile("../../pbx/testdata/queue-ringall-answered.jsonl")
		if err != nil {
			b.Fatal(err)
		}
		load, err := pbxtest.NewAgain(rawEvents(b, call))
		if err != nil {
			b.Fatal(err)
		}
		tracker := track()
		for range live {
			for _, raw := range load.Next() {
				event, err := ari.Decode(raw)
				if err != nil {
					b.Fatal(err)
				}
				if event.Type == "ChannelHangupRequest" {
					break // it goes on
				}
				tracker.Apply(ari.Item{At: time.Now(), Event: event})
			}
		}
		rows = append(rows, fmt.Sprintf("| a queue call while %d others are live | ", live)+shareOfDecoding(b, fmt.Sprint(live), func(decode func([]byte) *ari.Event, apply func(*pbx.Tracker, *ari.Event)) int {
			messages := load.Next()
			for _, raw := range messages {
				apply(tracker, decode(raw))
			}
			return len(messages)
		}))
		if n := len(tracker.Live()); n != live {
			b.Fatalf("%d calls are live, want %d", n, live)
		}
	}
	return `## Events that the tracker takes

Events per second on one core, and as a share of what decoding the same JSON and nothing else takes, in turn. The goal is at least 0.7.

| | decode and track | floor: decode | **share of the floor** |
|---|---|---|---|
` + strings.Join(rows, "\n") + "\n"
}

// shareOfDecoding measures rounds that decode and apply, in turn with rounds that only decode, and writes a row's figures. A round
// tells how many events it took.
func shareOfDecoding(b *testing.B, name string, round func(func([]byte) *ari.Event, func(*pbx.Tracker, *ari.Event)) int) string {
	decode := func(raw []byte) *ari.Event {
		event, err := ari.Decode(raw)
		if err != nil {
			b.Fatal(err)
		}
		return event
	}
	at := time.Now()
	measure := func(apply func(*pbx.Tracker, *ari.Event)) time.Duration {
		start, events := time.Now(), 0
		for events == 0 || time.Since(start) < 100*time.Millisecond {
			events += round(decode, apply)
		}
		return time.Since(start) / time.Duration(events)
	}
	// In turn, so that a slow moment of the machine hits both; the best of each counts.
	floor, both := time.Hour, time.Hour
	for range 30 {
		floor = min(floor, measure(func(*pbx.Tracker, *ari.Event) {}))
		both = min(both, measure(func(tracker *pbx.Tracker, event *ari.Event) {
			at = at.Add(100 * time.Microsecond)
			tracker.Apply(ari.Item{At: at, Event: event})
		}))
	}
	share := float64(floor) / float64(both)
	b.ReportMetric(share, name+"-tracker/decode")
	return fmt.Sprintf("%.0f | %.0f | **%.2f** |", float64(time.Second)/float64(both), float64(time.Second)/float64(floor), share)
}
