package pbx

import (
	"slices"
	"time"

	"ringbook/pbx/ari"
)

// bridge is a place where channels hear each other. The channels listed by Asterisk's snapshots are its
// membership; entering and leaving are inferred from them, so that an event that was lost does little harm.
type bridge struct {
	id      string
	holding bool // its members hear music, not each other (parking, BridgeWait)
	parking bool
	room    bool // a conference or the like: who meets there has called on his own
	members []*channel
	keeper  *channel  // who pressed the hold key here last
	at      time.Time // of the latest event
	mark    uint64    // of the last walk that came here
}

func newBridge(s *ari.Bridge) *bridge {
	return &bridge{
		id: s.ID, holding: s.Type == "holding", parking: s.Class == "parking" || s.Creator == "Parking",
		room: s.Class != "" && s.Class != "basic",
	}
}

// membership handles ChannelEnteredBridge and ChannelLeftBridge.
func (t *Tracker) membership(s *ari.Bridge, ch *channel, entered bool, at time.Time) {
	if s == nil || s.ID == "" {
		return
	}
	b := t.bridges[s.ID]
	known := b != nil
	if !known {
		b = newBridge(s)
	}
	if entered && ch != nil && !b.holding && !b.room {
		t.met(ch, s.Channels, late(at, b.at) || late(at, ch.bridgedAt), at)
	}
	if known && ch != nil && (ch.bridge == b) == entered && !at.After(ch.bridgedAt) {
		return // told before
	}
	if entered && ch != nil && ch.bridge != b && slices.Contains(ch.entries[:], entry{s.ID, at.UnixMilli()}) {
		return // told before, and it has left since
	}
	t.bridges[s.ID] = b
	// An event older than the last one lists the members of the past: only its own channel counts.
	if !late(at, b.at) {
		b.at = at
		t.setMembers(b, s.Channels, at)
	}
	switch {
	case ch == nil || late(at, ch.bridgedAt):
	case !entered:
		if ch.bridge == b {
			t.leave(ch, at)
		}
		ch.left, ch.leftAt, ch.bridgedAt = b.id, at, at
	case !ch.hasLeft(b, at):
		t.enter(ch, b, at)
		ch.entries = [2]entry{{b.id, at.UnixMilli()}, ch.entries[0]}
	}
	t.converse(b, at)
	t.prune(b)
}

// met notes with whom a channel was in a bridge, when that is heard before one of them is known, or after one of them has
// left: they belong together.
func (t *Tracker) met(ch *channel, ids []string, past bool, at time.Time) {
	for _, id := range ids {
		other := t.channels[id]
		gone := other == nil
		if gone {
			other = t.raise(id)
		}
		if other == nil && ch.call != nil {
			if len(t.company) >= maxCompany {
				clear(t.company)
			}
			t.company[id] = ch.call
		}
		if !past && !gone {
			continue
		}
		switch {
		case other == nil || (ch.call == nil) == (other.call == nil):
		case ch.call == nil:
			t.join(ch, other.call, at)
		default:
			t.join(other, ch.call, at)
		}
	}
}

// entry is a channel's saying that it has entered a bridge.
type entry struct {
	bridge string
	at     int64 // ms
}

// hasLeft tells whether a channel that is said to be in a bridge at this time is known to have left it by then.
func (ch *channel) hasLeft(b *bridge, at time.Time) bool {
	return ch.left == b.id && ch.bridge != b && (at.Equal(ch.leftAt) || late(at, ch.leftAt))
}

// late tells whether an event of this time is older than what is known already. Events that belong together come within
// milliseconds, in whatever order; one that is much older was not late, the PBX's clock was set back.
func late(at, known time.Time) bool { return at.Before(known) && known.Sub(at) < time.Second }

func (t *Tracker) prune(b *bridge) {
	if len(b.members) == 0 && t.bridges[b.id] == b {
		delete(t.bridges, b.id)
	}
}

// setMembers makes the members of a bridge those listed, as far as they are known. What a channel's own event told at
// the same moment counts for more: which of the two came first, nobody can tell.
func (t *Tracker) setMembers(b *bridge, ids []string, at time.Time) {
	listed := func(id string) bool { return slices.Contains(ids, id) }
	if len(ids) > 16 {
		set := make(map[string]bool, len(ids))
		for _, id := range ids {
			set[id] = true
		}
		listed = func(id string) bool { return set[id] }
	}
	for i := len(b.members) - 1; i >= 0; i-- {
		if ch := b.members[i]; !listed(ch.id) && !at.Equal(ch.bridgedAt) && !late(at, ch.bridgedAt) {
			t.leave(ch, at)
		}
	}
	for _, id := range ids {
		if ch := t.channels[id]; ch != nil && ch.bridge != b && !at.Equal(ch.bridgedAt) && !late(at, ch.bridgedAt) && !ch.hasLeft(b, at) {
			t.enter(ch, b, at)
		}
	}
}

