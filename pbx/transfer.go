package pbx

import (
	"cmp"
	"slices"
	"time"

	"ringbook/pbx/ari"
)

// parking is where a call went that was parked, as Transfer.To says it until somebody fetches it. The number under
// which it is parked is in no event.
const parking = "parking"

// handOver notes that a party gave the call away. Who comes next comes through this leg, and that the party hangs
// up now does not end the call. Told twice, it changes nothing.
func (t *Tracker) handOver(c *call, l *leg, kind TransferKind, to string, at time.Time) {
	by := cmp.Or(l.Extension, l.Number)
	if n := len(c.pic.Transfers); n > 0 && l.gave && c.pic.Transfers[n-1].By == by && c.via == l.ID {
		return
	}
	c.goesOn(at)
	t.give(c, l, c.tick(at))
	// The pictures given out share the old slice. One of which is heard late may not be the last.
	i := len(c.pic.Transfers)
	for i > 0 && late(at, c.pic.Transfers[i-1].At) {
		i--
	}
	if i == len(c.pic.Transfers) {
		c.via = l.ID
	}
	c.pic.Transfers = slices.Insert(slices.Clone(c.pic.Transfers), i, Transfer{Kind: kind, At: at.UTC(), By: by, To: clean(to)})
	c.gave = slices.Insert(c.gave, i, l)
	for _, next := range c.legs[1:] {
		if next.guessed && next != l && (at.Equal(next.OfferedAt) || late(at, next.OfferedAt)) {
			next.Parent = c.gaveBefore(next.OfferedAt)
		}
	}
	t.touch(c)
}

// gaveBefore is the ID of the leg that had given the call away last, at some time.
func (c *call) gaveBefore(at time.Time) string {
	for i := len(c.gave) - 1; i >= 0; i-- {
		if !late(at, c.pic.Transfers[i].At) {
			return c.gave[i].ID
		}
	}
	return ""
}

// give notes that a party has no more part in the call once the conversation it is in is over, although its channel may
// go on to hear where the call was parked.
func (t *Tracker) give(c *call, l *leg, at time.Time) {
	l.gave = true
	switch {
	case !l.EndedAt.IsZero():
		l.End = EndTransferred
	case l.talkSince.IsZero():
		t.endLeg(c, l.ch, c.tick(at))
	}
}

// transferredTo says better where the last transfer went, as long as nobody was called on account of it.
func (t *Tracker) transferredTo(c *call, to string) {
	n := len(c.pic.Transfers)
	if n == 0 || c.pic.Transfers[n-1].Kind != Blind || c.pic.Transfers[n-1].To == to {
		return
	}
	if slices.ContainsFunc(c.legs, func(l *leg) bool { return l.Parent == c.via }) {
		return
	}
	c.pic.Transfers = slices.Clone(c.pic.Transfers)
	c.pic.Transfers[n-1].To = to
	t.touch(c)
}

// blindTransfer handles BridgeBlindTransfer: the party behind the channel sends the other one to an extension.
func (t *Tracker) blindTransfer(e *ari.Event, at time.Time) {
	ch := t.known(e.Channel, at)
	if e.Transfer == nil {
		return
	}
	customer := t.known(e.Transfer.Transferee, at)
	t.known(e.ReplaceChannel, at)
	if e.Transfer.Result != "Success" || ch == nil || ch.call == nil || ch.leg == nil {
		return
	}
	// The PBX tells when it is done, and the other one may be called or queued elsewhere by then: he was given away when he left.
	if customer != nil && e.Bridge != nil && customer.left == e.Bridge.ID && late(customer.leftAt, at) {
		at = customer.leftAt
	}
	to := e.Transfer.Exten
	if c := ch.call; !c.queuedAt.Before(at) {
		to = c.pic.Queue
	}
	t.handOver(ch.call, ch.leg, Blind, to, at)
}

