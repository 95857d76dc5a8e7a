package pbx

import (
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ari"
)

// event folds one event. Every event carries snapshots of its channels, so whatever the event is, they are
// brought up to date first: an event that was lost is mostly made good by the next one.
func (t *Tracker) event(e *ari.Event, received time.Time) {
	at := e.Timestamp
	if at.IsZero() {
		at = t.clock(received)
	} else if !received.IsZero() {
		t.skew = at.Sub(received)
	}
	t.raising = e.Type != "ChannelEnteredBridge" && e.Type != "ChannelLeftBridge" // whose own channel stays away
	switch e.Type {
	case "Dial":
		t.dial(e, at)
	case "ChannelEnteredBridge":
		ch := t.channel(e.Channel, at)
		t.raising = true
		t.membership(e.Bridge, ch, true, at)
	case "ChannelLeftBridge":
		ch := t.channel(e.Channel, at)
		t.raising = true
		t.membership(e.Bridge, ch, false, at)
	case "BridgeDestroyed":
		if e.Bridge != nil {
			t.dissolve(t.bridges[e.Bridge.ID], at)
		}
	case "ChannelCreated":
		t.created(e.Channel, at)
	case "ChannelDestroyed":
		t.destroyed(e, at)
	case "ChannelHangupRequest":
		if ch := t.channel(e.Channel, at); ch != nil {
			t.hangupRequested(ch, e, at)
		}
	case "BridgeBlindTransfer":
		t.blindTransfer(e, at)
	case "BridgeAttendedTransfer":
		t.attendedTransfer(e, at)
	case "ChannelHold":
		if ch := t.channel(e.Channel, at); ch != nil {
			t.hold(ch, true, at)
		}
	case "ChannelUnhold":
		if ch := t.channel(e.Channel, at); ch != nil {
			t.hold(ch, false, at)
		}
	case "ChannelCallerId":
		ch := t.channel(e.Channel, at)
		if ch != nil && ch.call != nil && ch.leg == ch.call.first() && restricted(e.CallerPresentation) {
			t.withhold(ch.call)
		}
	default:
		t.channel(e.Channel, at)
	}
	if c := t.callOf(e); c != nil {
		c.tick(at)
	}
	t.raising = false
	if len(t.raised) > 0 {
		t.bury()
	}
}

// clock is the PBX's time at a moment of ours.
func (t *Tracker) clock(received time.Time) time.Time { return received.Add(t.skew) }

// callOf finds the call that an event speaks of, if it still goes on.
func (t *Tracker) callOf(e *ari.Event) *call {
	for _, s := range [...]*ari.Channel{e.Channel, e.Peer} {
		if s != nil {
			if ch := t.channels[s.ID]; ch != nil && ch.call != nil {
				return ch.call
			}
		}
	}
	return nil
}

// created handles ChannelCreated. Everything about this channel has been seen, or is about to be.
func (t *Tracker) created(s *ari.Channel, at time.Time) {
	if s == nil {
		return
	}
	ch := t.channels[s.ID]
	if ch != nil && ch.seen && s.CreationTime.Sub(ch.created) > time.Second {
		// The PBX has started anew and gives its ids again, or whoever chooses them does.
		lost := []*channel{ch}
		if ch.call != nil {
			lost = slices.Clone(ch.call.channels)
		}
		for _, old := range lost {
			t.lose(old, old.at, at)
		}
		ch = nil
	}
	if ch == nil {
		ch = t.channel(s, at)
	} // else a later event was faster
	if ch == nil {
		return
	}
	if c := ch.call; c != nil && c.root == ch && !ch.seen {
		c.pic.Partial = c.pic.Partial && c.gap
		t.setDialed(c, ch, s.Dialplan.Exten, true)
		t.setCaller(c, ch, s.Caller, true)
		t.touch(c)
	}
	ch.seen = true
}

// dial handles all stages of one attempt to reach a peer. The edge from caller to peer is what makes several
// channels one call; the facts are kept with the peer, because a Local caller may not know its call yet.
func (t *Tracker) dial(e *ari.Event, at time.Time) {
	caller, peer := t.channel(e.Caller, at), t.channel(e.Peer, at)
	if peer == nil {
		return
	}
	t.attempt(caller, peer, e, at)
	if to := t.channel(e.Forwarded, at); to != nil {
		t.forward(peer, to)
	}
}

