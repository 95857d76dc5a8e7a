package pbxtest_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

var record = flag.Bool("record", false, "play every scenario on a real Asterisk and write its recording to pbx/testdata")

const recordings = "../testdata"

// TestRecordings holds that every scenario has a whole recording, and that no recording is without a scenario.
// With -record it makes them anew: go test ./pbx/pbxtest -run Recordings -record
// and with -run Recordings/NAME only one.
func TestRecordings(t *testing.T) {
	want := map[string]bool{}
	for _, s := range slices.Concat(pbxtest.Scenarios, pbxtest.Pending) {
		for _, flavour := range []string{"plain", "freepbx"} {
			name := recordingName(s, flavour)
			want[name] = true
			t.Run(strings.TrimSuffix(filepath.Base(name), ".jsonl"), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(recordings, name)
				if *record {
					b := recordScenario(t, s, flavour)
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, b, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				checkRecording(t, b)
				if len(s.Expect) == 0 || s.Story == "" {
					t.Errorf("scenario %s says nothing", s.Name)
				}
			})
		}
	}
	checkTable(t)
	files, err := filepath.Glob(filepath.Join(recordings, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := filepath.Glob(filepath.Join(recordings, "next/*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, next...) {
		name, err := filepath.Rel(recordings, f)
		if err != nil || !want[filepath.ToSlash(name)] {
			t.Errorf("%s belongs to no scenario", f)
		}
	}
}

// recordingName is the file of a scenario in a flavour of the dialplan. One that the tracker does not know yet is in the
// folder next; a recording with the second flavour may be there although the first is known.
func recordingName(s pbxtest.Scenario, flavour string) string {
	name := s.Name + ".jsonl"
	if flavour != "plain" {
		name = s.Name + "." + flavour + ".jsonl"
	}
	if _, err := os.Stat(filepath.Join(recordings, name)); err != nil && (s.Pending || flavour != "plain") {
		return "next/" + name
	}
	return name
}

// checkTable holds that README.md beside the recordings lists them; with -record it writes the list.
func checkTable(t *testing.T) {
	const mark = "<!-- The table is written by go test ./pbx/pbxtest -run Recordings -record -->\n"
	file := filepath.Join(recordings, "README.md")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(b), mark)
	if !ok {
		t.Fatalf("%s has no line %q", file, mark)
	}
	var want strings.Builder
	want.WriteString(head + mark + "\n| recording | what happens | what the call log says |\n|---|---|---|\n")
	for _, s := range slices.Concat(pbxtest.Scenarios, pbxtest.Pending) {
		var calls []string
		for _, e := range s.Expect {
			calls = append(calls, e.String())
		}
		name := s.Name
		if s.Pending {
			name = "next/" + name
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", name, s.Story, strings.Join(calls, "<br>"))
	}
	switch {
	case want.String() == string(b):
	case *record:
		if err := os.WriteFile(file, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in %s is stale", file)
	}
}

// checkRecording holds that a recording begins with an empty PBX, loses nothing, ends with no call, and knows no digit.
func checkRecording(t *testing.T, recording []byte) {
	t.Helper()
	up := map[string]bool{}
	var live, created int
	for item, err := range ari.ReadRecording(bytes.NewReader(recording)) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case item.Live != nil:
			live++
			if n := len(item.Live.Snapshot.Channels); n != 0 {
				t.Errorf("begins with %d channels", n)
			}
		case item.Gap != nil && item.Gap.Reason != ari.GapStart:
			t.Errorf("gap: %s", item.Gap.Reason)
		case item.Event != nil:
			switch item.Event.Type {
			case "ChannelCreated":
				created++
				up[item.Event.Channel.ID] = true
			case "ChannelDestroyed":
				delete(up, item.Event.Channel.ID)
			case "ChannelVarset", "ChannelDtmfReceived":
				t.Errorf("%s was not filtered", item.Event.Type)
			}
		}
	}
	if live != 1 || created == 0 || len(up) != 0 {
		t.Errorf("live %d times, %d channels created, %d never destroyed", live, created, len(up))
	}
}

// recordScenario plays the scenario on an Asterisk of its own and returns what ringbook's own client saw.
func recordScenario(t *testing.T, s pbxtest.Scenario, flavour string) []byte {
	a := pbxtest.StartAsterisk(t, "FLAVOUR="+flavour)
	var out bytes.Buffer
	client, err := ari.New(ari.Config{Name: "lab", URL: a.URL, Node: "record", Record: &out})
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu       sync.Mutex
		live     bool
		seen, up int
		stop     bool
	)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- client.Run(ctx, func(item ari.Item) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case item.Live != nil:
				live = true
			case item.Gap != nil && item.Gap.Reason != ari.GapStart && !stop:
				t.Errorf("gap %s: %v", item.Gap.Reason, item.Gap.Err)
			case item.Event != nil && item.Event.Type == "ChannelCreated":
				seen++
				up++
			case item.Event != nil && item.Event.Type == "ChannelDestroyed":
				up--
			}
		})
	}()
	state := func(cond func() bool) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return cond() }
	}
	a.Eventually("the stream is not live", state(func() bool { return live }))
	s.Play(t, a)
	a.Eventually("not every channel was destroyed", state(func() bool { return seen > 0 && up == 0 }))
	state(func() bool { stop = true; return true })()
	cancel()
	<-done
	return untilLastCall(out.String())
}

// untilLastCall cuts a recording off after the last event of its calls: phones come and go around them.
func untilLastCall(recording string) []byte {
	lines := strings.SplitAfter(recording, "\n")
	last := len(lines) - 1
	for last > 0 && !strings.Contains(lines[last], `"Channel`) && !strings.Contains(lines[last], `"Bridge`) {
		last--
	}
	return []byte(strings.Join(lines[:last+1], ""))
}
