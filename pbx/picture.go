package pbx

import (
	"slices"
	"strconv"
	"time"

	"ringbook/pbx/ari"
)

// call is one call under way: its picture so far, and what is needed to draw the next.
type call struct {
	pic      Call // the last one drawn; its Legs are never changed in place
	touched  bool
	root     *channel
	legs     []*leg     // legs[0] is the one who called
	channels []*channel // that belong to it, Local ones too
	last     time.Time

	direction  Direction
	settled    bool // direction is known, not guessed
	lineNumber bool // what was dialled is known from the line, not from the dialplan

	waiting   *channel  // in Queue()
	queuedAt  time.Time // when Queue() began last
	parked    *channel
	via       string // ID of the leg that gave the call away last
	gave      []*leg // who gave it away, as pic.Transfers
	voicemail bool
	gap       bool // something was missed since it began
	ended     bool
	mergedAt  time.Time // when another became one with it
	into      *call     // with which it became one

	hangup    hangup    // the first since the call last went on
	gaveUp    gaveUp    // the same, of the one who called
	wentOn    time.Time // when somebody last was called, or began to talk, or gave the call away
	cause     int       // of the root's end
	text      string
	peerCause int // of the end of the one called last
	peerText  string

	holdSince time.Time // somebody is on hold
	hold      time.Duration
}

// leg is a Leg under way.
type leg struct {
	Leg
	ch        *channel
	phone     bool
	attempt   int // of the channel
	talkSince time.Time
	turned    time.Time // when it last began or ceased to hear another, or its hold did
	holdSince time.Time
	kept      bool // on hold, alone: the one who put it there asks somebody else
	gave      bool // the call away: it ends as transferred
	guessed   bool // Parent is who gave the call away last
}

// first is the leg of the one who called, nil before there is any.
func (c *call) first() *leg {
	if len(c.legs) == 0 {
		return nil
	}
	return c.legs[0]
}

func (c *call) answered() bool { return !c.pic.AnsweredAt.IsZero() }

// tick is the time of an event as this call takes it: it never goes back, even where the PBX's clock does. Only one that
// comes a little late keeps its own.
func (c *call) tick(at time.Time) time.Time {
	if late(at, c.last) {
		return at.UTC()
	}
	if at.After(c.last) {
		c.last = at.UTC()
	}
	return c.last
}

// addLeg gives a channel a new leg in its call.
func (t *Tracker) addLeg(c *call, ch *channel, offered time.Time) {
	if len(c.legs) >= maxLegs {
		i := slices.IndexFunc(c.legs[1:], func(l *leg) bool { return !l.EndedAt.IsZero() && l.AnsweredAt.IsZero() })
		if i < 0 {
			return
		}
		c.legs = slices.Delete(c.legs, i+1, i+2)
	}
	if offered.Before(c.pic.StartedAt) {
		offered = c.pic.StartedAt
	}
	c.tick(offered)
	l := &leg{ch: ch, phone: ch.phone, attempt: ch.attempt}
	l.ID, l.Channel, l.OfferedAt = ch.id, ch.name, offered.UTC()
	l.Dialog, l.Outgoing = ch.dialog, ch.outgoing
	if ch.legs++; ch.legs > 1 {
		l.ID += "/" + strconv.Itoa(ch.legs)
	}
	if l.Role = RoleCustomer; ch.phone {
		l.Role, l.Extension = RoleAgent, ch.ext
	}
	if l.Parent = ch.via; l.Parent == "" {
		l.Parent, l.guessed = c.via, true
	}
	c.insert(l)
	ch.leg = l

	if l == c.first() {
		t.setFirst(c, ch)
	} else {
		c.goesOn(offered)
		if c.first().phone && ch.phone {
			c.direct(Internal)
		} else if c.first().phone {
			c.direct(Outbound)
		}
		if !ch.phone {
			l.Number = c.pic.Dialed
			t.setLine(ch)
			if c.pic.Trunk == "" {
				c.pic.Trunk = ch.endpoint
			}
		}
	}
	t.touch(c)
}

