package calllog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

const (
	defaultSpoolMax = 1 << 30
	mostPending     = 20_000                 // pictures in memory; only a full disk lets them become so many
	batchMost       = 256                    // calls in one transaction
	gather          = 20 * time.Millisecond  // for how long a batch is gathered
	spoolEvery      = time.Second            // how often live calls go to the spool while the database is away
	retryFirst      = 100 * time.Millisecond // the database is tried again after so long
	retryMost       = 3 * time.Second
	sweepEvery      = 30 * time.Second
	drainTime       = 5 * time.Second
)

// RecorderConfig says where calls are kept and whom the recorder asks. All fields but SpoolMax, Learn, Lease, Hours and Log
// are required.
type RecorderConfig struct {
	DB        *db.DB
	Spool     string // a folder of its own; made when missing
	SpoolMax  int64  // bytes in that folder; 0: 1 GiB
	Directory Directory
	// Match names the customer of a call; it may block.
	Match func(context.Context, crm.Query) (crm.Match, error)
	// Normalise parses a number as the exchange gave it.
	Normalise func(pbx, trunk, raw string) crm.Number
	// Learn is told, in the transaction that writes calls, to which queues they came; nil: nobody is.
	Learn func(context.Context, pgx.Tx, []crm.QueueSeen) error
	// Lease says whether this node writes an exchange's calls; nil: it writes all.
	Lease Lease
	Hours Hours        // on which the next tries of callbacks fall
	Log   *slog.Logger // nil: nothing is logged
}

// Lease says which node writes an exchange's calls. *db.Leases is one. It must not block.
type Lease interface {
	// Epoch is that of the node which writes them, 0 if it is not known, and whether that is this node.
	Epoch(pbx string) (epoch int64, leads bool)
	// Doubt is called when a write was refused because another node has taken over.
	Doubt()
}

// Directory names the agent behind an extension; it must not block. *crm.Directory is one.
type Directory interface {
	ByExtension(pbx, extension string) (crm.AgentRef, bool)
	// Loaded says that it knows the agents. Until then calls wait, in memory and in the spool, for it to name theirs.
	Loaded() bool
}

// Recorder writes calls down. See the package comment for what it guarantees.
type Recorder struct {
	cfg        RecorderConfig
	log        *slog.Logger
	met        *metrics
	spool      *spool
	quarantine quarantine

	wakeSpool chan struct{} // capacity one: an ended call wants the spool
	wakeWrite chan struct{} // capacity one: something wants the database
	hurry     chan struct{} // capacity one: somebody waits for it

	mu      sync.Mutex           // guards all below; never held across I/O
	pending map[uuid.UUID]*entry // calls whose newest picture is not in the database
	ended   []*entry             // of pending: over, and not in the spool yet
	given   uint64               // Updates so far
	away    bool                 // the database did not take the last batch
	full    bool                 // the spool did not take the last one
	moved   chan struct{}        // closed, and made anew, when something has been written
	lostAt  time.Time            // when a lost picture was last logged

	// Owned by the goroutine that writes.
	matches map[uuid.UUID]matched // of live calls, so that each is looked up once
	back    *reader               // the segment being read back; nil: none
	chunk   []picture             // what was read of it and is not written yet
	looked  time.Time             // when the database was last asked for what another node writes
	since   time.Time             // since when the database has been there, or this recorder

	unmatched int // look-ups in a row that failed although the database was there
}

// entry is a call whose newest picture is not in the database. Guarded by Recorder.mu.
type entry struct {
	call    pbx.Call
	since   uint64     // the first Update that no batch has taken yet; 0: none
	taken   uint64     // the first Update of those in the batch being written; 0: none
	ended   time.Time  // when the picture of its end came; zero: it goes on
	queued  bool       // in Recorder.ended
	spooled int64      // version of the newest picture in the spool; 0: none
	frames  []*segment // where the spool has its pictures, the newest last
}

// job is what a batch took of an entry.
type job struct {
	entry *entry
	call  pbx.Call
	ended time.Time // the entry's
}

