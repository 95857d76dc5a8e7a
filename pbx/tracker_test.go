package pbx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

func TestTracker_L1_AnsweredQueueCallIsOneAnsweredCall(t *testing.T) {
	for _, name := range []string{"queue-ringall-answered", "queue-inturn-second-answers", "queue-local-members", "queue-member-busy"} {
		calls := fold(recording(t, name)).last()
		if len(calls) != 1 || calls[0].Outcome != pbx.Answered {
			t.Errorf("%s: %d calls, the first is %s", name, len(calls), calls[0].Outcome)
		}
	}
}

func TestTracker_L2_RingAllOfFiveIsOneCallWithFiveOffers(t *testing.T) {
	for winner := -1; winner < 5; winner++ {
		s := newScript()
		ringAll(s, 5, winner)
		got := s.follow()
		checkInvariants(t, got, whole)
		calls := got.last()
		if len(calls) != 1 || len(calls[0].Legs) != 6 {
			t.Fatalf("winner %d: %d calls, %d legs; want one call, the caller and five", winner, len(calls), len(calls[0].Legs))
		}
		want := map[pbx.LegEnd]int{pbx.EndHungUp: 2, pbx.EndAnsweredElsewhere: 4}
		outcome := pbx.Answered
		if winner < 0 {
			want = map[pbx.LegEnd]int{pbx.EndHungUp: 1, pbx.EndCancelled: 5}
			outcome = pbx.Abandoned
		}
		ends := map[pbx.LegEnd]int{}
		for _, l := range calls[0].Legs {
			ends[l.End]++
		}
		if diff := cmp.Diff(want, ends); diff != "" || calls[0].Outcome != outcome {
			t.Errorf("winner %d: outcome %s, ends (-want +got):\n%s", winner, calls[0].Outcome, diff)
		}
	}
}

func TestTracker_L3_TwoTrackersSeeTheSame(t *testing.T) {
	for _, s := range pbxtest.Scenarios {
		items := recording(t, s.Name)
		if diff := cmp.Diff(fold(items).pictures, fold(items).pictures); diff != "" {
			t.Errorf("%s: the same stream gave other pictures:\n%s", s.Name, diff)
		}
	}
}

func TestTracker_L8_LateEventsDoNotUndoAnAnswer(t *testing.T) {
	for _, name := range []string{"direct-answered-caller-hangs-up", "queue-ringall-answered", "ringgroup-answered", "queue-local-members"} {
		items := recording(t, name)
		want := fold(items).last()[0]
		// Every event comes once more after the end, oldest first and newest first.
		for _, again := range [][]ari.Item{items, backwards(items)} {
			got := fold(append(slices.Clone(items), events(again)...))
			checkInvariants(t, got, whole)
			if calls := got.last(); len(calls) != 1 || !sameButVersion(calls[0], want) {
				t.Errorf("%s: late events made of it\n%s", name, strings.Join(history(got.pictures), "\n"))
			}
		}
	}
}

// The status of an attempt that another answered may arrive late as well.
func TestTracker_L8_LateCancelAfterAnswer(t *testing.T) {
	s := newScript()
	caller := s.channel("1", "PJSIP/trunk-00000001", "09120001001", "91001236", "Ring")
	s.runs(caller, "Dial", "PJSIP/1001")
	phone := s.offer(caller, "2", "PJSIP/1001-00000002")
	s.dial(caller, phone, "ANSWER")
	s.dial(caller, phone, "NOANSWER")
	s.state(phone, "Ringing")
	s.wait(time.Second).destroyed(phone, 19)
	s.destroyed(caller, 19)
	got := s.follow()
	checkInvariants(t, got, whole)
	if c := got.last()[0]; c.Outcome != pbx.Answered || c.Legs[1].AnsweredAt.IsZero() || c.Legs[1].End != pbx.EndHungUp {
		t.Errorf("outcome %s, leg %+v", c.Outcome, c.Legs[1])
	}
}

func TestTracker_L9_OutboundIsOneCallOfTheAgent(t *testing.T) {
	for _, name := range []string{"outbound-answered", "outbound-busy", "outbound-no-answer", "outbound-early-media"} {
		calls := fold(recording(t, name)).last()
		if len(calls) != 1 {
			t.Fatalf("%s: %d calls", name, len(calls))
		}
		c := calls[0]
		if c.Direction != pbx.Outbound || c.Caller.Number != "1001" || c.Dialed != "09120002002" || c.Trunk != "PJSIP/trunk" {
			t.Errorf("%s: %s from %q to %q over %q", name, c.Direction, c.Caller.Number, c.Dialed, c.Trunk)
		}
	}
}

