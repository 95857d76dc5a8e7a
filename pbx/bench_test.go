package pbx_test

import (
	"fmt"
	"testing"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// BenchmarkTracker decodes and folds a queue call that rings two phones, as recorded, while so many other calls are
// live. Beside it, on the same messages and in turn, it decodes and does nothing else, which is the floor:
// "of-decoding" is the share of the floor's events per second that is left. The goal is 0.7.
func BenchmarkTracker(b *testing.B) {
	for _, live := range []int{5, 5000} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			load := newLoad(b)
			tracker := pbx.NewTracker(labConfig)
			talking(b, load, tracker, live)
			at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
			var floor, whole time.Duration
			var messages [][]byte
			pictures := 0
			round := 0
			for b.Loop() {
				// Whoever comes second finds the messages in the processor's caches: they take turns.
				messages = load.Next()
				round++
				first := round%2 == 0
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
			b.ReportMetric(float64(b.N*len(messages))/whole.Seconds(), "events/s")
			if len(tracker.Live()) != live || pictures < 8*b.N {
				b.Fatalf("%d calls are live, %d pictures of %d calls were drawn", len(tracker.Live()), pictures, b.N)
			}
		})
	}
}

// BenchmarkDecodeOnly is the floor by itself.
func BenchmarkDecodeOnly(b *testing.B) {
	load := newLoad(b)
	var messages [][]byte
	for b.Loop() {
		messages = load.Next()
		decodeAll(b, messages)
	}
	b.ReportMetric(float64(b.N*len(messages))/b.Elapsed().Seconds(), "events/s")
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

// newLoad is one recorded call, again and again.
func newLoad(b *testing.B) *pbxtest.Again {
	var messages [][]byte
	for _, item := range recording(b, "queue-ringall-answered") {
		if e := item.Event; e != nil && (e.Channel != nil || e.Peer != nil || e.Bridge != nil) {
			messages = append(messages, e.Raw)
		}
	}
	load, err := pbxtest.NewAgain(messages)
	if err != nil {
		b.Fatal(err)
	}
	return load
}

// talking puts calls into a tracker that have been answered and go on.
func talking(b *testing.B, load *pbxtest.Again, tracker *pbx.Tracker, n int) {
	for range n {
		for _, message := range load.Next() {
			e := decode(b, message)
			if e.Type == "ChannelHangupRequest" {
				break
			}
			tracker.Apply(ari.Item{Event: e})
		}
	}
}