// setLine takes the number that a line was asked for, once it is known: what an agent typed may begin with a 9 for a line.
func (t *Tracker) setLine(ch *channel) {
	c, l := ch.call, ch.leg
	if l == nil || l.phone || ch.number == "" || l == c.first() {
		return
	}
	l.Number = ch.number
	if c.direction == Outbound && (!c.answered() || l.AnsweredAt.Equal(c.pic.AnsweredAt)) {
		c.pic.Dialed, c.lineNumber = l.Number, true
	}
	t.touch(c)
}

// insert puts a leg in its place among the others: in order of time, behind that of the one who called.
func (c *call) insert(l *leg) {
	c.legs = append(c.legs, l)
	for i := len(c.legs) - 1; i > 1 && l.OfferedAt.Before(c.legs[i-1].OfferedAt); i-- {
		c.legs[i-1], c.legs[i] = c.legs[i], c.legs[i-1]
	}
}

// setFirst learns from the one who called what kind of call it is.
func (t *Tracker) setFirst(c *call, ch *channel) {
	switch {
	case ch.phone:
		t.guess(c)
	case ch.outgoing:
		c.direct(Outbound)
	default:
		c.direct(Inbound)
	}
	if !ch.phone {
		c.pic.Trunk = ch.endpoint
	}
	t.setCaller(c, ch, ch.caller, false)
}

// direct settles the direction; the first evidence counts.
func (c *call) direct(d Direction) {
	if !c.settled {
		c.direction, c.settled = d, true
	}
}

// guess tells from the number that an agent dialled where it will lead, as long as nothing has been reached.
func (t *Tracker) guess(c *call) {
	if c.settled {
		return
	}
	d := c.pic.Dialed
	c.direction = Outbound
	if _, ok := t.config.Extension("PJSIP/" + d); ok || d == "" || isExtension(d) || d[0] == '*' || d[0] == '#' || d == "s" {
		c.direction = Internal
	}
}

// setCaller takes the caller's number and name from the channel of the one who called; what came first stays,
// since the dialplan may overwrite it for the sake of others; it is certain at the channel's creation. An agent is called
// by the extension.
func (t *Tracker) setCaller(c *call, ch *channel, id ari.CallerID, certain bool) {
	p := &c.pic.Caller
	before := *p
	if p.Withheld && !ch.phone {
		return
	}
	if certain && id.Number != "" {
		p.Number = ""
	}
	if ch.phone {
		p.Number = ch.ext
	} else if p.Number == "" {
		p.Number = clean(id.Number)
		if !withheldNumber(p.Number) {
			c.first().Number = p.Number
		}
	}
	if p.Name == "" {
		p.Name = clean(id.Name)
	}
	if *p != before {
		t.touch(c)
	}
}

// withhold notes that the caller asked not to show the number. A line to the outside may tell it all the same,
// marked private: then it goes no further than here, and neither does the name.
func (t *Tracker) withhold(c *call) {
	f, p := c.first(), &c.pic.Caller
	if f == nil || f.phone || p.Withheld {
		return
	}
	p.Withheld = true
	if !withheldNumber(p.Number) {
		p.Number, p.Name, f.Number = "", "", ""
	}
	t.touch(c)
}

// setDialed takes what was called from the root channel: the first extension it stood at, which is certain at its
// creation. A channel that was dialled itself stands at "s" or nowhere until it is answered.
func (t *Tracker) setDialed(c *call, ch *channel, exten string, certain bool) {
	if exten == "" || exten == c.pic.Dialed || c.lineNumber {
		return
	}
	if c.pic.Dialed != "" && !certain && !(ch.outgoing && c.pic.Dialed == "s") || certain && ch.outgoing {
		return
	}
	c.pic.Dialed = clean(exten)
	if f := c.first(); f != nil && f.phone {
		t.guess(c)
	}
	t.touch(c)
}