// Dialling from the screen: the PBX rings the agent's phone first, showing the customer's number, and then calls.
func TestTracker_L9_DialledFromTheScreen(t *testing.T) {
	s := newScript()
	phone := s.channel("1", "PJSIP/1001-00000001", "", "s", "Down")
	phone.Dialplan.AppName, phone.Dialplan.AppData = "AppDial2", "(Outgoing Line)"
	phone.Caller.Number, phone.Connected.Number = "", "09120002002"
	s.dial(nil, phone, "")
	s.state(phone, "Ringing")
	s.dial(nil, phone, "RINGING")
	s.wait(time.Second).state(phone, "Up")
	s.dial(nil, phone, "ANSWER")
	phone.Dialplan.Exten, phone.Dialplan.Context = "09120002002", "internal"
	phone.Caller.Number = "02191001234"
	s.runs(phone, "Dial", "PJSIP/09120002002@trunk,60")
	line := s.offer(phone, "2", "PJSIP/trunk-00000002")
	s.wait(time.Second).state(line, "Up")
	s.dial(phone, line, "ANSWER")
	s.enters("b", line)
	s.enters("b", phone)
	s.wait(time.Minute).hangsUp(phone)
	s.leaves("b", phone)
	s.leaves("b", line)
	s.destroyed(line, 16)
	s.destroyed(phone, 16)

	got := s.follow()
	checkInvariants(t, got, whole)
	calls := got.last()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	c := calls[0]
	if c.Direction != pbx.Outbound || c.Caller.Number != "1001" || c.Dialed != "09120002002" || c.Outcome != pbx.Answered ||
		c.Hangup.By != pbx.ByAgent || c.Talk != time.Minute || len(c.Legs) != 2 {
		t.Errorf("%+v", c)
	}
	if agent := c.Legs[0]; agent.Role != pbx.RoleAgent || agent.AnsweredAt.Sub(agent.OfferedAt) != time.Second {
		t.Errorf("the agent's leg: %+v", agent)
	}
	if c.Wait != 2*time.Second {
		t.Errorf("wait %v: the customer answered after 2 s", c.Wait)
	}
}

// An agent who does not pick up makes no call to a customer.
func TestTracker_L9_DialledFromTheScreenNotPickedUp(t *testing.T) {
	s := newScript()
	phone := s.channel("1", "PJSIP/1001-00000001", "", "s", "Down")
	s.dial(nil, phone, "")
	s.wait(30*time.Second).dial(nil, phone, "NOANSWER")
	s.destroyed(phone, 19)
	got := s.follow()
	checkInvariants(t, got, whole)
	if c := got.last()[0]; c.Outcome != pbx.Cancelled || c.Legs[0].End != pbx.EndNoAnswer || c.Hangup.By != pbx.BySystem {
		t.Errorf("%+v", c)
	}
}

func TestTracker_M13_M14_NoCallerIDMakesACallVanish(t *testing.T) {
	numbers := []string{
		"", "anonymous", "Anonymous", "unavailable", "Restricted", "unknown", "private", "withheld",
		"+98912", "TehranBank", "sip:sara@example.com", strings.Repeat("9", 40), strings.Repeat("x", 1<<20),
		"بانک", "a\x00b", "\xff\xfe", " ", "'; DROP TABLE call;--",
	}
	for _, number := range numbers {
		s := newScript()
		caller := s.channel("1", "PJSIP/trunk-00000001", number, "91001236", "Ring")
		s.wait(time.Second).hangsUp(caller)
		s.destroyed(caller, 16)
		got := s.follow()
		checkInvariants(t, got, whole)
		calls := got.last()
		if len(calls) != 1 || calls[0].Direction != pbx.Inbound || calls[0].Outcome != pbx.Missed {
			t.Fatalf("%.20q: %d calls", number, len(calls))
		}
		p := calls[0].Caller
		if len(p.Number) > 256 || strings.Contains(p.Number, "\x00") || !utf8.ValidString(p.Number) {
			t.Errorf("%.20q became %q", number, p.Number)
		}
		token := slices.Contains([]string{"", " ", "anonymous", "unavailable", "restricted", "unknown", "private", "withheld"}, strings.ToLower(strings.ToValidUTF8(number, "")))
		if p.Withheld != token {
			t.Errorf("%.20q: withheld %v", number, p.Withheld)
		}
	}
}

