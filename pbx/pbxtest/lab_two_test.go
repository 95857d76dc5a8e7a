package pbxtest_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// TestPairRecordings holds that every scenario of two exchanges has whole recordings with both dialplans. With -record it
// makes them anew: go test ./pbx/pbxtest -run PairRecordings -record -parallel 2
func TestPairRecordings(t *testing.T) {
	want := map[string]bool{}
	for _, s := range pbxtest.PairScenarios {
		for _, flavour := range []string{"plain", "freepbx"} {
			name := s.Name
			if flavour != "plain" {
				name += "." + flavour
			}
			files := []string{filepath.Join(recordings, "two", name+".a.jsonl"), filepath.Join(recordings, "two", name+".b.jsonl")}
			want[files[0]], want[files[1]] = true, true
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if *record {
					recordPair(t, s, flavour, files)
				}
				for _, file := range files {
					b, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					checkRecording(t, b)
				}
			})
		}
	}
	files, err := filepath.Glob(filepath.Join(recordings, "two", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !want[f] {
			t.Errorf("%s belongs to no scenario", f)
		}
	}
}

// recordPair plays a scenario on two Asterisks of its own and writes down what ringbook's own client saw of each.
func recordPair(t *testing.T, s pbxtest.PairScenario, flavour string, files []string) {
	a, b := pbxtest.StartPair(t, "FLAVOUR="+flavour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var streams []*stream
	for _, x := range []*pbxtest.Asterisk{a, b} {
		r := &stream{done: make(chan error, 1)}
		client, err := ari.New(ari.Config{Name: "lab", URL: x.URL, Node: "record", Record: &r.out})
		if err != nil {
			t.Fatal(err)
		}
		go func() { r.done <- client.Run(ctx, r.see) }()
		x.Eventually("the stream is not live", r.live.Load)
		streams = append(streams, r)
	}
	s.Play(t, a, b)
	for i, r := range streams {
		a.Eventually("not every channel was destroyed", func() bool { return r.seen.Load() > 0 && r.up.Load() == 0 })
		defer func() {
			<-r.done
			if err := os.MkdirAll(filepath.Dir(files[i]), 0o755); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(files[i], untilLastCall(r.out.String()), 0o644); err != nil {
				t.Error(err)
			}
		}()
	}
	cancel()
}

// stream is what a client sees of one exchange.
type stream struct {
	out      bytes.Buffer
	done     chan error
	live     atomic.Bool
	seen, up atomic.Int64 // channels
}

func (r *stream) see(item ari.Item) {
	switch {
	case item.Live != nil:
		r.live.Store(true)
	case item.Event != nil && item.Event.Type == "ChannelCreated":
		r.seen.Add(1)
		r.up.Add(1)
	case item.Event != nil && item.Event.Type == "ChannelDestroyed":
		r.up.Add(-1)
	}
}
