package pbx_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// snapshotAfter is what GET /channels and GET /bridges tell after some events of a stream.
func snapshotAfter(items []ari.Item) ari.Snapshot {
	channels := map[string]ari.Channel{}
	bridges := map[string]ari.Bridge{}
	var order []string
	for _, item := range items {
		e := item.Event
		if e == nil {
			continue
		}
		known := []*ari.Channel{e.Channel, e.Caller, e.Peer, e.Forwarded, e.ReplaceChannel}
		if x := e.Transfer; x != nil {
			known = append(known, x.Transferee, x.FirstLeg, x.SecondLeg, x.Target)
		}
		for _, ch := range known {
			if ch != nil {
				if _, ok := channels[ch.ID]; !ok {
					order = append(order, ch.ID)
				}
				channels[ch.ID] = *ch
			}
		}
		switch {
		case e.Type == "ChannelDestroyed":
			delete(channels, e.Channel.ID)
		case e.Type == "BridgeDestroyed":
			delete(bridges, e.Bridge.ID)
		case e.Bridge != nil && e.Transfer == nil: // which tells the bridge of before
			bridges[e.Bridge.ID] = *e.Bridge
		}
	}
	var s ari.Snapshot
	for _, id := range order {
		if ch, ok := channels[id]; ok {
			s.Channels = append(s.Channels, ch)
		}
	}
	for _, b := range bridges {
		s.Bridges = append(s.Bridges, b)
	}
	return s
}

// Joining in the middle of every recording, after every event: the calls under way are there, say that they are
// partial unless their beginning is repeated, and end.
func TestTracker_L11_JoiningInTheMiddle(t *testing.T) {
	for name, items := range recordings(t) {
		complete := fold(items)
		for cut := range items {
			tracker := pbx.NewTracker(labConfig)
			for _, item := range items[:cut] {
				tracker.Apply(item)
			}
			underWay := tracker.Live()

			live := ari.Item{At: items[cut].At, Live: &ari.Live{Snapshot: snapshotAfter(items[:cut])}}
			got := fold(append([]ari.Item{live}, items[cut:]...))
			checkInvariants(t, got, jumbled)
			if len(got.live) != 0 {
				t.Errorf("%s from %d: %d calls never end", name, cut, len(got.live))
			}
			calls := got.last()
			snapshot := live.Live.Snapshot
			for _, want := range underWay {
				root := slices.IndexFunc(snapshot.Channels, func(ch ari.Channel) bool { return ch.ID == want.Legs[0].ID })
				if root < 0 {
					continue // the one who called has gone, within milliseconds the others will
				}
				if !snapshot.Channels[root].CreationTime.Equal(want.StartedAt) {
					continue // a transfer while it rang has given the channel another's time of birth: nobody can tell the call's id
				}
				i := slices.IndexFunc(calls, func(c pbx.Call) bool { return c.ID == want.ID })
				if i < 0 {
					if end := complete.last(); end[slices.IndexFunc(end, func(c pbx.Call) bool { return c.ID == want.ID })].MergedInto == uuid.Nil {
						t.Errorf("%s from %d: the call is missing", name, cut)
					}
					continue
				}
				if !calls[i].Partial {
					t.Errorf("%s from %d: it does not say that its beginning was not seen", name, cut)
				}
				talks := func(l pbx.Leg) bool {
					return slices.ContainsFunc(snapshot.Bridges, func(b ari.Bridge) bool { return len(b.Channels) > 1 && slices.Contains(b.Channels, l.ID) })
				}
				if talks(want.Legs[0]) && slices.ContainsFunc(want.Legs[1:], talks) && calls[i].Outcome != pbx.Answered {
					t.Errorf("%s from %d: %s, although they were talking", name, cut, calls[i].Outcome)
				}
			}
			// What was about to vanish in this very moment may look like a call of its own.
			calls = slices.DeleteFunc(calls, func(c pbx.Call) bool { return c.EndedAt.Sub(live.At) < 20*time.Millisecond })
			if n, want := len(listed(calls)), len(listed(complete.last())); n > want {
				t.Errorf("%s from %d: %d calls, want %d", name, cut, n, want)
			}
		}
	}
}