// attendedTransfer handles BridgeAttendedTransfer: the party behind the two legs, which may be one channel, joins
// whom it talked to with whom it asked.
func (t *Tracker) attendedTransfer(e *ari.Event, at time.Time) {
	if e.Transfer == nil {
		return
	}
	x := e.Transfer
	first, second := t.known(x.FirstLeg, at), t.known(x.SecondLeg, at)
	transferee, target := t.known(x.Transferee, at), t.known(x.Target, at)
	if x.Result != "Success" {
		return
	}
	var one *call
	for _, ch := range [...]*channel{first, second, transferee, target} {
		switch {
		case ch == nil || ch.call == nil:
		case one == nil:
			one = ch.call
		default:
			one = t.merge(one, ch.call, at)
		}
	}
	if x.DestinationType == "threeway" {
		return // all three talk together
	}
	by := first
	if by == nil || by.leg == nil {
		by = second
	}
	if one == nil || by == nil || by.leg == nil || by.call != one {
		return
	}
	if second != nil && second.leg != nil && second.leg != by.leg && second.call == one {
		t.give(one, second.leg, at)
	}
	to, name := t.partyBehind(target), ""
	if to == nil || to == one.first() {
		to = one.latest(by.leg)
	}
	switch {
	case to != nil:
		name = cmp.Or(to.Extension, to.Number)
		if to.Parent == "" {
			to.Parent = by.leg.ID
		}
	case one.waiting != nil: // nobody of the queue has answered yet
		name = one.pic.Queue
	case second != nil:
		name = second.dialplan.Exten
	}
	t.handOver(one, by.leg, Attended, name, at)
}

// latest is the last leg that goes on and is neither the one who called nor this agent.
func (c *call) latest(but *leg) *leg {
	for i := len(c.legs) - 1; i > 0; i-- {
		if l := c.legs[i]; l.EndedAt.IsZero() && !l.gave && l != but {
			return l
		}
	}
	return nil
}

// partyBehind is the leg of a channel, or of whoever is heard through it.
func (t *Tracker) partyBehind(ch *channel) *leg {
	for range 8 {
		if ch == nil || !ch.local {
			break
		}
		other := t.otherHalf(ch)
		if other == nil || other.bridge == nil {
			return nil
		}
		ch = nil
		for _, m := range other.bridge.members {
			if m != other {
				ch = m
			}
		}
	}
	if ch == nil {
		return nil
	}
	return ch.leg
}

// forward notes that the phone behind a channel asked for another to be called in its place.
func (t *Tracker) forward(from, to *channel) {
	via := from.via
	if from.leg != nil {
		via = from.leg.ID
	}
	from.forwardTo = to
	if via != "" {
		t.lead(to, via)
	}
}

// lead notes through which leg the call came to a channel.
func (t *Tracker) lead(ch *channel, via string) {
	if ch.via != "" || ch.leg != nil && ch.leg.ID == via {
		return
	}
	ch.via = via
	if l := ch.leg; l != nil && l != ch.call.first() && l.Parent == "" {
		l.Parent = via
		t.touch(ch.call)
	}
	if other := t.otherHalf(ch); other != nil {
		t.lead(other, via)
	}
	if ch.local && ch.call != nil {
		for _, peer := range ch.call.channels {
			if peer.dialer == ch {
				t.lead(peer, via)
			}
		}
	}
}

// fetched notes who took a call that had been parked: it went there in the end.
func (t *Tracker) fetched(c *call, l *leg) {
	if n := len(c.pic.Transfers); n > 0 && c.pic.Transfers[n-1].To == parking && l.Parent == c.via {
		c.pic.Transfers = slices.Clone(c.pic.Transfers)
		c.pic.Transfers[n-1].To = l.Extension
		t.touch(c)
	}
}

// enterParking notes that a channel hears music until somebody fetches it. Whoever talked to it last put it there.
func (t *Tracker) enterParking(ch *channel, at time.Time) {
	c := ch.call
	if c == nil || c.parked == ch {
		return
	}
	c.parked = ch
	t.touch(c)
	var by *leg
	for _, l := range c.legs {
		if l != ch.leg && l.phone && l.Talk > 0 && (l.EndedAt.IsZero() || l.gave) && (by == nil || l.OfferedAt.After(by.OfferedAt)) {
			by = l
		}
	}
	switch {
	case by == nil:
	case by.gave:
		t.transferredTo(c, parking)
	default:
		t.handOver(c, by, Blind, parking, at)
	}
}

