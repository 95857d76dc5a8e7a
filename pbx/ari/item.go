package ari

import "time"

// Item is one thing that a stream says, in order. Exactly one of Event, Live, Gap and Check is set.
type Item struct {
	At    time.Time // our clock when it was read from the socket (Event) or found out (Live, Gap, Check)
	Event *Event
	Live  *Live
	Gap   *Gap
	Check *Check
}

// Live says that the stream is connected, subscribed and verified. The events that follow it are complete and
// in order until the next Gap. Snapshot is what the PBX held at a moment after the subscription began, so that
// some of the events that follow may already be contained in it.
type Live struct {
	App      string    // the application name of this connection, never used before
	Version  string    // Asterisk's own version
	Started  time.Time // of this Asterisk; another value than before: every channel of before is gone
	Snapshot Snapshot
}

// Snapshot is the PBX's state as GET /channels and GET /bridges tell it.
type Snapshot struct {
	Channels []Channel
	Bridges  []Bridge
}

// Check is what channels the PBX had at a moment, told when everything that happened until that moment has been
// told as events: a test event that was sent afterwards has come back. So a channel of which anything was heard before
// Asked, and which is not listed, has ended, whether an event said so or not.
type Check struct {
	Asked    time.Time // our clock, before the PBX was asked
	Channels []Channel
}

// Gap says that events between From and the next Live may have been lost, and why.
type Gap struct {
	From   time.Time // the last moment at which the stream is known to have been complete; some events after it may have come
	Reason GapReason
	Err    error // may be nil
}

// GapReason is a closed set, fit for a metric label.
type GapReason string

const (
	GapStart        GapReason = "start"        // never connected before
	GapDisconnected GapReason = "disconnected" // the socket ended
	GapDeaf         GapReason = "deaf"         // the canary did not come back
	GapOverflow     GapReason = "overflow"     // the consumer was too slow and the ring was shed
	GapReplaced     GapReason = "replaced"     // ApplicationReplaced: another client took our name
)
