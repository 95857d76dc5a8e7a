package ari

import (
	"encoding/json"
	"time"
)

// Event is one message of the stream, decoded as far as ringbook needs it. Fields that a type of event does not
// carry are zero. The JSON names are those of rest-api/events.json of Asterisk 22; a test compares the two.
// An Event is never changed after Decode returned it.
type Event struct {
	Type        string    `json:"type"`
	Timestamp   time.Time `json:"timestamp"` // the PBX's clock, milliseconds; zero if it could not be read
	Application string    `json:"application"`
	AsteriskID  string    `json:"asterisk_id"`

	Channel  *Channel  `json:"channel"`
	Bridge   *Bridge   `json:"bridge"`
	Endpoint *Endpoint `json:"endpoint"` // EndpointStateChange, PeerStatusChange, ContactStatusChange

	// Dial
	Caller     *Channel `json:"caller"` // nil for a call that the PBX itself places (originate)
	Peer       *Channel `json:"peer"`
	Forwarded  *Channel `json:"forwarded"`
	DialString string   `json:"dialstring"` // app_dial: "1001"; app_queue: the member's whole interface
	DialStatus string   `json:"dialstatus"` // "" when dialling starts, then PROGRESS, RINGING, ... and at last ANSWER, BUSY, NOANSWER, CANCEL, CONGESTION, CHANUNAVAIL
	Forward    string   `json:"forward"`

	// ChannelHangupRequest, ChannelDestroyed
	Cause     int    `json:"cause"` // Q.850
	CauseText string `json:"cause_txt"`
	TechCause int    `json:"tech_cause"` // last SIP status, Asterisk 22.7 and later
	Soft      bool   `json:"soft"`

	// ChannelCallerId
	CallerPresentation     int    `json:"caller_presentation"`
	CallerPresentationText string `json:"caller_presentation_txt"`

	// ChannelDialplan
	DialplanApp     string `json:"dialplan_app"`
	DialplanAppData string `json:"dialplan_app_data"`

	// ChannelVarset; Channel is nil for a global variable
	Variable string `json:"variable"`
	Value    string `json:"value"`

	// ChannelHold; "N/A" if there is none
	MusicClass string `json:"musicclass"`

	// ChannelUserevent
	EventName string          `json:"eventname"`
	UserEvent json.RawMessage `json:"userevent"`

	// StasisStart, ApplicationMoveFailed
	Args []string `json:"args"`

	// Transfer holds the fields of BridgeBlindTransfer and BridgeAttendedTransfer.
	Transfer *Transfer `json:"-"`

	// ReplaceChannel is set for StasisStart and for transfers of more than two parties.
	ReplaceChannel *Channel `json:"replace_channel"`

	// BridgeFrom is the bridge that was merged away (BridgeMerged).
	BridgeFrom *Bridge `json:"bridge_from"`

	Recording   *Recording   `json:"recording"`    // RecordingStarted, RecordingFinished, RecordingFailed
	DeviceState *DeviceState `json:"device_state"` // DeviceStateChanged; not ordered against channel events
	Contact     *Contact     `json:"contact_info"` // ContactStatusChange
	PeerStatus  *PeerStatus  `json:"-"`            // PeerStatusChange, whose "peer" is not a channel

	// Raw is the whole message, kept for types that this package does not decode in full (see Known).
	Raw json.RawMessage `json:"-"`
}

// Transfer is what the two transfer events tell. The transferring channel of a blind transfer is Event.Channel,
// the bridge it left Event.Bridge, and a channel that stands in for several parties Event.ReplaceChannel.
type Transfer struct {
	Result     string   `json:"result"` // Success, Fail, Invalid, Not Permitted
	IsExternal bool     `json:"is_external"`
	Transferee *Channel `json:"transferee"`

	// blind
	Exten   string `json:"exten"`
	Context string `json:"context"`

	// attended
	FirstLeg                   *Channel `json:"transferer_first_leg"`
	SecondLeg                  *Channel `json:"transferer_second_leg"`
	FirstBridge                *Bridge  `json:"transferer_first_leg_bridge"`
	SecondBridge               *Bridge  `json:"transferer_second_leg_bridge"`
	Target                     *Channel `json:"transfer_target"`
	DestinationType            string   `json:"destination_type"` // bridge, application, link, threeway, fail
	DestinationBridge          string   `json:"destination_bridge"`
	DestinationApplication     string   `json:"destination_application"`
	DestinationLinkFirst       *Channel `json:"destination_link_first_leg"`
	DestinationLinkSecond      *Channel `json:"destination_link_second_leg"`
	DestinationThreewayChannel *Channel `json:"destination_threeway_channel"`
	DestinationThreewayBridge  *Bridge  `json:"destination_threeway_bridge"`
}