// merge makes two calls one, when they turn out to be one conversation: a colleague who was asked takes the customer
// over, an agent fetches a call that rings elsewhere or is parked. It returns the one that stays: the customer's, or
// the older. The other ends, and says so in its last picture.
func (t *Tracker) merge(a, b *call, at time.Time) *call {
	if a == b || a.ended || b.ended {
		return a
	}
	into, from := a, b
	if prior(b, a) {
		into, from = b, a
	}
	at = maxTime(into.tick(at), from.tick(at))
	at = into.tick(at)
	for _, ch := range from.channels {
		t.stopTalk(ch, at)
	}
	via := into.via
	for _, l := range from.legs {
		if mine := into.lineOf(l); mine != nil {
			via = mine.ID // the agent had asked somebody on a second line
		}
	}
	moved := from.legs
	from.legs = make([]*leg, len(moved))
	for i, l := range moved {
		last := *l
		if last.EndedAt.IsZero() {
			last.EndedAt, last.End = maxTime(at, l.OfferedAt, l.AnsweredAt, l.turned).UTC(), EndTransferred
		}
		from.legs[i] = &last
		if len(into.legs) < maxLegs {
			l.move(into, via, at)
			into.insert(l)
		} else if l.ch.leg == l {
			l.ch.leg = nil
		}
	}
	into.mergedAt = at
	for _, l := range into.legs {
		if l.End == EndNoAnswer {
			l.End = into.unanswered(l.ch, l)
		}
	}
	from.pic.MergedInto = into.pic.ID
	channels := from.channels
	from.channels, from.into = nil, into
	t.finish(from, at)
	for _, ch := range channels {
		ch.call = into
		into.channels = append(into.channels, ch)
		if ch.leg != nil && ch.leg.EndedAt.IsZero() && !ch.leg.AnsweredAt.IsZero() {
			t.answerCall(into, at)
		}
	}
	into.pic.Partial = into.pic.Partial || from.pic.Partial
	into.gap = into.gap || from.gap
	into.pic.CustomerRef = cmp.Or(into.pic.CustomerRef, from.pic.CustomerRef)
	into.pic.Trunk = cmp.Or(into.pic.Trunk, from.pic.Trunk)
	into.pic.Queue = cmp.Or(into.pic.Queue, from.pic.Queue)
	if from.waiting != nil && !into.answered() {
		into.waiting = from.waiting
	}
	into.parked = cmp.Or(into.parked, from.parked)
	t.touch(into)
	for _, ch := range channels {
		if ch.bridge != nil {
			t.converse(ch.bridge, at)
		}
	}
	return into
}

// move makes a leg fit for the call with which its own becomes one.
func (l *leg) move(c *call, via string, at time.Time) {
	l.OfferedAt = maxTime(l.OfferedAt, c.pic.StartedAt)
	if !l.AnsweredAt.IsZero() {
		l.AnsweredAt = maxTime(l.AnsweredAt, l.OfferedAt)
	}
	if !l.EndedAt.IsZero() {
		l.EndedAt = maxTime(l.EndedAt, l.OfferedAt, l.AnsweredAt)
		at = l.EndedAt
	}
	l.Talk = max(0, min(l.Talk, maxTime(at, l.turned).Sub(l.OfferedAt)))
	l.Hold = min(l.Hold, l.Talk)
	spans := l.Spans
	l.Spans = nil
	for _, s := range spans {
		if s.From, s.To = maxTime(s.From, l.OfferedAt), maxTime(s.To, l.OfferedAt); s.To.After(s.From) {
			l.Spans = append(l.Spans, s)
		}
	}
	if l.Parent == "" {
		l.Parent = via
	}
}

// prior tells whether call a stays when it becomes one with b. One in which nobody has taken part yet does not.
func prior(a, b *call) bool {
	if known := len(a.legs) > 0; known != (len(b.legs) > 0) {
		return known
	}
	if outside := a.direction != Internal; outside != (b.direction != Internal) {
		return outside
	}
	return cmp.Or(a.pic.StartedAt.Compare(b.pic.StartedAt), slices.Compare(a.pic.ID[:], b.pic.ID[:])) < 0
}

// lineOf is the leg in this call of the agent whose leg in another call this is, if that agent still has part in it.
func (c *call) lineOf(other *leg) *leg {
	if !other.phone {
		return nil
	}
	for i := len(c.legs) - 1; i >= 0; i-- {
		if l := c.legs[i]; l.phone && l.Extension == other.Extension && !l.AnsweredAt.IsZero() && (l.EndedAt.IsZero() || l.EndedAt.After(other.OfferedAt)) {
			return l
		}
	}
	return nil
}

// release takes a channel out of the call's list.
func (c *call) release(ch *channel) {
	if i := slices.Index(c.channels, ch); i >= 0 {
		c.channels = slices.Delete(c.channels, i, i+1)
	}
}
