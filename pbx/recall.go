package pbx

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/cdr"
)

// Source says how it is known what a call was like.
type Source string

const (
	SourceLive Source = "live" // ringbook was there
	SourceCEL  Source = "cel"  // the PBX's own channel events told it afterwards
	SourceCDR  Source = "cdr"  // its call records did: who and when for certain, how long they talked about
)

// Recalled is a call as a PBX's own records tell it.
type Recalled struct {
	Call   Call
	Source Source
}

// Recall folds what a PBX wrote down by itself into calls. The records are turned into the events that the PBX would have
// told at the time, and a Tracker folds these, so that there is one understanding of calls. Of a call that has both kinds
// of records the channel events count, unless they leave out who talked to whom. Calls that have not ended are given too.
//
// The records do not tell everything: not who asked to withhold a number, hold only on newer exchanges, and of the queue only
// which it was.
func Recall(c Config, r cdr.Records) []Recalled {
	talked := map[string]bool{} // by linked id: call records tell of a conversation
	for _, record := range r.Records {
		if record.Disposition == "ANSWERED" && record.PeerChannel != "" {
			talked[record.Call()] = true
		}
	}
	bridged, told := map[string]bool{}, map[string]bool{}
	for _, e := range r.Events {
		told[e.LinkedID] = true
		if e.Type == "BRIDGE_ENTER" {
			bridged[e.LinkedID] = true
		}
	}
	poor := func(linked string) bool { return talked[linked] && !bridged[linked] }
	events := slices.DeleteFunc(slices.Clone(r.Events), func(e cdr.Event) bool { return poor(e.LinkedID) })

	all := recallItems(c, celItems(withApplications(events, r.Records)), SourceCEL)
	groups := map[string][]cdr.Record{}
	var order []string
	for _, record := range r.Records {
		id := record.Call()
		if told[id] && !poor(id) {
			continue
		}
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], record)
	}
	for _, id := range order {
		all = append(all, recallItems(c, cdrItems(groups[id]), SourceCDR)...)
	}
	return all
}

// withApplications adds what call records tell of the queues in which callers waited, and of what was dialled, where the
// channel events do not: they name applications only if cel.conf asks for them one by one.
func withApplications(events []cdr.Event, records []cdr.Record) []cdr.Event {
	type begun struct{ channel, app string }
	told := map[begun]bool{}
	for _, e := range events {
		if e.Type == "APP_START" {
			told[begun{e.UniqueID, e.App}] = true
		}
	}
	byChannel := map[string][]cdr.Record{}
	for _, record := range records {
		if diallers[record.App] && !told[begun{record.UniqueID, record.App}] {
			byChannel[record.UniqueID] = append(byChannel[record.UniqueID], record)
		}
	}
	if len(byChannel) == 0 {
		return events
	}
	all := make([]cdr.Event, 0, len(events)+len(records))
	begin := func(e cdr.Event, record cdr.Record) {
		e.Type, e.App, e.AppData, e.Extra = "APP_START", record.App, record.AppData, ""
		all = append(all, e)
	}
	for _, e := range events {
		all = append(all, e)
		waiting := byChannel[e.UniqueID]
		// A record's time is that of the channel's beginning, or of a later turn of its call, in whole seconds.
		for len(waiting) > 0 && (e.Type == "CHAN_START" || !waiting[0].Start.Truncate(time.Second).After(e.Time)) && !ending[e.Type] {
			begin(e, waiting[0])
			waiting = waiting[1:]
		}
		byChannel[e.UniqueID] = waiting
	}
	return all
}

// recallItems folds items and gives the last picture of each call, oldest first.
func recallItems(c Config, items []ari.Item, from Source) []Recalled {
	t := NewTracker(c)
	last := map[[16]byte]Call{}
	for _, item := range items {
		for _, call := range t.Apply(item) {
			last[call.ID] = call
		}
	}
	all := make([]Recalled, 0, len(last))
	for _, call := range last {
		all = append(all, Recalled{call, from})
	}
	slices.SortFunc(all, func(a, b Recalled) int { return slices.Compare(a.Call.ID[:], b.Call.ID[:]) }) // by time
	return all
}

// retold turns records into events.
type retold struct {
	items    []ari.Item
	channels map[string]*retoldChannel // by id
	byName   map[string]*retoldChannel
	members  map[string][]string // of bridges, ids of channels
}

// retoldChannel is a channel as far as the records have told of it.
type retoldChannel struct {
	ari.Channel
	linked string // of its beginning
	dialer *retoldChannel
	dialed bool
	up     bool
	over   bool
	ends   bool // a CHAN_END comes
	cause  int
	dials  int // place among those that dial; 0: does not
}

