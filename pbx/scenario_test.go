package pbx_test

import (
	"fmt"
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

// checkScenario compares calls with what a scenario expects. Calls that are placed at once may begin in any order.
func checkScenario(t *testing.T, s pbxtest.Scenario, calls []pbx.Call) {
	t.Helper()
	calls = listed(calls)
	if len(calls) != len(s.Expect) {
		t.Errorf("%d calls, want %d", len(calls), len(s.Expect))
	}
	left := slices.Clone(calls)
	for i, want := range s.Expect {
		fits := func(c pbx.Call) bool { return len(faults(c, want)) == 0 }
		if j := slices.IndexFunc(left, fits); j >= 0 {
			left = slices.Delete(left, j, j+1)
		} else if len(s.Expect) == 1 && len(calls) == 1 {
			t.Errorf("%s", strings.Join(faults(calls[0], want), "\n"))
		} else {
			t.Errorf("no call is as number %d should be: %+v", i, want)
		}
	}
	if t.Failed() {
		t.Logf("%s\n%s", s.Story, strings.Join(history(calls), "\n"))
	}
}

// listed are the calls that people get to see.
func listed(calls []pbx.Call) []pbx.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(c pbx.Call) bool { return c.MergedInto != uuid.Nil })
}

// faults lists where a call differs from what is expected.
func faults(c pbx.Call, want pbxtest.Expected) []string {
	var list []string
	check := func(what, got, want string) {
		if got != want {
			list = append(list, fmt.Sprintf("%s is %q, want %q", what, got, want))
		}
	}
	given := func(what, got, want string) {
		if want != "" {
			check(what, got, strings.TrimPrefix(want, "-"))
		}
	}
	check("state", string(c.State), "ended")
	given("direction", string(c.Direction), want.Direction)
	given("outcome", string(c.Outcome), want.Outcome)
	given("caller", c.Caller.Number, want.Caller)
	given("caller's name", c.Caller.Name, want.Name)
	given("dialed", c.Dialed, want.Dialed)
	check("queue", c.Queue, want.Queue)
	check("customer", c.CustomerRef, want.Customer)
	given("hangup.by", string(c.Hangup.By), want.By)
	if c.Caller.Withheld != want.Withheld {
		list = append(list, fmt.Sprintf("withheld is %v, want %v", c.Caller.Withheld, want.Withheld))
	}
	if c.Partial || c.Reconstructed {
		list = append(list, fmt.Sprintf("partial %v, reconstructed %v; all of it was seen", c.Partial, c.Reconstructed))
	}
	if want.Held && c.Hold == 0 {
		list = append(list, "nobody was on hold")
	}
	transfers := make([]pbxtest.ExpectedTransfer, len(c.Transfers))
	for i, x := range c.Transfers {
		transfers[i] = pbxtest.ExpectedTransfer{Kind: string(x.Kind), By: x.By, To: x.To}
	}
	if !slices.Equal(transfers, want.Transfers) {
		list = append(list, fmt.Sprintf("transfers are %+v, want %+v", transfers, want.Transfers))
	}
	var got, wanted []string
	for _, l := range c.Legs {
		got = append(got, legWords(string(l.Role), l.Extension, l.Number, string(l.End), !l.AnsweredAt.IsZero()))
	}
	for _, l := range want.Legs {
		wanted = append(wanted, legWords(l.Role, l.Extension, l.Number, l.End, l.Answered))
	}
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		list = append(list, fmt.Sprintf("legs are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(wanted, "\n\t")))
	}
	return list
}

func legWords(role, ext, number, end string, answered bool) string {
	return fmt.Sprintf("%s %s%s, answered %v, %s", role, ext, number, answered, end)
}