// answer notes that the party of a leg answered; that of one who was called answers the call.
func (t *Tracker) answer(c *call, l *leg, at time.Time) {
	if !l.AnsweredAt.IsZero() || !l.EndedAt.IsZero() {
		return
	}
	at = maxTime(at, l.OfferedAt).UTC()
	c.tick(at)
	l.AnsweredAt = at
	t.touch(c)
	if l.phone {
		t.fetched(c, l)
	}
	if l != c.first() {
		t.answerCall(c, at)
	}
}

func (t *Tracker) answerCall(c *call, at time.Time) {
	c.waiting = nil
	c.goesOn(at)
	t.touch(c)
	if c.answered() {
		return
	}
	c.pic.AnsweredAt = maxTime(at, c.pic.StartedAt).UTC()
	if f := c.first(); f.AnsweredAt.IsZero() && f.EndedAt.IsZero() {
		f.AnsweredAt = maxTime(c.pic.AnsweredAt, f.OfferedAt)
	}
}

func (t *Tracker) endLeg(c *call, ch *channel, at time.Time) {
	l := ch.leg
	l.EndedAt = maxTime(at, l.OfferedAt, l.AnsweredAt, l.turned).UTC()
	switch {
	case l.gave:
		l.End = EndTransferred
	case !l.AnsweredAt.IsZero() || l == c.first() && !ch.outgoing:
		l.End = EndHungUp
	default:
		l.End = c.unanswered(ch, l)
	}
	t.touch(c)
}

// finish ends a call that has no channel left.
func (t *Tracker) finish(c *call, at time.Time) {
	c.tick(at)
	c.ended = true
	c.updateHold(c.last)
	c.pic.EndedAt = c.last
	c.pic.Outcome = c.outcome()
	c.pic.Hangup = c.howEnded()
	delete(t.calls, c)
	t.touch(c)
}

// updateHold keeps the time during which anybody was on hold.
func (c *call) updateHold(at time.Time) {
	held := false
	for _, l := range c.legs {
		held = held || !l.holdSince.IsZero() || l.kept
	}
	switch {
	case held && c.holdSince.IsZero():
		c.holdSince = at
	case !held && !c.holdSince.IsZero():
		c.hold += max(0, at.Sub(c.holdSince))
		c.holdSince = time.Time{}
	}
}

// draw makes the picture of a call as it is now.
func (c *call) draw(received time.Time) Call {
	p := &c.pic
	p.Direction = c.direction
	p.Version = max(p.Version+1, c.last.UnixMicro())
	p.ReceivedAt = received
	if c.direction == Inbound && withheldNumber(p.Caller.Number) {
		p.Caller.Withheld = true
	}

	// One look at the legs tells the state and the sums.
	var offered, answered, talking bool
	legs := make([]Leg, len(c.legs))
	p.Talk = 0
	for i, l := range c.legs {
		legs[i] = l.Leg
		legs[i].Asks = l.EndedAt.IsZero() && l.ch.leg == l && l.ch.asks()
		talking = talking || !l.talkSince.IsZero()
		if i > 0 && l.EndedAt.IsZero() {
			offered = offered || l.AnsweredAt.IsZero()
			// A customer who has talked and talks no longer waits for the one to whom the call was transferred.
			answered = answered || !l.AnsweredAt.IsZero() && (l.phone || l.Talk == 0)
		}
		if l.phone && (i > 0 || c.direction != Internal) {
			p.Talk += l.Talk
		}
	}
	p.Legs = legs
	p.Hold = c.hold
	switch {
	case c.ended:
		p.State = StateEnded
	case !c.holdSince.IsZero(), c.parked != nil:
		p.State = StateHeld
	case talking || answered:
		p.State = StateTalking
	case offered:
		p.State = StateRinging
	case c.waiting != nil:
		p.State = StateQueued
	case c.answered():
		p.State = StateTalking
	default:
		p.State = StateRinging
	}
	switch {
	case c.answered():
		p.Wait = max(0, p.AnsweredAt.Sub(p.StartedAt))
	case c.ended:
		p.Wait = max(0, p.EndedAt.Sub(p.StartedAt))
	}
	return *p
}

func maxTime(a time.Time, more ...time.Time) time.Time {
	for _, b := range more {
		if b.After(a) {
			a = b
		}
	}
	return a
}