func (t *Tracker) dissolve(b *bridge, at time.Time) {
	if b == nil {
		return
	}
	for len(b.members) > 0 {
		t.leave(b.members[len(b.members)-1], at)
	}
	t.prune(b)
}

func (t *Tracker) enter(ch *channel, b *bridge, at time.Time) {
	if !t.surveying {
		ch.bridgedAt = at
	}
	if ch.bridge == b {
		return
	}
	t.leave(ch, at)
	ch.bridge = b
	b.members = append(b.members, ch)
	t.bridges[b.id] = b // again, if its last member has just left
	if b.parking {
		t.enterParking(ch, at)
	}
	if ch.asks() {
		t.converse(ch.holdingIn, at)
	}
}

// leave takes a channel out of its bridge, if it is in one, and ends the conversations that it carried.
func (t *Tracker) leave(ch *channel, at time.Time) {
	b := ch.bridge
	if b == nil {
		return
	}
	asked := ch.asks()
	ch.bridge, ch.left, ch.leftAt = nil, b.id, at
	if i := slices.Index(b.members, ch); i >= 0 {
		b.members = slices.Delete(b.members, i, i+1)
	}
	t.stopTalk(ch, at)
	if c := ch.call; c != nil && c.parked == ch {
		c.parked = nil
		t.touch(c)
	}
	t.converse(b, at)
	if other := t.otherHalf(ch); other != nil && other.bridge != nil {
		t.converse(other.bridge, at)
	}
	if asked {
		t.converse(ch.holdingIn, at)
	}
	t.prune(b)
}

// converse finds who hears whom from a bridge on, through Local channels too, and starts or stops their talk.
// Two parties make a conversation; one with music or a recording does not.
func (t *Tracker) converse(from *bridge, at time.Time) {
	t.mark++
	from.mark = t.mark
	t.parties, t.visit = t.parties[:0], append(t.visit[:0], from)
	var c, d *call // of somebody who is there, and of somebody else
	var strangers, room bool
	for len(t.visit) > 0 {
		b := t.visit[len(t.visit)-1]
		t.visit = t.visit[:len(t.visit)-1]
		room = room || b.room
		if b.holding {
			for _, ch := range b.members {
				t.stopTalk(ch, at)
			}
			continue
		}
		for _, ch := range b.members {
			switch {
			case ch.call == nil:
				strangers = true
			case c == nil:
				c = ch.call
			case c != ch.call:
				d = ch.call
			}
			if !ch.local {
				t.parties = append(t.parties, ch)
			} else if other := t.otherHalf(ch); other != nil && other.bridge != nil && other.bridge.mark != t.mark {
				other.bridge.mark = t.mark
				t.visit = append(t.visit, other.bridge)
			}
		}
	}
	parties := t.parties
	if strangers && c != nil {
		// Their Dial events were lost; a bridge is proof enough. Joining walks the bridges again.
		for _, ch := range from.members {
			if ch.call == nil {
				t.join(ch, c, at)
				return
			}
		}
	}
	if d != nil && !room {
		t.merge(c, d, at) // which walks the bridges again
		return
	}
	talking, phones, holds := 0, 0, 0
	for _, ch := range parties {
		if ch.leg != nil {
			talking++
			if ch.phone {
				phones++
			}
			if ch.holds() {
				holds++
			}
		}
	}
	for _, ch := range parties {
		var kind SpanKind
		switch {
		case talking <= 1 && ch.asks():
			kind = SpanHold
		case talking <= 1 && from.waits() && ch.bridge == from:
			kind = SpanHeld
		case talking <= 1:
			t.stopTalk(ch, at)
			continue
		case ch.holds():
			kind = SpanHold
		case holds == talking-1:
			kind = SpanHeld
		default:
			kind = SpanTalk
		}
		t.startTalk(ch, phones, at)
		t.onHold(ch, kind == SpanHold, talking <= 1 && kind == SpanHeld, at)
		t.span(ch, kind, at)
	}
}

// asks tells whether the party behind a channel has left others on hold in a bridge, to ask somebody in another: the
// attended transfer by digits, in which the PBX does that with one and the same channel.
func (ch *channel) asks() bool {
	return ch.holding && ch.holdingIn != nil && ch.bridge != nil && ch.bridge != ch.holdingIn && len(ch.holdingIn.members) > 0
}

// waits tells whether those who are in a bridge were left on hold there.
func (b *bridge) waits() bool { return b.keeper != nil && b.keeper.holdingIn == b && b.keeper.asks() }

