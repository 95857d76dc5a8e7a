package pbx

import (
	"context"
	"errors"
	"strings"

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
	manager := x.manager()
	talk := manager
	if l.AnsweredAt.IsZero() || c.AnsweredAt.IsZero() {
		talk = NotTalking
	}
	all.Hold, all.Blind, all.Attended = talk, talk, talk
	all.Complete, all.Cancel = NotConsulting, NotConsulting
	return all
}

// manager says why AMI cannot be used now; empty if it can.
func (x *Exchange) manager() Code { return AMINeeded }

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
