package pbxtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Expected is a call as the call log must have it. The words are those of package pbx; a zero field is not looked at,
// unless the comment says so.
type Expected struct {
	Direction string
	Outcome   string
	Caller    string // number as the PBX gives it; "-": none
	Name      string // of the caller
	Withheld  bool   // always looked at
	Dialed    string
	Queue     string // always looked at
	Customer  string // CustomerRef; always looked at
	By        string // who hung up: "caller" is the customer of an outbound call, and who began an internal one
	// Legs are all legs of the call: role, extension or number, how it ended. Agents who talked stand in the order in
	// which they came to it, all others anywhere.
	Legs []ExpectedLeg
	// Transfers are all changes of hands, in order.
	Transfers []ExpectedTransfer
	// Held says that somebody was on hold for a while.
	Held bool
}

// ExpectedTransfer is one change of hands: "blind" or "attended", by an extension, to an extension, queue or number.
type ExpectedTransfer struct{ Kind, By, To string }

// ExpectedLeg is one party's part. Extension is empty for a customer, Number for an agent.
type ExpectedLeg struct {
	Role      string
	Extension string
	Number    string
	End       string
	Answered  bool // always looked at
}

// String says it in a line, for people.
func (e Expected) String() string {
	words := []string{e.Direction}
	if e.Queue != "" {
		words = append(words, "queue "+e.Queue)
	}
	if e.Outcome != "" {
		words = append(words, e.Outcome)
	}
	if e.Withheld {
		words = append(words, "number withheld")
	}
	if e.Customer != "" {
		words = append(words, "customer "+e.Customer)
	}
	if e.By != "" {
		words = append(words, "hung up by the "+e.By)
	}
	var legs []string
	for _, l := range e.Legs {
		who := l.Extension
		if l.Role == "customer" {
			who = "customer"
		}
		answered := ""
		if l.Answered {
			answered = "talked, "
		}
		legs = append(legs, who+": "+answered+strings.ReplaceAll(l.End, "_", " "))
	}
	for _, t := range e.Transfers {
		words = append(words, "transferred ("+t.Kind+") by "+t.By+" to "+t.To)
	}
	if e.Held {
		words = append(words, "held for a while")
	}
	return strings.Join(words, ", ") + " (" + strings.Join(legs, "; ") + ")"
}

// Told is a call as it came out, in the words of Expected: the tracker's picture of it, or what the API says.
type Told struct {
	State     string
	Direction string
	Outcome   string
	Caller    string
	Name      string
	Withheld  bool
	Dialed    string
	Queue     string
	Customer  string
	By        string
	Hold      time.Duration
	Whole     bool // neither partial nor reconstructed
	Legs      []ToldLeg
	Transfers []ExpectedTransfer
}

// ToldLeg is one leg as it came out.
type ToldLeg struct {
	Role, Extension, Number, End string
	AnsweredAt                   time.Time // zero: never
	Talk                         time.Duration
}

// Faults compares what came out of a scenario with what it expects, call by call in any order, and lists the
// differences; none: it is as expected.
func (s Scenario) Faults(told []Told) []string {
	var list []string
	if len(told) != len(s.Expect) {
		list = append(list, fmt.Sprintf("%d calls, want %d", len(told), len(s.Expect)))
	}
	left := slices.Clone(told)
	for i, want := range s.Expect {
		fits := func(c Told) bool { return len(want.faults(c)) == 0 }
		if j := slices.IndexFunc(left, fits); j >= 0 {
			left = slices.Delete(left, j, j+1)
		} else if len(s.Expect) == 1 && len(told) == 1 {
			list = append(list, want.faults(told[0])...)
		} else {
			list = append(list, fmt.Sprintf("no call is as number %d should be: %s", i+1, want))
		}
	}
	return list
}

// faults lists where a call differs from what is expected.
func (e Expected) faults(c Told) []string {
	var list []string
	fault := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	check := func(what, got, want string) {
		if got != want {
			fault("%s is %q, want %q", what, got, want)
		}
	}
	given := func(what, got, want string) {
		if want != "" {
			check(what, got, strings.TrimPrefix(want, "-"))
		}
	}
	check("state", c.State, "ended")
	given("direction", c.Direction, e.Direction)
	given("outcome", c.Outcome, e.Outcome)
	given("caller", c.Caller, e.Caller)
	given("caller's name", c.Name, e.Name)
	given("dialed", c.Dialed, e.Dialed)
	check("queue", c.Queue, e.Queue)
	check("customer", c.Customer, e.Customer)
	given("hangup.by", c.By, e.By)
	if c.Withheld != e.Withheld {
		fault("withheld is %v, want %v", c.Withheld, e.Withheld)
	}
	if !c.Whole {
		fault("it is partial or reconstructed; all of it was seen")
	}
	if e.Held && c.Hold == 0 {
		fault("nobody was on hold")
	}
	if !slices.Equal(c.Transfers, e.Transfers) {
		fault("transfers are %+v, want %+v", c.Transfers, e.Transfers)
	}
	return append(list, e.legFaults(c.Legs)...)
}

func (e Expected) legFaults(legs []ToldLeg) []string {
	var list, got, want, gotTalk, wantTalk []string
	for _, l := range legs {
		got = append(got, l.String())
		if l.Role == "agent" && !l.AnsweredAt.IsZero() && l.Talk <= 0 {
			list = append(list, l.String()+", and talked for no time")
		}
		if l.AnsweredAt.IsZero() && l.Talk > 0 && l.Role == "agent" {
			list = append(list, fmt.Sprintf("%s, and talked for %v", l, l.Talk))
		}
	}
	for _, l := range e.Legs {
		want = append(want, legWords(l.Role, l.Extension, l.Number, l.End, l.Answered))
		if l.Role == "agent" && l.Answered {
			wantTalk = append(wantTalk, l.Extension)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return append(list, fmt.Sprintf("legs are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t")))
	}
	talked := slices.DeleteFunc(slices.Clone(legs), func(l ToldLeg) bool { return l.Role != "agent" || l.AnsweredAt.IsZero() })
	slices.SortStableFunc(talked, func(a, b ToldLeg) int { return a.AnsweredAt.Compare(b.AnsweredAt) })
	for _, l := range talked {
		gotTalk = append(gotTalk, l.Extension)
	}
	if !slices.Equal(gotTalk, wantTalk) {
		list = append(list, fmt.Sprintf("they talked in the order %v, want %v", gotTalk, wantTalk))
	}
	return list
}

func (l ToldLeg) String() string {
	return legWords(l.Role, l.Extension, l.Number, l.End, !l.AnsweredAt.IsZero())
}

func legWords(role, ext, number, end string, answered bool) string {
	return fmt.Sprintf("%s %s%s, answered %v, %s", role, ext, number, answered, end)
}
