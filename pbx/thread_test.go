package pbx_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ringbook/pbx/ari"
)

// How far apart two threads of a busy exchange may tell of the same moment, and how late a transfer is told, which is done
// when others have begun to go on.
const (
	threadsWithin = 10 * time.Millisecond
	toldLate      = 300 * time.Millisecond
)

// TestTracker_L8_ThreadsOfTheExchangeRace lets every event of every recording happen, one at a time, as much sooner or later
// as the exchange's threads may leave it: with the time of the event beside which it comes. A transfer is told by the thread
// of the phone that asked for it, what the customer does meanwhile by another. What one channel does stays in order. The log
// says the same. Of what is no transfer one event in twenty is moved, with RINGBOOK_ROUNDS (make properties) all.
func TestTracker_L8_ThreadsOfTheExchangeRace(t *testing.T) {
	all := os.Getenv("RINGBOOK_ROUNDS") != ""
	for name, items := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sound := soundly(items)
			for i, item := range items {
				if item.Event == nil || !all && item.Event.Transfer == nil && i%20 != 0 {
					continue
				}
				for j := range items {
					if !race(items, i, j) {
						continue
					}
					moved := slices.Clone(items)
					event := *item.Event
					event.Timestamp = items[j].Event.Timestamp
					moved[i] = ari.Item{At: items[j].At, Event: &event}
					o := make(order, len(items))
					for n := range o {
						o[n] = n
					}
					o = slices.Insert(slices.Delete(o, i, i+1), j, i)
					if wrong := damage(moved, sound, o); len(wrong) > 0 {
						t.Errorf("%s of place %d happens at %d:\n%s", event.Type, i, j, strings.Join(wrong, "\n"))
					}
				}
			}
		})
	}
}

// race tells whether another thread may have told event i at the place and time of event j.
func race(items []ari.Item, i, j int) bool {
	if i == j || items[i].Event == nil || items[j].Event == nil {
		return false
	}
	later := items[j].Event.Timestamp.Sub(items[i].Event.Timestamp)
	if later < -threadsWithin || later > toldLate || later > threadsWithin && items[i].Event.Transfer == nil {
		return false
	}
	for n := min(i, j); n <= max(i, j); n++ {
		if e := items[n].Event; e == nil || n != i && ordered(e, items[i].Event) {
			return false
		}
	}
	return true
}

// ordered tells whether two events come in the order of what they tell: those of one channel or of one bridge. A transfer
// is told when the exchange is done with it, which may be when the customer is elsewhere already.
func ordered(a, b *ari.Event) bool {
	if a.Transfer != nil || b.Transfer != nil {
		return false
	}
	if a.Bridge != nil && b.Bridge != nil && a.Bridge.ID == b.Bridge.ID {
		return true
	}
	for _, x := range [...]*ari.Channel{a.Channel, a.Peer} {
		for _, y := range [...]*ari.Channel{b.Channel, b.Peer} {
			if x != nil && y != nil && x.ID == y.ID {
				return true
			}
		}
	}
	return false
}
