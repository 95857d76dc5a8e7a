package ari

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/models.json from the installed Asterisk")

// models is what Asterisk's own documents say: property names by model. They come from the Asterisk under
// RINGBOOK_ASTERISK_ROOT where there is one, else from a copy of those of 22.10.1.
func models(t *testing.T) map[string][]string {
	t.Helper()
	root := os.Getenv("RINGBOOK_ASTERISK_ROOT")
	if root == "" {
		root = "/var/cache/ringbook/asterisk-root"
	}
	committed := filepath.Join("testdata", "models.json")
	var saved map[string][]string
	if b, err := os.ReadFile(committed); err == nil {
		if err := json.Unmarshal(b, &saved); err != nil {
			t.Fatal(err)
		}
	} else if !*update {
		t.Fatal(err)
	}
	installed := map[string][]string{}
	for _, file := range []string{"events", "channels", "bridges", "endpoints", "deviceStates", "recordings", "applications"} {
		b, err := os.ReadFile(filepath.Join(root, "usr/share/asterisk/rest-api", file+".json"))
		if err != nil {
			return saved
		}
		var document struct {
			Models map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"models"`
		}
		if err := json.Unmarshal(b, &document); err != nil {
			t.Fatal(err)
		}
		for name, model := range document.Models {
			installed[name] = []string{}
			for property := range model.Properties {
				installed[name] = append(installed[name], property)
			}
			slices.Sort(installed[name])
		}
	}
	if *update {
		b, err := json.MarshalIndent(installed, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(committed, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return installed
	}
	if diff := cmp.Diff(saved, installed); diff != "" {
		t.Errorf("the installed Asterisk has other models than testdata/models.json (run with -update, and see what it means) (-saved +installed)\n%s", diff)
	}
	return installed
}

// Our structs have every property that Asterisk documents, and no other.
func TestModels(t *testing.T) {
	documented := models(t)
	for model, ours := range map[string]any{
		"Channel": Channel{}, "Bridge": Bridge{}, "CallerID": CallerID{}, "DialplanCEP": Dialplan{}, "Endpoint": Endpoint{},
		"DeviceState": DeviceState{}, "ContactInfo": Contact{}, "Peer": PeerStatus{}, "LiveRecording": Recording{}, "Application": Application{},
	} {
		if diff := cmp.Diff(documented[model], jsonNames(ours)); diff != "" {
			t.Errorf("%s (-Asterisk +ours)\n%s", model, diff)
		}
	}
}

// Every event that Asterisk documents is either decoded in full or, knowingly, kept raw.
func TestEventModels(t *testing.T) {
	documented := models(t)
	raw := set(
		"ApplicationMoveFailed", "BridgeVideoSourceChanged", "CallBroadcast", "CallClaimed", "ChannelTalkingFinished", "ChannelTransfer",
		"MissingParams", "PlaybackContinuing", "PlaybackFinished", "PlaybackStarted", "RESTResponse", "TextMessageReceived",
	)
	parts := set( // models that are not events of their own
		"AdditionalParam", "ContactInfo", "Event", "Message", "Peer", "RESTHeader", "RESTQueryStringParameter", "RESTRequest", "ReferTo",
		"ReferredBy", "RequiredDestination", "Bridge", "CallerID", "Channel", "Dialed", "DialplanCEP", "RTPstat", "Endpoint", "TextMessage",
		"DeviceState", "LiveRecording", "StoredRecording", "Application",
	)
	left := map[string][]string{"ChannelDtmfReceived": {"digit", "duration_ms"}} // what callers type is not ours to keep
	fields := append(jsonNames(Event{}), jsonNames(Transfer{})...)
	for model, properties := range documented {
		switch {
		case parts[model] || raw[model]:
			if known[model] {
				t.Errorf("%s is both known and kept raw", model)
			}
		case !known[model]:
			t.Errorf("Asterisk has an event %s: decode it, or decide to keep it raw", model)
		default:
			for _, p := range properties {
				if !slices.Contains(fields, p) && !slices.Contains(left[model], p) {
					t.Errorf("%s.%s has no field in Event", model, p)
				}
			}
		}
	}
	for name := range known {
		if documented[name] == nil {
			t.Errorf("Asterisk has no event %s", name)
		}
	}
}

func jsonNames(v any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
