package ari

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const dialJSON = `{"type":"Dial","timestamp":"2026-09-21T14:04:18.123+0330","dialstatus":"RINGING","forward":"","dialstring":"Local/1001@from-queue/n",
	"caller":{"id":"17.1","name":"PJSIP/trunk-00000001","state":"Ring","protocol_id":"x@y","caller":{"name":"Sara","number":"09121234567"},"connected":{"name":"","number":""},
	"accountcode":"","dialplan":{"context":"from-trunk","exten":"91001234","priority":3,"app_name":"Queue","app_data":"support,t"},"creationtime":"2026-09-21T14:04:10.000+0330","language":"fa",
	"channelvars":{"CHANNEL(linkedid)":"17.1"},"caller_rdnis":"88881234"},
	"peer":{"id":"17.2","name":"PJSIP/1001-00000002","state":"Ringing","dialplan":{"context":"from-trunk","exten":"","priority":null,"app_name":"","app_data":""}},
	"asterisk_id":"02:00:00:00:00:01","application":"ringbook-a"}`

func TestDecode(t *testing.T) {
	e, err := Decode([]byte(dialJSON))
	if err != nil {
		t.Fatal(err)
	}
	want := &Event{
		Type: "Dial", Timestamp: time.Date(2026, 9, 21, 10, 34, 18, 123e6, time.UTC), Application: "ringbook-a", AsteriskID: "02:00:00:00:00:01",
		DialStatus: "RINGING", DialString: "Local/1001@from-queue/n",
		Caller: &Channel{
			ID: "17.1", Name: "PJSIP/trunk-00000001", State: "Ring", ProtocolID: "x@y", Caller: CallerID{"Sara", "09121234567"},
			Dialplan:     Dialplan{"from-trunk", "91001234", 3, "Queue", "support,t"},
			CreationTime: time.Date(2026, 9, 21, 10, 34, 10, 0, time.UTC), Language: "fa",
			Vars: map[string]string{"CHANNEL(linkedid)": "17.1"}, CallerRDNIS: "88881234",
		},
		Peer: &Channel{ID: "17.2", Name: "PJSIP/1001-00000002", State: "Ringing", Dialplan: Dialplan{Context: "from-trunk"}},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeFieldsOfTheirTypes(t *testing.T) {
	channel := `"channel":{"id":"1.1","name":"PJSIP/1001-00000001"}`
	for _, test := range []struct {
		json string
		good func(*Event) bool
	}{
		{`{"cause":17,"tech_cause":486,"soft":true,"type":"ChannelHangupRequest",` + channel + `}`, func(e *Event) bool {
			return e.Cause == 17 && e.TechCause == 486 && e.Soft && e.Channel.ID == "1.1"
		}},
		{`{"type":"ChannelDestroyed","cause":26,"cause_txt":"Answered elsewhere",` + channel + `}`, func(e *Event) bool {
			return e.Cause == 26 && e.CauseText == "Answered elsewhere"
		}},
		{`{"type":"ChannelCallerId","caller_presentation":32,"caller_presentation_txt":"Presentation Prohibited, Not Screened",` + channel + `}`, func(e *Event) bool {
			return e.CallerPresentation == 32 && strings.HasPrefix(e.CallerPresentationText, "Presentation Prohibited")
		}},
		{`{"type":"ChannelDialplan","dialplan_app":"Queue","dialplan_app_data":"support",` + channel + `}`, func(e *Event) bool {
			return e.DialplanApp == "Queue" && e.DialplanAppData == "support"
		}},
		{`{"variable":"A","value":"b","type":"ChannelVarset"}`, func(e *Event) bool {
			return e.Variable == "A" && e.Value == "b" && e.Channel == nil
		}},
		{`{"type":"ChannelHold","musicclass":"N/A",` + channel + `}`, func(e *Event) bool { return e.MusicClass == "N/A" }},
		{`{"type":"ChannelUserevent","eventname":"x","userevent":{"type":"Dial","a":"b"}}`, func(e *Event) bool {
			return e.EventName == "x" && string(e.UserEvent) == `{"type":"Dial","a":"b"}`
		}},
		{`{"type":"ChannelEnteredBridge",` + channel + `,"bridge":{"id":"b","bridge_class":"basic","channels":["1.1","1.2"]}}`, func(e *Event) bool {
			return e.Bridge.Class == "basic" && len(e.Bridge.Channels) == 2
		}},
		{`{"type":"BridgeMerged","bridge":{"id":"b"},"bridge_from":{"id":"c"}}`, func(e *Event) bool { return e.BridgeFrom.ID == "c" }},
		{`{"type":"BridgeBlindTransfer",` + channel + `,"exten":"1002","context":"x","result":"Success","is_external":true,"transferee":{"id":"1.3"},"replace_channel":{"id":"1.4"},"bridge":{"id":"b"}}`, func(e *Event) bool {
			return e.Transfer.Exten == "1002" && e.Transfer.IsExternal && e.Transfer.Transferee.ID == "1.3" && e.ReplaceChannel.ID == "1.4" && e.Channel.ID == "1.1"
		}},
		{`{"type":"BridgeAttendedTransfer","result":"Success","transferer_first_leg":{"id":"1"},"transferer_second_leg":{"id":"2"},"transferer_first_leg_bridge":{"id":"b1"},"transferer_second_leg_bridge":{"id":"b2"},
			"transferee":{"id":"3"},"transfer_target":{"id":"4"},"destination_type":"threeway","destination_threeway_channel":{"id":"5"},"destination_threeway_bridge":{"id":"b3"},
			"destination_link_first_leg":{"id":"6"},"destination_link_second_leg":{"id":"7"},"destination_bridge":"b4","destination_application":"app"}`, func(e *Event) bool {
			t := e.Transfer
			return t.FirstLeg.ID+t.SecondLeg.ID+t.Transferee.ID+t.Target.ID+t.DestinationThreewayChannel.ID+t.DestinationLinkFirst.ID+t.DestinationLinkSecond.ID == "1234567" &&
				t.FirstBridge.ID+t.SecondBridge.ID+t.DestinationThreewayBridge.ID+t.DestinationBridge == "b1b2b3b4" && t.DestinationApplication == "app" && t.DestinationType == "threeway"
		}},
		{`{"type":"StasisStart","args":["a","b"],` + channel + `,"replace_channel":{"id":"9"}}`, func(e *Event) bool {
			return len(e.Args) == 2 && e.ReplaceChannel.ID == "9"
		}},
		{`{"type":"PeerStatusChange","endpoint":{"technology":"PJSIP","resource":"1001","state":"online","channel_ids":["1.1"]},"peer":{"peer_status":"Reachable","cause":"c"}}`, func(e *Event) bool {
			return e.Peer == nil && e.PeerStatus.Status == "Reachable" && e.Endpoint.Resource == "1001" && e.Endpoint.Channels[0] == "1.1"
		}},
		{`{"type":"ContactStatusChange","endpoint":{"resource":"1001"},"contact_info":{"uri":"sip:x","contact_status":"Removed","aor":"1001","roundtrip_usec":"10"}}`, func(e *Event) bool {
			return e.Contact.Status == "Removed" && e.Contact.RoundtripUsec == "10"
		}},
		{`{"type":"DeviceStateChanged","device_state":{"name":"PJSIP/1001","state":"INUSE"}}`, func(e *Event) bool { return e.DeviceState.State == "INUSE" }},
		{`{"type":"RecordingFinished","recording":{"name":"r","format":"wav","target_uri":"channel:1","state":"done","duration":7,"cause":"x"}}`, func(e *Event) bool {
			return e.Recording.Duration == 7 && e.Recording.TargetURI == "channel:1"
		}},
	} {
		e, err := Decode([]byte(test.json))
		switch {
		case err != nil:
			t.Errorf("%s: %v", test.json, err)
		case !test.good(e):
			t.Errorf("%s: %+v", test.json, e)
		case e.Raw != nil:
			t.Errorf("%s: a known type keeps its raw message", test.json)
		}
	}
}

func TestDecodeIsTolerant(t *testing.T) {
	for name, test := range map[string]struct {
		json string
		good func(*Event) bool
	}{
		"null fields": {`{"type":"Dial","timestamp":null,"caller":null,"peer":{"id":"1.2","name":null,"caller":null,"channelvars":null,"dialplan":null},"dialstatus":null}`, func(e *Event) bool {
			return e.Caller == nil && e.Peer.ID == "1.2" && e.Peer.Name == "" && e.Timestamp.IsZero()
		}},
		"wrong types": {`{"type":"Dial","timestamp":17,"caller":"x","peer":{"id":"1.2","state":{},"dialplan":{"priority":"three","exten":"77"}},"dialstatus":["a"],"cause":"16","tech_cause":1e99,"dialstring":"1001"}`, func(e *Event) bool {
			return e.Caller == nil && e.Peer.ID == "1.2" && e.Peer.Dialplan.Exten == "77" && e.DialStatus == "" && e.DialString == "1001"
		}},
		"bad UTF-8": {"{\"type\":\"Dial\",\"dialstring\":\"a\xffb\",\"peer\":{\"id\":\"1.2\"}}", func(e *Event) bool { return e.DialString == "a\ufffdb" }},
		"unknown type": {`{"type":"ChannelLevitated","channel":{"id":"1.1"},"height":3}`, func(e *Event) bool {
			return e.Channel.ID == "1.1" && strings.Contains(string(e.Raw), `"height":3`)
		}},
		"caller of CallBroadcast is a number": {`{"type":"CallBroadcast","channel":{"id":"1.1"},"caller":"0912"}`, func(e *Event) bool {
			return e.Caller == nil && e.Raw != nil
		}},
		"a digit is not kept": {`{"digit":"7","duration_ms":100,"type":"ChannelDtmfReceived","channel":{"id":"1.1"}}`, func(e *Event) bool {
			b, _ := json.Marshal(e)
			return e.Raw == nil && !bytes.Contains(b, []byte("7"))
		}},
	} {
		e, err := Decode([]byte(test.json))
		if err != nil || !test.good(e) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	for _, bad := range []string{``, `{`, `{"type":"Dial"`, `[]`, `"Dial"`, `7`, `null`, `{}`, `{"type":7}`, `{"type":""}`, `{"type":"Dial"} x`} {
		if e, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q: decoded to %+v", bad, e)
		}
	}
}

func TestDecodeTimes(t *testing.T) {
	want := time.Date(2026, 11, 22, 10, 34, 18, 123e6, time.UTC)
	for _, s := range []string{
		"2026-11-22T14:04:18.123+0330", "2026-11-22T14:04:18.123+03:30", "2026-11-22T10:34:18.123Z", "2026-11-22T10:34:18.123",
		"2026-11-22T10:34:18.123-00:00", "2026-11-22T10:34:18.123+00", "2026-11-22 14:04:18.123+0330", "2026-11-22T01:34:18.123000-0900",
		"2026-11-22T14:00:02.123+03:25:44", // Tehran before 1946
	} {
		if got := parseTime(s); !got.Equal(want) {
			t.Errorf("%s: %s", s, got)
		}
	}
	for _, s := range []string{"", "yesterday", "2026-13-40T00:00:00.000+0000", strings.Repeat(" ", 1000), "1795358990"} {
		if got := parseTime(s); !got.IsZero() {
			t.Errorf("%q: %s", s, got)
		}
	}
}

// Every event that was recorded from a real Asterisk must decode without a field that we do not know.
func TestDecodeRecordingsStrictly(t *testing.T) {
	seen := map[string]int{}
	for _, file := range recordings(t) {
		for _, raw := range rawEvents(t, file) {
			e, err := Decode(raw)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			seen[e.Type]++
			if !Known(e.Type) || e.Timestamp.IsZero() || e.AsteriskID == "" {
				t.Errorf("%s: %s: incomplete: %+v", file, e.Type, e)
			}
			if e.Transfer != nil || e.PeerStatus != nil {
				continue // their fields are decoded in a second pass
			}
			d := json.NewDecoder(bytes.NewReader(raw))
			d.DisallowUnknownFields()
			if err := d.Decode(new(wireEvent)); err != nil {
				t.Errorf("%s: %s: %v", file, e.Type, err)
			}
		}
	}
	if seen["Dial"] == 0 || seen["ChannelDestroyed"] == 0 || seen["ChannelEnteredBridge"] == 0 {
		t.Errorf("the recordings show too little: %v", seen)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(dialJSON))
	f.Add([]byte(`{"type":"BridgeAttendedTransfer","transferee":{"id":"1"},"timestamp":"2026-11-22T14:04:18.123+0330"}`))
	f.Add([]byte(`{"type":"PeerStatusChange","peer":{"peer_status":7},"channel":"x"}`))
	f.Add([]byte("{\"type\":\"x\",\"userevent\":\"\xff\"}"))
	for _, raw := range rawEvents(f, filepath.Join("testdata", "local.jsonl"))[:5] {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		e, err := Decode(b)
		if !bytes.Equal(b, before) {
			t.Fatal("Decode changed its input")
		}
		if (e == nil) == (err == nil) {
			t.Fatalf("event %v and error %v", e, err)
		}
		if err != nil {
			return
		}
		if e.Type == "" || !json.Valid(b) {
			t.Fatalf("decoded %q to %+v", b, e)
		}
		for _, s := range []string{e.Type, e.DialString, e.Value, e.EventName} {
			if !utf8.ValidString(s) {
				t.Fatalf("invalid UTF-8 came through: %q", s)
			}
		}
		for _, ch := range []*Channel{e.Channel, e.Peer, e.Caller, e.Forwarded, e.ReplaceChannel} {
			if ch != nil && ch.ID == "" {
				t.Fatal("a channel without an id")
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	events := rawEvents(b, filepath.Join("testdata", "local.jsonl"))
	size := 0
	for _, raw := range events {
		size += len(raw)
	}
	b.ReportAllocs()
	b.SetBytes(int64(size / len(events)))
	for i := 0; b.Loop(); i++ {
		if _, err := Decode(events[i%len(events)]); err != nil {
			b.Fatal(err)
		}
	}
}

// recordings lists what was recorded from a real Asterisk: ours and those of package pbx.
func recordings(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("../testdata/*.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	return append(files, filepath.Join("testdata", "local.jsonl"))
}

func rawEvents(tb testing.TB, file string) []json.RawMessage {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var events []json.RawMessage
	for item, err := range ReadRecording(f) {
		if err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
		if item.Event != nil {
			events = append(events, item.Event.Raw)
		}
	}
	if len(events) == 0 {
		tb.Fatalf("%s: no events", file)
	}
	return events
}
