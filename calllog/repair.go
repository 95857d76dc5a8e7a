package calllog

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
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
			if _, leads := r.cfg.Lease.Epoch(name); leads {
				r.round(ctx, name)
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
func (r *Repair) round(ctx context.Context, name string) {
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
		err = r.repair(ctx, g, s)
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

// repair does one gap, as far as that can be done now.
func (r *Repair) repair(ctx context.Context, g gapKey, s *repairState) error {
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	calls, err := r.cfg.Records[g.pbx](ctx, g.from, g.to)
	if err != nil {
		return err
	}
	// What is on its way into the log is seen there.
	if err := r.cfg.Recorder.Sync(ctx); err != nil {
		return err
	}
	known, err := r.known(ctx, g.pbx, calls)
	if err != nil {
		return err
	}
	plan := known.plan(calls, g)
	for _, c := range plan.calls {
		r.cfg.Recorder.Update(c)
	}
	if err := r.cfg.Recorder.Sync(ctx); err != nil {
		return err
	}
	done := !plan.unfinished || time.Since(g.to) > repairFor
	err = r.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		for source, ids := range plan.sources {
			if _, err := tx.Exec(ctx, `UPDATE call SET source = $2, partial = partial AND NOT id = ANY($3), ended_before = NULL
				WHERE id = ANY($1)`, ids, string(source), plan.whole); err != nil {
				return err
			}
		}
		if !done {
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO repair (pbx, from_at, to_at, done_at, added, completed) VALUES ($1, $2, $3, now(), $4, $5)
			ON CONFLICT DO NOTHING`, g.pbx, g.from, g.to, s.added+plan.added, s.completed+plan.completed)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what was filled in: %w", err)
	}
	s.added, s.completed = s.added+plan.added, s.completed+plan.completed
	if done {
		delete(r.begun, g)
	}
	if plan.added+plan.completed > 0 {
		r.log.Info("filled in what a gap hid, from the exchange's own records", "pbx", g.pbx, "from", g.from, "to", g.to,
			"calls", len(calls), "added", plan.added, "completed", plan.completed)
	}
	return nil
}

// knownCall is a call as the log has it.
type knownCall struct {
	id                          uuid.UUID
	version                     int64
	state                       pbx.State
	partial, reconstructed      bool
	whole                       bool
	merged                      bool // it is part of another, perhaps another exchange's
	direction                   pbx.Direction
	caller                      pbx.Party
	dialed, trunk, queue, given string
	hold                        int64
	source                      pbx.Source
	legs                        []knownLeg
}

type knownLeg struct {
	id, channel string
	offered     time.Time
	seen        bool // its end, by ringbook
}

// knownCalls are the calls of the log among which recalled ones are looked for.
type knownCalls struct {
	byLeg     map[string]*knownCall // by the id of a channel
	byChannel map[string][]*knownCall
}

// known reads the calls of the log that began when the recalled ones did.
func (r *Repair) known(ctx context.Context, name string, calls []pbx.Recalled) (knownCalls, error) {
	k := knownCalls{map[string]*knownCall{}, map[string][]*knownCall{}}
	if len(calls) == 0 {
		return k, nil
	}
	first, last := calls[0].Call.StartedAt, calls[0].Call.StartedAt
	for _, c := range calls {
		if c.Call.StartedAt.Before(first) {
			first = c.Call.StartedAt
		}
		if c.Call.StartedAt.After(last) {
			last = c.Call.StartedAt
		}
	}
	const apart = 10 * time.Minute
	rows, err := r.cfg.DB.Pool().Query(ctx, `
		SELECT c.id, c.version, c.state, c.partial, c.reconstructed, c.whole, c.direction, c.caller_raw, c.caller_name, c.caller_withheld,
			c.dialed_raw, c.trunk, c.queue, c.customer_ref, c.hold_ms, c.source, c.merged_into IS NOT NULL, l.id, l.channel, l.offered_at, l.ended_as NOT IN ('', 'lost')
		FROM call c JOIN call_leg l ON l.call_id = c.id WHERE c.pbx = $1 AND c.started_at BETWEEN $2 AND $3`,
		name, first.Add(-apart), last.Add(apart))
	if err != nil {
		return k, fmt.Errorf("read the calls of a gap: %w", err)
	}
	defer rows.Close()
	byID := map[uuid.UUID]*knownCall{}
	for rows.Next() {
		var c knownCall
		var l knownLeg
		if err := rows.Scan(&c.id, &c.version, &c.state, &c.partial, &c.reconstructed, &c.whole, &c.direction, &c.caller.Number, &c.caller.Name,
			&c.caller.Withheld, &c.dialed, &c.trunk, &c.queue, &c.given, &c.hold, &c.source, &c.merged, &l.id, &l.channel, &l.offered, &l.seen); err != nil {
			return k, fmt.Errorf("read the calls of a gap: %w", err)
		}
		call := byID[c.id]
		if call == nil {
			call = &c
			byID[c.id] = call
		}
		call.legs = append(call.legs, l)
		if other := k.byLeg[channelOf(l.id)]; other == nil || other.merged {
			k.byLeg[channelOf(l.id)] = call
		}
		if l.channel != "" {
			k.byChannel[l.channel] = append(k.byChannel[l.channel], call)
		}
	}
	if err := rows.Err(); err != nil {
		return k, fmt.Errorf("read the calls of a gap: %w", err)
	}
	return k, nil
}

// find looks for a recalled call: by the channel that began it, then by any other. Call records do not tell the ids of the
// channels that were called; those are known by their names.
func (k knownCalls) find(c *pbx.Call) *knownCall {
	for i := range c.Legs {
		if found := k.byLeg[channelOf(c.Legs[i].ID)]; found != nil {
			return found
		}
	}
	for i := range c.Legs {
		for _, found := range k.byChannel[c.Legs[i].Channel] {
			if slices.ContainsFunc(found.legs, func(l knownLeg) bool { return l.is(&c.Legs[i]) }) {
				return found
			}
		}
	}
	return nil
}

// is tells whether a recalled leg is this one. Names of channels are used again after the exchange has started anew.
func (k knownLeg) is(l *pbx.Leg) bool {
	if nameless := l.Channel != "" && strings.HasPrefix(l.ID, l.Channel); nameless {
		return k.channel == l.Channel && k.offered.Sub(l.OfferedAt).Abs() < time.Minute
	}
	return channelOf(k.id) == channelOf(l.ID)
}

// repairPlan is what one gap needs.
type repairPlan struct {
	calls            []pbx.Call
	sources          map[pbx.Source][]uuid.UUID
	whole            []uuid.UUID // of calls: was seen from the beginning by the exchange
	added, completed int
	unfinished       bool // a call of it goes on
}

func (k knownCalls) plan(recalled []pbx.Recalled, g gapKey) repairPlan {
	p := repairPlan{sources: map[pbx.Source][]uuid.UUID{}, whole: []uuid.UUID{}}
	ids := map[uuid.UUID]uuid.UUID{} // as recalled: as known
	for i := range recalled {
		if found := k.find(&recalled[i].Call); found != nil {
			ids[recalled[i].Call.ID] = found.id
		}
	}
	for _, rec := range recalled {
		c := rec.Call
		if id, ok := ids[c.MergedInto]; ok && c.MergedInto != uuid.Nil {
			c.MergedInto = id
		}
		found := k.find(&c)
		within := !c.StartedAt.After(g.to.Add(clockSlack)) && (c.EndedAt.IsZero() || !c.EndedAt.Before(g.from.Add(-clockSlack)))
		switch {
		case !within, found != nil && found.merged:
			continue
		case found == nil && c.State != pbx.StateEnded,
			found != nil && found.state != pbx.StateEnded,
			found != nil && (found.partial || found.reconstructed) && c.State != pbx.StateEnded:
			p.unfinished = true
			continue
		case found == nil:
			c.Reconstructed = true // whoever saw it after all, and has it in a spool, knows better
			p.added++
		case found.partial || found.reconstructed && found.source == pbx.SourceLive:
			found.complete(&c)
			p.completed++
		default:
			continue
		}
		if !rec.Call.Partial {
			p.whole = append(p.whole, c.ID)
		}
		p.calls = append(p.calls, c)
		p.sources[rec.Source] = append(p.sources[rec.Source], c.ID)
	}
	return p
}

// complete makes of a recalled call the picture that completes what is known of it: what was seen stays.
func (k *knownCall) complete(c *pbx.Call) {
	c.ID, c.MergedInto, c.Reconstructed = k.id, uuid.Nil, true
	c.Version = k.version
	if k.reconstructed {
		c.Version++ // what is told of the end is better than what was assumed
	}
	if k.whole {
		c.Direction, c.Caller, c.Dialed, c.Trunk = k.direction, k.caller, k.dialed, k.trunk
	}
	if k.queue != "" {
		c.Queue = k.queue
	}
	c.CustomerRef = k.given
	c.Hold = max(c.Hold, time.Duration(k.hold)*time.Millisecond)
	legs := make([]pbx.Leg, 0, len(c.Legs))
	for _, l := range c.Legs {
		at := slices.IndexFunc(k.legs, func(o knownLeg) bool {
			return channelOf(o.id) == channelOf(l.ID) || o.channel == l.Channel && l.Channel != ""
		})
		if at >= 0 {
			if k.legs[at].seen {
				continue
			}
			l.ID = k.legs[at].id
		}
		legs = append(legs, l)
	}
	c.Legs = legs
}
