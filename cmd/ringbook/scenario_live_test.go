package main

import (
	"flag"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringbook/pbx/pbxtest"
)

// laboratories is how many real PBXes of each dialplan play scenarios side by side.
const laboratories = 3

// TestScenarios_Live places every scenario on a real Asterisk, with either dialplan, while the program follows it, and
// compares what the API says about it with what the scenario expects: so recordings that Asterisk would not make today
// cannot hide a fault. A laboratory plays one scenario after the other; whose a call is tells the time of its beginning.
func TestScenarios_Live(t *testing.T) {
	var exchanges []string
	labs := map[string]*pbxtest.Asterisk{}
	for n := range laboratories {
		for _, flavour := range flavours {
			name := fmt.Sprintf("%s-%d", flavour, n+1)
			labs[name] = pbxtest.StartAsterisk(t, "FLAVOUR="+flavour)
			exchanges = append(exchanges, name+"="+labs[name].URL)
		}
	}
	log := startCallLog(t, exchanges...)
	begun := time.Now()

	next := map[string]chan pbxtest.Scenario{}
	wanted, calls := 0, 0
	for _, flavour := range flavours {
		next[flavour] = make(chan pbxtest.Scenario, len(pbxtest.Scenarios))
		for _, s := range pbxtest.Scenarios {
			next[flavour] <- s
			wanted++
			calls += len(s.Expect)
		}
		close(next[flavour])
	}
	var playing sync.WaitGroup
	var played, asExpected atomic.Int64
	for name, lab := range maps.All(labs) {
		flavour, _, _ := strings.Cut(name, "-")
		playing.Go(func() {
			for s := range next[flavour] {
				t.Run(s.Name+"."+flavour, func(t *testing.T) {
					from := time.Now().Truncate(time.Millisecond)
					s.Play(t, lab)
					played.Add(1)
					log.check(t, s, log.settled(t, name, from, time.Now(), len(s.Expect)))
					if !t.Failed() {
						asExpected.Add(1)
					}
				})
			}
		})
	}
	playing.Wait()
	t.Logf("%d of %d scenarios played in %s, %d as expected", played.Load(), wanted, time.Since(begun).Round(time.Second), asExpected.Load())
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // only some were asked for
	}
	if int(played.Load()) != wanted {
		t.Errorf("%d scenarios were played, want %d", played.Load(), wanted)
	}
	// Nothing came after the comparison, and nothing in between.
	got := 0
	for name := range labs {
		got += len(log.during(t, name, begun.Add(-time.Minute), time.Now()))
	}
	if !t.Failed() && got != calls {
		t.Errorf("the log has %d calls, want %d", got, calls)
	}
}
