package calllog

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

const (
	repairDelay   = time.Minute      // after a gap, for the exchange to write its records
	repairEvery   = 15 * time.Second // how often it is looked for gaps
	repairTimeout = 2 * time.Minute
	repairFor     = 24 * time.Hour // for so long after a gap its calls are waited for
	repairPast    = 30 * 24 * time.Hour
	repairPiece   = time.Hour // of a gap that is done at a time
	repairPortion = 1000      // calls given to the recorder before it has written those before
	// The exchange's clock and ours may differ by so much.
	clockSlack = 5 * time.Second
)

// Recall tells the calls of an exchange that touch a stretch of time, by the exchange's own records. It may block.
type Recall func(ctx context.Context, from, to time.Time) ([]pbx.Recalled, error)

// RepairConfig says what a Repair works with. All fields but the last four are required.
type RepairConfig struct {
	DB       *db.DB
	Store    *Store
	Recorder *Recorder
	Records  map[string]Recall // by exchange
	Lease    Lease             // nil: this node alone
	Log      *slog.Logger      // nil: nothing is logged
	Delay    time.Duration     // after a gap, and before it is tried again; 0: a minute
	Every    time.Duration     // 0: 15 seconds
}

// Repair fills in what gaps hid, from the records that the exchanges keep of their calls by themselves. Each gap is
// done once, a minute after it has ended, by the node that leads the exchange:
//
//	a call that is not in the log       becomes a row, reconstructed, with its source
//	one that is reconstructed           gets its true end, talk and outcome
//	one that was joined in the middle   gets its beginning and the legs of before
//	all others                          stay as they are
//
// What ringbook saw of a call, and what a person wrote, is not changed. Calls are recognised by the ids of their channels.
// While a call of a gap goes on the gap is looked at again, for a day.
type Repair struct {
	cfg RepairConfig
	log *slog.Logger

	// Owned by Run.
	begun  map[gapKey]*repairState // gaps that were tried and are not done
	failed map[string]bool         // exchanges whose records could not be read
}

type gapKey struct {
	pbx      string
	from, to time.Time
}

type repairState struct {
	again            time.Time // when it is tried again
	added, completed int
}

// NewRepair makes a Repair; no I/O.
func NewRepair(c RepairConfig) *Repair {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Lease == nil {
		c.Lease = alone{}
	}
	c.Delay, c.Every = cmp.Or(c.Delay, repairDelay), cmp.Or(c.Every, repairEvery)
	return &Repair{cfg: c, log: c.Log, begun: map[gapKey]*repairState{}, failed: map[string]bool{}}
}

