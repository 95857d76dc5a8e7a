package pbx_test

import (
	"bytes"
	"testing"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// FuzzTracker reads its input as lines: a JSON object is an event as Asterisk sends it, anything else a little
// program of events, four bytes each. No input may panic or give an impossible picture.
func FuzzTracker(f *testing.F) {
	f.Add([]byte(`{"type":"ChannelCreated","timestamp":"2026-11-22T09:00:00.000+0000","channel":{"id":"1","name":"PJSIP/trunk-1","state":"Ring"}}
{"type":"Dial","timestamp":"2026-11-22T12:30:01.000+0330","caller":{"id":"1","name":"PJSIP/trunk-1"},"peer":{"id":"2","name":"PJSIP/1001-2"},"dialstatus":""}
{"type":"Dial","caller":{"id":"1"},"peer":{"id":"2"},"dialstatus":"ANSWER"}
{"type":"ChannelEnteredBridge","channel":{"id":"2"},"bridge":{"id":"b","channels":["1","2"]}}
{"type":"ChannelDestroyed","channel":{"id":"1"},"cause":16}`))
	// A call that is answered, held and hung up, in the program's bytes: kind, channels, bridge and state, time.
	f.Add([]byte{0, 0x10, 0, 1, 1, 0x11, 0, 1, 1, 0x11, 3, 9, 4, 0x10, 0, 0, 4, 0x01, 0, 0, 6, 0x10, 0, 9, 8, 0x10, 0, 9, 9, 0x10, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		tracker := pbx.NewTracker(labConfig)
		var s story
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		steps := 400 // of 1.3 s at the most: the tracker remembers for ten minutes who is gone
		take := func(item ari.Item) { s.pictures = append(s.pictures, tracker.Apply(item)...) }
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			if len(line) > 0 && line[0] == '{' {
				if e, err := ari.Decode(line); err == nil {
					take(ari.Item{At: now, Event: e})
				}
				continue
			}
			for ; len(line) >= 4 && steps > 0; line, steps = line[4:], steps-1 {
				now = now.Add(time.Duration(int8(line[3])) * 10 * time.Millisecond)
				take(programmed(line, now))
			}
		}
		s.live = tracker.Live()
		checkInvariants(t, s, jumbled)
	})
}

// programmed makes an item of four bytes: what happens, to which two channels, in which bridge and state, when.
func programmed(b []byte, now time.Time) ari.Item {
	names := []string{
		"PJSIP/trunk-00000001", "PJSIP/1001-00000002", "PJSIP/1002-00000003", "Local/1001@c-0000000a;1",
		"Local/1001@c-0000000a;2", "PJSIP/1003-00000004", "Snoop/x-00000005", "PJSIP/trunk-00000006",
	}
	states := []string{"Down", "Ring", "Ringing", "Up"}
	apps := []ari.Dialplan{{Exten: "91001234"}, {AppName: "Queue", AppData: "support,t"}, {AppName: "AppDial", AppData: "(Outgoing Line)"}, {AppName: "Dial"}}
	channel := func(n byte) *ari.Channel {
		return &ari.Channel{
			ID: string('a' + rune(n&7)), Name: names[n&7], State: states[b[2]>>4&3], Dialplan: apps[b[2]>>6&3],
			Caller: ari.CallerID{Number: "09120001001"}, CreationTime: time.Date(2026, 11, 22, 8, 59, 0, int(n)*1e6, time.UTC),
		}
	}
	one, two := channel(b[1]&7), channel(b[1]>>4&7)
	bridge := &ari.Bridge{
		ID: string('A' + rune(b[2]&1)), Class: []string{"basic", "basic", "parking", "base"}[b[2]>>2&3],
		Channels: []string{one.ID, two.ID}[:b[2]>>1&1+1],
	}
	statuses := []string{"", "RINGING", "ANSWER", "CANCEL", "BUSY", "NOANSWER", "CHANUNAVAIL", "CONGESTION"}
	kinds := []string{
		"ChannelCreated", "Dial", "ChannelStateChange", "ChannelDialplan", "ChannelEnteredBridge", "ChannelLeftBridge",
		"ChannelHold", "ChannelUnhold", "ChannelHangupRequest", "ChannelDestroyed", "BridgeDestroyed", "ChannelCallerId",
		"BridgeBlindTransfer", "BridgeAttendedTransfer",
	}
	kind := int(b[0]) % (len(kinds) + 3)
	switch kind - len(kinds) {
	case 0:
		return ari.Item{At: now, Gap: &ari.Gap{From: now.Add(-time.Second), Reason: ari.GapDisconnected}}
	case 1, 2:
		live := &ari.Live{Snapshot: ari.Snapshot{Channels: []ari.Channel{*one, *two}, Bridges: []ari.Bridge{*bridge}}}
		return ari.Item{At: now, Live: live}
	}
	e := &ari.Event{Type: kinds[kind], Timestamp: now, Channel: one, Bridge: bridge, Cause: []int{0, 16, 17, 21, 26}[b[2]%5], Soft: b[2]&4 != 0}
	switch e.Type {
	case "BridgeBlindTransfer":
		e.Transfer = &ari.Transfer{Result: []string{"Success", "Fail"}[b[2]&1], Transferee: two, Exten: "1002"}
	case "BridgeAttendedTransfer":
		e.Channel, e.Bridge = nil, nil
		e.Transfer = &ari.Transfer{Result: "Success", FirstLeg: one, SecondLeg: two, Transferee: channel(b[2] & 7), Target: channel(b[2] >> 3 & 7)}
	case "Dial":
		e.Channel, e.Peer, e.DialStatus = nil, one, statuses[b[2]&7]
		if one.ID != two.ID {
			e.Caller = two
		}
		if b[2]&0x18 == 0x18 && e.DialStatus == "CANCEL" {
			e.Forward, e.Forwarded = "1002@internal", channel(b[2]>>5&7)
		}
	}
	return ari.Item{At: now, Event: e}
}
