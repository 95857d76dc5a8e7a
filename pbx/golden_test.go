package pbx_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

var update = flag.Bool("update", false, "write the golden files of the recordings anew")

// TestTracker_Golden folds every recording of the laboratory and compares all that the tracker said, picture by
// picture, with what was reviewed by a human. testdata/README.md tells what happened in each.
func TestTracker_Golden(t *testing.T) {
	for name, s := range recorded() {
		t.Run(name, func(t *testing.T) {
			items := recording(t, name)
			got, err := json.MarshalIndent(golden(s.Story, fold(items)), "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join("testdata", name+".golden.json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("the pictures changed (-golden +now):\n%s", diff)
			}
		})
	}
}

// recorded are the scenarios by the names of their recordings: each with both dialplans, the second in the shape of FreePBX.
func recorded() iter.Seq2[string, pbxtest.Scenario] {
	return func(yield func(string, pbxtest.Scenario) bool) {
		for _, s := range pbxtest.Scenarios {
			if !yield(s.Name, s) || !yield(s.Name+".freepbx", s) {
				return
			}
		}
	}
}

// labConfig is the exchange of the laboratory.
var labConfig = pbx.Config{Name: "lab"}

// recording reads one of the laboratory's recordings.
func recording(t testing.TB, name string) []ari.Item {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var items []ari.Item
	for item, err := range ari.ReadRecording(bytes.NewReader(b)) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	return items
}

// story is all that a tracker said about a stream.
type story struct {
	pictures []pbx.Call
	live     []pbx.Call // what had not ended at the end
}

// last is the last picture of every call, in the order of their beginning.
func (s story) last() []pbx.Call {
	byID := map[uuid.UUID]pbx.Call{}
	for _, c := range s.pictures {
		byID[c.ID] = c
	}
	calls := make([]pbx.Call, 0, len(byID))
	for _, c := range byID {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b pbx.Call) int {
		if d := a.StartedAt.Compare(b.StartedAt); d != 0 {
			return d
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return calls
}

func fold(items []ari.Item) story {
	tracker := pbx.NewTracker(labConfig)
	var s story
	for _, item := range items {
		s.pictures = append(s.pictures, tracker.Apply(item)...)
	}
	s.live = tracker.Live()
	return s
}

// A golden file holds the story, how the calls looked over time, and the last picture of each.
type goldenFile struct {
	Story   string       `json:"story"`
	History []string     `json:"history"`
	Calls   []goldenCall `json:"calls"`
}

type goldenCall struct {
	ID            uuid.UUID      `json:"id"`
	Direction     pbx.Direction  `json:"direction"`
	State         pbx.State      `json:"state"`
	Outcome       pbx.Outcome    `json:"outcome"`
	Caller        pbx.Party      `json:"caller"`
	Dialed        string         `json:"dialed"`
	Trunk         string         `json:"trunk,omitempty"`
	Queue         string         `json:"queue,omitempty"`
	CustomerRef   string         `json:"customer_ref,omitempty"`
	Times         string         `json:"times"`
	Hangup        pbx.Hangup     `json:"hangup"`
	Legs          []string       `json:"legs"`
	Transfers     []pbx.Transfer `json:"transfers,omitempty"`
	Partial       bool           `json:"partial,omitempty"`
	Reconstructed bool           `json:"reconstructed,omitempty"`
	MergedInto    *uuid.UUID     `json:"merged_into,omitempty"`
	Version       int64          `json:"version"`
}

func golden(words string, s story) goldenFile {
	g := goldenFile{Story: words, History: history(s.pictures)}
	for _, c := range s.last() {
		gc := goldenCall{
			ID: c.ID, Direction: c.Direction, State: c.State, Outcome: c.Outcome, Caller: c.Caller, Dialed: c.Dialed,
			Trunk: c.Trunk, Queue: c.Queue, CustomerRef: c.CustomerRef, Hangup: c.Hangup, Transfers: c.Transfers,
			Partial: c.Partial, Reconstructed: c.Reconstructed, Version: c.Version,
			Times: fmt.Sprintf("started %s, answered %s, ended %s; wait %d, talk %d, hold %d ms", clock(c.StartedAt),
				since(c, c.AnsweredAt), since(c, c.EndedAt), c.Wait.Milliseconds(), c.Talk.Milliseconds(), c.Hold.Milliseconds()),
		}
		if c.MergedInto != uuid.Nil {
			gc.MergedInto = &c.MergedInto
		}
		for _, l := range c.Legs {
			id := l.ID
			if l.Parent != "" {
				id += " through " + l.Parent
			}
			var spans strings.Builder
			for _, x := range l.Spans {
				fmt.Fprintf(&spans, "%s %s to %s, ", x.Kind, since(c, x.From), since(c, x.To))
			}
			gc.Legs = append(gc.Legs, fmt.Sprintf("%s %s: %s, offered %s, answered %s, %sended %s %s; talk %d, hold %d ms; id %s",
				l.Role, l.Extension+l.Number, l.Channel, since(c, l.OfferedAt), since(c, l.AnsweredAt), spans.String(),
				since(c, l.EndedAt), l.End, l.Talk.Milliseconds(), l.Hold.Milliseconds(), id))
		}
		g.Calls = append(g.Calls, gc)
	}
	return g
}

// history tells how calls looked over time, a line for each change that can be seen.
func history(pictures []pbx.Call) []string {
	var lines []string
	seen := map[uuid.UUID]string{}
	names := map[uuid.UUID]string{}
	for _, c := range pictures {
		if names[c.ID] == "" {
			names[c.ID] = string(rune('A' + len(names)))
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s", c.Direction, c.State)
		if c.Outcome != "" {
			fmt.Fprintf(&b, " %s by %s", c.Outcome, c.Hangup.By)
		}
		if c.MergedInto != uuid.Nil {
			fmt.Fprintf(&b, " as part of %s", names[c.MergedInto])
		}
		fmt.Fprintf(&b, ", %q to %q", c.Caller.Number, c.Dialed)
		if c.Caller.Withheld {
			b.WriteString(" withheld")
		}
		if c.CustomerRef != "" {
			fmt.Fprintf(&b, " customer %s", c.CustomerRef)
		}
		if c.Queue != "" {
			fmt.Fprintf(&b, " in %s", c.Queue)
		}
		for _, x := range c.Transfers {
			fmt.Fprintf(&b, ", %s transfer %s to %s", x.Kind, x.By, x.To)
		}
		for _, l := range c.Legs {
			state := "rings"
			switch {
			case l.End != "":
				state = string(l.End)
			case !l.AnsweredAt.IsZero():
				state = "answered"
			}
			fmt.Fprintf(&b, "; %s %s", l.Extension+l.Number, state)
		}
		if line := b.String(); line != seen[c.ID] {
			seen[c.ID] = line
			at := time.UnixMicro(c.Version).Sub(c.StartedAt).Milliseconds()
			lines = append(lines, fmt.Sprintf("%s +%d ms: %s", names[c.ID], at, line))
		}
	}
	return lines
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// since says when something of a call happened, in milliseconds of the call.
func since(c pbx.Call, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return fmt.Sprintf("+%d", t.Sub(c.StartedAt).Milliseconds())
}