func newRetold() *retold {
	return &retold{channels: map[string]*retoldChannel{}, byName: map[string]*retoldChannel{}, members: map[string][]string{}}
}

func (r *retold) tell(at time.Time, e ari.Event) {
	e.Timestamp = at
	r.items = append(r.items, ari.Item{At: at, Event: &e})
}

// now is a channel's snapshot; nil gives none.
func (ch *retoldChannel) now() *ari.Channel {
	if ch == nil {
		return nil
	}
	s := ch.Channel
	return &s
}

func (r *retold) bridge(id, technology, class string) *ari.Bridge {
	b := &ari.Bridge{ID: id, Technology: technology, Type: "mixing", Class: class, Channels: slices.Clone(r.members[id])}
	if technology == "holding_bridge" {
		b.Type = "holding"
	}
	return b
}

func (r *retold) enter(at time.Time, ch *retoldChannel, id, technology, class string) {
	if !slices.Contains(r.members[id], ch.ID) {
		r.members[id] = append(r.members[id], ch.ID)
	}
	r.tell(at, ari.Event{Type: "ChannelEnteredBridge", Channel: ch.now(), Bridge: r.bridge(id, technology, class)})
}

func (r *retold) leave(at time.Time, ch *retoldChannel, id, technology string) {
	r.members[id] = slices.DeleteFunc(r.members[id], func(m string) bool { return m == ch.ID })
	r.tell(at, ari.Event{Type: "ChannelLeftBridge", Channel: ch.now(), Bridge: r.bridge(id, technology, "")})
	if len(r.members[id]) == 0 {
		delete(r.members, id)
	}
}

// celExtra is what the extra column of the events that matter here may have (main/cel.c).
type celExtra struct {
	Cause      int    `json:"hangupcause"`
	Source     string `json:"hangupsource"`
	DialStatus string `json:"dialstatus"`
	Bridge     string `json:"bridge_id"`
	Technology string `json:"bridge_technology"`
	Exten      string `json:"extension"`
	Context    string `json:"context"`
	Bridge1    string `json:"bridge1_id"`
	Bridge2    string `json:"bridge2_id"`
	Second     string `json:"channel2_uniqueid"`
	Transferee string `json:"transferee_channel_uniqueid"`
	Target     string `json:"transfer_target_channel_uniqueid"`
	Pickup     string `json:"pickup_channel_uniqueid"`
	PickupName string `json:"pickup_channel"`
}

func extraOf(e cdr.Event) (x celExtra) {
	_ = json.Unmarshal([]byte(e.Extra), &x) // without it less is known
	return x
}

// refused tells whether the PBX hung a caller up because the one called did not answer.
func (x celExtra) refused() bool {
	switch x.DialStatus {
	case "BUSY", "NOANSWER", "CONGESTION", "CHANUNAVAIL":
		return x.Cause != 0 && x.Cause != causeNormal && x.Cause != 127 // 127: the caller gave up
	}
	return false
}

// ending are the kinds of events that the end of a call consists of.
var ending = map[string]bool{"HANGUP": true, "CHAN_END": true, "BRIDGE_EXIT": true, "APP_END": true, "LINKEDID_END": true}

// hangupRequests finds where somebody asked to hang up: CEL tells who did only with each channel's end, when everybody has
// left; so before the first of the events that make up the end. By the event's place, the channels that asked.
func hangupRequests(events []cdr.Event) map[int][]string {
	asked := map[int][]string{}
	last := map[string][]int{} // by linked id: places of the events that end it, as long as no other came between
	for i, e := range events {
		if !ending[e.Type] {
			delete(last, e.LinkedID)
			continue
		}
		places := last[e.LinkedID]
		for len(places) > 0 && e.Time.Sub(events[places[0]].Time) > time.Second {
			places = places[1:]
		}
		places = append(places, i)
		last[e.LinkedID] = places
		// A caller whom the PBX refuses, because the one called did not answer, answers to that as one who hangs up.
		if x := extraOf(e); e.Type == "HANGUP" && x.Source != "" && x.Source == e.Channel &&
			!x.refused() {
			asked[places[0]] = append(asked[places[0]], e.UniqueID)
		}
	}
	return asked
}

// diallers are the applications that call others.
var diallers = map[string]bool{"Dial": true, "Queue": true, "FollowMe": true, "Page": true, "RetryDial": true}

