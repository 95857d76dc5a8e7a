package screenpop

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx"
)

// However many calls there are while the database is away, the log tells of it once, and once how many there were when it is
// over; a caller who need not be looked up does not end it.
func TestBoard_AnOutageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &backOffice{err: errors.New("away")}
		b := open(t, o)
		var log bytes.Buffer
		b.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		said := func() string {
			synctest.Wait()
			b.mu.Lock() // under which it is written
			defer b.mu.Unlock()
			return log.String()
		}
		for range 20 {
			b.Update(t.Context(), ring("1001"))
			withheld := ring("1002")
			withheld.Caller = pbx.Party{Withheld: true}
			b.Update(t.Context(), withheld)
			time.Sleep(time.Second) // in the bubble's time
		}
		if s := said(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "level=WARN") || !strings.Contains(s, "err=away") {
			t.Errorf("while the database is away:\n%s", s)
		}
		o.set(func(o *backOffice) { o.err = nil })
		time.Sleep(retryMost * 2)
		if s := said(); strings.Count(s, "\n") != 2 || !strings.Contains(s, "look-ups work again") || strings.Contains(s, "failed=1 ") {
			t.Errorf("when it is back:\n%s", s)
		}
	})
}
