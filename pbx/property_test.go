package pbx_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// recordings are the events of all streams of the laboratory, read once: who changes them changes copies.
func recordings(t testing.TB) map[string][]ari.Item {
	reading.Do(func() {
		for name := range recorded() {
			read[name] = events(recording(t, name))
		}
	})
	return read
}

var (
	reading sync.Once
	read    = map[string][]ari.Item{}
)

func anyRecording(t *rapid.T, all map[string][]ari.Item) []ari.Item {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Clone(all[rapid.SampledFrom(names).Draw(t, "recording")])
}

// places draws where in a stream something happens: about one place in a hundred, but one at least.
func places(t *rapid.T, n int, label string) []int {
	return rapid.SliceOfN(rapid.IntRange(0, n-1), 1, 1+n/50).Draw(t, label)
}

func swapNeighbours(t *rapid.T, items []ari.Item) []ari.Item {
	for _, i := range places(t, len(items)-1, "swap") {
		items[i], items[i+1] = items[i+1], items[i]
	}
	return items
}

func repeatSome(t *rapid.T, items []ari.Item) []ari.Item {
	for _, i := range places(t, len(items), "repeat") {
		later := min(len(items), i+rapid.IntRange(1, 5).Draw(t, "later"))
		items = slices.Insert(items, later, items[i])
	}
	return items
}

func dropSome(t *rapid.T, items []ari.Item) []ari.Item {
	for _, i := range places(t, len(items), "drop") {
		if i < len(items) && items[i].Event != nil {
			items = slices.Delete(items, i, i+1)
		}
	}
	return items
}

// Whatever happens to a stream, no picture is impossible and no call comes back.
func TestTracker_L8_JumbledStreamsGiveNoImpossibleCall(t *testing.T) {
	all := recordings(t)
	rapid.Check(t, func(t *rapid.T) {
		items := dropSome(t, repeatSome(t, swapNeighbours(t, anyRecording(t, all))))
		checkInvariants(t, fold(items), jumbled)
	})
}

// An event that comes twice, up to five events later, changes nothing. Every event of every recording is tried.
func TestTracker_L1_RepeatedEventsChangeNothing(t *testing.T) {
	for name, items := range recordings(t) {
		want := fold(items).last()
		for i := range items {
			later := min(len(items), i+1+i%5)
			got := fold(slices.Insert(slices.Clone(items), later, items[i])).last()
			same := slices.EqualFunc(got, want, sameButVersion)
			if !same {
				t.Errorf("%s: event %d comes again as event %d\ngot\n%+v\nwant\n%+v", name, i, later, got, want)
			}
		}
	}
}

// The same where it was found: the phone's hold key, heard again after it was let go.
func TestTracker_L1_AHoldKeyHeardAgainLater(t *testing.T) {
	items := events(recording(t, "hold-both-ends"))
	pressed := slices.IndexFunc(items, func(i ari.Item) bool { return i.Event != nil && i.Event.Type == "ChannelHold" })
	released := slices.IndexFunc(items, func(i ari.Item) bool { return i.Event != nil && i.Event.Type == "ChannelUnhold" })
	want := fold(items).last()
	got := fold(slices.Insert(slices.Clone(items), released+1, items[pressed])).last()
	if len(got) != 1 || len(want) != 1 || !sameButVersion(got[0], want[0]) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// Neighbours that change places make no call more and none less, none goes on for ever, and an answered one stays so.
func TestTracker_L1_SwappedEventsKeepTheCalls(t *testing.T) {
	all := recordings(t)
	rapid.Check(t, func(t *rapid.T) {
		items := anyRecording(t, all)
		want := outcomes(fold(items))
		s := fold(swapNeighbours(t, slices.Clone(items)))
		checkInvariants(t, s, jumbled)
		if len(s.live) != 0 {
			t.Errorf("%d calls never end", len(s.live))
		}
		got := outcomes(s)
		if !sameAnswers(got, want) {
			t.Errorf("calls ended as %v, want %v", got, want)
		}
	})
}

// sameAnswers tells whether the same calls were answered.
func sameAnswers(a, b map[uuid.UUID]pbx.Outcome) bool {
	for id, outcome := range a {
		if other, ok := b[id]; !ok || (other == pbx.Answered) != (outcome == pbx.Answered) {
			return false
		}
	}
	return len(a) == len(b)
}

func outcomes(s story) map[uuid.UUID]pbx.Outcome {
	m := map[uuid.UUID]pbx.Outcome{}
	for _, c := range listed(s.last()) {
		m[c.ID] = c.Outcome
	}
	return m
}

// Calls of several exchanges' worth of recordings, all at once: nothing mixes.
func TestTracker_L1_CallsAtTheSameTimeDoNotMix(t *testing.T) {
	all := recordings(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "streams")
		var queues [][]ari.Item
		want := map[uuid.UUID]pbx.Call{}
		for i := range n {
			items := renamed(anyRecording(t, all), i)
			for _, c := range fold(items).last() {
				want[c.ID] = c
			}
			queues = append(queues, items)
		}
		var mixed []ari.Item
		for len(queues) > 0 {
			i := rapid.IntRange(0, len(queues)-1).Draw(t, "next")
			mixed = append(mixed, queues[i][0])
			if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
				queues = slices.Delete(queues, i, i+1)
			}
		}
		got := fold(mixed)
		checkInvariants(t, got, whole)
		calls := got.last()
		if len(calls) != len(want) {
			t.Fatalf("%d calls, want %d", len(calls), len(want))
		}
		for _, c := range calls {
			if !sameButVersion(c, want[c.ID]) {
				t.Errorf("got\n%+v\nwant\n%+v", c, want[c.ID])
			}
		}
	})
}