// celItems tells channel events as ARI would have.
func celItems(events []cdr.Event) []ari.Item {
	r := newRetold()
	outgoing, ends := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if e.AppData == outgoingLine {
			outgoing[e.UniqueID] = true
		}
		if e.Type == "CHAN_END" {
			ends[e.UniqueID] = true
		}
	}
	asked := hangupRequests(events)
	dials := 0
	for i, e := range events {
		for _, id := range asked[i] {
			if ch := r.channels[id]; ch != nil && !ch.over {
				r.tell(e.Time, ari.Event{Type: "ChannelHangupRequest", Channel: ch.now(), Cause: causeNormal})
			}
		}
		if e.UniqueID == "" || e.Channel == "" {
			continue
		}
		ch := r.channels[e.UniqueID]
		if ch == nil {
			if e.Type != "CHAN_START" {
				continue // of a call that began before everything that was read
			}
			r.celStart(e, outgoing[e.UniqueID], ends[e.UniqueID])
			continue
		}
		if ch.over && e.Type != "CHAN_END" {
			continue
		}
		r.celUpdate(ch, e)
		x := extraOf(e)
		switch e.Type {
		case "APP_START":
			if diallers[e.App] {
				dials++
				ch.dials = dials
			}
			r.tell(e.Time, ari.Event{Type: "ChannelDialplan", Channel: ch.now()})
		case "APP_END":
			ch.dials = 0
			ch.Dialplan.AppName, ch.Dialplan.AppData = "", ""
			r.tell(e.Time, ari.Event{Type: "ChannelDialplan", Channel: ch.now()})
		case "ANSWER":
			ch.up, ch.State = true, "Up"
			r.tell(e.Time, ari.Event{Type: "ChannelStateChange", Channel: ch.now()})
			if ch.dialed {
				r.tell(e.Time, ari.Event{Type: "Dial", Caller: ch.dialer.now(), Peer: ch.now(), DialStatus: "ANSWER"})
			}
		case "BRIDGE_ENTER":
			class := ""
			if app := ch.Dialplan.AppName; app == "ConfBridge" || app == "MeetMe" {
				class = "conference"
			}
			if x.Bridge == "" {
				x.Bridge = "of " + e.LinkedID
			}
			r.enter(e.Time, ch, x.Bridge, x.Technology, class)
		case "BRIDGE_EXIT":
			if x.Bridge == "" {
				x.Bridge = "of " + e.LinkedID
			}
			r.leave(e.Time, ch, x.Bridge, x.Technology)
		case "BLINDTRANSFER":
			r.tell(e.Time, ari.Event{
				Type: "BridgeBlindTransfer", Channel: ch.now(), Bridge: r.bridge(x.Bridge, "", ""),
				Transfer: &ari.Transfer{Result: "Success", Exten: x.Exten, Context: x.Context},
			})
		case "ATTENDEDTRANSFER":
			second := r.channels[x.Second]
			if second == nil {
				break
			}
			t := &ari.Transfer{Result: "Success", FirstLeg: ch.now(), SecondLeg: second.now(), DestinationType: "application"}
			t.Transferee, t.Target = r.channels[x.Transferee].now(), r.channels[x.Target].now()
			if x.Bridge1 != "" {
				t.FirstBridge = r.bridge(x.Bridge1, "", "")
			}
			if x.Bridge2 != "" {
				t.SecondBridge, t.DestinationType, t.DestinationBridge = r.bridge(x.Bridge2, "", ""), "bridge", x.Bridge2
			}
			r.tell(e.Time, ari.Event{Type: "BridgeAttendedTransfer", Transfer: t})
		case "STREAM_BEGIN", "STREAM_END": // music: who hears it in a conversation is on hold
			for _, members := range r.members {
				if len(members) != 2 || !slices.Contains(members, ch.ID) {
					continue
				}
				for _, id := range members {
					if by := r.channels[id]; by != nil && by != ch {
						kind := map[string]string{"STREAM_BEGIN": "ChannelHold", "STREAM_END": "ChannelUnhold"}[e.Type]
						r.tell(e.Time, ari.Event{Type: kind, Channel: by.now()})
					}
				}
			}
		case "PICKUP":
			by := r.channels[x.Pickup]
			if by == nil {
				by = r.byName[x.PickupName]
			}
			if by != nil && ch.dialer != nil {
				r.tell(e.Time, ari.Event{Type: "Dial", Caller: ch.dialer.now(), Peer: by.now(), DialStatus: "ANSWER"})
			}
		case "HANGUP":
			ch.over, ch.cause = true, x.Cause
			if ch.dialed && !ch.up {
				r.tell(e.Time, ari.Event{Type: "Dial", Caller: ch.dialer.now(), Peer: ch.now(), DialStatus: dialStatusOf(x.Cause)})
			}
			if !ch.ends {
				r.celEnd(e.Time, ch)
			}
		case "CHAN_END":
			r.celEnd(e.Time, ch)
		}
	}
	return r.items
}

