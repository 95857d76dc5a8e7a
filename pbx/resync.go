package pbx

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx/ari"
)

// resync takes over a snapshot of the whole PBX after the stream was interrupted, or at its start. Channels that
// are no longer there ended unseen, at the latest now; the calls they leave are closed as of the moment since which
// the stream was silent, because until then they were certainly alive. Channels that are new began unseen. Of a PBX
// that has started anew meanwhile no channel is the one of before, and none outlived the start.
func (t *Tracker) resync(l *ari.Live, received time.Time) {
	now := t.clock(received)
	silent := now
	if !t.gapFrom.IsZero() {
		silent = t.clock(t.gapFrom)
		t.gapFrom = time.Time{}
	}
	t.listed = received
	before, there := now, ids(l.Snapshot.Channels)
	if !t.started.IsZero() && !l.Started.IsZero() && !l.Started.Equal(t.started) {
		clear(there)
		if l.Started.Before(now) {
			before = l.Started
		}
	}
	if !l.Started.IsZero() {
		t.started = l.Started
	}
	for _, ch := range t.oldest() {
		if !there[ch.id] {
			t.lose(ch, silent, before)
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

// listLag is how long the PBX may take to list a channel of which it has told already. Until Asterisk 16 one thread tells of
// a channel that dials or is dialled, and another one keeps the list (stasis caching topics), which lags under load.
const listLag = time.Second

// check holds what is known against what the PBX says it has. Everything that happened before it was asked has been
// folded, so that a channel which it does not list, and which was known for a while then, ended without an event: it is
// closed, as of the last time it was listed. A newer one is judged the next time: a ring that is just coming must not be
// lost to a list that is behind. One that the PBX lists and nobody told of began without an event.
func (t *Tracker) check(c *ari.Check) {
	there := ids(c.Channels)
	judged := c.Asked.Add(-listLag)
	now, listed := t.clock(c.Asked), t.listed
	t.listed = judged
	for _, ch := range t.oldest() {
		if there[ch.id] || !ch.heard.Before(judged) {
			continue
		}
		after := ch.created
		if !listed.IsZero() && ch.heard.Before(listed) {
			after = maxTime(after, t.clock(listed))
		}
		t.lose(ch, after, now)
	}
	for i := range c.Channels {
		if t.channels[c.Channels[i].ID] == nil {
			if ch := t.channel(&c.Channels[i], now); ch != nil {
				t.adopt(ch, now)
			}
		}
	}
}

func ids(channels []ari.Channel) map[string]bool {
	set := make(map[string]bool, len(channels))
	for i := range channels {
		set[channels[i].ID] = true
	}
	return set
}

// assume gives a call that was joined in the middle the id and the beginning under which it was known to an earlier
// run of ringbook, which had seen its root. The id that it had until now says in its last picture that it was part of
// the other. Nothing happens if the call has ended, was seen from its beginning, or the other id is that of a call of
// its own.
func (t *Tracker) assume(id, earlier uuid.UUID, startedAt time.Time) {
	var found *call
	for c := range t.calls {
		switch c.pic.ID {
		case id:
			found = c
		case earlier:
			return
		}
	}
	if found == nil || !found.pic.Partial || len(found.legs) == 0 || id == earlier {
		return
	}
	gone := &call{pic: found.pic, legs: slices.Clone(found.legs), root: found.root, direction: found.direction, last: found.last}
	gone.pic.MergedInto, gone.ended = earlier, true
	gone.pic.EndedAt = found.last
	for i, l := range gone.legs {
		ended := *l
		ended.Talk, ended.Hold, ended.Spans = 0, 0, nil // the other's
		if ended.EndedAt.IsZero() {
			ended.EndedAt, ended.End = maxTime(found.last, l.OfferedAt, l.AnsweredAt).UTC(), EndTransferred
		}
		gone.legs[i] = &ended
	}
	gone.pic.Outcome = gone.outcome()
	gone.pic.Hangup = gone.howEnded()
	t.touched = append(t.touched, gone)
	found.pic.ID = earlier
	if startedAt.Before(found.pic.StartedAt) {
		found.pic.StartedAt = startedAt.UTC()
	}
	t.touch(found)
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
