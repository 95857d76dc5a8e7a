package calllog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ringbook/pbx"
)

// runWrite brings pictures into the database until ctx ends, and what is left then.
func (r *Recorder) runWrite(ctx context.Context) {
	// A write that has begun is not cut off by shutdown; it has its own deadline.
	work := context.WithoutCancel(ctx)
	retry := time.NewTimer(0)
	if !retry.Stop() {
		<-retry.C
	}
	defer retry.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	wait := retryFirst
	for {
		select {
		case <-ctx.Done():
			drain, cancel := context.WithTimeout(work, drainTime)
			defer cancel()
			for more := true; more; {
				var err error
				if more, err = r.round(drain); err != nil {
					return
				}
			}
			return
		case <-r.wakeWrite:
			if r.isAway() {
				continue // the retry is due soon
			}
			pause(ctx, gather, r.hurry)
		case <-r.hurry:
		case <-retry.C:
		case <-sweep.C:
			if !r.isAway() {
				r.sweep(work)
			}
			continue
		}
		more, err := r.round(work)
		switch {
		case err != nil:
			retry.Reset(wait + rand.N(wait/4))
			wait = min(2*wait, retryMost)
		case more:
			retry.Reset(0)
			wait = retryFirst
		default:
			wait = retryFirst
		}
	}
}

// pause returns after d, or when ctx ends or somebody is in a hurry.
func pause(ctx context.Context, d time.Duration, hurry <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-hurry:
	case <-t.C:
	}
}

// round writes one batch of what is in memory and one of what the spool alone has. more says that there is more to
// do at once. An error says that the database is away.
func (r *Recorder) round(ctx context.Context) (more bool, err error) {
	var jobs []job
	if r.cfg.Directory.Loaded() {
		jobs = r.take()
	} else {
		err = errNameless
	}
	if len(jobs) > 0 {
		pictures := make([]picture, len(jobs))
		for i, j := range jobs {
			pictures[i] = r.picture(j.call)
		}
		err = r.put(ctx, pictures)
		r.took(jobs, err == nil)
	}
	cold := false
	if err == nil {
		cold, err = r.readBack(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if (err != nil) != r.away {
		if err != nil {
			r.log.Warn("the call log's database is away; calls wait in the spool", "err", err)
		} else {
			r.log.Info("the call log's database is back")
		}
	}
	r.away = err != nil
	if err != nil {
		for _, e := range r.pending {
			r.letGo(e)
		}
		return false, err
	}
	close(r.moved)
	r.moved = make(chan struct{})
	return cold || len(jobs) == batchMost, nil
}

// take is a batch of what waits in memory.
func (r *Recorder) take() []job {
	r.mu.Lock()
	defer r.mu.Unlock()
	jobs := make([]job, 0, min(len(r.pending), batchMost))
	for _, e := range r.pending {
		if e.since == 0 {
			continue
		}
		if len(jobs) == batchMost {
			break
		}
		e.taken, e.since = e.since, 0
		jobs = append(jobs, job{e, e.call})
	}
	return jobs
}

// took ends what take began.
func (r *Recorder) took(jobs []job, written bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range jobs {
		e := j.entry
		taken := e.taken
		e.taken = 0
		switch {
		case !written:
			e.since = taken // earlier than what came meanwhile
		case e.since == 0:
			for _, g := range e.frames {
				r.spool.confirm(g)
			}
			delete(r.pending, j.call.ID)
		}
	}
}

// readBack writes one batch of the oldest segment that only the disk has. more says that there is more.
func (r *Recorder) readBack(ctx context.Context) (more bool, err error) {
	if r.back == nil {
		g := r.spool.oldestCold()
		if g == nil {
			return false, nil
		}
		if r.back, err = openSegment(g); err != nil {
			// A file that cannot be read must not stop the others; it stays for a person to look at.
			r.met.unreadable.Add(r.met.ctx, 1)
			r.log.Error("a segment of the spool cannot be read back; it is left where it is", "err", err)
			r.spool.forget(g)
			return true, nil
		}
	}
	if len(r.chunk) == 0 {
		var bad int
		r.chunk, bad = r.back.read(batchMost)
		for i := range r.chunk {
			r.name(&r.chunk[i])
		}
		if bad > 0 {
			r.met.unreadable.Add(r.met.ctx, int64(bad))
			r.log.Error("the spool holds frames that tell no call", "frames", bad)
		}
	}
	if len(r.chunk) == 0 {
		r.back.close()
		r.spool.done(r.back.segment)
		r.back = nil
		return true, nil
	}
	if err := r.put(ctx, r.chunk); err != nil {
		return false, err
	}
	r.chunk = nil
	return true, nil
}

// put brings pictures into the database. Those that can never be written go into quarantine. An error says that the
// database is away; then all of them must be put again.
func (r *Recorder) put(ctx context.Context, pictures []picture) error {
	began := time.Now()
	rows := make([]row, len(pictures))
	for i, p := range pictures {
		m, err := r.matchOf(ctx, &p.Call)
		if err != nil {
			r.met.wrote(time.Since(began), 0, err)
			return fmt.Errorf("%w: %w", errAway, err)
		}
		rows[i] = row{picture: p, match: m}
	}
	err := r.write(ctx, rows)
	r.met.wrote(time.Since(began), len(rows), err)
	if err == nil {
		return nil
	}
	if r.cfg.DB.Healthy(ctx) != nil {
		return fmt.Errorf("%w: %w", errAway, err)
	}
	return r.putSingly(ctx, rows)
}

// putSingly finds out which of the rows it is that the database refuses.
func (r *Recorder) putSingly(ctx context.Context, rows []row) error {
	type refused struct {
		row row
		err error
	}
	var bad []refused
	poisoned := 0
	for _, w := range rows {
		var err error
		for range 3 { // a deadlock or a lost connection is nobody's fault
			if err = r.write(ctx, []row{w}); err == nil || poisons(err) {
				break
			}
		}
		if err != nil {
			bad = append(bad, refused{w, err})
			if poisons(err) {
				poisoned++
			}
		}
	}
	// What was refused while others were taken is to blame itself; when all fail it is the database.
	if poisoned < len(bad) && (len(bad) == len(rows) || r.cfg.DB.Healthy(ctx) != nil) {
		return fmt.Errorf("%w: %w", errAway, bad[0].err)
	}
	for _, b := range bad {
		r.met.quarantined.Add(r.met.ctx, 1)
		err := r.quarantine.add(b.row.picture, b.err)
		r.log.Error("ALARM: a call cannot be written; it is kept in quarantine", "call", b.row.Call.ID, "err", errors.Join(b.err, err))
	}
	return nil
}

// matchOf is look, once for each call and question.
func (r *Recorder) matchOf(ctx context.Context, c *pbx.Call) (matched, error) {
	q, _ := queryOf(c)
	if m, ok := r.matches[c.ID]; ok && m.query == q && m.rule != "" {
		if c.State == pbx.StateEnded {
			delete(r.matches, c.ID)
		}
		return m, nil
	}
	m, err := r.look(ctx, c)
	if err == nil && c.State != pbx.StateEnded {
		if len(r.matches) >= mostPending {
			clear(r.matches) // of calls whose end was never told
		}
		r.matches[c.ID] = m
	}
	return m, err
}
