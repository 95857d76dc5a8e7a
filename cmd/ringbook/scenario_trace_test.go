package main

import (
	"bytes"
	"os"
	"slices"
	"testing"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// TestScenarios_FromRecordings lets the program follow two fake PBXes, one for each dialplan, on which everything that was
// recorded happens one after the other, within seconds, and compares what the API says afterwards with what each
// scenario expects. TestScenarios_Live does the same with the real Asterisk.
func TestScenarios_FromRecordings(t *testing.T) {
	var exchanges []string
	fakes := map[string]*pbxtest.Fake{}
	for _, flavour := range flavours {
		fakes[flavour] = startFake(t, pbxtest.FakeConfig{})
		exchanges = append(exchanges, flavour+"="+fakes[flavour].URL())
	}
	log := startCallLog(t, exchanges...)

	// Both dialplans have the same time for a scenario, and none is before the program's own: what it finds live from before
	// its start it closes. A few are played at once, so that the stream is never further
	// behind than a client puts up with.
	const atOnce = 10
	at := time.Now().Truncate(time.Millisecond)
	calls := 0
	for some := range slices.Chunk(pbxtest.Scenarios, atOnce) {
		var begins []time.Time
		for _, s := range some {
			begins = append(begins, at)
			var longest time.Duration
			for _, flavour := range flavours {
				recording, err := os.ReadFile("../../pbx/testdata/" + recordingName(s, flavour))
				if err != nil {
					t.Fatal(err)
				}
				longest = max(longest, length(t, recording))
				if err := fakes[flavour].Play(t.Context(), bytes.NewReader(recording), pbxtest.PlayOptions{Start: at}); err != nil {
					t.Fatalf("play %s: %v", recordingName(s, flavour), err)
				}
			}
			at = at.Add(longest + time.Second)
		}
		begins = append(begins, at)
		for i, s := range some {
			for _, flavour := range flavours {
				t.Run(recordingName(s, flavour), func(t *testing.T) {
					log.check(t, s, log.settled(t, flavour, begins[i], begins[i+1], len(s.Expect)))
				})
			}
			calls += len(s.Expect)
		}
	}
	for _, flavour := range flavours {
		if all := log.during(t, flavour, time.Now().AddDate(-1, 0, 0), time.Now().Add(time.Hour)); len(all) != calls {
			t.Errorf("%s: %d calls in the log, want %d", flavour, len(all), calls)
		}
	}
	log.learnedQueues(t)
}

// recordingName is the file of a scenario in pbx/testdata.
func recordingName(s pbxtest.Scenario, flavour string) string {
	if flavour == "plain" {
		return s.Name + ".jsonl"
	}
	return s.Name + "." + flavour + ".jsonl"
}

// length is how long a recording is.
func length(t *testing.T, recording []byte) time.Duration {
	t.Helper()
	var first, last time.Time
	for item, err := range ari.ReadRecording(bytes.NewReader(recording)) {
		if err != nil {
			t.Fatal(err)
		}
		if first.IsZero() {
			first = item.At
		}
		last = item.At
	}
	return last.Sub(first)
}