// onHold notes whether a party that hears others, or waits for them, has them on hold, or was left on hold (kept).
func (t *Tracker) onHold(ch *channel, on, kept bool, at time.Time) {
	c, l := ch.call, ch.leg
	if l == nil || l.talkSince.IsZero() || on == !l.holdSince.IsZero() && kept == l.kept {
		return
	}
	at = maxTime(c.tick(at), l.turned)
	switch {
	case on && l.holdSince.IsZero():
		l.holdSince = at
	case !on && !l.holdSince.IsZero():
		l.Hold += at.Sub(l.holdSince)
		l.holdSince = time.Time{}
	}
	l.turned, l.kept = at, kept
	c.updateHold(at)
	t.touch(c)
}

// holds tells whether a channel has put those on hold who are in its bridge. The PBX itself does so when an agent asks a
// colleague by digits, and does not say that it is over when the agent talks to the colleague, in another bridge.
func (ch *channel) holds() bool { return ch.holding && ch.holdingIn == ch.bridge }

// startTalk notes that a party hears another from now on. phones tells how many agents are in the conversation.
func (t *Tracker) startTalk(ch *channel, phones int, at time.Time) {
	c, l := ch.call, ch.leg
	if l == nil || !l.talkSince.IsZero() {
		return
	}
	c.goesOn(at)
	at = c.tick(at)
	if !l.EndedAt.IsZero() {
		t.addLeg(c, ch, at)
		if l = ch.leg; !l.EndedAt.IsZero() {
			return
		}
	}
	at = maxTime(at, l.OfferedAt, l.turned)
	l.talkSince, l.turned = at, at
	c.settled = true // whose talk counts depends on the direction
	if ch.holds() {
		l.holdSince = at
		c.updateHold(at)
	}
	if l != c.first() {
		t.answer(c, l, at)
	} else if !c.answered() && (c.direction != Inbound || phones > 0) && ch.bridge != nil && ch.bridge.room {
		// Those who meet in a conference have all called, and nobody was called.
		t.answerCall(c, at)
	}
	t.touch(c)
}

func (t *Tracker) stopTalk(ch *channel, at time.Time) {
	c, l := ch.call, ch.leg
	if l == nil || l.talkSince.IsZero() {
		return
	}
	at = maxTime(c.tick(at), l.turned)
	l.Talk += at.Sub(l.talkSince)
	l.talkSince, l.turned = time.Time{}, at
	t.span(ch, "", at)
	if !l.holdSince.IsZero() {
		l.Hold += at.Sub(l.holdSince)
		l.holdSince = time.Time{}
	}
	l.kept = false
	c.updateHold(at)
	if l.gave {
		t.endLeg(c, ch, at)
	}
	t.touch(c)
}

// staleKey is for how long an older hold key may come after a newer one, and counts no more; by more than that it is the
// PBX's clock that was set back.
const staleKey = 5 * time.Second

// hold handles ChannelHold and ChannelUnhold: the party behind the channel pressed its hold key.
func (t *Tracker) hold(ch *channel, on bool, at time.Time) {
	if older := ch.keyed.Sub(at); older > 0 && older < staleKey {
		return
	}
	ch.keyed = at
	if ch.holding == on {
		return
	}
	asked, before := ch.asks(), ch.holdingIn
	ch.holding, ch.holdingIn = on, ch.bridge
	if on && ch.bridge != nil {
		ch.bridge.keeper = ch
	}
	if asked {
		t.converse(before, at)
	}
	c, l := ch.call, ch.leg
	if l == nil || l.talkSince.IsZero() {
		return
	}
	at = maxTime(c.tick(at), l.turned)
	l.turned = at
	if on {
		l.holdSince = at
	} else if !l.holdSince.IsZero() {
		l.Hold += at.Sub(l.holdSince)
		l.holdSince = time.Time{}
	}
	c.updateHold(at)
	t.touch(c)
	if ch.bridge != nil {
		t.converse(ch.bridge, at)
	}
}

// span ends the stretch of talk that goes on, if it is of another kind, and begins one of the given kind, if it is of any.
// Pictures that were given out share the old slice.
func (t *Tracker) span(ch *channel, kind SpanKind, at time.Time) {
	c, l := ch.call, ch.leg
	if kind != "" && (l == nil || l.talkSince.IsZero()) {
		return
	}
	spans, at := l.Spans, maxTime(c.tick(at), l.turned)
	n := len(spans)
	if open := n > 0 && spans[n-1].To.IsZero(); open && spans[n-1].Kind == kind || !open && (kind == "" || n == maxSpans) {
		return
	}
	l.turned = at
	spans = slices.Clone(spans)
	if n > 0 && spans[n-1].To.IsZero() {
		if spans[n-1].To = at; !at.After(spans[n-1].From) {
			spans = spans[:n-1]
		}
	}
	switch n := len(spans); {
	case kind == "":
	case n > 0 && spans[n-1].Kind == kind && spans[n-1].To.Equal(at):
		spans[n-1].To = time.Time{} // from one bridge straight into the next
	case n < maxSpans:
		spans = append(spans, Span{Kind: kind, From: at})
	}
	l.Spans = spans
	t.touch(c)
}
