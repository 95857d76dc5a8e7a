package ami

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Run keeps a connection for ever: it logs in, follows, and after every failure connects again with growing, jittered
// pauses. It calls follow for every Item in order, from its own goroutine and never concurrently; what follow is slow with
// waits in a bounded ring and, when that is full, is given up as a Gap. The first item is a Gap with reason GapStart; then
// every Live is followed by events until the next Gap. Run returns ctx's error when ctx ends and never before, with all its
// goroutines finished.
func (c *Client) Run(ctx context.Context, follow func(Item)) error {
	gap := func(reason GapReason, err error) {
		c.metrics.gap(reason)
		follow(Item{At: time.Now(), Gap: &Gap{reason, err}})
	}
	gap(GapStart, nil)
	said := "" // the trouble that the log was told of last
	for attempt, refused := 0, 0; ; {
		lived, err := c.connect(ctx, follow)
		if ctx.Err() != nil {
			c.setHealth(func(h *Health) {
				*h = Health{Since: time.Now(), Version: h.Version, Protocol: h.Protocol, Rights: h.Rights, Reason: "stopped"}
			})
			return ctx.Err()
		}
		t := diagnose(err)
		if errors.Is(err, ErrLogin) {
			refused++
			t.reason += "; it is tried again every few minutes only, because guards of PBXes shut out who fails often"
		} else {
			refused = 0
		}
		c.setHealth(func(h *Health) {
			if h.Live {
				h.Live, h.Since = false, time.Now()
			}
			h.Err, h.Reason, h.Refused = err.Error(), t.reason, t.slow
		})
		if lived > 0 {
			gap(t.gap, err)
		}
		if lived >= 2*c.config.Ping {
			attempt, said = 0, ""
		}
		attempt++
		pause := c.backoff(attempt, refused, t.slow)
		c.metrics.reconnect(t.label)
		// Of the same trouble the log tells ever more seldom: at the first, second, fourth, eighth attempt.
		level := slog.LevelDebug
		if said != t.reason || attempt&(attempt-1) == 0 {
			level, said = slog.LevelWarn, t.reason
			if t.slow {
				level = slog.LevelError
			}
		}
		c.log.Log(ctx, level, "no AMI connection to the PBX", "reason", t.reason, "err", err, "attempt", attempt, "next", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// connect makes one connection and follows it to its end. It returns how long it was live, and why it ended.
func (c *Client) connect(ctx context.Context, follow func(Item)) (time.Duration, error) {
	conn, err := c.open(ctx)
	if err != nil {
		return 0, err
	}
	conn.start(ctx)
	defer func() {
		c.conn.Store(nil)
		conn.close()
	}()
	live, err := conn.setUp()
	if err != nil {
		return 0, conn.why(err)
	}
	began := time.Now()
	c.conn.Store(conn)
	c.setHealth(func(h *Health) {
		*h = Health{Live: true, Since: began, LastPing: began, Version: live.Version, Protocol: live.Protocol, Rights: live.Rights}
	})
	c.log.Info("connected to the PBX's manager", "version", live.Version, "protocol", live.Protocol)
	conn.work.Go(conn.keep)
	follow(Item{At: began, Live: &live})
	for {
		select {
		case <-conn.ctx.Done():
			conn.drain(follow)
			return max(1, time.Since(began)), conn.why(conn.ctx.Err())
		case event := <-conn.ring:
			follow(Item{At: time.Now(), Event: &event})
		}
	}
}

// drain gives out what was read before a connection ended, unless some of it was given up.
func (c *connection) drain(follow func(Item)) {
	if errors.Is(context.Cause(c.ctx), errOverflow) {
		return
	}
	for {
		select {
		case event := <-c.ring:
			follow(Item{At: time.Now(), Event: &event})
		default:
			return
		}
	}
}

// why finds the true reason among those that a dying connection gives.
func (c *connection) why(err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	return err
}

// absentBackoff is the longest pause while nobody has to change anything for the PBX to be back.
const absentBackoff = 5 * time.Second

func (c *Client) backoff(attempt, refused int, slow bool) time.Duration {
	if refused > 0 {
		ceiling := min(c.config.MaxBackoff<<min(2*refused-1, 20), c.config.MaxRefused)
		return ceiling*3/4 + rand.N(ceiling/4+1)
	}
	if slow {
		return c.config.MaxBackoff/2 + rand.N(c.config.MaxBackoff/2+1)
	}
	ceiling := c.config.MinBackoff << min(attempt, 20)
	if longest := min(c.config.MaxBackoff, absentBackoff); ceiling > longest || ceiling <= 0 {
		ceiling = longest
	}
	return c.config.MinBackoff/2 + rand.N(ceiling)
}

// rightsOf reads the answer to ListCommands, which names what this user may ask for: "QueuePause: Makes a ... (Priv: agent,all)".
func rightsOf(list Answer) Rights {
	r := Rights{listed: true}
	for _, f := range list.Fields {
		if strings.Contains(f.Value, "(Priv: ") {
			r.actions = append(r.actions, strings.ToLower(f.Key))
		}
	}
	if len(r.actions) == 0 { // in words of its own: then nothing is known
		return Rights{}
	}
	slices.Sort(r.actions)
	return r
}