// Channel is Asterisk's snapshot of one leg. It carries no linkedid, no bridge and no presentation.
type Channel struct {
	ID           string            `json:"id"`
	ProtocolID   string            `json:"protocol_id"` // SIP Call-ID
	Name         string            `json:"name"`        // "PJSIP/1001-00000004"
	State        string            `json:"state"`       // Down, Ring, Ringing, Up, ...
	Caller       CallerID          `json:"caller"`
	Connected    CallerID          `json:"connected"`
	AccountCode  string            `json:"accountcode"`
	Dialplan     Dialplan          `json:"dialplan"`
	CreationTime time.Time         `json:"creationtime"`
	Language     string            `json:"language"`
	Vars         map[string]string `json:"channelvars"` // channelvars of ari.conf
	CallerRDNIS  string            `json:"caller_rdnis"`
	TenantID     string            `json:"tenantid"`
}

// CallerID is a name and a number as the channel has them; either may be empty. Asterisk empties what is not
// valid UTF-8.
type CallerID struct {
	Name   string `json:"name"`
	Number string `json:"number"`
}

// Dialplan is where a channel stands in the dialplan. Priority is 0 where Asterisk says null.
type Dialplan struct {
	Context  string `json:"context"`
	Exten    string `json:"exten"`
	Priority int64  `json:"priority"`
	AppName  string `json:"app_name"`
	AppData  string `json:"app_data"`
}

// Bridge is Asterisk's snapshot of a bridge; Channels is its whole membership.
type Bridge struct {
	ID            string            `json:"id"`
	Technology    string            `json:"technology"`
	Type          string            `json:"bridge_type"`
	Class         string            `json:"bridge_class"`
	Creator       string            `json:"creator"`
	Name          string            `json:"name"`
	Channels      []string          `json:"channels"`
	VideoMode     string            `json:"video_mode"`
	VideoSourceID string            `json:"video_source_id"`
	CreationTime  time.Time         `json:"creationtime"`
	Vars          map[string]string `json:"bridgevars"`
}

// Endpoint is a device or trunk, and the channels that it has now. State is online, offline or unknown.
type Endpoint struct {
	Technology string   `json:"technology"` // "PJSIP"
	Resource   string   `json:"resource"`   // "1001"
	State      string   `json:"state"`
	Channels   []string `json:"channel_ids"`
}

// DeviceState is the state of one device: UNKNOWN, NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING,
// RINGINUSE or ONHOLD.
type DeviceState struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// Contact is one registered address of an endpoint; Status is Reachable, Unreachable, NonQualified, Removed,
// Unknown.
type Contact struct {
	URI           string `json:"uri"`
	Status        string `json:"contact_status"`
	AOR           string `json:"aor"`
	RoundtripUsec string `json:"roundtrip_usec"`
}

// PeerStatus tells that an endpoint came or went.
type PeerStatus struct {
	Status  string `json:"peer_status"`
	Cause   string `json:"cause"`
	Address string `json:"address"`
	Port    string `json:"port"`
	Time    string `json:"time"`
}

// Recording is a recording that ARI makes; durations are whole seconds.
type Recording struct {
	Name            string `json:"name"`
	Format          string `json:"format"`
	TargetURI       string `json:"target_uri"` // "channel:ID" or "bridge:ID"
	State           string `json:"state"`
	Duration        int    `json:"duration"`
	TalkingDuration int    `json:"talking_duration"`
	SilenceDuration int    `json:"silence_duration"`
	Cause           string `json:"cause"` // of a failure
}
