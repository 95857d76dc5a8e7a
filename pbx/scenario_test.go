package pbx_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// TestTracker_Scenarios holds the fold of every recording against what its scenario says in words that know nothing
// of the tracker; so a wrong golden file cannot hide a fault.
func TestTracker_Scenarios(t *testing.T) {
	for name, s := range recorded() {
		t.Run(name, func(t *testing.T) {
			got := fold(recording(t, name))
			checkScenario(t, s, got.last())
			checkInvariants(t, got, whole)
		})
	}
}

// checkScenario compares calls with what a scenario expects.
func checkScenario(t *testing.T, s pbxtest.Scenario, calls []pbx.Call) {
	t.Helper()
	calls = listed(calls)
	for _, fault := range s.Faults(told(calls)) {
		t.Error(fault)
	}
	if t.Failed() {
		t.Logf("%s\n%s", s.Story, strings.Join(history(calls), "\n"))
	}
}

// listed are the calls that people get to see.
func listed(calls []pbx.Call) []pbx.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c pbx.Call) bool { return c.MergedInto != uuid.Nil })
}

// told puts pictures into the words of expectations.
func told(calls []pbx.Call) []pbxtest.Told {
	list := make([]pbxtest.Told, len(calls))
	for i, c := range calls {
		list[i] = pbxtest.Told{
			State: string(c.State), Direction: string(c.Direction), Outcome: string(c.Outcome),
			Caller: c.Caller.Number, Name: c.Caller.Name, Withheld: c.Caller.Withheld,
			Dialed: c.Dialed, Queue: c.Queue, Customer: c.CustomerRef, By: string(c.Hangup.By),
			Hold: c.Hold, Whole: !c.Partial && !c.Reconstructed,
		}
		for _, l := range c.Legs {
			list[i].Legs = append(list[i].Legs, pbxtest.ToldLeg{
				Role: string(l.Role), Extension: l.Extension, Number: l.Number, End: string(l.End), AnsweredAt: l.AnsweredAt, Talk: l.Talk,
			})
		}
		for _, x := range c.Transfers {
			list[i].Transfers = append(list[i].Transfers, pbxtest.ExpectedTransfer{Kind: string(x.Kind), By: x.By, To: x.To})
		}
	}
	return list
}
