package pbx

import (
	"time"

	"ringbook/pbx/ari"
)

// resync takes over a snapshot of the whole PBX after the stream was interrupted, or at its start. Channels that
// are no longer there ended unseen, at the latest now; the calls they leave are closed as of the moment since which
// the stream was silent, because until then they were certainly alive. Channels that are new began unseen.
func (t *Tracker) resync(l *ari.Live, received time.Time) {
	now := t.clock(received)
	silent := now
	if !t.gapFrom.IsZero() {
		silent = t.clock(t.gapFrom)
		t.gapFrom = time.Time{}
	}
	there := make(map[string]bool, len(l.Snapshot.Channels))
	for i := range l.Snapshot.Channels {
		there[l.Snapshot.Channels[i].ID] = true
	}
	for _, ch := range t.oldest() {
		if !there[ch.id] {
			t.lose(ch, silent)
		}
	}
	for i := range l.Snapshot.Channels {
		t.channel(&l.Snapshot.Channels[i], now)
	}
	t.rebridge(l.Snapshot.Bridges, now)
	for _, ch := range t.oldest() {
		t.adopt(ch, now)
	}
	// Another process may have drawn these calls until just now: what is known from here on is newer than all that.
	for _, c := range t.touched {
		if len(c.legs) > 0 {
			c.pic.Version = max(c.pic.Version, now.UnixMicro())
		}
	}
}

// rebridge makes all bridges those of a snapshot. A conversation that is found under way began when its bridge
// was made, as far as anybody can tell.
func (t *Tracker) rebridge(bridges []ari.Bridge, now time.Time) {
	there := make(map[string]bool, len(bridges))
	for i := range bridges {
		there[bridges[i].ID] = true
	}
	for _, ch := range t.oldest() {
		if ch.bridge != nil && !there[ch.bridge.id] {
			t.leave(ch, now)
		}
	}
	for i := range bridges {
		s := &bridges[i]
		if b := t.bridges[s.ID]; b != nil {
			t.setMembers(b, s.Channels, now)
			t.converse(b, now)
			t.prune(b)
			continue
		}
		at := s.CreationTime
		if at.IsZero() || at.After(now) {
			at = now
		}
		b := newBridge(s)
		t.bridges[s.ID] = b
		t.setMembers(b, s.Channels, at)
		t.converse(b, at)
		t.prune(b)
	}
}

// adopt finds the call of a channel that rings but was not seen to be dialled. Snapshots have no such edge; but a
// phone that rings shows the caller's number as its connected line, and the caller stands in Dial() or Queue().
// If that does not name one call, the channel waits for an event that does.
func (t *Tracker) adopt(ch *channel, now time.Time) {
	if ch.call != nil || ch.local || !ch.outgoing || ch.connected.Number == "" {
		return
	}
	var found *call
	for c := range t.calls {
		app := c.root.dialplan.AppName
		if c.root.caller.Number != ch.connected.Number || app != "Dial" && app != "Queue" || c.root.bridge != nil {
			continue
		}
		if found != nil {
			return
		}
		found = c
	}
	if found != nil {
		found.pic.Partial, found.gap = true, true
		t.join(ch, found, now)
	}
}