func TestTracker_M13_PresentationWithholdsTheNumber(t *testing.T) {
	start := func() (*script, *ari.Channel) {
		s := newScript()
		return s, s.channel("1", "PJSIP/trunk-00000001", "09120001001", "91001236", "Ring")
	}
	s, caller := start()
	s.event(ari.Event{Type: "ChannelCallerId", Channel: clone(caller), CallerPresentation: 0x23})
	if c := s.follow().live[0]; !c.Caller.Withheld || c.Caller.Number != "" || c.Legs[0].Number != "" {
		t.Errorf("the event: %+v", c.Caller)
	}
	s, caller = start()
	s.event(ari.Event{Type: "ChannelCallerId", Channel: clone(caller), CallerPresentation: 0x03})
	if c := s.follow().live[0]; c.Caller.Withheld {
		t.Errorf("an allowed number: %+v", c.Caller)
	}
	for value, withheld := range map[string]bool{"prohib_passed_screen": true, "prohib": true, "allowed_not_screened": false, "unavailable": false, "": false} {
		s, _ = start()
		got := fold(s.items)
		tracker := pbx.NewTracker(labConfig)
		for _, item := range s.items {
			tracker.Apply(item)
		}
		changed := slices.Clone(tracker.SetVariable("1", pbx.VariablePresentation, value, s.now))
		if c := tracker.Live()[0]; c.Caller.Withheld != withheld || len(changed) == 1 != withheld {
			t.Errorf("%q: withheld %v in %d pictures, at first %v", value, c.Caller.Withheld, len(changed), got.live[0].Caller.Withheld)
		}
	}
}

func TestTracker_P13_QueueDialedAndWaitAreKnownWhileItRings(t *testing.T) {
	var rings []pbx.Call
	for _, c := range fold(recording(t, "queue-ringall-answered")).pictures {
		if c.State == pbx.StateRinging && len(c.Legs) > 1 {
			rings = append(rings, c)
		}
	}
	if len(rings) == 0 {
		t.Fatal("it never rang")
	}
	for _, c := range rings {
		if c.Queue != "support" || c.Dialed != "91001234" || c.StartedAt.IsZero() {
			t.Errorf("queue %q, dialed %q, since %v", c.Queue, c.Dialed, c.StartedAt)
		}
	}
}

// A supervisor listens, whispers, records: Snoop and its like are in the call's bridges and make no call, no leg, no talk.
func TestTracker_S2_ServiceChannelsMakeNoCall(t *testing.T) {
	for _, tech := range []string{
		"Snoop", "Surrogate", "Message", "UnicastRTP", "WebSocket", "AudioSocket", "CBAnn",
		"CBRec", "Announcer", "Recorder", "CLIExec", "Calendar",
	} {
		plain := newScript()
		ringAll(plain, 2, 1)
		want := plain.follow().last()

		spied := newScript()
		spied.channel("spy", tech+"/out.1-00000009", "", "s", "Up")
		spy := spied.channel("spy2", tech+"/out.1-0000000a", "09120001001", "91001234", "Ring")
		spied.runs(spy, "Stasis", "ringbook")
		ringAll(spied, 2, 1)
		// It enters the bridge after everybody else and stays to the end.
		for i, item := range spied.items {
			if b := item.Event.Bridge; b != nil && len(b.Channels) == 2 {
				b.Channels = append(b.Channels, "spy2")
				entered := ari.Event{Type: "ChannelEnteredBridge", Channel: spy, Bridge: b, Timestamp: item.Event.Timestamp}
				spied.items = slices.Insert(spied.items, i+1, ari.Item{At: item.At, Event: &entered})
				break
			}
		}
		spied.destroyed(spy, 16)
		got := spied.follow()
		checkInvariants(t, got, whole)
		if calls := got.last(); len(calls) != 1 || !sameButVersion(calls[0], want[0]) {
			t.Errorf("%s: %d calls\n%s", tech, len(calls), strings.Join(history(got.pictures), "\n"))
		}
	}
}