// A node that joins while another has been drawing the same call draws newer pictures, with the same id.
func TestTracker_L3_WhoJoinsDrawsNewerPictures(t *testing.T) {
	for name, items := range recordings(t) {
		for cut := 1; cut < len(items); cut++ {
			old := pbx.NewTracker(labConfig)
			for _, item := range items[:cut] {
				old.Apply(item)
			}
			joined := pbx.NewTracker(labConfig)
			at := items[cut-1].At.Add(time.Millisecond)
			versions := map[uuid.UUID]int64{}
			for _, c := range joined.Apply(ari.Item{At: at, Live: &ari.Live{Snapshot: snapshotAfter(items[:cut])}}) {
				versions[c.ID] = c.Version
			}
			for _, c := range old.Live() {
				if v, ok := versions[c.ID]; ok && v <= c.Version {
					t.Errorf("%s from %d: version %d is not newer than %d", name, cut, v, c.Version)
				}
			}
		}
	}
}

// A phone that rings when the stream comes (back) shows who calls, although nobody saw it dialled.
func TestTracker_P10_JoiningWhileItRings(t *testing.T) {
	for name, phones := range map[string]int{"direct-no-answer": 1, "queue-ringall-nobody": 2, "queue-inturn-abandoned": 1, "outbound-cancelled": 1} {
		items := events(recording(t, name))
		cut := 0
		for i, item := range items {
			if item.Event.Type == "ChannelStateChange" && item.Event.Channel.State == "Ringing" || item.Event.DialStatus == "RINGING" {
				cut = i + 1
			}
			if item.Event.DialStatus == "NOANSWER" {
				break
			}
		}
		tracker := pbx.NewTracker(labConfig)
		live := ari.Item{At: items[cut].At, Live: &ari.Live{Snapshot: snapshotAfter(items[:cut])}}
		calls := tracker.Apply(live)
		if len(calls) != 1 || calls[0].State != pbx.StateRinging || !calls[0].Partial || len(calls[0].Legs) != 1+phones {
			t.Errorf("%s: %d calls: %+v", name, len(calls), calls)
		}
	}
}

// The stream is interrupted after every event of every recording, and the PBX is empty when it is back: what was
// under way is closed as of the moment of silence, and says so. An answered call stays answered.
func TestTracker_CallsThatVanishAreReconstructed(t *testing.T) {
	for name, items := range recordings(t) {
		for cut := 1; cut < len(items); cut++ {
			silent := items[cut-1].At
			back := silent.Add(time.Hour)
			tracker := pbx.NewTracker(labConfig)
			var s story
			for _, item := range append(slices.Clone(items[:cut]),
				ari.Item{At: back.Add(-time.Minute), Gap: &ari.Gap{From: silent, Reason: ari.GapDisconnected}},
				ari.Item{At: back, Live: &ari.Live{}}) {
				before := tracker.Live()
				s.pictures = append(s.pictures, tracker.Apply(item)...)
				if item.Live == nil {
					continue
				}
				for _, was := range before {
					i := slices.IndexFunc(s.pictures, func(c pbx.Call) bool { return c.ID == was.ID && c.State == pbx.StateEnded })
					if i < 0 {
						t.Fatalf("%s cut at %d: a call did not end", name, cut)
					}
					c := s.pictures[i]
					answered := !was.AnsweredAt.IsZero()
					if answered != (c.Outcome == pbx.Answered) {
						t.Errorf("%s cut at %d: %s, it was answered: %v", name, cut, c.Outcome, answered)
					}
					// If all parties had left before, only remains of their channels vanished.
					over := func(l pbx.Leg) bool { return l.End != "" }
					if allOver := !slices.ContainsFunc(was.Legs, func(l pbx.Leg) bool { return !over(l) }); c.Reconstructed == allOver {
						t.Errorf("%s cut at %d: reconstructed %v: %+v", name, cut, c.Reconstructed, c.Legs)
					}
					if c.Reconstructed && c.Hangup.By != pbx.BySystem {
						t.Errorf("%s cut at %d: nobody saw %s hang up", name, cut, c.Hangup.By)
					}
					if late := c.EndedAt.Sub(silent); late > time.Second {
						t.Errorf("%s cut at %d: ended %v after the silence began", name, cut, late)
					}
				}
			}
			// Nothing that comes late brings them back.
			for _, item := range items {
				s.pictures = append(s.pictures, tracker.Apply(item)...)
			}
			for _, c := range s.pictures {
				checkPicture(t, c)
			}
		}
	}
}

