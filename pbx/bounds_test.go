package pbx

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"ringbook/pbx/ari"
)

// A stream that never tells the end of anything fills no memory: the oldest calls are closed, and say how.
func TestTracker_EndsThatNeverComeAreBounded(t *testing.T) {
	tracker := NewTracker(Config{Name: "lab"})
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	lost := 0
	for i := range maxChannels + 10 {
		for _, c := range tracker.Apply(ari.Item{At: at, Event: &ari.Event{Type: "ChannelCreated", Timestamp: at, Channel: &ari.Channel{
			ID: fmt.Sprint(i), Name: "PJSIP/trunk-00000001", State: "Ring", CreationTime: at,
		}}}) {
			if c.State == StateEnded {
				lost++
				if !c.Reconstructed || c.Legs[0].End != EndLost {
					t.Fatalf("closed without saying how: %+v", c)
				}
			}
		}
	}
	if n := len(tracker.channels); n > maxChannels || n < maxChannels/2 {
		t.Errorf("%d channels are kept", n)
	}
	if lost == 0 || lost != maxChannels+10-len(tracker.calls) {
		t.Errorf("%d calls were closed, %d are kept", lost, len(tracker.calls))
	}
}

func TestTracker_TombsAreBounded(t *testing.T) {
	tracker := NewTracker(Config{Name: "lab"})
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	destroy := func(i int) {
		tracker.Apply(ari.Item{At: at, Event: &ari.Event{Type: "ChannelDestroyed", Timestamp: at, Channel: &ari.Channel{ID: fmt.Sprint(i)}}})
	}
	for i := range 2 * maxTombs {
		destroy(i)
	}
	if n := len(tracker.tombs.gone); n != maxTombs || len(tracker.tombs.queue) != n {
		t.Errorf("%d of them, %d in the queue", n, len(tracker.tombs.queue))
	}
	at = at.Add(tombAge + time.Second)
	destroy(-1)
	if n := len(tracker.tombs.gone); n != 1 {
		t.Errorf("%d of them after their time", n)
	}
}

// A queue may ring its members for hours. The caller, who answered and who rings now are kept.
func TestTracker_LegsAreBounded(t *testing.T) {
	tracker := NewTracker(Config{Name: "lab"})
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	caller := &ari.Channel{ID: "in", Name: "PJSIP/trunk-00000001", State: "Ring", CreationTime: at}
	var last Call
	apply := func(e ari.Event) {
		e.Timestamp = at
		for _, c := range tracker.Apply(ari.Item{At: at, Event: &e}) {
			last = c
		}
	}
	apply(ari.Event{Type: "ChannelCreated", Channel: caller})
	const rings = maxLegs + 100
	for i := range rings {
		at = at.Add(time.Second)
		phone := &ari.Channel{ID: fmt.Sprint(i), Name: "PJSIP/1001-00000002", State: "Ringing", CreationTime: at}
		status := "NOANSWER"
		if i == 50 {
			status = "ANSWER"
		}
		apply(ari.Event{Type: "Dial", Caller: caller, Peer: phone})
		apply(ari.Event{Type: "Dial", Caller: caller, Peer: phone, DialStatus: status})
		apply(ari.Event{Type: "ChannelDestroyed", Channel: phone})
	}
	if len(last.Legs) != maxLegs || last.Legs[0].ID != "in" || last.Legs[1].ID != "50" || last.Legs[maxLegs-1].ID != fmt.Sprint(rings-1) {
		t.Errorf("%d legs: %s, %s ... %s", len(last.Legs), last.Legs[0].ID, last.Legs[1].ID, last.Legs[len(last.Legs)-1].ID)
	}
	if len(tracker.channels) != 1 || len(tracker.locals) != 0 || len(tracker.bridges) != 0 {
		t.Errorf("%d channels, %d locals, %d bridges are kept", len(tracker.channels), len(tracker.locals), len(tracker.bridges))
	}
}

// What a tracker keeps of calls that are over is little for each, and does not grow any more once there were many: an
// exchange that makes calls all day costs no more in the evening than after the first half an hour.
func TestTracker_MemoryOfCallsThatAreOver(t *testing.T) {
	const each = 150 // bytes of a channel that is gone
	tracker := NewTracker(Config{Name: "lab"})
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	n := 0
	calls := func(times int) {
		for range times {
			n++
			line := &ari.Channel{ID: fmt.Sprintf("1795359950.%d", 2*n), Name: fmt.Sprintf("PJSIP/trunk-%08x", 2*n), State: "Ring", CreationTime: at}
			phone := &ari.Channel{ID: fmt.Sprintf("1795359950.%d", 2*n+1), Name: fmt.Sprintf("PJSIP/1001-%08x", 2*n+1), State: "Ringing", CreationTime: at}
			both := &ari.Bridge{ID: fmt.Sprint("bridge ", n), Channels: []string{line.ID, phone.ID}}
			for _, e := range []*ari.Event{
				{Type: "ChannelCreated", Channel: line},
				{Type: "Dial", Caller: line, Peer: phone},
				{Type: "Dial", Caller: line, Peer: phone, DialStatus: "ANSWER"},
				{Type: "ChannelEnteredBridge", Bridge: both, Channel: line},
				{Type: "ChannelEnteredBridge", Bridge: both, Channel: phone},
				{Type: "BridgeDestroyed", Bridge: both},
				{Type: "ChannelDestroyed", Channel: phone},
				{Type: "ChannelDestroyed", Channel: line},
			} {
				e.Timestamp = at
				tracker.Apply(ari.Item{At: at, Event: e})
			}
			at = at.Add(20 * time.Millisecond)
		}
	}
	used := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := used()
	calls(maxTombs)
	full := used()
	calls(maxTombs / 2)
	after := used()
	t.Logf("%d kB after %d calls, %+d kB after half as many more", (full-before)/1000, maxTombs, (after-full)/1000)
	if kept := full - before; kept > each*maxTombs {
		t.Errorf("%d bytes are kept, %d for each channel that is remembered", kept, kept/maxTombs)
	}
	if grown := after - full; grown > each*maxTombs/10 {
		t.Errorf("%d bytes more after half as many calls more", grown)
	}
	runtime.KeepAlive(tracker)
}
