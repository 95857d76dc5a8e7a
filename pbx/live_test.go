package pbx_test

import (
	"context"
	"sync"
	"testing"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// TestTracker_Live plays every scenario on a real Asterisk and holds what the tracker makes of it against what the
// scenario says: so that recordings which Asterisk would not make today cannot hide a fault.
func TestTracker_Live(t *testing.T) {
	for _, s := range pbxtest.Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			a := pbxtest.StartAsterisk(t)
			client, err := ari.New(ari.Config{Name: "lab", URL: a.URL})
			if err != nil {
				t.Fatal(err)
			}
			var (
				mu    sync.Mutex
				live  bool
				calls = map[string]pbx.Call{} // the last picture of each, by id
				order []string
			)
			tracker := pbx.NewTracker(pbx.Config{Name: "lab"})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() {
				done <- client.Run(ctx, func(item ari.Item) {
					mu.Lock()
					defer mu.Unlock()
					live = live || item.Live != nil
					for _, c := range tracker.Apply(item) {
						id := c.ID.String()
						if _, ok := calls[id]; !ok {
							order = append(order, id)
						}
						calls[id] = c
					}
				})
			}()
			defer func() { cancel(); <-done }()
			locked := func(cond func() bool) func() bool {
				return func() bool { mu.Lock(); defer mu.Unlock(); return cond() }
			}
			a.Eventually("the stream is not live", locked(func() bool { return live }))
			s.Play(a)
			a.Eventually("not every call has ended", locked(func() bool {
				return len(calls) >= len(s.Expect) && len(tracker.Live()) == 0
			}))
			mu.Lock()
			defer mu.Unlock()
			var last []pbx.Call
			for _, id := range order {
				last = append(last, calls[id])
			}
			checkScenario(t, s, last)
		})
	}
}