// NewRecorder opens the spool, cutting off what a killed process left half-written. It does not use the database.
// The folder is this recorder's until Run has returned.
func NewRecorder(c RecorderConfig) (*Recorder, error) {
	if c.SpoolMax <= 0 {
		c.SpoolMax = defaultSpoolMax
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s, torn, err := openSpool(c.Spool, c.SpoolMax)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		cfg: c, log: c.Log, spool: s,
		quarantine: quarantine{path: filepath.Join(c.Spool, "quarantine.jsonl")},
		wakeSpool:  make(chan struct{}, 1),
		wakeWrite:  make(chan struct{}, 1),
		hurry:      make(chan struct{}, 1),
		pending:    make(map[uuid.UUID]*entry),
		moved:      make(chan struct{}),
		matches:    make(map[uuid.UUID]matched),
		since:      time.Now(),
	}
	if c.Lease == nil {
		r.cfg.Lease = alone{}
	}
	r.met = newMetrics(r)
	bytes, age, cold := s.state(time.Now())
	if torn > 0 {
		r.met.torn.Add(r.met.ctx, torn)
		r.log.Warn("the spool ended in a half-written call, which was cut off", "bytes", torn)
	}
	if cold {
		r.log.Info("calls of a former run wait in the spool", "bytes", bytes, "oldest", age.Round(time.Second))
		nudge(r.wakeWrite)
	}
	return r, nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// newer says that picture b tells more than a of the same call.
func newer(a, b *pbx.Call) bool {
	if over := b.State == pbx.StateEnded; over != (a.State == pbx.StateEnded) {
		return over
	}
	return b.Version > a.Version
}

// Update gives the recorder a picture of a call. It never blocks. Of several pictures only the newest is kept. What
// is given after Run has returned is lost.
func (r *Recorder) Update(call pbx.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given++
	e := r.pending[call.ID]
	switch {
	case e == nil && len(r.pending) >= mostPending:
		r.lose()
		return
	case e == nil:
		e = &entry{}
		r.pending[call.ID] = e
	case !newer(&e.call, &call):
		return
	}
	e.call = call
	if e.since == 0 {
		e.since = r.given
	}
	if call.State == pbx.StateEnded && e.ended.IsZero() {
		e.ended = time.Now()
	}
	if call.State == pbx.StateEnded && !e.queued {
		e.queued = true
		r.ended = append(r.ended, e)
		nudge(r.wakeSpool)
	}
	nudge(r.wakeWrite)
}

// lose counts a picture for which neither database, disk nor memory has room. Callers hold r.mu.
func (r *Recorder) lose() {
	r.met.lost.Add(r.met.ctx, 1)
	if now := time.Now(); now.Sub(r.lostAt) > 10*time.Second {
		r.lostAt = now
		r.log.Error("CALLS ARE BEING LOST: the database is away and the spool takes no more")
	}
}

// Run writes until ctx ends. Then it writes what is left, to the database if that answers within some seconds, else
// to the spool, and closes the spool. Whoever calls Update should have stopped by then. Run is called once.
func (r *Recorder) Run(ctx context.Context) error {
	stopSpool := make(chan struct{})
	var spooler, writer sync.WaitGroup
	spooler.Go(func() { r.runSpool(stopSpool) })
	writer.Go(func() { r.runWrite(ctx) })
	writer.Wait()
	close(stopSpool)
	spooler.Wait()
	if r.back != nil {
		r.back.close()
	}
	r.spool.close()
	r.met.close()
	return nil
}

// Sync waits until everything given so far is in the database (or, if it can never be written, in quarantine), whichever
// node writes it. Run must be running.
func (r *Recorder) Sync(ctx context.Context) error {
	r.mu.Lock()
	target := r.given
	r.mu.Unlock()
	asked := false
	for {
		nudge(r.hurry)
		r.mu.Lock()
		moved, waiting := r.moved, false
		for _, e := range r.pending {
			if e.since != 0 && e.since <= target || e.taken != 0 && e.taken <= target {
				waiting = true
				break
			}
		}
		r.mu.Unlock()
		if !waiting {
			if _, _, cold := r.spool.state(time.Time{}); !cold {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the call log: %w", ctx.Err())
		case <-moved:
		}
		if asked { // another node writes it, and is asked now and then
			pause(ctx, gather, nil)
		}
		asked = true
	}
}

// Backlog is what waits to be written, for readiness and people.
type Backlog struct {
	Pending    int           // calls in memory
	Held       int           // of them those that another node is to write, and has not yet
	SpoolBytes int64         // on disk
	Oldest     time.Duration // age of the oldest call on disk
	Away       bool          // the database did not take the last batch
	SpoolFull  bool          // the spool takes no more: what ends now is in memory only
}

// Backlog does not block.
func (r *Recorder) Backlog() Backlog {
	b := Backlog{}
	b.SpoolBytes, b.Oldest, _ = r.spool.state(time.Now())
	r.mu.Lock()
	defer r.mu.Unlock()
	b.Pending, b.Away, b.SpoolFull = len(r.pending), r.away, r.full
	for _, e := range r.pending {
		if _, leads := r.cfg.Lease.Epoch(e.call.PBX); !leads {
			b.Held++
		}
	}
	return b
}

// picture makes of a call what is kept: clean, and with the agents of its extensions.
func (r *Recorder) picture(call pbx.Call) picture {
	p := picture{Call: clean(call), Nameless: true}
	r.name(&p)
	return p
}

// name finds the agents of a picture that was made before the directory was there.
func (r *Recorder) name(p *picture) {
	if !p.Nameless || !r.cfg.Directory.Loaded() {
		return
	}
	p.Nameless = false
	for i := range p.Call.Legs {
		l := &p.Call.Legs[i]
		if l.Role != pbx.RoleAgent || l.Extension == "" {
			continue
		}
		if a, ok := r.cfg.Directory.ByExtension(p.Call.Exchange(l), l.Extension); ok {
			if p.Agents == nil {
				p.Agents = make(map[string]uuid.UUID, len(p.Call.Legs))
			}
			p.Agents[l.ID] = a.ID
		}
	}
}

// runSpool writes ended calls ahead of the database, and live ones while it is away. It waits for the disk only.
func (r *Recorder) runSpool(stop <-chan struct{}) {
	tick := time.NewTicker(spoolEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.wakeSpool:
			r.keep(false)
		case <-tick.C:
			r.keep(r.isAway())
			r.spool.free()
		case <-stop:
			r.keep(true)
			return
		}
	}
}

func (r *Recorder) isAway() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}

