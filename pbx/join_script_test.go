package pbx_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// over dials the other end of a line: the two ends are one SIP dialog.
func over(dialog string, from, to *script, caller *ari.Channel, id, exten string) (out, in *ari.Channel) {
	out = from.channel(id, "PJSIP/peer-"+id, "", "s", "Down")
	out.Dialplan.AppName, out.Dialplan.AppData, out.ProtocolID = "AppDial", "(Outgoing Line)", dialog
	from.dial(caller, out, "")
	to.now = from.now.Add(5 * time.Millisecond)
	in = to.channel("1", "PJSIP/peer-1", "09121112233", exten, "Ring")
	in.ProtocolID = dialog
	to.runs(in, "Dial", "PJSIP/1001")
	return out, in
}

// up answers a call on its way back: the phone first, then each line.
func (s *script) up(bridge string, caller, peer *ari.Channel) {
	s.state(peer, "Up")
	s.dial(caller, peer, "ANSWER")
	s.state(caller, "Up")
	s.enters(bridge, peer)
	s.enters(bridge, caller)
}

// down ends both channels of an exchange, of which first hung up.
func (s *script) down(bridge string, first, second *ari.Channel) {
	s.hangsUp(first)
	s.leaves(bridge, first)
	s.leaves(bridge, second)
	s.destroyed(first, 16)
	s.destroyed(second, 16)
}

// chain is a call that comes to the first exchange and goes over lines to an agent of the last.
type chain struct {
	scripts []*script
	in, out []*ari.Channel // of each exchange
}

// serial tells several chains apart, an hour each.
func newChain(exchanges, serial int) *chain {
	c := &chain{}
	s := newScript().wait(time.Duration(serial) * time.Hour)
	caller := s.channel("1", "PJSIP/trunk-1", "09121112233", "91001236", "Ring")
	s.runs(caller, "Dial", "PJSIP/peer")
	c.scripts, c.in = append(c.scripts, s), append(c.in, caller)
	for i := 1; i < exchanges; i++ {
		to := newScript()
		out, in := over(fmt.Sprintf("line-%d-%d", serial, i), s, to, caller, "2", "1001")
		c.out, c.in = append(c.out, out), append(c.in, in)
		c.scripts = append(c.scripts, to)
		s, caller = to, in
	}
	c.out = append(c.out, s.offer(caller, "3", "PJSIP/1001-3"))
	return c
}

// answer has the agent answer after a while, and each exchange hear of it a little later.
func (c *chain) answer(after time.Duration) {
	at := c.scripts[len(c.scripts)-1].now.Add(after)
	for i, s := range slices.Backward(c.scripts) {
		s.now = at
		s.up("talk", c.in[i], c.out[i])
		at = s.now.Add(2 * time.Millisecond)
	}
}

// end has the customer hang up.
func (c *chain) end(after time.Duration) {
	at := c.scripts[0].now.Add(after)
	for i, s := range c.scripts {
		s.now = at
		s.down("talk", c.in[i], c.out[i])
		at = s.now.Add(2 * time.Millisecond)
	}
}

func (c *chain) streams() [][]labelled {
	streams := make([][]labelled, len(c.scripts))
	for i, s := range c.scripts {
		for _, item := range s.items {
			streams[i] = append(streams[i], labelled{string(rune('a' + i)), item})
		}
	}
	return streams
}

// A call may pass any number of exchanges; and several lead to one agent.
func TestJoint_ChainOfExchanges(t *testing.T) {
	for n := 2; n <= 5; n++ {
		synctest.Test(t, func(t *testing.T) {
			c := newChain(n, 0)
			c.answer(3 * time.Second)
			c.end(20 * time.Second)
			streams := c.streams()
			slices.Reverse(streams) // even where the last exchange is heard first
			for _, items := range [][]labelled{inOrder(c.streams()), slices.Concat(streams...)} {
				got := joinAll(items)
				checkInvariants(t, got, whole)
				calls := listed(got.last())
				if len(calls) != 1 {
					t.Fatalf("%d exchanges: %d calls: %q", n, len(calls), history(calls))
				}
				call := calls[0]
				if call.PBX != "a" || call.Direction != pbx.Inbound || call.Outcome != pbx.Answered || call.Hangup.By != pbx.ByCaller ||
					len(call.Legs) != 2 || call.Exchange(&call.Legs[1]) != string(rune('a'+n-1)) || call.Legs[1].Extension != "1001" {
					t.Errorf("%d exchanges: %+v", n, call)
				}
				if d := call.Talk - 20*time.Second; d < -time.Second/2 || d > time.Second/2 {
					t.Errorf("%d exchanges: talk %v, of 20 s", n, call.Talk)
				}
			}
		})
	}
}

