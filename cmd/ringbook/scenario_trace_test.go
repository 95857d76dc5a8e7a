package main

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// TestScenarios_FromRecordings lets the program follow two fake PBXes, one for each dialplan, on which everything that was
// recorded happens one after the other within the last hour, and compares what the API says afterwards with what each
// scenario expects. TestScenarios_Live does the same with the real Asterisk.
func TestScenarios_FromRecordings(t *testing.T) {
	var exchanges []string
	fakes := map[string]*pbxtest.Fake{}
	for _, flavour := range flavours {
		fakes[flavour] = startFake(t, pbxtest.FakeConfig{})
		exchanges = append(exchanges, flavour+"="+fakes[flavour].URL())
	}
	log := startCallLog(t, exchanges...)

	begun := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	var schedule []time.Time // when each scenario begins; both dialplans have the same
	var longest time.Duration
	var playing sync.WaitGroup
	recordings := map[string][][]byte{}
	for i, s := range pbxtest.Scenarios {
		schedule = append(schedule, begun)
		for _, flavour := range flavours {
			b, err := os.ReadFile("../../pbx/testdata/" + recordingName(s, flavour))
			if err != nil {
				t.Fatal(err)
			}
			recordings[flavour] = append(recordings[flavour], b)
			longest = max(longest, length(t, b))
		}
		begun = schedule[i].Add(longest + time.Second)
		longest = 0
	}
	schedule = append(schedule, begun)
	for _, flavour := range flavours {
		playing.Go(func() {
			for i, recording := range recordings[flavour] {
				if err := fakes[flavour].Play(t.Context(), bytes.NewReader(recording), pbxtest.PlayOptions{Start: schedule[i]}); err != nil {
					t.Errorf("play %s: %v", pbxtest.Scenarios[i].Name, err)
				}
			}
		})
	}
	playing.Wait()

	for _, flavour := range flavours {
		calls := 0
		for i, s := range pbxtest.Scenarios {
			t.Run(recordingName(s, flavour), func(t *testing.T) {
				got := log.settled(t, flavour, schedule[i], schedule[i+1], len(s.Expect))
				log.check(t, s, got)
			})
			calls += len(s.Expect)
		}
		if all := log.during(t, flavour, time.Time{}, time.Now().Add(time.Hour)); len(all) != calls {
			t.Errorf("%s: %d calls in the log, want %d", flavour, len(all), calls)
		}
	}
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