// keep writes to the spool what ended since it was last called; with live also what goes on.
func (r *Recorder) keep(live bool) {
	r.mu.Lock()
	var jobs []job
	for _, e := range r.ended {
		e.queued = false
		if r.pending[e.call.ID] == e && e.call.Version > e.spooled {
			jobs = append(jobs, job{e, e.call, e.ended})
		}
	}
	r.ended = nil
	if live {
		for _, e := range r.pending {
			if e.call.State != pbx.StateEnded && e.call.Version > e.spooled {
				jobs = append(jobs, job{e, e.call, e.ended})
			}
		}
	}
	r.mu.Unlock()
	for len(jobs) > 0 {
		n := min(len(jobs), batchMost)
		r.keepSome(jobs[:n])
		jobs = jobs[n:]
	}
}

func (r *Recorder) keepSome(jobs []job) {
	pictures := make([]picture, len(jobs))
	for i, j := range jobs {
		pictures[i] = r.picture(j.call)
	}
	began := time.Now()
	g, err := r.spool.append(pictures)
	r.met.spooled(time.Since(began), err)

	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if !r.full {
			r.log.Error("ALARM: ended calls cannot be kept on disk; they are in memory only", "err", err)
		}
		r.full = true
		for _, j := range jobs { // the next tick tries again
			if e := j.entry; e.call.State == pbx.StateEnded && !e.queued && r.pending[e.call.ID] == e {
				e.queued = true
				r.ended = append(r.ended, e)
			}
		}
		return
	}
	if r.full {
		r.log.Info("ended calls are kept on disk again")
	}
	r.full = false
	for _, j := range jobs {
		e := j.entry
		if r.pending[j.call.ID] != e { // in the database meanwhile
			r.spool.confirm(g)
			continue
		}
		e.frames = append(e.frames, g)
		e.spooled = j.call.Version
		if r.away {
			r.letGo(e)
		}
	}
}

// letGo leaves an ended call to the spool alone, so that memory stays small while the database is away. Callers hold
// r.mu.
func (r *Recorder) letGo(e *entry) {
	if e.taken != 0 || e.call.State != pbx.StateEnded || e.spooled != e.call.Version {
		return
	}
	newest := len(e.frames) - 1
	for _, g := range e.frames[:newest] {
		r.spool.confirm(g)
	}
	r.spool.leave(e.frames[newest])
	delete(r.pending, e.call.ID)
}

// errAway wraps what the database said when it did not take a batch.
var errAway = errors.New("the call log's database is away")

// errNameless is that of a database which was not there since the start.
var errNameless = fmt.Errorf("%w: who the agents are is not known yet", errAway)