// renamed gives the channels and bridges of a stream other names, so that it can be mixed with others. Only events
// are left.
func renamed(items []ari.Item, n int) []ari.Item {
	suffix := fmt.Sprintf("x%d", n)
	ch := func(c *ari.Channel) *ari.Channel {
		if c == nil {
			return nil
		}
		c = clone(c)
		c.ID += suffix
		if stem, half, ok := strings.Cut(c.Name, ";"); ok {
			c.Name = stem + suffix + ";" + half
		}
		return c
	}
	var out []ari.Item
	for _, item := range events(items) {
		e := *item.Event
		e.Channel, e.Caller, e.Peer = ch(e.Channel), ch(e.Caller), ch(e.Peer)
		e.Forwarded, e.ReplaceChannel = ch(e.Forwarded), ch(e.ReplaceChannel)
		if e.Bridge != nil {
			b := *e.Bridge
			b.ID += suffix
			b.Channels = slices.Clone(b.Channels)
			for i := range b.Channels {
				b.Channels[i] += suffix
			}
			e.Bridge = &b
		}
		if e.Transfer != nil {
			x := *e.Transfer
			x.Transferee, x.FirstLeg, x.SecondLeg, x.Target = ch(x.Transferee), ch(x.FirstLeg), ch(x.SecondLeg), ch(x.Target)
			e.Transfer = &x
		}
		out = append(out, ari.Item{At: item.At, Event: &e})
	}
	return out
}

// Fields that are null, times that are missing, in another zone, or go back by an hour.
func TestTracker_NullsAndOddTimes(t *testing.T) {
	all := recordings(t)
	tehran := time.FixedZone("", 3*3600+1800)
	rapid.Check(t, func(t *rapid.T) {
		items := anyRecording(t, all)
		for _, i := range places(t, len(items), "odd") {
			if items[i].Event == nil {
				continue
			}
			e := *items[i].Event
			switch rapid.IntRange(0, 6).Draw(t, "how") {
			case 0:
				e.Channel = nil
			case 1:
				e.Peer = nil
			case 2:
				e.Caller = nil
			case 3:
				e.Bridge = nil
			case 4:
				e.Timestamp = time.Time{}
			case 5:
				e.Timestamp = e.Timestamp.In(tehran)
			case 6:
				if e.Channel != nil {
					e.Channel = clone(e.Channel)
					e.Channel.CreationTime, e.Channel.Name = time.Time{}, ""
				}
			}
			items[i].Event = &e
		}
		if rapid.Bool().Draw(t, "the clock is set back") {
			for i := rapid.IntRange(0, len(items)-1).Draw(t, "from"); i < len(items); i++ {
				if e := items[i].Event; e != nil && !e.Timestamp.IsZero() {
					back := *e
					back.Timestamp = e.Timestamp.Add(-time.Hour)
					items[i].Event = &back
				}
			}
		}
		checkInvariants(t, fold(items), jumbled)
	})
}

// A clock that is set back costs at most the duration, never the call or its outcome.
func TestTracker_ClockSetBack(t *testing.T) {
	for name, items := range recordings(t) {
		want := outcomes(fold(items))
		back := slices.Clone(items)
		for i := range back {
			if e := back[i].Event; e != nil {
				b := *e
				b.Timestamp = e.Timestamp.Add(-time.Hour)
				back[i].Event = &b
			}
		}
		for from := range items {
			s := fold(slices.Concat(items[:from], back[from:]))
			checkInvariants(t, s, whole)
			for id, outcome := range outcomes(s) {
				if want[id] != outcome {
					t.Errorf("%s, set back at %d: %s, want %s", name, from, outcome, want[id])
				}
			}
		}
	}
}