func (t *Tracker) attempt(caller, peer *channel, e *ari.Event, at time.Time) {
	if caller != nil && t.channels[caller.id] != caller {
		caller = nil // evicted to make room for the peer
	}
	peer.outgoing = true
	if caller != nil && caller.call != nil && peer.call != nil && caller.call != peer.call && e.DialStatus == "ANSWER" {
		// One who was not called answers, in the place of one who was: Pickup().
		t.merge(caller.call, peer.call, at)
	}
	peer.forwards = peer.forwards || e.Forward != "" || e.Forwarded != nil
	if caller != nil && peer.dialer == nil {
		peer.dialer = caller
	}
	if caller != nil && caller.via != "" {
		t.lead(peer, caller.via)
	}
	if n := dialedNumber(e.DialString); n != "" && n != peer.number {
		peer.number = n
		t.setLine(peer)
	}
	switch e.DialStatus {
	case "ANSWER":
		if peer.answered.IsZero() {
			peer.answered = at
		}
	case "", "PROGRESS", "PROCEEDING", "RINGING":
		if peer.attempt == 0 {
			peer.attempt, peer.dialedAt = 1, at
		} else if e.DialStatus == "" && !peer.failed.IsZero() && at.After(peer.failed) {
			// Once more, and not the first attempt's event coming late.
			peer.attempt++
			peer.dialedAt, peer.answered, peer.failed, peer.status = at, time.Time{}, time.Time{}, ""
		}
	default:
		// app_queue follows NOANSWER up with CANCEL: the first counts, or what says more.
		if peer.failed.IsZero() || late(at, peer.failed) || at.Equal(peer.failed) && peer.status == "CANCEL" {
			peer.failed, peer.status = at, e.DialStatus
			if caller != nil && caller.call != nil && e.DialStatus != "CANCEL" {
				defer t.reconsider(caller.call)
			}
		}
	}
	peer.attempt = max(peer.attempt, 1)
	switch {
	case e.Caller == nil:
		// Somebody outside asked the PBX to dial: the call begins with the one dialled.
		// A Local channel that is said to ring, and was not dialled, asks somebody for the sake of a call under way.
		if peer.call == nil && (!peer.local || e.DialStatus == "") {
			t.begin(peer, at)
		}
	case caller == nil:
		// A service channel dials, or one that is gone.
	default:
		if caller.call == nil && !caller.local && !caller.outgoing {
			t.begin(caller, at)
		}
		if caller.call == nil {
			if peer.call == nil && len(caller.dialed) < maxDialed {
				caller.dialed = append(caller.dialed, peer)
			}
			return
		}
		if peer.call == nil {
			t.join(peer, caller.call, at)
			return
		}
	}
	t.settle(peer, at)
}

// begin makes a new call whose root is this channel.
func (t *Tracker) begin(ch *channel, at time.Time) {
	c := &call{root: ch, last: ch.created}
	c.pic = Call{
		ID:        CallID(t.config.Name, ch.id, ch.created),
		PBX:       t.config.Name,
		StartedAt: ch.created,
		Partial:   !ch.seen,
	}
	t.calls[c] = struct{}{}
	t.join(ch, c, at)
}

// join makes a channel part of a call, with the other half of a Local channel and with what that dialled.
func (t *Tracker) join(ch *channel, c *call, at time.Time) {
	ch.call = c
	c.channels = append(c.channels, ch)
	if c.root == ch {
		t.setDialed(c, ch, ch.dialplan.Exten, false)
	}
	t.settle(ch, at)
	t.application(ch)
	other := t.otherHalf(ch)
	if other == nil && ch.half != nil {
		other = t.raise(ch.half.id)
	}
	if other != nil && other.call == nil {
		if ch.via != "" {
			t.lead(other, ch.via)
		}
		t.join(other, c, at)
	}
	waiting := ch.dialed
	ch.dialed = nil
	for _, peer := range waiting {
		if peer.call == nil && (t.channels[peer.id] == peer || t.raise(peer.id) == peer) {
			t.join(peer, c, at)
		}
	}
	if ch.bridge != nil {
		t.converse(ch.bridge, at)
	}
}

// settle makes the legs of a channel's call agree with what is known of the channel: that it was dialled, that it
// answered, that the attempt failed. It may be called any number of times.
func (t *Tracker) settle(ch *channel, at time.Time) {
	c := ch.call
	if c == nil || ch.local {
		return
	}
	switch {
	case ch.leg == nil:
		t.addLeg(c, ch, maxTime(ch.created, ch.dialedAt))
	case !ch.leg.EndedAt.IsZero() && ch.attempt > ch.leg.attempt:
		t.addLeg(c, ch, ch.dialedAt)
	}
	l := ch.leg
	if l != nil && ch.forwardTo != nil {
		t.lead(ch.forwardTo, l.ID)
	}
	if l == nil || !l.EndedAt.IsZero() {
		return
	}
	l.attempt = ch.attempt
	if !ch.answered.IsZero() {
		t.answer(c, l, ch.answered)
	}
	if l.AnsweredAt.IsZero() && !ch.failed.IsZero() {
		t.endLeg(c, ch, c.tick(ch.failed))
	}
}