// Run looks for gaps until ctx ends. It is called once, on a migrated database, and returns nil.
func (r *Repair) Run(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.Every)
	defer tick.Stop()
	for {
		for name := range r.cfg.Records {
			if epoch, leads := r.cfg.Lease.Epoch(name); leads {
				r.round(ctx, name, epoch)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round does the gaps of one exchange that are due.
func (r *Repair) round(ctx context.Context, name string, epoch int64) {
	gaps, err := r.due(ctx, name)
	for _, g := range gaps {
		s := r.begun[g]
		if s == nil {
			s = &repairState{}
			r.begun[g] = s
		}
		if err != nil || time.Now().Before(s.again) {
			continue
		}
		// The longer it takes, the more seldom.
		s.again = time.Now().Add(max(r.cfg.Delay, time.Since(g.to)/4))
		err = r.repair(ctx, g, s, epoch)
	}
	if ctx.Err() != nil {
		return
	}
	if failed := err != nil; failed != r.failed[name] {
		r.failed[name] = failed
		if failed {
			r.log.Warn("what gaps hid cannot be filled in from the exchange's records now", "pbx", name, "err", err)
		} else {
			r.log.Info("the exchange's records can be read again", "pbx", name)
		}
	}
}

// due are the gaps that have ended and were not done, oldest first.
func (r *Repair) due(ctx context.Context, name string) ([]gapKey, error) {
	gaps, err := r.cfg.Store.Gaps(ctx, crm.System, GapFilter{From: time.Now().Add(-repairPast), Only: name, Limit: gapsMost})
	if err != nil {
		return nil, err
	}
	rows, err := r.cfg.DB.Pool().Query(ctx, `SELECT from_at, to_at FROM repair WHERE pbx = $1 AND to_at > $2`, name, time.Now().Add(-repairPast))
	if err != nil {
		return nil, fmt.Errorf("read which gaps are filled in: %w", err)
	}
	done, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g gapKey, err error) {
		err = row.Scan(&g.from, &g.to)
		return gapKey{name, g.from.UTC(), g.to.UTC()}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read which gaps are filled in: %w", err)
	}
	var due []gapKey
	for _, g := range slices.Backward(gaps) {
		if g.To == nil || time.Since(*g.To) < r.cfg.Delay {
			continue
		}
		if key := (gapKey{name, g.From.UTC(), g.To.UTC()}); !slices.Contains(done, key) {
			due = append(due, key)
		}
	}
	for key := range r.begun {
		if key.pbx == name && !slices.Contains(due, key) {
			delete(r.begun, key)
		}
	}
	return due, nil
}

// repair does one gap, as far as that can be done now, an hour of it at a time.
func (r *Repair) repair(ctx context.Context, g gapKey, s *repairState, epoch int64) error {
	var sum repairPlan
	for from := g.from; from.Before(g.to); from = from.Add(repairPiece) {
		piece := gapKey{g.pbx, from, from.Add(repairPiece)}
		if piece.to.After(g.to) {
			piece.to = g.to
		}
		p, err := r.fill(ctx, piece, epoch)
		if err != nil {
			return err
		}
		sum.unfinished = sum.unfinished || p.unfinished
		s.added, s.completed = s.added+p.added, s.completed+p.completed
		sum.added, sum.completed = sum.added+p.added, sum.completed+p.completed
	}
	if !sum.unfinished || time.Since(g.to) > repairFor {
		err := r.note(ctx, g.pbx, epoch, func(batch *pgx.Batch) {
			batch.Queue(`INSERT INTO repair (pbx, from_at, to_at, done_at, added, completed) VALUES ($1, $2, $3, now(), $4, $5)
				ON CONFLICT DO NOTHING`, g.pbx, g.from, g.to, s.added, s.completed)
		})
		if err != nil {
			return err
		}
		delete(r.begun, g)
	}
	if sum.added+sum.completed > 0 {
		r.log.Info("filled in what a gap hid, from the exchange's own records", "pbx", g.pbx, "from", g.from, "to", g.to,
			"added", sum.added, "completed", sum.completed)
	}
	return nil
}

// fill does one piece of a gap.
func (r *Repair) fill(ctx context.Context, g gapKey, epoch int64) (repairPlan, error) {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	calls, err := r.cfg.Records[g.pbx](ctx, g.from, g.to)
	if err != nil {
		return repairPlan{}, err
	}
	// What is on its way into the log is seen there.
	if err := r.cfg.Recorder.Sync(ctx); err != nil {
		return repairPlan{}, err
	}
	known, err := r.known(ctx, g.pbx, calls)
	if err != nil {
		return repairPlan{}, err
	}
	plan := known.plan(calls, g)
	for portion := range slices.Chunk(plan.calls, repairPortion) {
		for _, c := range portion {
			r.cfg.Recorder.Update(c)
		}
		if err := r.cfg.Recorder.Sync(ctx); err != nil {
			return repairPlan{}, err
		}
	}
	if len(plan.calls) == 0 {
		return plan, nil
	}
	return plan, r.note(ctx, g.pbx, epoch, func(batch *pgx.Batch) {
		for source, ids := range plan.sources {
			batch.Queue(`UPDATE call SET source = $2, partial = partial AND NOT id = ANY($3), ended_before = NULL
				WHERE id = ANY($1)`, ids, string(source), plan.whole)
		}
	})
}

// note writes under the epoch in which the work was begun.
func (r *Repair) note(ctx context.Context, name string, epoch int64, queue func(*pgx.Batch)) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	db.Fence(batch, name, epoch)
	queue(batch)
	if err := r.cfg.DB.InTx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
		return fmt.Errorf("note what was filled in: %w", err)
	}
	return nil
}
