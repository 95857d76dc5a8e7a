package calllog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ringbook/db"
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
		hurried := false
		select {
		case <-ctx.Done():
			drain, cancel := context.WithTimeout(work, drainTime)
			defer cancel()
			for {
				if next, err := r.round(drain, true); err != nil || next != 0 {
					return
				}
			}
		case <-r.wakeWrite:
			if r.isAway() {
				continue // the retry is due soon
			}
			pause(ctx, gather, r.hurry)
		case <-r.hurry:
			hurried = true
		case <-retry.C:
		case <-sweep.C:
			if !r.isAway() {
				r.sweep(work)
			}
			continue
		}
		next, err := r.round(work, hurried)
		switch {
		case err != nil:
			retry.Reset(wait + rand.N(wait/4))
			wait = min(2*wait, retryMost)
		case next >= 0:
			retry.Reset(next)
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

// round writes one batch of what is in memory and one of what the spool alone has, and looks what another node has
// written of what is its to write: now and then, and always when hurried. next is when there is more to do: 0 at once,
// negative when something comes. An error says that the database is away, or (db.ErrFenced) that another node has taken
// over.
func (r *Recorder) round(ctx context.Context, hurried bool) (next time.Duration, err error) {
	var jobs []job
	var under epochs
	if r.cfg.Directory.Loaded() {
		jobs, under = r.take()
	} else {
		err = errNameless
	}
	if len(jobs) > 0 {
		err = r.put(ctx, r.pictures(jobs), under)
		r.took(jobs, err == nil)
	}
	next = -1
	if err == nil {
		next, err = r.compare(ctx, hurried)
	}
	if err == nil {
		var cold time.Duration
		cold, err = r.readBack(ctx)
		next = sooner(next, cold)
	}
	if errors.Is(err, db.ErrFenced) {
		r.log.Warn("another node writes this exchange's calls now; what it has not written stays here", "err", err)
		r.cfg.Lease.Doubt()
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if (err != nil) != r.away {
		if err != nil {
			r.log.Warn("the call log's database is away; calls wait in the spool", "err", err)
		} else {
			r.since = time.Now()
			r.log.Info("the call log's database is back")
		}
	}
	r.away = err != nil
	if err != nil {
		for _, e := range r.pending {
			r.letGo(e)
		}
		return 0, err
	}
	close(r.moved)
	r.moved = make(chan struct{})
	if len(jobs) == batchMost {
		next = 0
	}
	return next, nil
}

// sooner is the earlier of two times at which there is something to do; negative: there is not.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

func (r *Recorder) pictures(jobs []job) []picture {
	pictures := make([]picture, len(jobs))
	for i, j := range jobs {
		pictures[i] = r.picture(j.call)
	}
	return pictures
}

// take is a batch of what waits in memory and is this node's to write, and the epochs under which it is.
func (r *Recorder) take() ([]job, epochs) {
	return r.takeSome(batchMost, func(leads bool) bool { return leads })
}

// takeSome takes entries, at most so many, of the exchanges that which wants, by whether this node leads them.
func (r *Recorder) takeSome(most int, which func(leads bool) bool) ([]job, epochs) {
	r.mu.Lock()
	defer r.mu.Unlock()
	jobs := make([]job, 0, min(len(r.pending), most))
	under := epochs{}
	for _, e := range r.pending {
		if e.since == 0 || !which(under.of(r.cfg.Lease, e.call.PBX).leads) {
			continue
		}
		if len(jobs) == most {
			break
		}
		e.taken, e.since = e.since, 0
		jobs = append(jobs, job{e, e.call, e.ended})
	}
	return jobs, under
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

// readBack writes one batch of the oldest segment that only the disk has, as far as another node does not. next is when
// there is more to do: 0 at once, negative when something comes.
func (r *Recorder) readBack(ctx context.Context) (next time.Duration, err error) {
	if r.back == nil {
		g := r.spool.oldestCold()
		if g == nil {
			return -1, nil
		}
		if r.back, err = openSegment(g); err != nil {
			// A file that cannot be read must not stop the others; it stays for a person to look at.
			r.met.unreadable.Add(r.met.ctx, 1)
			r.log.Error("a segment of the spool cannot be read back; it is left where it is", "err", err)
			r.spool.forget(g)
			return 0, nil
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
		return 0, nil
	}
	return r.putChunk(ctx)
}

// put brings pictures into the database, under the epochs of their exchanges. Those that can never be written go into
// quarantine. An error says that the database is away, or that an epoch is over; then all of them must be put again.
func (r *Recorder) put(ctx context.Context, pictures []picture, under epochs) error {
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
	err := r.write(ctx, rows, under)
	r.met.wrote(time.Since(began), len(rows), err)
	if err == nil || errors.Is(err, db.ErrFenced) {
		return err
	}
	if r.cfg.DB.Healthy(ctx) != nil {
		return fmt.Errorf("%w: %w", errAway, err)
	}
	return r.putSingly(ctx, rows, under)
}

// putSingly finds out which of the rows it is that the database refuses.
func (r *Recorder) putSingly(ctx context.Context, rows []row, under epochs) error {
	type refused struct {
		row row
		err error
	}
	var bad []refused
	poisoned := 0
	for _, w := range rows {
		var err error
		for range 3 { // a deadlock or a lost connection is nobody's fault
			if err = r.write(ctx, []row{w}, under); err == nil || db.Poisons(err) {
				break
			}
			if errors.Is(err, db.ErrFenced) {
				return err
			}
		}
		if err != nil {
			bad = append(bad, refused{w, err})
			if db.Poisons(err) {
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
