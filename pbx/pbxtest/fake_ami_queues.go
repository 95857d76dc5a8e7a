package pbxtest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringbook/pbx/ami"
)

// Load gives the fake the queues that the first QueueStatus of a recording (ami.Config.Record) listed, and returns the events
// that came after it.
func (f *AMI) Load(recording io.Reader) ([]ami.Event, error) {
	var queues, events []ami.Event
	var list string // the ActionID of QueueStatus
	ended := false
	for said, err := range ami.ReadRecording(recording) {
		if err != nil {
			return nil, err
		}
		id := value(said.Fields, "ActionID")
		switch {
		case said.Ours && said.Fields[0].Value == "QueueStatus" && list == "":
			list = id
		case said.Ours || said.Fields[0].Key != "Event" || list == "":
		case id == list && value(said.Fields, "EventList") == "Complete":
			ended = true
		case id == list:
			fields := slices.DeleteFunc(slices.Clone(said.Fields[1:]), func(field ami.Field) bool { return field.Key == "ActionID" })
			queues = append(queues, ami.Event{Name: said.Fields[0].Value, Fields: fields})
		case id == "":
			events = append(events, ami.Event{Name: said.Fields[0].Value, Fields: said.Fields[1:]})
		}
	}
	if !ended {
		return nil, fmt.Errorf("the recording has no list of queues")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues = queues
	return events, nil
}

// AddQueue gives it a queue with members: interfaces such as "PJSIP/1001", static and free.
func (f *AMI) AddQueue(name, strategy string, members ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues = append(f.queues, ami.Event{Name: "QueueParams", Fields: list(
		"Queue", name, "Max", "0", "Strategy", strategy, "Calls", "0", "Holdtime", "0", "TalkTime", "0", "Completed", "0",
		"Abandoned", "0", "ServiceLevel", "60", "ServicelevelPerf", "0.0", "ServicelevelPerf2", "0.0", "Weight", "0")})
	for _, m := range members {
		f.queues = append(f.queues, member(name, m, "static"))
	}
}

// DropQueue takes a queue away without a word, as a reload does.
func (f *AMI) DropQueue(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues = slices.DeleteFunc(f.queues, func(e ami.Event) bool { return e.Get("Queue") == name })
}

// SetMember changes a field of a member in every queue, as "Status" to "6", and tells of it if aloud.
func (f *AMI) SetMember(iface, key, to string, aloud bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change("", iface, map[string]string{key: to}, "QueueMemberStatus", aloud)
}

// Paused tells whether a member is paused in every queue that it is in.
func (f *AMI) Paused(iface string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	in, paused := 0, 0
	for i := range f.queues {
		if isMember(&f.queues[i], "", iface) {
			in++
			if f.queues[i].Get("Paused") == "1" {
				paused++
			}
		}
	}
	return in > 0 && in == paused
}

func list(pairs ...string) (fields []ami.Field) {
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, ami.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	return fields
}

func member(queue, iface, membership string) ami.Event {
	return ami.Event{Name: "QueueMember", Fields: list(
		"Queue", queue, "Name", iface, "Location", iface, "StateInterface", iface, "Membership", membership, "Penalty", "0",
		"CallsTaken", "0", "LastCall", "0", "LastPause", "0", "LoginTime", "1795382312", "InCall", "0", "Status", "1",
		"Paused", "0", "PausedReason", "", "Wrapuptime", "0")}
}

// asked does an action that needs a log-in. mu is held.
func (f *AMI) asked(s *managerSession, action ami.Action, id string, say func(...string), fail func(string)) {
	get := func(key string) string { return value(action.Fields, key) }
	known := slices.ContainsFunc(managed, func(m string) bool { return strings.EqualFold(m, action.Name) && f.loaded(m) })
	answer := f.answers[strings.ToLower(action.Name)]
	switch {
	case !known && answer == nil:
		fail("Invalid/unknown command: " + action.Name + ". Use Action: ListCommands to show available commands.")
		return
	case !f.granted(action.Name):
		fail("Permission denied")
		return
	case answer != nil:
		f.give(s, strings.Replace(answer(action), "\r\n", "\r\nActionID: "+id+"\r\n", 1)+"\r\n")
		return
	}
	switch strings.ToLower(action.Name) {
	case "listcommands":
		var lines []string
		for _, m := range managed {
			if f.loaded(m) && f.granted(m) {
				lines = append(lines, m+": What it does.  (Priv: "+strings.ReplaceAll(ami.RightOf(m), " or ", ",")+",all)")
			}
		}
		say(lines...)
	case "coresettings":
		say("AMIversion: 11.0.0", "AsteriskVersion: "+f.config.Version)
	case "queuestatus":
		f.status(s, id, get("Queue"))
	case "queuepause":
		paused := get("Paused") == "true" || get("Paused") == "1"
		set := map[string]string{"Paused": "0", "PausedReason": ""}
		if paused {
			set = map[string]string{"Paused": "1", "PausedReason": get("Reason"), "LastPause": strconv.FormatInt(time.Now().Unix(), 10)}
		}
		if f.change(get("Queue"), get("Interface"), set, "", false) == 0 {
			fail("Interface not found")
			return
		}
		say("Message: Interface " + map[bool]string{true: "paused", false: "unpaused"}[paused] + " successfully")
		f.change(get("Queue"), get("Interface"), set, "QueueMemberPause", true)
	case "queuepenalty":
		set := map[string]string{"Penalty": get("Penalty")}
		if f.change(get("Queue"), get("Interface"), set, "QueueMemberPenalty", true) == 0 {
			fail("Invalid interface, queuename or penalty")
			return
		}
		say("Message: Interface penalty set successfully")
	case "queueadd":
		f.add(get, say, fail)
	case "queueremove":
		was := len(f.queues)
		var gone ami.Event
		f.queues = slices.DeleteFunc(f.queues, func(e ami.Event) bool {
			hit := isMember(&e, get("Queue"), get("Interface"))
			if hit {
				gone = e
			}
			return hit
		})
		if len(f.queues) == was {
			fail("Unable to remove interface: Not there")
			return
		}
		say("Message: Removed interface from queue")
		f.emit(told("QueueMemberRemoved", gone))
	default:
		say("Message: Success")
	}
}

func (f *AMI) add(get func(string) string, say func(...string), fail func(string)) {
	queue, iface := get("Queue"), get("Interface")
	last := -1
	for i := range f.queues {
		if f.queues[i].Get("Queue") == queue {
			last = i
		}
		if isMember(&f.queues[i], queue, iface) {
			fail("Unable to add interface: Already there")
			return
		}
	}
	if last < 0 {
		fail("Unable to add interface to queue: No such queue")
		return
	}
	m := member(queue, iface, "dynamic")
	for key, field := range map[string]string{"Name": "MemberName", "Penalty": "Penalty", "StateInterface": "StateInterface", "Paused": "Paused"} {
		if v := get(field); v != "" {
			set(&m, key, strings.NewReplacer("true", "1", "false", "0").Replace(v))
		}
	}
	f.queues = slices.Insert(f.queues, last+1, m)
	say("Message: Added interface to queue")
	f.emit(told("QueueMemberAdded", m))
}

// status lists the queues.
func (f *AMI) status(s *managerSession, id, queue string) {
	var b strings.Builder
	fmt.Fprintf(&b, "Response: Success\r\nActionID: %s\r\nEventList: start\r\nMessage: Queue status will follow\r\n\r\n", id)
	n := 0
	for _, e := range f.queues {
		if queue == "" || e.Get("Queue") == queue {
			b.WriteString(format("Event", e.Name, append(slices.Clone(e.Fields), ami.Field{Key: "ActionID", Value: id})))
			n++
		}
	}
	if f.faults.HalfList {
		f.faults.HalfList = false
		s.send(b.String()[:b.Len()/2])
		s.conn.Close()
		return
	}
	fmt.Fprintf(&b, "Event: QueueStatusComplete\r\nActionID: %s\r\nEventList: Complete\r\nListItems: %d\r\n\r\n", id, n)
	f.give(s, b.String())
}

func isMember(e *ami.Event, queue, iface string) bool {
	return e.Name == "QueueMember" && (queue == "" || e.Get("Queue") == queue) && e.Get("Location") == iface
}

// change sets fields of a member in one queue, or in all, and tells of it if aloud. It returns in how many queues the member is.
func (f *AMI) change(queue, iface string, to map[string]string, event string, aloud bool) (n int) {
	for i := range f.queues {
		e := &f.queues[i]
		if !isMember(e, queue, iface) {
			continue
		}
		n++
		e.Fields = slices.Clone(e.Fields)
		for key, v := range to {
			set(e, key, v)
		}
		if aloud {
			f.emit(told(event, *e))
		}
	}
	return n
}

func set(e *ami.Event, key, value string) {
	for i := range e.Fields {
		if e.Fields[i].Key == key {
			e.Fields[i].Value = value
		}
	}
}

// told is the event that tells of a member, as it is listed.
func told(name string, m ami.Event) ami.Event {
	e := ami.Event{Name: name, Fields: list("Privilege", "agent,all")}
	for _, field := range m.Fields {
		switch field.Key {
		case "Name":
			field.Key = "MemberName"
		case "Location":
			field.Key = "Interface"
		}
		e.Fields = append(e.Fields, field)
	}
	return e
}