func TestTracker_NamesWithDashesAndRenames(t *testing.T) {
	config := pbx.Config{Name: "lab", Extension: func(endpoint string) (string, bool) {
		if endpoint == "PJSIP/neda-home" {
			return "1001", true
		}
		return "1001", false // an extension without being a phone means nothing
	}}
	tracker := pbx.NewTracker(config)
	s := newScript()
	caller := s.channel("1", "PJSIP/trunk-a-0000001f", "09120001001", "91001236", "Ring")
	s.offer(caller, "2", "PJSIP/neda-home-00000020")
	for _, item := range s.items {
		tracker.Apply(item)
	}
	c := tracker.Live()[0]
	if c.Trunk != "PJSIP/trunk-a" || c.Legs[0].Extension != "" || c.Legs[1].Extension != "1001" || c.Legs[1].Role != pbx.RoleAgent {
		t.Errorf("trunk %q, legs %+v", c.Trunk, c.Legs)
	}
	s.items = nil
	caller.Name = "PJSIP/trunk-b-00000021"
	s.state(caller, "Up")
	calls := tracker.Apply(s.items[0])
	if len(calls) != 1 || calls[0].Legs[0].Channel != "PJSIP/trunk-b-00000021" {
		t.Errorf("after a rename: %+v", calls)
	}
}

func TestTracker_HoldIsPartOfTalk(t *testing.T) {
	s := newScript()
	caller := s.channel("1", "PJSIP/trunk-00000001", "09120001001", "91001236", "Ring")
	phone := s.offer(caller, "2", "PJSIP/1001-00000002")
	s.dial(caller, phone, "ANSWER")
	s.enters("b", phone)
	s.enters("b", caller)
	s.wait(10 * time.Second).event(ari.Event{Type: "ChannelHold", Channel: clone(phone)})
	if c := s.follow().live[0]; c.State != pbx.StateHeld {
		t.Errorf("state %s on hold", c.State)
	}
	s.wait(5 * time.Second).event(ari.Event{Type: "ChannelUnhold", Channel: clone(phone)})
	if c := s.follow().live[0]; c.State != pbx.StateTalking || c.Hold != 5*time.Second {
		t.Errorf("state %s, hold %v after it", c.State, c.Hold)
	}
	s.wait(10 * time.Second).event(ari.Event{Type: "ChannelHold", Channel: clone(phone)})
	s.wait(2*time.Second).leaves("b", caller)
	s.leaves("b", phone)
	s.destroyed(caller, 16)
	s.destroyed(phone, 16)
	got := s.follow()
	checkInvariants(t, got, whole)
	c := got.last()[0]
	if c.Talk != 27*time.Second || c.Hold != 7*time.Second || c.Legs[1].Hold != 7*time.Second || c.Legs[0].Hold != 0 {
		t.Errorf("talk %v, hold %v, legs %+v", c.Talk, c.Hold, c.Legs)
	}
	at := func(s int) time.Time { return c.AnsweredAt.Add(time.Duration(s) * time.Second) }
	for i, want := range [][]pbx.Span{
		{
			{Kind: pbx.SpanTalk, From: at(0), To: at(10)},
			{Kind: pbx.SpanHeld, From: at(10), To: at(15)},
			{Kind: pbx.SpanTalk, From: at(15), To: at(25)},
			{Kind: pbx.SpanHeld, From: at(25), To: at(27)},
		},
		{
			{Kind: pbx.SpanTalk, From: at(0), To: at(10)},
			{Kind: pbx.SpanHold, From: at(10), To: at(15)},
			{Kind: pbx.SpanTalk, From: at(15), To: at(25)},
			{Kind: pbx.SpanHold, From: at(25), To: at(27)},
		},
	} {
		if diff := cmp.Diff(want, c.Legs[i].Spans); diff != "" {
			t.Errorf("stretches of %s (-want +got):\n%s", c.Legs[i].Channel, diff)
		}
	}
}

