package pbx_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// customers is the one call of a recording that people get to see.
func customers(t *testing.T, name string) pbx.Call {
	t.Helper()
	calls := listed(fold(recording(t, name)).last())
	if len(calls) != 1 {
		t.Fatalf("%s: %d calls, want 1", name, len(calls))
	}
	return calls[0]
}

func legsOf(c pbx.Call, extension string) (legs []pbx.Leg) {
	for _, l := range c.Legs {
		if l.Extension == extension {
			legs = append(legs, l)
		}
	}
	return legs
}

// A transfer makes no second row, no ghost and no row of 00:00:00, in either dialplan; the agents' legs add up.
func TestTracker_L4_TransfersMakeNoGhosts(t *testing.T) {
	for name, s := range recorded() {
		if len(s.Expect) != 1 || len(s.Expect[0].Transfers) == 0 {
			continue
		}
		c := customers(t, name)
		var sum time.Duration
		for _, l := range c.Legs {
			if l.Role == pbx.RoleAgent {
				sum += l.Talk
			}
			if !l.AnsweredAt.IsZero() && l.Talk == 0 {
				t.Errorf("%s: %s answered and never talked", name, l.Extension+l.Number)
			}
		}
		if c.Talk != sum || sum == 0 {
			t.Errorf("%s: talk %v, legs %v", name, c.Talk, sum)
		}
	}
}

// An agent's time ends when the agent leaves, also where Local channels stay in between.
func TestTracker_L5_TalkEndsWhenTheAgentLeaves(t *testing.T) {
	for _, name := range []string{
		"transfer-attended", "transfer-attended-digits", "transfer-from-queue", "transfer-attended-from-queue",
		"transfer-attended.freepbx", "transfer-attended-digits.freepbx", "transfer-from-queue.freepbx", "transfer-attended-from-queue.freepbx",
	} {
		c := customers(t, name)
		left := c.Transfers[0].At
		for _, l := range legsOf(c, c.Transfers[0].By) {
			if l.End != pbx.EndTransferred || l.EndedAt.Sub(left).Abs() > 100*time.Millisecond || l.Talk > left.Sub(l.OfferedAt)+100*time.Millisecond {
				t.Errorf("%s: %s ended %v at %v with %v of talk; the call was transferred at %v", name, l.Extension, l.End, l.EndedAt, l.Talk, left)
			}
		}
		if c.EndedAt.Sub(left) < 300*time.Millisecond {
			t.Errorf("%s: nobody talked after the transfer", name)
		}
	}
}

// Only those take part who did, and who came by a transfer is not missing.
func TestTracker_L6_WhoTookPart(t *testing.T) {
	for name, want := range map[string][]string{
		"transfer-three-times": {"", "1001", "1002", "1003", "1004"}, "pickup-directed": {"", "1001", "1002"},
		"forward-by-phone": {"", "1001", "1002"}, "park-retrieved": {"", "1001", "1002"},
	} {
		for _, flavour := range []string{"", ".freepbx"} {
			c := customers(t, name+flavour)
			if len(c.Legs) != len(want) {
				t.Errorf("%s: %d legs, want those of %v", name+flavour, len(c.Legs), want)
			}
			for _, ext := range want {
				if len(legsOf(c, ext)) != 1 {
					t.Errorf("%s: %q has %d legs", name+flavour, ext, len(legsOf(c, ext)))
				}
			}
		}
	}
}

// Members of a queue by PJSIP, by Local channels that stay and by such that are optimised away give the same call.
func TestTracker_L12_EveryKindOfMember(t *testing.T) {
	for _, name := range []string{"queue-ringall-answered", "queue-local-members", "queue-optimized-local"} {
		for _, flavour := range []string{"", ".freepbx"} {
			c := customers(t, name+flavour)
			answered := legsOf(c, "1002")
			if c.Outcome != pbx.Answered || len(c.Legs) != 3 || len(answered) != 1 || answered[0].Talk == 0 || answered[0].Talk != c.Talk {
				t.Errorf("%s: %s, talk %v, legs %+v", name+flavour, c.Outcome, c.Talk, c.Legs)
			}
		}
	}
}

// Whoever gets the call by whatever transfer: the caller is the customer who called.
func TestTracker_P12_TheCallerStaysTheCustomer(t *testing.T) {
	for name, s := range recorded() {
		if len(s.Expect) != 1 || len(s.Expect[0].Transfers) == 0 || s.Expect[0].Direction != "inbound" {
			continue
		}
		seen := false
		var id uuid.UUID
		for _, c := range fold(recording(t, name)).pictures {
			if c.Direction == pbx.Inbound {
				if seen = true; c.Caller.Number != s.Expect[0].Caller || id != uuid.Nil && c.ID != id {
					t.Errorf("%s: call %s from %q", name, c.ID, c.Caller.Number)
				}
				id = c.ID
			}
		}
		if !seen {
			t.Errorf("%s: no inbound call", name)
		}
	}
}

// Both dialplans give the same record: who took part in which way, who passed it on, who ended it.
func TestTracker_P14_EveryDialplan(t *testing.T) {
	for name, s := range recorded() {
		for _, fault := range s.Faults(told(listed(fold(recording(t, name)).last()))) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// A supervisor who listens is called by ringbook; neither that nor the snoop is a call or part of one.
func TestTracker_SupervisorListensUnseen(t *testing.T) {
	s := newScript()
	ringAll(s, 2, 0)
	want := s.follow().last()
	s = newScript()
	phone := s.channel("ringbook-listen-1", "PJSIP/1009-0000000a", "", "", "Down")
	s.dial(nil, phone, "")
	s.state(phone, "Ringing")
	s.dial(nil, phone, "RINGING")
	s.dial(nil, phone, "ANSWER")
	s.state(phone, "Up")
	s.runs(phone, "Stasis", "ringbook-node-1,listen")
	snoop := s.channel("snoop.1", "Snoop/out.0-00000001", "", "", "Up")
	late := s.channel("1.7", "PJSIP/1010-0000000b", "", "", "Up")
	late.Dialplan.AppName, late.Dialplan.AppData = "Stasis", "ringbook-node-1,listen"
	s.items = s.items[:len(s.items)-1]
	s.enters("listen", phone)
	s.enters("listen", snoop)
	s.enters("listen", late)
	ringAll(s, 2, 0)
	s.leaves("listen", snoop)
	s.destroyed(snoop, 16)
	s.hangsUp(phone)
	s.leaves("listen", phone)
	s.destroyed(phone, 16)
	s.destroyed(late, 16)
	got := s.follow()
	checkInvariants(t, got, whole)
	if calls := got.last(); len(calls) != 1 || !sameButVersion(calls[0], want[0]) {
		t.Errorf("got\n%+v\nwant\n%+v", calls, want)
	}
}
