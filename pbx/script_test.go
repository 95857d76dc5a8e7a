package pbx_test

import (
	"fmt"
	"slices"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// script writes streams by hand, for what the laboratory does not record: other sizes, other faults. Events have the
// shapes that the recordings show.
type script struct {
	items   []ari.Item
	now     time.Time
	bridges map[string][]string
}

func newScript() *script {
	return &script{now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), bridges: map[string][]string{}}
}

func (s *script) wait(d time.Duration) *script { s.now = s.now.Add(d); return s }

func (s *script) event(e ari.Event) {
	e.Timestamp = s.now
	s.items = append(s.items, ari.Item{At: s.now.Add(time.Millisecond), Event: &e})
}

// channel makes a channel as it is created: by a caller (state Ring) or to call somebody (Down).
func (s *script) channel(id, name, number, exten string, state string) *ari.Channel {
	ch := &ari.Channel{
		ID: id, Name: name, State: state, CreationTime: s.now, Caller: ari.CallerID{Number: number},
		Dialplan: ari.Dialplan{Context: "from-trunk", Exten: exten, Priority: 1},
	}
	s.event(ari.Event{Type: "ChannelCreated", Channel: clone(ch)})
	return ch
}

func clone(ch *ari.Channel) *ari.Channel {
	c := *ch
	return &c
}

// runs has a channel run an application of the dialplan.
func (s *script) runs(ch *ari.Channel, app, data string) {
	ch.Dialplan.AppName, ch.Dialplan.AppData = app, data
	ch.Dialplan.Priority++
	s.event(ari.Event{Type: "ChannelDialplan", Channel: clone(ch), DialplanApp: app, DialplanAppData: data})
}

func (s *script) state(ch *ari.Channel, state string) {
	ch.State = state
	s.event(ari.Event{Type: "ChannelStateChange", Channel: clone(ch)})
}

// dial is one stage of caller calling peer; caller may be nil.
func (s *script) dial(caller, peer *ari.Channel, status string) {
	e := ari.Event{Type: "Dial", Peer: clone(peer), DialStatus: status}
	if caller != nil {
		e.Caller = clone(caller)
	}
	s.event(e)
}

// offer has caller call a new channel of this name.
func (s *script) offer(caller *ari.Channel, id, name string) *ari.Channel {
	peer := s.channel(id, name, "", "s", "Down")
	peer.Dialplan.AppName, peer.Dialplan.AppData = "AppDial", "(Outgoing Line)"
	if caller != nil {
		peer.Connected = caller.Caller
	}
	s.dial(caller, peer, "")
	s.state(peer, "Ringing")
	s.dial(caller, peer, "RINGING")
	return peer
}

func (s *script) enters(bridge string, ch *ari.Channel) {
	s.bridges[bridge] = append(s.bridges[bridge], ch.ID)
	s.event(ari.Event{Type: "ChannelEnteredBridge", Channel: clone(ch), Bridge: s.bridge(bridge)})
}

func (s *script) leaves(bridge string, ch *ari.Channel) {
	s.bridges[bridge] = slices.DeleteFunc(s.bridges[bridge], func(id string) bool { return id == ch.ID })
	s.event(ari.Event{Type: "ChannelLeftBridge", Channel: clone(ch), Bridge: s.bridge(bridge)})
}

func (s *script) bridge(id string) *ari.Bridge {
	return &ari.Bridge{ID: id, Type: "mixing", Class: "basic", Channels: slices.Clone(s.bridges[id]), CreationTime: s.now}
}

// hangsUp is the party behind a channel hanging up.
func (s *script) hangsUp(ch *ari.Channel) {
	s.event(ari.Event{Type: "ChannelHangupRequest", Channel: clone(ch), Cause: 16})
}

func (s *script) destroyed(ch *ari.Channel, cause int) {
	s.event(ari.Event{Type: "ChannelDestroyed", Channel: clone(ch), Cause: cause, CauseText: "Normal Clearing"})
}

// ringAll is a call to the queue support, at which n phones ring, of which the winner (if any) answers.
func ringAll(s *script, n, winner int) {
	caller := s.channel("in.1", "PJSIP/trunk-00000001", "09120001001", "91001234", "Ring")
	s.runs(caller, "Answer", "")
	s.state(caller, "Up")
	s.runs(caller, "Queue", "support,t,,,30")
	var phones []*ari.Channel
	for i := range n {
		phones = append(phones, s.offer(caller, fmt.Sprintf("out.%d", i), fmt.Sprintf("PJSIP/%d-%08x", 1001+i, i)))
	}
	s.wait(4 * time.Second)
	if winner < 0 {
		s.hangsUp(caller)
		for _, p := range phones {
			s.dial(caller, p, "CANCEL")
			s.destroyed(p, 0)
		}
		s.destroyed(caller, 16)
		return
	}
	s.state(phones[winner], "Up")
	s.dial(caller, phones[winner], "ANSWER")
	for i, p := range phones {
		if i != winner {
			s.dial(caller, p, "CANCEL")
			s.destroyed(p, 26)
		}
	}
	s.enters("b", phones[winner])
	s.enters("b", caller)
	s.wait(time.Minute)
	s.hangsUp(caller)
	s.leaves("b", caller)
	s.leaves("b", phones[winner])
	s.destroyed(caller, 16)
	s.destroyed(phones[winner], 16)
}

// follow folds what a script holds.
func (s *script) follow() story { return fold(s.items) }

// sameButVersion compares calls in all that people see.
func sameButVersion(a, b pbx.Call) bool {
	a.Version, b.Version = 0, 0
	a.ReceivedAt, b.ReceivedAt = time.Time{}, time.Time{}
	return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b)
}
