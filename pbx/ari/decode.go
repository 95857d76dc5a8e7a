package ari

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Known tells whether Decode understands every field of this type of event. Of all others it fills what it
// recognises and keeps the whole message in Raw.
func Known(eventType string) bool { return known[eventType] }

// known holds the types of rest-api/events.json (Asterisk 22.10.1) whose fields all have a place in Event.
// ChannelDtmfReceived is among them although its digit has none: what callers type is not ours to keep.
var known = set(
	"ApplicationReplaced", "ApplicationRegistered", "ApplicationUnregistered",
	"BridgeCreated", "BridgeDestroyed", "BridgeMerged", "BridgeBlindTransfer", "BridgeAttendedTransfer",
	"ChannelCreated", "ChannelDestroyed", "ChannelEnteredBridge", "ChannelLeftBridge", "ChannelStateChange",
	"ChannelDialplan", "ChannelCallerId", "ChannelConnectedLine", "ChannelUserevent", "ChannelHangupRequest",
	"ChannelVarset", "ChannelHold", "ChannelUnhold", "ChannelToneDetected", "ChannelTalkingStarted",
	"ChannelDtmfReceived", "Dial", "StasisStart", "StasisEnd",
	"DeviceStateChanged", "EndpointStateChange", "PeerStatusChange", "ContactStatusChange",
	"RecordingStarted", "RecordingFinished", "RecordingFailed",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// Decode reads one message of the stream. It is tolerant: a field that is missing, null or of another type than
// expected is left zero, bytes that are not UTF-8 become U+FFFD, an unreadable time becomes the zero time.
// An error means that the message is not a JSON object or names no type. b may be reused afterwards.
func Decode(b []byte) (*Event, error) {
	var w wireEvent
	if err := unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	if w.Event.Type == "" {
		return nil, errors.New("decode event: no type")
	}
	e := &w.Event
	e.Timestamp = w.Timestamp.time
	e.Channel, e.Caller, e.Peer = w.Channel.channel(), w.Caller.channel(), w.Peer.channel()
	e.Forwarded, e.ReplaceChannel = w.Forwarded.channel(), w.ReplaceChannel.channel()
	e.Bridge, e.BridgeFrom = w.Bridge.bridge(), w.BridgeFrom.bridge()

	switch e.Type {
	case "BridgeBlindTransfer", "BridgeAttendedTransfer":
		t, err := decodeTransfer(b)
		if err != nil {
			return nil, fmt.Errorf("decode %s: %w", e.Type, err)
		}
		e.Transfer = t
	case "PeerStatusChange":
		var p struct {
			Peer *PeerStatus `json:"peer"`
		}
		if err := unmarshal(b, &p); err != nil {
			return nil, fmt.Errorf("decode %s: %w", e.Type, err)
		}
		e.PeerStatus = p.Peer
	}
	if !known[e.Type] {
		e.Raw = append(json.RawMessage(nil), b...)
	}
	return e, nil
}

func decodeTransfer(b []byte) (*Transfer, error) {
	var w wireTransfer
	if err := unmarshal(b, &w); err != nil {
		return nil, err
	}
	t := &w.Transfer
	t.Transferee, t.Target = w.Transferee.channel(), w.Target.channel()
	t.FirstLeg, t.SecondLeg = w.FirstLeg.channel(), w.SecondLeg.channel()
	t.FirstBridge, t.SecondBridge = w.FirstBridge.bridge(), w.SecondBridge.bridge()
	t.DestinationLinkFirst, t.DestinationLinkSecond = w.DestinationLinkFirst.channel(), w.DestinationLinkSecond.channel()
	t.DestinationThreewayChannel = w.DestinationThreewayChannel.channel()
	t.DestinationThreewayBridge = w.DestinationThreewayBridge.bridge()
	return t, nil
}

// unmarshal is json.Unmarshal, except that a field of an unexpected type is skipped instead of being an error.
func unmarshal(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return nil
	}
	return err
}

// The wire types stand over the public ones where Asterisk's times are concerned: the outer field of a name is
// the one that encoding/json fills.

type wireEvent struct {
	Event
	Timestamp      stamp        `json:"timestamp"`
	Channel        *wireChannel `json:"channel"`
	Caller         *wireChannel `json:"caller"`
	Peer           *wireChannel `json:"peer"`
	Forwarded      *wireChannel `json:"forwarded"`
	ReplaceChannel *wireChannel `json:"replace_channel"`
	Bridge         *wireBridge  `json:"bridge"`
	BridgeFrom     *wireBridge  `json:"bridge_from"`
}

type wireTransfer struct {
	Transfer
	Transferee                 *wireChannel `json:"transferee"`
	FirstLeg                   *wireChannel `json:"transferer_first_leg"`
	SecondLeg                  *wireChannel `json:"transferer_second_leg"`
	FirstBridge                *wireBridge  `json:"transferer_first_leg_bridge"`
	SecondBridge               *wireBridge  `json:"transferer_second_leg_bridge"`
	Target                     *wireChannel `json:"transfer_target"`
	DestinationLinkFirst       *wireChannel `json:"destination_link_first_leg"`
	DestinationLinkSecond      *wireChannel `json:"destination_link_second_leg"`
	DestinationThreewayChannel *wireChannel `json:"destination_threeway_channel"`
	DestinationThreewayBridge  *wireBridge  `json:"destination_threeway_bridge"`
}

type wireChannel struct {
	Channel
	CreationTime stamp `json:"creationtime"`
}

func (w *wireChannel) channel() *Channel {
	if w == nil || w.ID == "" { // nothing can be known of a channel without an id
		return nil
	}
	w.Channel.CreationTime = w.CreationTime.time
	return &w.Channel
}

type wireBridge struct {
	Bridge
	CreationTime stamp `json:"creationtime"`
}

func (w *wireBridge) bridge() *Bridge {
	if w == nil || w.ID == "" {
		return nil
	}
	w.Bridge.CreationTime = w.CreationTime.time
	return &w.Bridge
}

// stamp reads the times of ARI and fails on none.
type stamp struct{ time time.Time }

func (s *stamp) UnmarshalJSON(b []byte) error {
	if len(b) >= 2 && b[0] == '"' {
		s.time = parseTime(string(b[1 : len(b)-1]))
	}
	return nil
}

// Layout is how Asterisk writes times ("%FT%T.%q%z"): milliseconds, and a zone without a colon, so that it is
// not RFC 3339.
const Layout = "2006-01-02T15:04:05.000-0700"

// parseTime understands Layout and its relatives: no or more decimals, a zone with a colon, seconds or hours
// only, "Z", or none at all, which is taken for UTC. What it cannot read is the zero time.
func parseTime(s string) time.Time {
	if len(s) > len("2006-01-02T15:04:05.000000000+00:00:00") {
		return time.Time{}
	}
	s = strings.Replace(s, " ", "T", 1) // "2026-11-22 14:40:00.123+0330"
	// Go's parser takes decimals after the seconds whether the layout has them or not.
	for _, layout := range [...]string{
		"2006-01-02T15:04:05-0700",
		"2006-01-02T15:04:05Z07:00",
		"2006-01-02T15:04:05-07:00:00",
		"2006-01-02T15:04:05-070000",
		"2006-01-02T15:04:05-07",
		"2006-01-02T15:04:05",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
