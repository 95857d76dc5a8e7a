package pbx_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// TestJoint_Scenarios holds what becomes of every recorded pair of streams against what its scenario says, and against a
// golden file that was reviewed by a human.
func TestJoint_Scenarios(t *testing.T) {
	for name, s := range pairs() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := joinAll(inOrder(pairRecording(t, name)))
				checkScenario(t, pbxtest.Scenario{Name: s.Name, Story: s.Story, Expect: s.Expect}, located(got.last()))
				checkInvariants(t, got, whole)
				checkGolden(t, filepath.Join("testdata", "two", name+".golden.json"), golden(s.Story, got))
			})
		})
	}
}

// However the streams of the two exchanges interleave, the same calls come of it, and none is told what is not true.
func TestJoint_L1_AnyInterleavingGivesTheSameCalls(t *testing.T) {
	type pair struct {
		streams [][]labelled
		want    []pbx.Call
	}
	all := map[string]pair{}
	var names []string
	// In a bubble no time passes, so that no line runs out of patience.
	atOnce := func(items []labelled) (s story) {
		synctest.Test(t, func(*testing.T) { s = joinAll(items) })
		return s
	}
	for name := range pairs() {
		streams := pairRecording(t, name)
		all[name] = pair{streams, listed(atOnce(inOrder(streams)).last())}
		names = append(names, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "recording")
		p := all[name]
		got := atOnce(interleaved(t, p.streams))
		checkInvariants(t, got, whole)
		calls := listed(got.last())
		if len(calls) != len(p.want) {
			t.Fatalf("%s: %d calls, want %d: %v", name, len(calls), len(p.want), history(calls))
		}
		for i := range calls {
			if !sameJoined(calls[i], p.want[i]) {
				t.Errorf("%s: got\n%+v\nwant\n%+v", name, calls[i], p.want[i])
			}
		}
	})
}

// One exchange that is not heard costs what only it knew: the other's record stands, whole. What comes later than a line
// has patience is still the same call.
func TestJoint_OneExchangeIsNotHeard(t *testing.T) {
	for name := range pairs() {
		synctest.Test(t, func(t *testing.T) {
			streams := pairRecording(t, name)
			for i := range streams {
				alone := joinAll(streams[i : i+1 : i+1][0])
				checkInvariants(t, alone, whole)
				want := listed(fold(itemsOf(streams[i])).last())
				if got := listed(alone.last()); len(got) != len(want) {
					t.Errorf("%s, %d alone: %d calls, want %d", name, i, len(got), len(want))
				}
			}
			// The one, a pause, and then the other: one conversation, and answered if it was.
			late := newJoining()
			for _, s := range streams {
				late.apply(s)
				pass(10 * time.Second)
			}
			late.joint.Close()
			want := listed(joinAll(inOrder(streams)).last())
			got := listed(late.story.last())
			if len(got) != len(want) {
				t.Errorf("%s, one after the other: %d calls, want %d", name, len(got), len(want))
			}
			for _, c := range late.story.pictures {
				checkPicture(t, c)
			}
			for i := range got {
				if got[i].ID != want[i].ID || want[i].Outcome == pbx.Answered && got[i].Outcome != pbx.Answered || len(got[i].Legs) != len(want[i].Legs) {
					t.Errorf("%s, one after the other: got\n%+v\nwant\n%+v", name, got[i], want[i])
				}
			}
		})
	}
}

// pairs are the scenarios of two exchanges by the names of their recordings.
func pairs() func(func(string, pbxtest.PairScenario) bool) {
	return func(yield func(string, pbxtest.PairScenario) bool) {
		for _, s := range pbxtest.PairScenarios {
			if !yield(s.Name, s) || !yield(s.Name+".freepbx", s) {
				return
			}
		}
	}
}

// labelled is an item of the stream of one of several exchanges.
type labelled struct {
	exchange string
	ari.Item
}

func itemsOf(stream []labelled) []ari.Item {
	items := make([]ari.Item, len(stream))
	for i := range stream {
		items[i] = stream[i].Item
	}
	return items
}

