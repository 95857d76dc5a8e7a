package ami

import (
	"slices"
	"strings"
	"time"
)

// Item is one thing that the manager's connection says, in order. Exactly one of Event, Live and Gap is set.
type Item struct {
	At    time.Time // our clock, when it was read from the socket (Event) or found out
	Event *Event
	Live  *Live
	Gap   *Gap
}

// Event is one event of the manager. Its fields are in the order in which they came.
type Event struct {
	Name   string
	Fields []Field
}

// Field is one "Key: value" line, without its end.
type Field struct{ Key, Value string }

// Get is the value of the first field of that key, whatever its case; empty if there is none.
func (e *Event) Get(key string) string { return get(e.Fields, key) }

func get(fields []Field, key string) string {
	for i := range fields {
		if strings.EqualFold(fields[i].Key, key) {
			return fields[i].Value
		}
	}
	return ""
}

// Live says that the connection is logged in and that events come from now on, complete and in order until the next Gap.
// What was there before must be asked for (Client.Do), which may be done while Live is being followed: events that come
// meanwhile wait. Some of them may be contained in the answer already.
type Live struct {
	Version  string // Asterisk's own, "22.10.1"; empty if the user may not ask
	Protocol string // the manager's, "11.0.0"
	Rights   Rights
}

// Rights are the actions that a user may ask for, as the PBX lists them.
type Rights struct {
	actions []string // lower case, sorted
	listed  bool
}

// Can tells whether the user may ask for an action, and the PBX knows it. It is true where the PBX did not tell.
func (r Rights) Can(action string) bool {
	if !r.listed {
		return true
	}
	_, found := slices.BinarySearch(r.actions, strings.ToLower(action))
	return found
}

// Gap says that events from now until the next Live may be lost, and why.
type Gap struct {
	Reason GapReason
	Err    error // may be nil
}

// GapReason is a closed set, fit for a metric label.
type GapReason string

const (
	GapStart        GapReason = "start"        // never connected before
	GapDisconnected GapReason = "disconnected" // the connection ended
	GapSilent       GapReason = "silent"       // the connection was open, and a ping was not answered
	GapOverflow     GapReason = "overflow"     // the consumer was too slow, and what waited for it was given up
)