// Clocks of exchanges differ; what happened at one is told by the clock of the other.
func TestJoint_ClocksDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{-3 * time.Hour, -4 * time.Second, 4 * time.Second, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := newChain(2, 0)
			c.answer(3 * time.Second)
			c.end(20 * time.Second)
			streams := c.streams()
			for i, item := range streams[1] {
				e := *item.Event
				e.Timestamp = e.Timestamp.Add(ahead)
				if e.Channel != nil {
					e.Channel = clone(e.Channel)
					e.Channel.CreationTime = e.Channel.CreationTime.Add(ahead)
				}
				if e.Peer != nil {
					e.Peer = clone(e.Peer)
					e.Peer.CreationTime = e.Peer.CreationTime.Add(ahead)
				}
				if e.Caller != nil {
					e.Caller = clone(e.Caller)
					e.Caller.CreationTime = e.Caller.CreationTime.Add(ahead)
				}
				streams[1][i].Event = &e
			}
			got := joinAll(inOrder(streams))
			checkInvariants(t, got, whole)
			calls := listed(got.last())
			if len(calls) != 1 {
				t.Fatalf("%d calls: %q", len(calls), history(calls))
			}
			if w := calls[0].Wait - 3*time.Second; w < -time.Second/2 || w > time.Second/2 {
				t.Errorf("clocks %v apart: waited %v, of 3 s", ahead, calls[0].Wait)
			}
		})
	}
}

// The exchange on which the agent talks is not heard any more: when the customer has left the other one, the call is over,
// and says that its end was not seen. When the exchange is heard again, the record is made whole.
func TestJoint_ExchangeFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(2, 0)
		c.answer(3 * time.Second)
		before := inOrder(c.streams())
		c.end(20 * time.Second)
		after := c.streams()
		j := newJoining()
		j.apply(before)
		heard := len(c.streams()[0]) - len(after[0])
		for _, item := range before {
			if item.exchange == "a" {
				heard++
			}
		}
		j.apply(after[0][heard:])
		last := func() pbx.Call { return listed(j.told().last())[0] }
		if s := last().State; s != pbx.StateTalking {
			t.Errorf("at once: %s", s)
		}
		pass(10 * time.Second)
		over := last()
		if over.State != pbx.StateEnded || !over.Reconstructed || over.Outcome != pbx.Answered || over.Legs[1].End != pbx.EndLost {
			t.Errorf("ten seconds later: %+v", over)
		}
		heard = 0
		for _, item := range before {
			if item.exchange == "b" {
				heard++
			}
		}
		j.apply(after[1][heard:])
		if again := last(); again.Reconstructed || again.Version <= over.Version || again.Legs[1].End != pbx.EndHungUp {
			t.Errorf("heard again: %+v", again)
		}
		for _, p := range j.told().pictures {
			checkPicture(t, p)
		}
		j.joint.Close()
	})
}

// What is over is forgotten: memory is bounded by what goes on, and by a minute's calls.
func TestJoint_Forgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJoining()
		for n := range 300 {
			c := newChain(2, n)
			c.answer(time.Second)
			c.end(time.Second)
			j.apply(inOrder(c.streams()))
			pass(10 * time.Second)
		}
		if calls := listed(j.told().last()); len(calls) != 300 {
			t.Errorf("%d calls, want 300", len(calls))
		}
		// Seven calls of two parts and at most three lines with a name are of the last minute.
		if n := j.joint.Remembered(); n > 7*5 {
			t.Errorf("%d calls and lines are remembered", n)
		}
		j.joint.Close()
	})
}
