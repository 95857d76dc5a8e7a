package main

import (
	"cmp"
	"time"

	"ringbook/crm"
	"ringbook/pbx"
)

// How an agent's state and an exchange's queues are kept in step: what both sides last agreed on is kept, so that it is
// known of each side whether it has changed since. Whichever has is right, for it changed later; if both have, they are
// paused or not alike, and the desk's reason counts, which knows more.
//
//	            changed at the desk                    changed at the phone
//	             ┌── push ──► queues                    state ◄── adopt ──┐
//	agreed ──────┤                                                        ├────── agreed
//	             └──────────► agreed, once the queues show it ◄───────────┘
//
// Members that are newer than the agreement and not paused have not been unpaused by anybody: the exchange has started anew
// and forgotten, or the phone has joined a queue. They are paused again.

// side is what one side says.
type side struct {
	paused bool
	reason string // as the exchange keeps it; empty unless paused
}

// heard is what an exchange's queues say of one agent.
type heard struct {
	members int
	paused  int       // of them
	newer   int       // of those that are not paused: newer than the agreement
	joined  time.Time // when the newest joined its queue; zero: not told
	reason  string    // of all that are paused; empty where they differ
}

// side is what the queues say, if they say one thing.
func (h heard) side() (s side, one bool) {
	switch {
	case h.members == 0:
		return side{}, false
	case h.paused == h.members:
		return side{true, h.reason}, true
	}
	return side{}, h.paused == 0
}

// verdict is what is to be done.
type verdict int

const (
	leave verdict = iota // nothing: there is no member, or they differ and nobody can tell who is right
	agree                // nothing but to keep that both sides agree
	push                 // make the queues what the agent chose
	adopt                // make the agent's state what the queues say
)

// wanted is what a choice means to the queues.
func wanted(c crm.Choice) side {
	switch c.State {
	case crm.Paused:
		return side{true, pbx.PauseReason(cmp.Or(c.ReasonEN, c.Reason))}
	case crm.Offline:
		return side{true, offlineReason}
	}
	return side{}
}

// offlineReason is what the exchange is told of who is offline.
const offlineReason = "offline"

// decide tells what is to be done about an agent. base is what was last agreed on: at the beginning, not to be paused.
func decide(base, want side, offline bool, h heard) verdict {
	have, one := h.side()
	unpaused := h.members - h.paused
	switch {
	case h.members == 0:
		return leave
	case !one && want == base && (!want.paused || h.newer < unpaused):
		return leave // in some queues only
	case !one:
		return push
	case have.paused != want.paused:
		if want.paused != base.paused || want.paused && h.newer == unpaused {
			return push
		}
		return adopt
	case !want.paused || have.reason == want.reason:
		return agree
	case !offline && base.paused && want.reason == base.reason && have.reason != "":
		return adopt // paused anew, for another reason
	case want == base:
		return agree // what the queues call it is no matter
	}
	return push
}
