package pbx

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/cdr"
)

// cdrItems tells the call records of one call as ARI would have. A record says that a channel did something from one time
// to another, mostly with one other channel, and how that ended; which of them hung up it does not say.
func cdrItems(records []cdr.Record) []ari.Item {
	r := newRetold()
	type step struct {
		at   time.Time
		rank int // among what happens at the same time
		do   func()
	}
	const (
		starts = iota
		dials
		answers
		enters
		asks
		leaves
		fails
		ends
	)
	var steps []step
	add := func(at time.Time, rank int, do func()) { steps = append(steps, step{at, rank, do}) }

	ids := map[string]string{} // of channels, by name
	for _, record := range records {
		if record.UniqueID != "" && ids[record.Channel] == "" {
			ids[record.Channel] = record.UniqueID
		}
	}
	type life struct {
		from, to time.Time
		cause    int
	}
	lives := map[string]*life{}
	meet := func(name string, from, to time.Time, first ari.Channel) {
		l := lives[name]
		if l == nil {
			l = &life{from: from, to: to}
			lives[name] = l
			first.Name, first.ID, first.CreationTime = name, ids[name], from
			if first.ID == "" {
				first.ID = name
			}
			ch := &retoldChannel{Channel: first}
			r.channels[name] = ch
			add(from, starts, func() { r.tell(from, ari.Event{Type: "ChannelCreated", Channel: ch.now()}) })
		}
		if to.After(l.to) {
			l.to = to
		}
	}
	reached := slices.ContainsFunc(records, func(c cdr.Record) bool { return c.PeerChannel != "" && !c.Answered.IsZero() })
	for i, record := range records {
		dialed := record.Destination
		if record.DID != "" {
			dialed = record.DID
		}
		meet(record.Channel, record.Start, record.End, ari.Channel{
			State: "Ring", Caller: ari.CallerID{Name: record.CallerName, Number: record.Source}, Dialplan: ari.Dialplan{Exten: dialed},
		})
		caller := r.channels[record.Channel]
		at := record.Start
		add(at, dials, func() {
			caller.Dialplan.AppName, caller.Dialplan.AppData = record.App, record.AppData
			r.tell(at, ari.Event{Type: "ChannelDialplan", Channel: caller.now()})
		})
		if record.PeerChannel == "" {
			continue
		}
		meet(record.PeerChannel, record.Start, record.End, ari.Channel{State: "Down"})
		peer := r.channels[record.PeerChannel]
		add(at, dials, func() {
			r.tell(at, ari.Event{
				Type: "Dial", Caller: caller.now(), Peer: peer.now(), DialString: dialStringOf(record.AppData, endpointOf(peer.Name)),
			})
		})
		if record.Answered.IsZero() {
			status, cause := "NOANSWER", 0
			switch record.Disposition {
			case "BUSY":
				status, cause = "BUSY", causeBusy
			case "CONGESTION":
				status, cause = "CONGESTION", 34
			case "FAILED":
				status, cause = "CHANUNAVAIL", 20
			}
			lives[record.PeerChannel].cause = cause
			add(record.End, fails, func() {
				r.tell(record.End, ari.Event{Type: "Dial", Caller: caller.now(), Peer: peer.now(), DialStatus: status})
			})
			continue
		}
		bridge := fmt.Sprintf("of record %d of %s", i, record.Call())
		add(record.Answered, answers, func() {
			peer.State, caller.State = "Up", "Up"
			r.tell(record.Answered, ari.Event{Type: "Dial", Caller: caller.now(), Peer: peer.now(), DialStatus: "ANSWER"})
		})
		for _, ch := range []*retoldChannel{caller, peer} {
			add(record.Answered, enters, func() { r.enter(record.Answered, ch, bridge, "simple_bridge", "") })
			add(record.End, leaves, func() { r.leave(record.End, ch, bridge, "simple_bridge") })
		}
	}
	// Who is in a queue until the end has given up.
	if last := slices.MaxFunc(records, func(a, b cdr.Record) int { return a.End.Compare(b.End) }); last.App == "Queue" && !reached {
		if ch := r.channels[last.Channel]; ch != nil {
			add(last.End, asks, func() {
				r.tell(last.End, ari.Event{Type: "ChannelHangupRequest", Channel: ch.now(), Cause: causeNormal})
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lives)) {
		ch, l := r.channels[name], lives[name]
		cause := cmp.Or(l.cause, causeNormal)
		add(l.to, ends, func() {
			r.tell(l.to, ari.Event{Type: "ChannelDestroyed", Channel: ch.now(), Cause: cause, CauseText: causeText[cause]})
		})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.rank, b.rank)) })
	for _, s := range steps {
		s.do()
	}
	return r.items
}