// celStart tells of a new channel, and who dialled it.
func (r *retold) celStart(e cdr.Event, outgoing, ends bool) {
	root := e.UniqueID == e.LinkedID || e.LinkedID == ""
	ch := &retoldChannel{linked: e.LinkedID, ends: ends, dialed: !root && !strings.HasSuffix(e.Channel, ";2") || outgoing}
	ch.Channel = ari.Channel{ID: e.UniqueID, State: "Down", CreationTime: e.Time}
	if root && !outgoing && !strings.HasPrefix(e.Channel, "Local/") {
		ch.State = "Ring"
	}
	r.channels[e.UniqueID] = ch
	r.celUpdate(ch, e)
	r.byName[e.Channel] = ch
	r.tell(e.Time, ari.Event{Type: "ChannelCreated", Channel: ch.now()})
	if !ch.dialed {
		return
	}
	dial := ari.Event{Type: "Dial", Peer: ch.now()}
	if !root {
		ch.dialer = r.dialerOf(ch)
		dial.Caller = ch.dialer.now()
		if ch.dialer != nil {
			dial.DialString = dialStringOf(ch.dialer.Dialplan.AppData, endpointOf(ch.Name))
		}
	}
	if root || ch.dialer != nil {
		r.tell(e.Time, dial)
	}
}

// celUpdate brings a channel up to what a row says of it.
func (r *retold) celUpdate(ch *retoldChannel, e cdr.Event) {
	if e.Channel != ch.Name {
		delete(r.byName, ch.Name)
		ch.Name = e.Channel
		r.byName[ch.Name] = ch
	}
	if e.CallerNumber != "" {
		ch.Caller = ari.CallerID{Name: e.CallerName, Number: e.CallerNumber}
	}
	if e.Exten != "" && !ch.over {
		ch.Dialplan.Exten, ch.Dialplan.Context = e.Exten, e.Context
	}
	if e.App != "" && e.Type != "HANGUP" && e.Type != "CHAN_END" {
		ch.Dialplan.AppName, ch.Dialplan.AppData = e.App, e.AppData
	}
}

func (r *retold) celEnd(at time.Time, ch *retoldChannel) {
	r.tell(at, ari.Event{Type: "ChannelDestroyed", Channel: ch.now(), Cause: ch.cause, CauseText: causeText[ch.cause]})
	ch.over = true
	delete(r.channels, ch.ID)
	delete(r.byName, ch.Name)
}

// dialerOf finds which channel dialled another: one of the same call whose application names it, else the one that
// began to call others last, else the first of the call.
func (r *retold) dialerOf(peer *retoldChannel) *retoldChannel {
	endpoint := endpointOf(peer.Name)
	if strings.HasPrefix(endpoint, "Local/") {
		endpoint, _, _ = strings.Cut(peer.Name, ";")
		endpoint = endpointOf(endpoint)
	}
	var best *retoldChannel
	named := false
	for _, ch := range r.channels {
		if ch == peer || ch.over || ch.linked != peer.linked || ch.dials == 0 {
			continue
		}
		names := dialStringOf(ch.Dialplan.AppData, endpoint) != ""
		if best == nil || names && !named || names == named && ch.dials > best.dials {
			best, named = ch, names
		}
	}
	if best != nil {
		return best
	}
	if root := r.channels[peer.linked]; root != nil && !root.over && root != peer {
		return root
	}
	return nil
}

// dialStringOf takes what was asked for at an endpoint out of the data of Dial(): "PJSIP/0912@trunk&PJSIP/1001,30" and
// "PJSIP/trunk" gives "0912@trunk". Empty if the data does not name it.
func dialStringOf(data, endpoint string) string {
	data, _, _ = strings.Cut(data, ",")
	tech, name, ok := strings.Cut(endpoint, "/")
	if !ok {
		return ""
	}
	for part := range strings.SplitSeq(data, "&") {
		rest, ok := strings.CutPrefix(part, tech+"/")
		if !ok {
			continue
		}
		if slices.ContainsFunc(strings.FieldsFunc(rest, func(r rune) bool { return r == '/' }), func(f string) bool {
			_, host, at := strings.Cut(f, "@")
			return f == name || at && host == name
		}) {
			return rest
		}
	}
	return ""
}

// dialStatusOf is how an attempt ended, by the cause of its channel's end.
func dialStatusOf(cause int) string {
	switch cause {
	case causeBusy:
		return "BUSY"
	case causeAnsweredElsewhere:
		return "CANCEL"
	case 34, 38, 41, 42, 44, 58:
		return "CONGESTION"
	case 1, 3, 20, 27, 28:
		return "CHANUNAVAIL"
	}
	return "NOANSWER"
}