// pairRecording reads the streams of exchanges a and b.
func pairRecording(t testing.TB, name string) [][]labelled {
	t.Helper()
	streams := make([][]labelled, 2)
	for i, exchange := range []string{"a", "b"} {
		b, err := os.ReadFile(filepath.Join("testdata", "two", name+"."+exchange+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for item, err := range ari.ReadRecording(bytes.NewReader(b)) {
			if err != nil {
				t.Fatal(err)
			}
			streams[i] = append(streams[i], labelled{exchange, item})
		}
	}
	return streams
}

// inOrder mixes streams as they were received.
func inOrder(streams [][]labelled) []labelled {
	all := slices.Concat(streams...)
	slices.SortStableFunc(all, func(a, b labelled) int { return a.At.Compare(b.At) })
	return all
}

// interleaved mixes streams in any way that keeps each in order: mostly a few items of one, then of another.
func interleaved(t *rapid.T, streams [][]labelled) []labelled {
	queues := slices.Clone(streams)
	var mixed []labelled
	for len(queues) > 0 {
		i := rapid.IntRange(0, len(queues)-1).Draw(t, "stream")
		n := min(len(queues[i]), rapid.IntRange(1, 40).Draw(t, "items"))
		mixed = append(mixed, queues[i][:n]...)
		if queues[i] = queues[i][n:]; len(queues[i]) == 0 {
			queues = slices.Delete(queues, i, i+1)
		}
	}
	return mixed
}

// joining is a Joint with a tracker for each exchange, and all that it said.
type joining struct {
	joint    *pbx.Joint
	trackers map[string]*pbx.Tracker

	mu    sync.Mutex // guards story
	story story
}

// told is all that it has said until now.
func (j *joining) told() story {
	j.mu.Lock()
	defer j.mu.Unlock()
	return story{pictures: slices.Clone(j.story.pictures), live: j.story.live}
}

func newJoining() *joining {
	j := &joining{trackers: map[string]*pbx.Tracker{}}
	j.joint = pbx.NewJoint(func(_ context.Context, c pbx.Call) {
		j.mu.Lock()
		defer j.mu.Unlock()
		// A call may have been over before it turned out to be part of another. That is no second end.
		if c.MergedInto != uuid.Nil {
			j.story.pictures = slices.DeleteFunc(j.story.pictures, func(o pbx.Call) bool { return o.ID == c.ID && o.State == pbx.StateEnded })
		}
		j.story.pictures = append(j.story.pictures, c)
	})
	return j
}

func (j *joining) apply(items []labelled) {
	for _, item := range items {
		tracker := j.trackers[item.exchange]
		if tracker == nil {
			tracker = pbx.NewTracker(pbx.Config{Name: item.exchange})
			j.trackers[item.exchange] = tracker
		}
		for _, c := range slices.Clone(tracker.Apply(item.Item)) {
			j.joint.Update(context.Background(), c)
		}
	}
}

// joinAll folds the streams of several exchanges, which come within no time.
func joinAll(items []labelled) story {
	j := newJoining()
	j.apply(items)
	j.joint.Close()
	last := map[uuid.UUID]pbx.Call{}
	for _, c := range j.story.pictures {
		last[c.ID] = c
	}
	for _, c := range last {
		if c.State != pbx.StateEnded {
			j.story.live = append(j.story.live, c)
		}
	}
	return j.story
}

// located are calls whose extensions tell their exchange, as "1001@b".
func located(calls []pbx.Call) []pbx.Call {
	calls = slices.Clone(calls)
	for i := range calls {
		c := &calls[i]
		c.Legs, c.Transfers = slices.Clone(c.Legs), slices.Clone(c.Transfers)
		for k := range c.Legs {
			if l := &c.Legs[k]; l.Extension != "" {
				l.Extension += "@" + c.Exchange(l)
			}
		}
		for k := range c.Transfers {
			x := &c.Transfers[k]
			x.By += "@" + cmp.Or(x.PBX, c.PBX)
		}
	}
	return calls
}

// sameJoined compares two pictures but for what says how they came about.
func sameJoined(a, b pbx.Call) bool {
	a.Lines, b.Lines = nil, nil
	return sameButVersion(a, b)
}

// checkGolden compares with a golden file, or writes it.
func checkGolden(t *testing.T, file string, g goldenFile) {
	t.Helper()
	got, err := json.MarshalIndent(g, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("the pictures changed: was\n%s\nis\n%s", want, got)
	}
}