// Somebody who plays with the hold key fills no memory, and is counted right.
func TestTracker_StretchesOfALegAreBounded(t *testing.T) {
	s := newScript()
	caller := s.channel("1", "PJSIP/trunk-00000001", "09120001001", "91001236", "Ring")
	phone := s.offer(caller, "2", "PJSIP/1001-00000002")
	s.dial(caller, phone, "ANSWER")
	s.enters("b", phone)
	s.enters("b", caller)
	const times = 200
	for range times {
		s.wait(time.Second).event(ari.Event{Type: "ChannelHold", Channel: clone(phone)})
		s.wait(time.Second).event(ari.Event{Type: "ChannelUnhold", Channel: clone(phone)})
	}
	s.leaves("b", caller)
	s.leaves("b", phone)
	s.destroyed(caller, 16)
	s.destroyed(phone, 16)
	l := s.follow().last()[0].Legs[1]
	if n := len(l.Spans); n < 50 || n > times || l.Talk != 2*times*time.Second || l.Hold != times*time.Second {
		t.Errorf("%d stretches, talk %v, hold %v", n, l.Talk, l.Hold)
	}
	if last := l.Spans[len(l.Spans)-1]; last.To.IsZero() {
		t.Errorf("the last stretch has no end: %+v", last)
	}
}

func TestTracker_NoEventCanPanic(t *testing.T) {
	kinds := []string{
		"", "Dial", "ChannelEnteredBridge", "ChannelLeftBridge", "BridgeDestroyed", "ChannelCreated", "ChannelDestroyed",
		"ChannelHangupRequest", "ChannelHold", "ChannelUnhold", "ChannelCallerId", "ChannelStateChange", "ChannelDialplan", "BridgeMerged", "X",
	}
	tracker := pbx.NewTracker(labConfig)
	for _, kind := range kinds {
		for _, ch := range []*ari.Channel{nil, {}, {ID: "1"}, {ID: "1", Name: "Local/;"}, {ID: "2", Name: "Local/1@x-1;2", State: "Ring"}} {
			for _, b := range []*ari.Bridge{nil, {}, {ID: "b"}, {ID: "b", Channels: []string{"", "1", "1", "nobody"}}} {
				tracker.Apply(ari.Item{Event: &ari.Event{Type: kind, Channel: ch, Peer: ch, Caller: ch, Bridge: b}})
				tracker.Apply(ari.Item{Event: &ari.Event{Type: kind, Peer: ch, Bridge: b}})
			}
		}
	}
	tracker.Apply(ari.Item{})
	tracker.Apply(ari.Item{Gap: &ari.Gap{}})
	tracker.Apply(ari.Item{Live: &ari.Live{}})
	if live := tracker.Live(); len(live) != 0 {
		t.Errorf("an empty PBX has calls: %+v", live)
	}
}

func TestCallID(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 123e6, time.UTC)
	id := pbx.CallID("main", "1795359304.1", at)
	if id.Version() != 7 || id.Variant() != uuid.RFC4122 {
		t.Errorf("%s has version %d, variant %s", id, id.Version(), id.Variant())
	}
	if id != pbx.CallID("main", "1795359304.1", at.In(time.FixedZone("", 3*3600+1800))) {
		t.Error("another time zone gives another id")
	}
	later := pbx.CallID("main", "1795359304.1", at.Add(time.Millisecond))
	if strings.Compare(id.String(), later.String()) >= 0 {
		t.Errorf("%s does not sort before %s", id, later)
	}
	if sec, nsec := id.Time().UnixTime(); !time.Unix(sec, nsec).Equal(at) {
		t.Errorf("its time is %v, want %v", time.Unix(sec, nsec), at)
	}
	seen := map[string]bool{}
	for _, name := range []string{"main", "mai", "branch", ""} {
		for _, ch := range []string{"1795359304.1", "n1795359304.1", "1795359304.2", ""} {
			seen[fmt.Sprint(pbx.CallID(name, ch, at))] = true
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d ids for 16 calls", len(seen))
	}
	for _, odd := range []time.Time{{}, time.Unix(0, 0), time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if id := pbx.CallID("main", "1", odd); id.Version() != 7 {
			t.Errorf("%v: version %d", odd, id.Version())
		}
	}
}

func events(items []ari.Item) []ari.Item {
	return slices.DeleteFunc(slices.Clone(items), func(i ari.Item) bool { return i.Event == nil })
}

func backwards(items []ari.Item) []ari.Item {
	items = slices.Clone(items)
	slices.Reverse(items)
	return items
}
