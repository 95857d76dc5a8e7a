package pbx

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
)

// ChannelOf is the exchange and the id of the channel that a leg of the call is.
func (c *Call) ChannelOf(l *Leg) (exchange, channel string) {
	channel = l.ID
	if l.PBX != "" && l.PBX != c.PBX {
		channel = strings.TrimPrefix(channel, l.PBX+"/")
	}
	if stem, again, ok := cutLast(channel, '/'); ok && again != "" && strings.Trim(again, "0123456789") == "" {
		channel = stem // the same channel's second part in the call
	}
	return c.Exchange(l), channel
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// Abilities tell what an agent could do now with a call through the leg l of it, which is on this exchange.
func (x *Exchange) Abilities(c *Call, l *Leg) Abilities {
	away := Code("")
	switch {
	case c.State == StateEnded || !l.EndedAt.IsZero():
		away = CallEnded
	case !x.Health().Live:
		away = PBXAway
	}
	all := Abilities{HangUp: away, Hold: away, Blind: away, Attended: away, Complete: away, Cancel: away}
	if away != "" {
		return all
	}
	talking := Code("")
	switch {
	case l.AnsweredAt.IsZero() || c.AnsweredAt.IsZero():
		talking = NotTalking
	case l.Asks:
		talking = Consulting
	}
	all.Hold = cmp.Or(x.manager("PJSIPNotify"), talking)
	all.Blind = cmp.Or(x.manager("BlindTransfer"), talking)
	all.Attended = cmp.Or(x.manager("Atxfer"), talking)
	if talking != Consulting {
		all.Complete, all.Cancel = NotConsulting, NotConsulting
	} else {
		all.Cancel = x.manager("CancelAtxfer")
	}
	return all
}

// manager says why an action of AMI cannot be used now; empty if it can.
func (x *Exchange) manager(action string) Code {
	health, configured := x.AMI()
	switch {
	case !configured:
		return AMINeeded
	case !health.Live:
		return AMIAway
	case !health.Rights.Can(action):
		return AMIDenied
	}
	return ""
}

// manage has the manager do something to a channel. A failure is a *Refusal.
func (x *Exchange) manage(ctx context.Context, name string, fields ...ami.Field) error {
	if code := x.manager(name); code != "" {
		return &Refusal{Code: code}
	}
	_, err := x.queues.client.Do(ctx, ami.Action{Name: name, Fields: fields})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ami.ErrUnanswered):
		return &Refusal{Code: PerhapsDone, Err: err}
	case errors.Is(err, ami.ErrDown):
		return &Refusal{Code: AMIAway, Err: err}
	case errors.Is(err, ami.ErrDenied), errors.Is(err, ami.ErrUnknown):
		return &Refusal{Code: AMIDenied, Err: err}
	case errors.Is(err, ami.ErrNotFound):
		return &Refusal{Code: CallEnded, Err: err}
	}
	return &Refusal{Code: TransferFailed, Err: err}
}

const (
	actTimeout = 2 * time.Second       // within which what was asked for must be seen to have happened
	actPoll    = 40 * time.Millisecond // how often it is looked for

	atxferTries    = 2
	atxferHeard    = time.Second     // within which the exchange heeds the digits
	atxferDialled  = 7 * time.Second // and calls: it may wait for more of them (transferdigittimeout, of features.conf)
	maxShortNumber = 6               // digits
)

// BlindTransfer hands the party that the channel of the leg l talks to over to a number of the dialplan. The channel is
// free then.
func (x *Exchange) BlindTransfer(ctx context.Context, c *Call, l *Leg, dialplan, number string) error {
	if err := x.reachable(ctx, c, l, dialplan, number); err != nil {
		return err
	}
	return x.manage(ctx, "BlindTransfer", ami.Field{Key: "Channel", Value: l.Channel},
		ami.Field{Key: "Context", Value: dialplan}, ami.Field{Key: "Exten", Value: number})
}

// AttendedTransfer has a number called from the channel of the leg l, whose party waits meanwhile; it returns when the
// exchange calls, or after some seconds in which it does not. What the exchange does is what it would do if the agent
// typed the digits of an attended transfer: so its dialplan must let agents transfer by digits (T or t of Dial and Queue).
func (x *Exchange) AttendedTransfer(ctx context.Context, c *Call, l *Leg, dialplan, number string) error {
	if err := x.reachable(ctx, c, l, dialplan, number); err != nil {
		return err
	}
	_, channel := c.ChannelOf(l)
	digits := number
	if len(digits) > maxShortNumber {
		digits += "#" // or the exchange waits for more: patterns for numbers outside have no end
	}
	for range atxferTries {
		if err := x.manage(ctx, "Atxfer", ami.Field{Key: "Channel", Value: l.Channel},
			ami.Field{Key: "Context", Value: dialplan}, ami.Field{Key: "Exten", Value: digits}); err != nil {
			return err
		}
		// The digits are lost on a channel to which the exchange plays something, as just after an earlier transfer was
		// given up. Where they are heard, the other party is on hold at once.
		if x.await(ctx, channel, atxferHeard, func(_ *Call, l *Leg) bool { return l.Asks || holding(l) }) {
			break
		}
	}
	if !x.await(ctx, channel, atxferDialled, func(_ *Call, l *Leg) bool { return l.Asks }) {
		return &Refusal{Code: TransferFailed}
	}
	return nil
}

