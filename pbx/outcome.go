package pbx

import "time"

// Causes of ITU-T Q.850 that ChannelDestroyed and ChannelHangupRequest report (include/asterisk/causes.h).
const (
	causeNormal            = 16
	causeBusy              = 17
	causeNoResponse        = 18
	causeNoAnswer          = 19
	causeRejected          = 21
	causeAnsweredElsewhere = 26
)

// causeText are Asterisk's words for the causes that requests to hang up give (main/channel.c); the end of such a
// channel may come with none.
var causeText = map[int]string{
	causeNormal:            "Normal Clearing",
	causeBusy:              "User busy",
	causeNoResponse:        "No user responding",
	causeNoAnswer:          "User alerting, no answer",
	causeRejected:          "Call Rejected",
	causeAnsweredElsewhere: "Answered elsewhere",
}

// unanswered tells how the leg of one who was called, and did not answer, came to its end. Asterisk tells twice,
// with the status of the attempt and with the cause of the channel's end; neither alone says all: a refused call
// has status NOANSWER, and one that another took has CANCEL, as has one that the caller gave up
// (apps/app_dial.c, apps/app_queue.c).
func (c *call) unanswered(ch *channel, l *leg) LegEnd {
	status, _ := ch.failure()
	switch {
	case ch.forwards, l.gave:
		return EndTransferred
	case ch.cause == causeAnsweredElsewhere:
		return EndAnsweredElsewhere
	case ch.status == "BUSY" || ch.cause == causeBusy:
		return EndBusy
	case ch.cause == causeRejected:
		return EndDeclined
	case ch.status == "CHANUNAVAIL" || ch.status == "CONGESTION":
		return EndFailed
	case c.answeredSince(l):
		return EndAnsweredElsewhere
	case !c.gaveUp.at.IsZero(), status == "CANCEL":
		return EndCancelled
	}
	if ch.cause == causeNormal && c.mergedAt.Sub(l.EndedAt).Abs() < time.Second {
		// Who picks up a call that a queue rings takes the place of the channel that rang, which simply ends then.
		return EndAnsweredElsewhere
	}
	switch ch.cause {
	case 0, causeNormal, causeNoResponse, causeNoAnswer:
		return EndNoAnswer
	}
	return EndFailed
}

// failure tells with which status an attempt came to its end, and when; empty if it has not. What was dialled through a
// Local channel is cancelled because that is at its end, for whatever reason.
func (ch *channel) failure() (status string, at time.Time) {
	status, at = ch.status, ch.failed
	for by, n := ch.dialer, 0; (status == "" || status == "CANCEL") && by != nil && by.half != nil && n < 8; by, n = by.half.dialer, n+1 {
		if by.half.status != "" {
			status, at = by.half.status, by.half.failed
		}
	}
	return status, at
}

// answeredSince tells whether somebody else answered while this leg was on offer. Dial() cancels the others before
// it tells who answered; the channel of that one is up already.
func (c *call) answeredSince(l *leg) bool {
	for i, o := range c.legs {
		if i == 0 || o == l {
			continue
		}
		if o.AnsweredAt.IsZero() && o.EndedAt.IsZero() && o.ch.state == "Up" ||
			!o.AnsweredAt.IsZero() && !o.AnsweredAt.Before(l.OfferedAt) {
			return true
		}
	}
	return false
}

// outcome says what became of a call that has ended.
func (c *call) outcome() Outcome {
	switch {
	case c.answered():
		return Answered
	case c.voicemail:
		return Voicemail
	case c.pic.Reconstructed:
		return Missed
	}
	end := c.lastEnd()
	if c.direction == Inbound || c.pic.Queue != "" {
		switch {
		case c.pic.Queue != "" && c.gaveUp.queue:
			return Abandoned
		case end == EndBusy && c.pic.Queue == "":
			return Busy
		}
		return Missed
	}
	switch end {
	case EndBusy:
		return Busy
	case EndFailed:
		return Failed
	case EndDeclined:
		if c.direction == Outbound {
			return Busy
		}
	case EndCancelled:
		if c.direction == Outbound {
			return Cancelled
		}
	case "":
		// Nobody was reached at all.
		if !c.gaveUp.at.IsZero() || c.root.outgoing {
			return Cancelled
		}
		return Failed
	}
	return Missed
}

// lastEnd is how the last of those called ended.
func (c *call) lastEnd() LegEnd {
	if len(c.legs) < 2 {
		return ""
	}
	return c.legs[len(c.legs)-1].End
}

// howEnded says who ended the call, and with which cause: that of the caller's channel, or, if one was called who
// did not answer, what the network said about that one.
func (c *call) howEnded() Hangup {
	h := Hangup{By: c.hangup.by, Leg: c.hangup.leg, Cause: c.cause, Text: c.text}
	if h.By == "" || c.pic.Reconstructed {
		h.By = BySystem
	}
	if !c.answered() && c.hangup.by == "" && c.peerCause > causeNormal {
		h.Cause, h.Text = c.peerCause, c.peerText
	}
	return h
}
