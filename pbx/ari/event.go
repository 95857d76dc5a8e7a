package ari

import (
	"encoding/json"
	"time"
)

// Event is one message of the stream, decoded as far as ringbook needs it. Fields that a type of event does not
// carry are zero. See rest-api/events.json of Asterisk 22 for the shapes.
type Event struct {
	Type        string
	Timestamp   time.Time // the PBX's clock, milliseconds
	Application string
	AsteriskID  string

	Channel *Channel
	Bridge  *Bridge

	// Dial
	Caller     *Channel // nil for a call that the PBX itself places (originate)
	Peer       *Channel
	Forwarded  *Channel
	DialString string
	DialStatus string // "" when dialling starts, then PROGRESS, RINGING, ... and at last ANSWER, BUSY, NOANSWER, CANCEL, CONGESTION, CHANUNAVAIL
	Forward    string

	// ChannelHangupRequest, ChannelDestroyed
	Cause     int // Q.850
	CauseText string
	TechCause int // last SIP status, Asterisk 22.7 and later
	Soft      bool

	// ChannelCallerId
	CallerPresentation     int
	CallerPresentationText string

	// ChannelDialplan
	DialplanApp     string
	DialplanAppData string

	// ChannelVarset
	Variable, Value string

	// ChannelHold
	MusicClass string

	// ChannelUserevent
	EventName string
	UserEvent json.RawMessage

	// Transfer holds the fields of BridgeBlindTransfer and BridgeAttendedTransfer.
	Transfer *Transfer

	// ReplaceChannel is set for StasisStart and blind transfers of more than two parties.
	ReplaceChannel *Channel

	// BridgeFrom is the bridge that was merged away (BridgeMerged).
	BridgeFrom *Bridge

	// Raw is the whole message, kept for types that this package does not know.
	Raw json.RawMessage
}

// Transfer is what the two transfer events tell.
type Transfer struct {
	Result     string // Success, Fail, Invalid, Not Permitted
	IsExternal bool
	// blind
	Exten, Context string
	Transferee     *Channel
	// attended
	FirstLeg, SecondLeg         *Channel
	FirstBridge, SecondBridge   *Bridge
	Target                      *Channel
	DestinationType             string // bridge, application, link, threeway, fail
	DestinationBridge           string
	DestinationApplication      string
	DestinationLinkFirst        *Channel
	DestinationLinkSecond       *Channel
	DestinationThreewayChannel  *Channel
	DestinationThreewayBridge   *Bridge
	ReplaceFirst, ReplaceSecond *Channel
}

// Channel is Asterisk's snapshot of one leg. It carries no linkedid, no bridge and no presentation.
type Channel struct {
	ID           string
	ProtocolID   string // SIP Call-ID
	Name         string // "PJSIP/1001-00000004"
	State        string // Down, Ring, Ringing, Up, ...
	Caller       CallerID
	Connected    CallerID
	AccountCode  string
	Dialplan     Dialplan
	CreationTime time.Time
	Language     string
	Vars         map[string]string // channelvars of ari.conf
	CallerRDNIS  string
}

// CallerID is a name and a number as the channel has them; either may be empty.
type CallerID struct {
	Name   string
	Number string
}

// Dialplan is where a channel stands in the dialplan.
type Dialplan struct {
	Context  string
	Exten    string
	Priority int64
	AppName  string
	AppData  string
}

// Bridge is Asterisk's snapshot of a bridge; Channels is its whole membership.
type Bridge struct {
	ID           string
	Technology   string
	Type         string
	Class        string
	Creator      string
	Name         string
	Channels     []string
	CreationTime time.Time
}