// An interruption during which nothing happened changes nothing.
func TestTracker_InterruptionWithoutChange(t *testing.T) {
	for name, items := range recordings(t) {
		want := fold(items).last()
		for cut := 1; cut < len(items); cut++ {
			at := items[cut-1].At
			got := fold(slices.Concat(items[:cut], []ari.Item{
				{At: at, Gap: &ari.Gap{From: at, Reason: ari.GapDisconnected}},
				{At: at.Add(time.Millisecond), Live: &ari.Live{Snapshot: snapshotAfter(items[:cut])}},
			}, items[cut:]))
			checkInvariants(t, got, jumbled)
			calls := got.last()
			if len(calls) != len(want) {
				t.Fatalf("%s cut at %d: %d calls, want %d", name, cut, len(calls), len(want))
			}
			for i := range calls {
				if calls[i].Outcome != want[i].Outcome || calls[i].ID != want[i].ID || len(calls[i].Legs) != len(want[i].Legs) {
					t.Errorf("%s cut at %d: %s with %d legs, want %s with %d", name, cut, calls[i].Outcome, len(calls[i].Legs), want[i].Outcome, len(want[i].Legs))
				}
			}
		}
	}
}

// The PBX is asked after every event which channels it has, and its list is behind: it lacks those that are younger than a
// second. Nothing is lost by that, least of all the ring that is just coming.
func TestTracker_P2_ListThatIsBehindLosesNothing(t *testing.T) {
	for name, items := range recordings(t) {
		want := fold(items).last()
		first := map[string]time.Time{}
		var checked []ari.Item
		for i, item := range items {
			checked = append(checked, item)
			s := snapshotAfter(items[:i+1])
			asked := item.At.Add(time.Microsecond)
			var old []ari.Channel
			for _, ch := range s.Channels {
				if first[ch.ID].IsZero() {
					first[ch.ID] = item.At
				}
				if asked.Sub(first[ch.ID]) > time.Second {
					old = append(old, ch)
				}
			}
			checked = append(checked, ari.Item{At: asked, Check: &ari.Check{Asked: asked, Channels: old}})
		}
		got := fold(checked).last()
		if len(got) != len(want) {
			t.Errorf("%s: %d calls, want %d", name, len(got), len(want))
			continue
		}
		for i := range got {
			if got[i].ID != want[i].ID || got[i].Outcome != want[i].Outcome || got[i].Reconstructed || len(got[i].Legs) != len(want[i].Legs) {
				t.Errorf("%s: %s, %d legs, reconstructed %v; want %s, %d legs", name, got[i].Outcome, len(got[i].Legs), got[i].Reconstructed, want[i].Outcome, len(want[i].Legs))
			}
		}
	}
}

// A channel whose end nobody told is gone with the first list that was asked for a second after it was last listed or heard
// of first, and the call says within which bounds it ended.
func TestTracker_ListedNoMore(t *testing.T) {
	items := events(recording(t, "direct-caller-gives-up"))
	cut := slices.IndexFunc(items, func(i ari.Item) bool { return i.Event.Type == "ChannelHangupRequest" })
	tracker := pbx.NewTracker(labConfig)
	for _, item := range items[:cut] {
		tracker.Apply(item)
	}
	rung := items[cut-1].At
	check := func(asked time.Time, channels []ari.Channel) []pbx.Call {
		return tracker.Apply(ari.Item{At: asked.Add(time.Millisecond), Check: &ari.Check{Asked: asked, Channels: channels}})
	}
	if calls := check(rung.Add(500*time.Millisecond), nil); len(calls) != 0 {
		t.Fatalf("gone after half a second: %+v", calls)
	}
	if calls := check(rung.Add(20*time.Second), snapshotAfter(items[:cut]).Channels); len(calls) != 0 {
		t.Fatalf("gone although it is listed: %+v", calls)
	}
	calls := check(rung.Add(40*time.Second), nil)
	if len(calls) != 1 || calls[0].State != pbx.StateEnded || !calls[0].Reconstructed {
		t.Fatalf("not closed: %+v", calls)
	}
	from, to := calls[0].EndedAt.Sub(rung), calls[0].EndedBefore.Sub(rung)
	if from < 18*time.Second || from > 20*time.Second || to < 39*time.Second || to > 41*time.Second {
		t.Errorf("ended between %v and %v after it rang", from, to)
	}
}