// CancelTransfer goes back to the call: whoever is being asked is hung up.
func (x *Exchange) CancelTransfer(ctx context.Context, c *Call, l *Leg) error {
	_, channel := c.ChannelOf(l)
	if err := x.manage(ctx, "CancelAtxfer", ami.Field{Key: "Channel", Value: l.Channel}); err != nil {
		return err
	}
	if !x.await(ctx, channel, actTimeout, func(_ *Call, l *Leg) bool { return !l.Asks }) {
		return &Refusal{Code: TransferFailed}
	}
	return nil
}

// Hold asks the phone of the leg l to put the other party on hold, or to take it back, as its own key does (Event: hold and
// talk, which many phones know and some obey only when told to in their settings). It returns when the phone has done so,
// or after two seconds in which it has not: then it is Disobeyed.
func (x *Exchange) Hold(ctx context.Context, c *Call, l *Leg, held bool) error {
	if holding(l) == held {
		return nil
	}
	event := "talk"
	if held {
		event = "hold"
	}
	_, channel := c.ChannelOf(l)
	err := x.manage(ctx, "PJSIPNotify", ami.Field{Key: "Channel", Value: l.Channel}, ami.Field{Key: "Variable", Value: "Event=" + event})
	if Refused(err) == TransferFailed {
		return &Refusal{Code: Disobeyed, Err: err} // not a PJSIP phone, or an Asterisk that cannot tell it within the call
	}
	if err != nil {
		return err
	}
	if !x.await(ctx, channel, actTimeout, func(_ *Call, l *Leg) bool { return holding(l) == held }) {
		return &Refusal{Code: Disobeyed}
	}
	return nil
}

// holding tells whether the party of a leg has the other on hold.
func holding(l *Leg) bool {
	n := len(l.Spans)
	return n > 0 && l.Spans[n-1].To.IsZero() && l.Spans[n-1].Kind == SpanHold
}

// reachable refuses a number that the dialplan does not know: a party who is sent there is hung up. Where the exchange
// cannot tell (func_dialplan is not loaded), it is tried.
func (x *Exchange) reachable(ctx context.Context, c *Call, l *Leg, dialplan, number string) error {
	_, channel := c.ChannelOf(l)
	known, err := x.client.Variable(ctx, channel, "DIALPLAN_EXISTS("+dialplan+","+number+",1)")
	if err == nil && known == "0" {
		return &Refusal{Code: NoDestination}
	}
	return nil
}

// await waits until the call of a channel is as wanted; false: it was not within d, or the channel has gone.
func (x *Exchange) await(ctx context.Context, channel string, d time.Duration, wanted func(*Call, *Leg) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	poll := time.NewTicker(actPoll)
	defer poll.Stop()
	for {
		c, l, there := x.liveLeg(channel)
		if there && wanted(&c, l) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-poll.C:
		}
	}
}

// liveLeg finds the last picture of a channel's part in a call.
func (x *Exchange) liveLeg(channel string) (Call, *Leg, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, c := range x.live {
		for i := range slices.Backward(c.Legs) {
			if _, id := c.ChannelOf(&c.Legs[i]); id == channel && c.Legs[i].EndedAt.IsZero() {
				return c, &c.Legs[i], true
			}
		}
	}
	return Call{}, nil, false
}

// HangUp ends a channel. A failure is a *Refusal: CallEnded when it has gone, else PBXAway.
func (x *Exchange) HangUp(ctx context.Context, channel string) error {
	// Asterisk takes the beginning of an id for the id; so the channel is looked at before it is ended.
	ch, err := x.client.Channel(ctx, channel)
	if err == nil && ch.ID != channel {
		return &Refusal{Code: CallEnded}
	}
	if err == nil {
		err = x.client.Hangup(ctx, channel, "")
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ari.ErrNotFound):
		return &Refusal{Code: CallEnded, Err: err}
	}
	return &Refusal{Code: PBXAway, Err: err}
}
