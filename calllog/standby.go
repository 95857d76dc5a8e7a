package calllog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/pbx"
)

const (
	compareEvery = time.Second      // how often the database is asked for what another node is to write
	compareMost  = 5_000            // calls in one such question
	heldMost     = 2_000            // ended calls in memory that another node is to write; more are left to the spool
	leaderTime   = 15 * time.Second // that another node has to write an ended call, before this one does it
)

// alone is the Lease of a node that shares with nobody.
type alone struct{}

func (alone) Epoch(string) (int64, bool) { return 0, true }
func (alone) Doubt()                     {}

// epochs are those under which a batch is written, by exchange, as they were when it was decided.
type epochs map[string]leadership

type leadership struct {
	epoch int64
	leads bool
}

// of asks once for each exchange.
func (e epochs) of(l Lease, pbx string) leadership {
	x, known := e[pbx]
	if !known {
		x.epoch, x.leads = l.Epoch(pbx)
		e[pbx] = x
	}
	return x
}

// fence queues what refuses the batch when one of the exchanges of rows has another leader by now. The order is the same
// on every node.
func (e epochs) fence(b *pgx.Batch, rows []row) {
	var names []string
	for i := range rows {
		if name := rows[i].Call.PBX; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		db.Fence(b, name, e[name].epoch)
	}
}

// Lead says that this node has begun, or stopped, to write an exchange's calls: what has not been written yet is looked
// at anew. It does not block.
func (r *Recorder) Lead() {
	nudge(r.hurry)
}

// compare looks what another node has written of the calls that are its to write, and forgets those. A call that ended a
// while ago, and that the other has not written as completely as it is known here (its stream was cut, it was not there),
// this node writes: no fence keeps out what is merged in, only what comes from a time before the present leader's.
func (r *Recorder) compare(ctx context.Context, hurried bool) (next time.Duration, err error) {
	if wait := compareEvery - time.Since(r.looked); wait > 0 && !hurried {
		if r.holds() {
			return wait, nil
		}
		return -1, nil
	}
	jobs, under := r.takeSome(compareMost, func(leads bool) bool { return !leads })
	if len(jobs) == 0 {
		return -1, nil
	}
	r.looked = time.Now()
	calls := make([]*pbx.Call, len(jobs))
	for i := range jobs {
		calls[i] = &jobs[i].call
	}
	told, err := r.told(ctx, calls)
	if err != nil {
		r.took(jobs, false)
		return 0, err
	}
	var done, late, waiting []job
	for i, j := range jobs {
		switch {
		case told[i]:
			done = append(done, j)
		case j.call.State == pbx.StateEnded && time.Since(j.ended) > leaderTime && under[j.call.PBX].epoch > 0:
			late = append(late, j)
		default:
			waiting = append(waiting, j)
		}
	}
	r.took(done, true)
	r.took(waiting, false)
	for len(late) > 0 {
		n := min(len(late), batchMost)
		if err == nil {
			err = r.put(ctx, r.pictures(late[:n]), under)
			r.met.helped(n, err)
		}
		r.took(late[:n], err == nil)
		late = late[n:]
	}
	r.shed()
	if err != nil || len(waiting) == 0 {
		return -1, err
	}
	return compareEvery, nil
}

// holds says whether there is a call that another node is to write.
func (r *Recorder) holds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	under := epochs{}
	for _, e := range r.pending {
		if !under.of(r.cfg.Lease, e.call.PBX).leads {
			return true
		}
	}
	return false
}

// shed leaves ended calls to the spool where there are many that another node has not written.
func (r *Recorder) shed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	ended := 0
	for _, e := range r.pending {
		if e.call.State == pbx.StateEnded {
			if ended++; ended > heldMost {
				r.letGo(e)
			}
		}
	}
}

// putChunk writes what was read back of the spool. What another node is to write it has some time for; next is when to
// ask again, 0 at once.
func (r *Recorder) putChunk(ctx context.Context) (next time.Duration, err error) {
	under := epochs{}
	var theirs []*pbx.Call
	for i := range r.chunk {
		if c := &r.chunk[i].Call; !under.of(r.cfg.Lease, c.PBX).leads {
			theirs = append(theirs, c)
		}
	}
	if len(theirs) > 0 {
		told, err := r.told(ctx, theirs)
		if err != nil {
			return 0, err
		}
		done := map[*pbx.Call]bool{}
		patient := false
		for i, c := range theirs {
			done[c] = told[i]
			patient = patient || !told[i] && (under[c.PBX].epoch == 0 || time.Since(r.since) < leaderTime)
		}
		if patient {
			return compareEvery, nil
		}
		rest := r.chunk[:0:0]
		for i := range r.chunk {
			if !done[&r.chunk[i].Call] {
				rest = append(rest, r.chunk[i])
			}
		}
		r.chunk = rest
	}
	if len(r.chunk) > 0 {
		if err := r.put(ctx, r.chunk, under); err != nil {
			return 0, err
		}
	}
	r.chunk = nil
	return 0, nil
}

// told says of each of the calls whether its row tells at least as much.
func (r *Recorder) told(ctx context.Context, calls []*pbx.Call) ([]bool, error) {
	ids := make([]uuid.UUID, len(calls))
	for i, c := range calls {
		ids[i] = c.ID
	}
	rows, err := r.cfg.DB.Pool().Query(ctx, `SELECT id, version, state, reconstructed, partial FROM call WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	found := make(map[uuid.UUID]pbx.Call, len(calls))
	var c pbx.Call
	if _, err := pgx.ForEachRow(rows, []any{&c.ID, &c.Version, &c.State, &c.Reconstructed, &c.Partial}, func() error {
		found[c.ID] = c
		return nil
	}); err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	told := make([]bool, len(calls))
	for i, c := range calls {
		row, known := found[c.ID]
		told[i] = known && tellsAll(&row, c)
	}
	return told, nil
}

// tellsAll says that a row tells at least as much as a picture, by the same rules by which pictures are merged. Versions
// are the exchange's milliseconds, and count on from there: nodes that saw the same events may differ in what they counted.
func tellsAll(row, c *pbx.Call) bool {
	over := c.State == pbx.StateEnded
	switch {
	case (row.State == pbx.StateEnded) != over:
		return !over
	case over && row.Reconstructed != c.Reconstructed:
		return c.Reconstructed
	case over && row.Partial != c.Partial:
		return c.Partial
	}
	return row.Version/1000 >= c.Version/1000
}
