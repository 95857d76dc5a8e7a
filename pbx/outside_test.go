package pbx_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// later is a stream as it would be after some time, with the same channel ids.
func later(items []ari.Item, d time.Duration) []ari.Item {
	moved := func(ch *ari.Channel) *ari.Channel {
		if ch != nil {
			ch = clone(ch)
			ch.CreationTime = ch.CreationTime.Add(d)
		}
		return ch
	}
	out := events(items)
	for i, item := range out {
		e := *item.Event
		e.Timestamp = e.Timestamp.Add(d)
		e.Channel, e.Caller, e.Peer, e.Forwarded = moved(e.Channel), moved(e.Caller), moved(e.Peer), moved(e.Forwarded)
		out[i] = ari.Item{At: item.At.Add(d), Event: &e}
	}
	return out
}

// The PBX breaks down in mid-call, starts anew and gives its channels the same ids: two calls, whether the interruption
// was noticed or not.
func TestTracker_IDsReusedAfterARestart(t *testing.T) {
	for _, name := range []string{"direct-answered-caller-hangs-up", "queue-ringall-answered", "queue-local-members.freepbx", "internal-answered"} {
		items := events(recording(t, name))
		want := fold(later(items, time.Minute)).last()[0]
		half := len(items) / 2
		again := later(items, time.Minute)
		broken := items[half-1].At
		started := broken.Add(10 * time.Second)
		for how, between := range map[string][]ari.Item{
			"unnoticed": nil,
			"noticed": {
				{At: broken.Add(time.Second), Gap: &ari.Gap{From: broken, Reason: ari.GapDisconnected}},
				{At: started, Live: &ari.Live{Started: started}},
			},
		} {
			s := fold(slices.Concat(items[:half], between, again))
			checkInvariants(t, s, jumbled)
			calls := s.last()
			if len(calls) != 2 || len(s.live) != 0 {
				t.Errorf("%s, %s: %d calls, %d of them live", name, how, len(calls), len(s.live))
				continue
			}
			if first := calls[0]; !first.Reconstructed || first.Legs[0].End != pbx.EndLost {
				t.Errorf("%s, %s: the first call ended as %s, reconstructed %v", name, how, first.Outcome, first.Reconstructed)
			}
			if second := calls[1]; !sameButVersion(second, want) {
				t.Errorf("%s, %s: the second call is\n%+v\nwant\n%+v", name, how, second, want)
			}
		}
	}
}

// The PBX's clock is set back by an hour in mid-call, and forth again: the call and its outcome are the same, versions grow,
// nothing lasts less than no time.
func TestTracker_ClockSetBackAndForth(t *testing.T) {
	for name, items := range recordings(t) {
		want := outcomes(fold(items))
		for from := 0; from < len(items); from += 7 {
			for _, step := range []time.Duration{-time.Hour, time.Hour} {
				odd := slices.Clone(items)
				for i := from; i < min(len(odd), from+len(items)/3); i++ {
					e := *odd[i].Event
					e.Timestamp = e.Timestamp.Add(step)
					odd[i].Event = &e
				}
				s := fold(odd)
				checkInvariants(t, s, whole)
				if got := outcomes(s); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, by %v at %d: %v, want %v", name, step, from, got, want)
				}
			}
		}
	}
}

// Three hundred people meet in a conference, one after the other, and leave it in another order. Each has called, each has
// a call of the time in which another was there.
func TestTracker_ConferenceOfThreeHundred(t *testing.T) {
	const people = 300
	s := newScript()
	var channels []*ari.Channel
	room := func(kind string, ch *ari.Channel) {
		b := s.bridge("room")
		b.Class, b.Creator = "base", "ConfBridge"
		s.event(ari.Event{Type: kind, Channel: clone(ch), Bridge: b})
	}
	for i := range people {
		ch := s.channel(fmt.Sprintf("in.%d", i), fmt.Sprintf("PJSIP/trunk-%08x", i), fmt.Sprintf("0912000%04d", i), "91001250", "Ring")
		s.state(ch, "Up")
		s.runs(ch, "ConfBridge", "room")
		s.bridges["room"] = append(s.bridges["room"], ch.ID)
		room("ChannelEnteredBridge", ch)
		channels = append(channels, ch)
		s.wait(time.Second)
	}
	order := slices.Concat(channels[people/2:], channels[:people/2])
	for _, ch := range order {
		s.bridges["room"] = slices.DeleteFunc(s.bridges["room"], func(id string) bool { return id == ch.ID })
		s.hangsUp(ch)
		room("ChannelLeftBridge", ch)
		s.destroyed(ch, 16)
		s.wait(time.Second)
	}
	got := s.follow()
	checkInvariants(t, got, whole)
	calls := got.last()
	if len(calls) != people {
		t.Fatalf("%d calls of %d people", len(calls), people)
	}
	for i, c := range calls {
		left := slices.Index(order, channels[i])
		talk := time.Duration(people-i+left) * time.Second
		if i == 0 {
			talk -= time.Second // for which nobody else was there
		}
		if left == people-1 {
			talk -= time.Second
		}
		if len(c.Legs) != 1 || c.Legs[0].Talk != talk || c.MergedInto != uuid.Nil || c.Hangup.By != pbx.ByCaller {
			t.Errorf("call %d: %d legs, talk %v, want %v, hung up by %s", i, len(c.Legs), c.Legs[0].Talk, talk, c.Hangup.By)
		}
	}
}

// Five thousand calls are live at once, and each ends as it would alone. What an event costs then is BenchmarkTracker's.
func TestTracker_FiveThousandLiveCalls(t *testing.T) {
	const calls = 5000
	items := events(recording(t, "queue-local-members"))
	want := fold(items).last()[0]
	tracker := pbx.NewTracker(labConfig)
	ended := map[uuid.UUID]pbx.Call{}
	streams := make([][]ari.Item, calls)
	for i := range streams {
		streams[i] = renamed(items, i)
	}
	most := 0
	for step := range items {
		for _, stream := range streams {
			for _, c := range tracker.Apply(stream[step]) {
				if c.State == pbx.StateEnded {
					ended[c.ID] = c
				}
			}
		}
		most = max(most, len(tracker.Live()))
	}
	if most != calls || len(ended) != calls || len(tracker.Live()) != 0 {
		t.Fatalf("%d calls were live, %d ended, %d go on", most, len(ended), len(tracker.Live()))
	}
	for _, c := range ended {
		checkPicture(t, c)
		checkWhole(t, c)
		if c.Outcome != want.Outcome || c.Talk != want.Talk || c.Wait != want.Wait || len(c.Legs) != len(want.Legs) || c.Queue != want.Queue {
			t.Fatalf("got\n%+v\nwant\n%+v", c, want)
		}
	}
}
