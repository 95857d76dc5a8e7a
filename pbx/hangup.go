package pbx

import (
	"time"

	"ringbook/pbx/ari"
)

// hangup is a party's hanging up.
type hangup struct {
	by      HangupBy // empty: nobody has
	leg     string   // ID of the party's
	at      time.Time
	soft    bool
	ringing bool // somebody was being offered the call
}

// gaveUp is what went on when the one who called hung up.
type gaveUp struct {
	at    time.Time // zero: he has not
	queue bool      // he waited in one, or it rang its members
}

// goesOn notes that somebody is called, begins to talk or gives the call away: who hung up before did not end the call.
func (c *call) goesOn(at time.Time) {
	c.wentOn = maxTime(c.wentOn, at)
	if !late(at, c.hangup.at) {
		c.hangup = hangup{}
	}
	if !late(at, c.gaveUp.at) {
		c.gaveUp = gaveUp{}
	}
}

// hangupRequested handles ChannelHangupRequest: a party hung up, or the PBX was asked to hang it up. The first
// request of those who take part tells who ended the call.
//
// A soft request does not come from the party. It is how the dialplan hangs up in the end, which tells nothing; but
// one that cuts a conversation or a ringing short was made by somebody who acted for the party behind the channel.
func (t *Tracker) hangupRequested(ch *channel, e *ari.Event, at time.Time) {
	if _, over := t.tombs.gone[ch.id]; e.Cause != 0 && !over { // else its end has told the cause
		ch.cause = e.Cause
	}
	c, l := ch.call, ch.leg
	if c == nil || l == nil || l.over(at, e.Soft) || l.gave || ch.refused() || refuses(e.Channel.Dialplan) || late(at, c.wentOn) {
		return
	}
	calling := l == c.first()
	ringing := calling && c.rangAt(at, e.Soft)
	if e.Soft && !ringing && l.talkSince.IsZero() && !late(at, l.turned) {
		return
	}
	if calling && (c.gaveUp.at.IsZero() || late(at, c.gaveUp.at)) {
		queue := c.waiting != nil || ringing && c.pic.Queue != "" || e.Channel.Dialplan.AppName == "Queue" && !c.answered()
		c.gaveUp = gaveUp{at: at, queue: queue}
	}
	if !calling && l.AnsweredAt.IsZero() {
		return
	}
	// Of two, the first counts, or the party's own.
	if h := c.hangup; h.by != "" && !late(at, h.at) && (!h.soft || e.Soft || at.After(h.at)) {
		return
	}
	c.hangup = hangup{leg: l.ID, at: at, soft: e.Soft, ringing: ringing}
	switch {
	case !l.phone && e.Soft:
		c.hangup.by = BySystem
	case !l.phone, calling && c.direction == Internal:
		c.hangup.by = ByCaller
	default:
		c.hangup.by = ByAgent
	}
}

// over tells whether the leg had ended when somebody asked to hang it up, as far as times can tell. At the same moment
// the party's own request came first.
func (l *leg) over(at time.Time, soft bool) bool {
	return !l.EndedAt.IsZero() && !late(at, l.EndedAt) && (soft || !at.Equal(l.EndedAt))
}

// reconsider draws the consequences of hearing that one who was called did not answer: a soft request may not have cut a
// ringing short after all, and those whom a Local channel led to were not called off.
func (t *Tracker) reconsider(c *call) {
	if c.hangup.soft && c.hangup.ringing && !c.rangAt(c.hangup.at, true) {
		c.hangup, c.gaveUp = hangup{}, gaveUp{}
	}
	for i, l := range c.legs {
		if i == 0 || l.End != EndCancelled || l.attempt != l.ch.attempt {
			continue
		}
		if end := c.unanswered(l.ch, l); end != l.End {
			l.End = end
			t.touch(c)
		}
	}
}

// rangAt tells whether anybody was being offered the call at this time. That the one who called hangs up (not soft) is what
// cancels a ringing at the same moment.
func (c *call) rangAt(at time.Time, soft bool) bool {
	for _, l := range c.legs[1:] {
		status, failed := l.ch.failure()
		if l.attempt == l.ch.attempt && status != "" && status != "CANCEL" && !failed.After(at) {
			continue
		}
		if !l.over(at, soft || l.ch.status != "CANCEL") && (l.AnsweredAt.IsZero() || late(at, l.AnsweredAt)) {
			return true
		}
	}
	return false
}

// refused tells whether the dialplan tells the caller that it goes no further; then Asterisk's own answer to the caller
// looks like a request from outside.
func (ch *channel) refused() bool { return refuses(ch.dialplan) }

func refuses(d ari.Dialplan) bool { return d.AppName == "Busy" || d.AppName == "Congestion" }
