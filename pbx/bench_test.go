package pbx_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// BenchmarkTracker decodes and folds a queue call that rings two phones, as recorded, while so many other calls are
// live. Beside it, on the same messages and in turn, it decodes and does nothing else, which is the floor:
// "of-decoding" is the share of the floor's events per second that is left. The goal is 0.7.
func BenchmarkTracker(b *testing.B) {
	for _, live := range []int{5, 5000} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			load := newLoad(b)
			tracker := pbx.NewTracker(labConfig)
			load.talking(b, tracker, live)
			at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
			var floor, whole time.Duration
			pictures := 0
			for b.Loop() {
				// Whoever comes second finds the messages in the processor's caches: they take turns.
				messages := load.next()
				first := load.round%2 == 0
				if first {
					floor += timed(func() { decodeAll(b, messages) })
				}
				whole += timed(func() {
					for _, message := range messages {
						pictures += len(tracker.Apply(ari.Item{At: at, Event: decode(b, message)}))
					}
				})
				if !first {
					floor += timed(func() { decodeAll(b, messages) })
				}
			}
			b.ReportMetric(float64(floor)/float64(whole), "of-decoding")
			b.ReportMetric(float64(b.N*len(load.messages))/whole.Seconds(), "events/s")
			if len(tracker.Live()) != live || pictures < 8*b.N {
				b.Fatalf("%d calls are live, %d pictures of %d calls were drawn", len(tracker.Live()), pictures, b.N)
			}
		})
	}
}

// BenchmarkDecodeOnly is the floor by itself.
func BenchmarkDecodeOnly(b *testing.B) {
	load := newLoad(b)
	for b.Loop() {
		decodeAll(b, load.next())
	}
	b.ReportMetric(float64(b.N*len(load.messages))/b.Elapsed().Seconds(), "events/s")
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func decodeAll(b *testing.B, messages [][]byte) {
	for _, message := range messages {
		decode(b, message)
	}
}

func decode(b *testing.B, message []byte) *ari.Event {
	e, err := ari.Decode(message)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// load is one recorded call as JSON, which becomes another call with every round: all its ids hold the same digits.
type load struct {
	messages [][]byte
	places   [][]int // where the digits stand, by message
	digits   string
	round    int
}

func newLoad(b *testing.B) *load {
	l := load{digits: "1000000000"}
	var renames []string
	seen := map[string]bool{}
	for _, item := range recording(b, "queue-ringall-answered") {
		e := item.Event
		if e == nil || e.Channel == nil && e.Peer == nil && e.Bridge == nil {
			continue
		}
		if e.Bridge != nil && !seen[e.Bridge.ID] {
			seen[e.Bridge.ID] = true
			renames = append(renames, e.Bridge.ID, "bridge-"+l.digits)
		}
		if e.Channel != nil && !seen[e.Channel.ID] {
			seen[e.Channel.ID] = true
			renames = append(renames, `"`+e.Channel.ID+`"`, fmt.Sprintf(`"%s.%d"`, l.digits, len(seen)))
		}
		l.messages = append(l.messages, e.Raw)
	}
	rename := strings.NewReplacer(renames...)
	for i, m := range l.messages {
		m = []byte(rename.Replace(string(m)))
		l.messages[i] = m
		var places []int
		for at := 0; ; {
			n := bytes.Index(m[at:], []byte(l.digits))
			if n < 0 {
				break
			}
			places = append(places, at+n)
			at += n + len(l.digits)
		}
		l.places = append(l.places, places)
	}
	return &l
}

// next is the whole call, as nobody has seen it before. The messages are overwritten by the next round.
func (l *load) next() [][]byte {
	l.round++
	digits := fmt.Appendf(make([]byte, 0, 10), "%010d", l.round)
	for i, m := range l.messages {
		for _, at := range l.places[i] {
			copy(m[at:], digits)
		}
	}
	return l.messages
}

// talking puts calls into a tracker that have been answered and go on.
func (l *load) talking(b *testing.B, tracker *pbx.Tracker, n int) {
	for range n {
		for _, message := range l.next() {
			e := decode(b, message)
			if e.Type == "ChannelHangupRequest" {
				break
			}
			tracker.Apply(ari.Item{Event: e})
		}
	}
}
