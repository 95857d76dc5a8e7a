package ari

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
)

// Run keeps a stream open for ever: it connects, verifies, follows, and after every failure connects again with
// growing, jittered pauses. It calls follow for every Item in order, from its own goroutine and never
// concurrently; what follow is slow with waits in a bounded ring and, when that is full, is given up as a Gap.
// The first item is a Gap with reason GapStart; then every Live is followed by events until the next Gap.
// Run returns ctx's error when ctx ends and never before, with all its goroutines finished.
func (c *Client) Run(ctx context.Context, follow func(Item)) error {
	tee := newTee(c.config.Record, c.log)
	defer tee.flush()
	s := &stream{Client: c, tee: tee, follow: follow}
	defer c.Close()

	s.complete = time.Now()
	s.gap(trouble{gap: GapStart}, nil)
	said := "" // the reason that the log has told
	for attempt, refused := 0, 0; ; {
		live, err := s.connect(ctx)
		if ctx.Err() != nil {
			c.setHealth(func(h *Health) {
				*h = Health{Since: time.Now(), Version: h.Version, Started: h.Started, Reason: "stopped"}
			})
			return ctx.Err()
		}
		t := diagnose(err)
		if errors.Is(err, ErrUnauthorized) {
			if refused++; s.live {
				refused++ // no PBX that starts; and a test and a check may both have been refused
			}
			t.reason += "; it is tried again every few minutes only, because guards of PBXes shut out who fails often"
		} else {
			refused = 0
		}
		if s.live {
			s.ended = time.Now()
			s.gap(t, err)
		}
		// An Asterisk that starts says for a moment that there is no ARI, or no such user. What was right until just now
		// need not be mended by a person.
		starting := !s.ended.IsZero() && time.Since(s.ended) < startTime && t.slow && t.gap != GapReplaced
		t.slow = t.slow && !starting
		c.setHealth(func(h *Health) {
			if h.Live {
				h.Live, h.Since, h.App, h.Rate = false, time.Now(), "", 0
			}
			h.Err, h.Reason, h.Refused = err.Error(), t.reason, refused > 0
		})
		// A connection counts as good again when it has lived for a while: one that is closed at once each
		// time must not be opened in a tight loop.
		if live >= c.config.Canary {
			attempt = 0
		}
		attempt++
		pause := c.backoff(attempt, refused, t, starting || absent(t, err))
		c.metrics.reconnect(t.label)
		// Of the same trouble the log tells ever more seldom: at the first, second, fourth, eighth attempt.
		level := slog.LevelDebug
		if t.reason != said || attempt&(attempt-1) == 0 {
			level, said = slog.LevelWarn, t.reason
			if t.slow {
				level = slog.LevelError
			}
		}
		c.log.Log(ctx, level, "no event stream from the PBX", "reason", t.reason, "err", err, "attempt", attempt, "next", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// absentBackoff is the longest pause while the PBX is not there at all: every second of it once it is back is a
// second of calls that nobody hears, and knocking at a closed door costs nothing.
const absentBackoff = 5 * time.Second

// startTime is how long an Asterisk may take to start.
const startTime = 2 * time.Minute

// backoff is the pause before the next attempt: exponential with full jitter, but never less than half of
// MaxBackoff where hammering cannot help, and after refused log-ins in a row minutes. The first of a PBX that starts may be
// its own fault.
func (c *Client) backoff(attempt, refused int, t trouble, absent bool) time.Duration {
	if refused > 1 || refused == 1 && !absent {
		ceiling := min(c.config.MaxBackoff<<min(2*refused-1, 20), c.config.MaxRefused)
		return ceiling*3/4 + rand.N(ceiling/4+1)
	}
	if refused == 1 {
		longest := min(c.config.MaxBackoff, absentBackoff)
		return longest/2 + rand.N(longest/2+1)
	}
	if t.slow {
		return c.config.MaxBackoff/2 + rand.N(c.config.MaxBackoff/2+1)
	}
	longest := c.config.MaxBackoff
	if absent {
		longest = min(longest, absentBackoff)
	}
	ceiling := c.config.MinBackoff << min(attempt, 20)
	if ceiling > longest || ceiling <= 0 {
		ceiling = longest
	}
	return c.config.MinBackoff/2 + rand.N(ceiling)
}

// stream is the consumer's side of Run. Only the goroutine of Run touches it.
type stream struct {
	*Client
	tee      *tee
	follow   func(Item)
	live     bool      // the last Live or Gap given out was a Live
	ended    time.Time // when it was live last; zero: it never was
	complete time.Time // up to here the stream is known to have been complete, if the connection is whole
	tested   time.Time // so it is if it may have been deaf: when the last test event that came back was sent
	verified time.Time // so it is if subscriptions may have been lost: when they were last seen

	counted   int // events since the last test event
	countedAt time.Time
}

func (s *stream) emit(item Item) {
	s.tee.item(item)
	s.follow(item)
}

func (s *stream) gap(t trouble, err error) {
	s.live = false
	switch {
	case errors.Is(err, errUnsubscribed):
		s.complete = s.verified
	case t.gap == GapDeaf, t.gap == GapReplaced:
		s.complete = s.tested
	}
	if s.Client.complete.Load() != 0 {
		s.Client.complete.Store(s.complete.UnixNano())
	}
	s.metrics.gap(t.gap)
	s.emit(Item{At: time.Now(), Gap: &Gap{From: s.complete, Reason: t.gap, Err: err}})
}

// connect makes one connection and follows it to its end. It returns how long it was live, and why it ended.
func (s *stream) connect(ctx context.Context) (time.Duration, error) {
	conn, err := s.open(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.close()

	live, pending, err := conn.setUp()
	if err != nil {
		return 0, conn.why(err)
	}
	began := time.Now()
	s.live = true
	s.heard(began)
	s.tested, s.verified = began, began
	s.counted, s.countedAt = 0, began
	s.setHealth(func(h *Health) {
		*h = Health{
			Live: true, Since: began, LastCanary: began, CanaryRTT: conn.rtt(), App: live.App,
			Version: live.Version, Started: live.Started,
		}
	})
	s.log.Info("following the PBX's events", "app", live.App, "version", live.Version,
		"channels", len(live.Snapshot.Channels), "bridges", len(live.Snapshot.Bridges))
	s.tee.snapshot = conn.snapshot
	s.emit(Item{At: began, Live: &live})
	s.tee.snapshot = rawSnapshot{}
	for _, f := range pending {
		if err := s.take(conn, f); err != nil {
			return time.Since(began), err
		}
	}
	conn.keep()
	for {
		if conn.ring.empty() {
			s.tee.flush()
		}
		f, err := conn.ring.pop(conn.ctx)
		if err != nil {
			return time.Since(began), conn.why(err)
		}
		if err := s.take(conn, f); err != nil {
			return time.Since(began), err
		}
	}
}

// heard notes that the stream is complete up to a moment.
func (s *stream) heard(at time.Time) {
	s.complete = at
	s.Client.complete.Store(at.UnixNano())
}

// take handles one message of a live connection.
func (s *stream) take(conn *connection, f frame) error {
	s.heard(f.at)
	e := s.decode(f)
	s.counted++
	switch {
	case e == nil:
	case e.Type == "ChannelUserevent" && strings.HasPrefix(e.EventName, conn.canary):
		s.passed(conn, f.at)
		if check := conn.checked(e.EventName); check != nil {
			s.verified = check.Asked
			s.emit(Item{At: f.at, Check: check})
		}
	case e.Type == "ApplicationReplaced" && e.Application == conn.app:
		return errReplaced
	default:
		s.tee.raw = f.data
		s.emit(Item{At: f.at, Event: e})
		s.tee.raw = nil
	}
	return nil
}

// passed notes that a test event came through.
func (s *stream) passed(conn *connection, at time.Time) {
	s.tested = at.Add(-conn.rtt())
	high, _ := conn.ring.depth()
	s.metrics.depth(high)
	rate := 0.0
	if took := at.Sub(s.countedAt); took > 0 {
		rate = float64(s.counted-1) / took.Seconds()
	}
	s.counted, s.countedAt = 0, at
	s.setHealth(func(h *Health) { h.LastCanary, h.CanaryRTT, h.Rate = time.Now(), conn.rtt(), rate })
}

// decode decodes and counts; nil if the message cannot be read.
func (s *stream) decode(f frame) *Event {
	e, err := Decode(f.data)
	if err != nil {
		s.metrics.malformed()
		s.log.Warn("the PBX sent a message that cannot be read", "bytes", len(f.data), "err", err)
		return nil
	}
	s.metrics.event(e, f.at)
	return e
}

// why finds the true reason among those that a dying connection gives.
func (c *connection) why(err error) error {
	if errors.Is(err, context.Canceled) {
		if cause := context.Cause(c.ctx); cause != nil {
			err = cause
		}
	}
	if _, shed := c.ring.depth(); shed > 0 {
		c.metrics.shed(shed)
		return errOverflow
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the PBX closed the connection")
	}
	return err
}
