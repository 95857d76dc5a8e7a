package calllog

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ringbook/crm"
	"ringbook/db/dbtest"
)

// said is a log that may be read while it is written.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), text)
}

// However many calls' customers cannot be looked up, the log tells of it once, and once when they can again.
func TestRecorder_AnOutageIsToldOnce(t *testing.T) {
	d := dbtest.New(t)
	c := config(t, d)
	var log said
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	var works atomic.Bool
	c.Match = func(ctx context.Context, q crm.Query) (crm.Match, error) {
		if works.Load() {
			return nobody(ctx, q)
		}
		return crm.Match{}, errors.New("cannot be asked")
	}
	r, _ := record(t, c)
	for n := range 10 {
		r.Update(ringing(n, "1001"))
		settle(t, r)
	}
	if n := log.count("cannot be looked up"); n != 1 {
		t.Errorf("told %d times of 10 calls", n)
	}
	works.Store(true)
	for n := range 10 {
		r.Update(ringing(10+n, "1001"))
		settle(t, r)
	}
	if n := log.count("can be looked up again"); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}
