package pbx_test

import (
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// seen says how much of a stream a tracker was given.
type seen int

const (
	whole   seen = iota // every event once and in order
	jumbled             // events lost, repeated or out of order
)

// checkInvariants holds what must be true of any stream's pictures (and, of a whole one, more).
func checkInvariants(t failer, s story, how seen) {
	t.Helper()
	before := map[uuid.UUID]pbx.Call{}
	for _, c := range s.pictures {
		checkPicture(t, c)
		if b, ok := before[c.ID]; ok {
			checkChange(t, b, c)
		}
		before[c.ID] = c
	}
	for _, c := range s.live {
		if b := before[c.ID]; b.Version != c.Version || b.State == pbx.StateEnded {
			t.Errorf("call %s is live in version %d, its last picture was %d (%s)", c.ID, c.Version, b.Version, b.State)
		}
	}
	if how == whole {
		if len(s.live) != 0 {
			t.Errorf("%d calls never ended", len(s.live))
		}
		for _, c := range before {
			checkWhole(t, c)
			if into := before[c.MergedInto]; c.MergedInto != uuid.Nil && (into.ID != c.MergedInto || into.MergedInto == c.ID) {
				t.Errorf("call %s is part of %s, which is not there", c.ID, c.MergedInto)
			}
		}
	}
}

type failer interface {
	Helper()
	Errorf(string, ...any)
}

// checkPicture holds what is true of every single picture.
func checkPicture(t failer, c pbx.Call) {
	t.Helper()
	ended := c.State == pbx.StateEnded
	switch c.State {
	case pbx.StateRinging, pbx.StateQueued, pbx.StateTalking, pbx.StateHeld, pbx.StateEnded:
	default:
		t.Errorf("state %q", c.State)
	}
	switch c.Direction {
	case pbx.Inbound, pbx.Outbound, pbx.Internal:
	default:
		t.Errorf("direction %q", c.Direction)
	}
	if ended != (c.Outcome != "") || ended != !c.EndedAt.IsZero() || ended != (c.Hangup.By != "") {
		t.Errorf("state %s with outcome %q, ended at %v, hung up by %q", c.State, c.Outcome, c.EndedAt, c.Hangup.By)
	}
	if c.Outcome == pbx.Answered && c.AnsweredAt.IsZero() ||
		ended && c.Outcome != pbx.Answered && !c.AnsweredAt.IsZero() {
		t.Errorf("outcome %s, answered at %v", c.Outcome, c.AnsweredAt)
	}
	if c.Wait < 0 || c.Talk < 0 || c.Hold < 0 || !c.AnsweredAt.IsZero() && c.AnsweredAt.Before(c.StartedAt) ||
		ended && (c.EndedAt.Before(c.StartedAt) || c.EndedAt.Before(c.AnsweredAt)) {
		t.Errorf("impossible times: %+v", c)
	}
	if c.MergedInto != uuid.Nil && !ended {
		t.Errorf("call %s is part of another and still %s", c.ID, c.State)
	}
	if len(c.Legs) == 0 {
		t.Errorf("call %s without a leg", c.ID)
		return
	}
	ids := map[string]bool{}
	var sum time.Duration
	for i, l := range c.Legs {
		if ids[l.ID] {
			t.Errorf("two legs %s", l.ID)
		}
		ids[l.ID] = true
		over := !l.EndedAt.IsZero()
		if over != (l.End != "") || ended && !over {
			t.Errorf("leg %s: ended at %v, %q, call %s", l.ID, l.EndedAt, l.End, c.State)
		}
		if l.OfferedAt.IsZero() || l.OfferedAt.Before(c.StartedAt) || over && l.EndedAt.Before(l.OfferedAt) ||
			!l.AnsweredAt.IsZero() && (l.AnsweredAt.Before(l.OfferedAt) || over && l.EndedAt.Before(l.AnsweredAt)) {
			t.Errorf("leg %s: offered %v, answered %v, ended %v", l.ID, l.OfferedAt, l.AnsweredAt, l.EndedAt)
		}
		if l.Talk < 0 || l.Hold < 0 || over && l.Hold > l.Talk || over && l.Talk > l.EndedAt.Sub(l.OfferedAt) {
			t.Errorf("leg %s: talk %v, hold %v of %v", l.ID, l.Talk, l.Hold, l.EndedAt.Sub(l.OfferedAt))
		}
		checkSpans(t, l)
		if (l.Role == pbx.RoleAgent) != (l.Extension != "") {
			t.Errorf("leg %s: role %s, extension %q", l.ID, l.Role, l.Extension)
		}
		if l.Role == pbx.RoleAgent && (i > 0 || c.Direction != pbx.Internal) {
			sum += l.Talk
		}
		if i > 1 && l.OfferedAt.Before(c.Legs[i-1].OfferedAt) {
			t.Errorf("legs are not in order")
		}
	}
	// Invariant 4: legs add up to the call.
	if sum != c.Talk {
		t.Errorf("talk is %v, legs add up to %v", c.Talk, sum)
	}
}

// checkSpans holds what is true of the stretches of a leg: they lie within it, one after the other, and add up.
func checkSpans(t failer, l pbx.Leg) {
	t.Helper()
	var talk, hold time.Duration
	last := l.OfferedAt
	for i, s := range l.Spans {
		open := s.To.IsZero()
		if s.From.Before(last) || !open && !s.To.After(s.From) || open && (i < len(l.Spans)-1 || !l.EndedAt.IsZero()) ||
			s.Kind != pbx.SpanTalk && s.Kind != pbx.SpanHold && s.Kind != pbx.SpanHeld {
			t.Errorf("leg %s: stretches %+v", l.ID, l.Spans)
			return
		}
		if open {
			// Hold counts when it is over, talk when the conversation is: the stretches of this one lie before.
			return
		}
		last = s.To
		talk += s.To.Sub(s.From)
		if s.Kind == pbx.SpanHold {
			hold += s.To.Sub(s.From)
		}
	}
	if !l.EndedAt.IsZero() && (last.After(l.EndedAt) || talk != l.Talk || hold != l.Hold) {
		t.Errorf("leg %s: talk %v, hold %v, ended %v, stretches %+v", l.ID, l.Talk, l.Hold, l.EndedAt, l.Spans)
	}
}

// checkChange holds what may happen from one picture of a call to a later one.
func checkChange(t failer, a, b pbx.Call) {
	t.Helper()
	if b.Version <= a.Version {
		t.Errorf("version %d after %d", b.Version, a.Version)
	}
	// Invariant 3.
	if a.State == pbx.StateEnded {
		t.Errorf("call %s: %s after its end", a.ID, b.State)
	}
	if !a.AnsweredAt.IsZero() && !b.AnsweredAt.Equal(a.AnsweredAt) {
		t.Errorf("answered at %v, then at %v", a.AnsweredAt, b.AnsweredAt)
	}
	if !b.StartedAt.Equal(a.StartedAt) || b.Talk < a.Talk || b.Hold < a.Hold {
		t.Errorf("start %v then %v, talk %v then %v, hold %v then %v", a.StartedAt, b.StartedAt, a.Talk, b.Talk, a.Hold, b.Hold)
	}
	legs := map[string]pbx.Leg{}
	for _, l := range b.Legs {
		legs[l.ID] = l
	}
	for _, l := range a.Legs {
		n, ok := legs[l.ID]
		switch {
		case !ok:
			t.Errorf("leg %s vanished", l.ID)
		case !l.AnsweredAt.IsZero() && !n.AnsweredAt.Equal(l.AnsweredAt), n.Talk < l.Talk,
			!l.EndedAt.IsZero() && !n.EndedAt.Equal(l.EndedAt):
			t.Errorf("leg %+v became %+v", l, n)
		}
	}
}

// checkWhole holds what is true of the last picture of a call that was wholly seen.
func checkWhole(t failer, c pbx.Call) {
	t.Helper()
	if c.Partial || c.Reconstructed {
		t.Errorf("call %s: partial %v, reconstructed %v", c.ID, c.Partial, c.Reconstructed)
	}
	// Invariant 2: missed only if no agent answered.
	for _, l := range c.Legs[1:] {
		if !l.AnsweredAt.IsZero() && c.Outcome != pbx.Answered {
			t.Errorf("call %s is %s although %s answered", c.ID, c.Outcome, l.Channel)
		}
	}
}