// application looks at where a channel of a call stands in the dialplan.
func (t *Tracker) application(ch *channel) {
	c := ch.call
	if c.root == ch {
		t.setDialed(c, ch, ch.dialplan.Exten, false)
	}
	if ch.dialplan.AppName == "Queue" {
		c.waiting, c.queuedAt = ch, ch.queuedAt
		c.enterQueue(ch.dialplan.AppData)
		t.touch(c)
		return
	}
	if c.waiting == ch {
		c.waiting = nil
		t.touch(c)
	}
	if ch.dialplan.AppName == "VoiceMail" {
		c.voicemail = true
	}
}

// enterQueue takes the name of a queue from what Queue() was told.
func (c *call) enterQueue(data string) {
	queue, _, _ := strings.Cut(data, ",")
	c.pic.Queue = clean(queue)
	if f := c.first(); f != nil && f.phone {
		c.direct(Internal)
	}
}

// destroyed handles the end of a channel.
func (t *Tracker) destroyed(e *ari.Event, at time.Time) {
	if e.Channel == nil || e.Channel.ID == "" {
		return
	}
	ch := t.channels[e.Channel.ID]
	if ch == nil && at.Sub(e.Channel.CreationTime) < time.Second {
		// A call may be so short that its end comes before its beginning.
		ch = t.channel(e.Channel, at)
	}
	if ch == nil {
		if !service(e.Channel.Name) && !ours(e.Channel) {
			t.tombs.add(e.Channel.ID, at, t.now)
		}
		return
	}
	text := e.CauseText
	if e.Cause != 0 {
		ch.cause = e.Cause
	} else if known, ok := causeText[ch.cause]; ok {
		text = known
	}
	t.gone(ch, text, at, time.Time{})
}

// lose handles a channel of which the end was not seen: it lies between after and before.
func (t *Tracker) lose(ch *channel, after, before time.Time) {
	t.gone(ch, "", after, maxTime(after, before))
}

// gone takes a channel out of everything. before is zero if its end was seen, else the latest that it can have been.
func (t *Tracker) gone(ch *channel, text string, at, before time.Time) {
	lost := !before.IsZero()
	t.leave(ch, at)
	c := ch.call
	t.remove(ch, at)
	if !lost {
		t.tombs.keep(ch, c, text, maxTime(at, ch.created), t.now)
	}
	if c == nil {
		return
	}
	at = c.tick(at)
	if c.waiting == ch {
		c.waiting = nil
	}
	if c.parked == ch {
		c.parked = nil
	}
	switch l := ch.leg; {
	case l == nil:
	case lost && l.EndedAt.IsZero():
		l.EndedAt, l.End = maxTime(at, l.OfferedAt, l.AnsweredAt, l.turned), EndLost
		c.gap = true
		c.pic.Partial = c.pic.Partial || len(c.channels) > 1
		t.touch(c)
	case l.EndedAt.IsZero():
		t.endLeg(c, ch, at)
	case l.AnsweredAt.IsZero() && l != c.first():
		// The cause tells a refusal from a time-out.
		if end := c.unanswered(ch, l); end != l.End {
			l.End = end
			t.touch(c)
		}
	}
	if ch == c.root || ch.leg != nil && ch.leg == c.first() {
		c.cause, c.text = ch.cause, clean(text)
	}
	if ch.leg != nil && ch.leg != c.first() {
		c.peerCause, c.peerText = ch.cause, clean(text)
	}
	c.release(ch)
	ch.call = nil
	if c.left() {
		for _, rest := range c.channels {
			rest.call, rest.leg = nil, nil
			t.leave(rest, at)
			t.remove(rest, at)
		}
		c.channels = nil
		c.pic.Reconstructed = lost && slices.ContainsFunc(c.legs, func(l *leg) bool { return l.End == EndLost })
		if c.pic.Reconstructed {
			c.pic.EndedBefore = maxTime(before, at).UTC()
		}
		t.finish(c, at)
	}
}

// left tells whether nobody is part of the call any more: those whose channels are still there have given it away.
func (c *call) left() bool {
	return !slices.ContainsFunc(c.channels, func(ch *channel) bool {
		return ch.leg == nil || !ch.leg.gave || ch.leg.EndedAt.IsZero()
	})
}
