package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// leaseTimings are a lease's; a test shortens them.
type leaseTimings struct {
	life   time.Duration // without a renewal, by the server's clock, a lease is anybody's after this
	renew  time.Duration // how often its holder renews it
	poll   time.Duration // how often the others look; a lease that is given back is announced as well
	margin time.Duration // the holder stops so much earlier, by its own clock
	answer time.Duration // what the server may take for one statement, or to let us in
	unfit  time.Duration // a holder that is unfit for so long gives way to a standby
	ready  time.Duration // that said within this time that it is one; see LeaseConfig.Fit
	anyway time.Duration // an unfit node takes what nobody has wanted for so long
}

var defaultLeaseTimings = leaseTimings{
	life: 10 * time.Second, renew: 3 * time.Second, poll: time.Second, margin: time.Second, answer: 2 * time.Second,
	unfit: 5 * time.Second, ready: 4 * time.Second, anyway: 3 * time.Second,
}

const leaseChannel = "ringbook_lease"

// ErrFenced is that of a write under an epoch that is over: another node has taken the lease since.
var ErrFenced = errors.New("another node has taken over")

// LeaseConfig says what a node wants to lead, and who it is. Owner, Node and Names are required.
type LeaseConfig struct {
	// Owner is the node's identity, which no other node has and which it keeps when it is started again: it takes what it
	// held when it was killed without waiting.
	Owner string
	Node  string   // its name, for people
	Names []string // of what is leased: the exchanges
	// Fit says whether the node is up to leading (it sees the exchange); nil: always. It must not block. An unfit holder
	// gives way to a fit standby if there is one; an unfit node takes only what no other wants.
	Fit func(name string) bool
	Log *slog.Logger // nil: nothing is logged
}

// Leases are a node's claims on what only one node may do at a time. Safe for concurrent use.
//
//	         taken: epoch + 1              renewed every 3 s
//	standby ──────────────────► leader ───────┐
//	   ▲                         │  ▲ └───────┘
//	   │    another has taken it │  │ renewed after all: same epoch
//	   ├─────────────────────────┤  │
//	   │                         ▼  │ not renewed for 9 s by the node's own clock
//	   └─────────────────────── lapsed
//
// The database is authoritative for who holds a lease, and until when, by its clock. A holder counts by its own monotonic
// clock from before it asked, so it stops before the database lets another in. A process that was stopped or whose words
// travelled for long does not know that it is late: therefore every write carries the epoch it was decided under, in a
// transaction that holds the lease's row (Fence), and is refused once there is a newer one.
type Leases struct {
	db      *DB
	config  LeaseConfig
	log     *slog.Logger
	timings leaseTimings
	metrics *leaseMetrics
	hurry   chan struct{} // capacity one: look now
	leaving atomic.Bool   // the node is about to end

	mu     sync.Mutex        // guards what follows
	leases map[string]*lease // never changes, but what it leads to
	told   func(name string)
}

// lease is what the node knows of one. Guarded by Leases.mu.
type lease struct {
	known  bool      // the row was read
	node   string    // who holds it; empty: nobody
	epoch  int64     // of the row
	mine   bool      // it is ours by what we know
	until  time.Time // while mine: when we stop, by our own clock
	since  time.Time // since when node holds it, as far as we saw
	leads  bool      // what was said last
	ready  string    // the name of a standby
	claims int       // times that we tried to take it

	// Owned by Run.
	renewed time.Time // when the last renewal that succeeded was sent, or the last look
	free    time.Time // since when it has been nobody's; zero: it is somebody's
	unfit   time.Time // since when we have been unfit to hold it; zero: we are fit
}

// LeaseStatus is what people are told about a lease.
type LeaseStatus struct {
	Name    string
	Known   bool      // false: the database has not told yet
	Node    string    // the holder's name; empty: nobody
	Leads   bool      // this node holds it, and may act
	Epoch   int64     // of the holder
	Since   time.Time // since when the holder has held it, as far as this node knows
	Standby string    // the name of a node that is ready to take over; empty: none said so lately
}

// NewLeases makes claims that are not made yet: no I/O. Run makes them.
func (d *DB) NewLeases(c LeaseConfig) *Leases {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Fit == nil {
		c.Fit = func(string) bool { return true }
	}
	l := &Leases{
		db: d, config: c, log: c.Log, timings: defaultLeaseTimings,
		hurry: make(chan struct{}, 1), leases: map[string]*lease{}, told: func(string) {},
	}
	for _, name := range c.Names {
		l.leases[name] = &lease{}
	}
	l.metrics = newLeaseMetrics(l)
	return l
}

// OnChange calls f when this node has begun to lead, or has learnt that it does not any more; f must not block. That a
// lease lapsed is told late: ask Epoch. It is called before Run.
func (l *Leases) OnChange(f func(name string)) { l.told = f }

// Epoch is the epoch of the lease's holder, as far as this node knows (0: not at all), and whether that is this node and
// it may act now. What has no lease anybody may do: epoch 0, and leads. It does not block.
func (l *Leases) Epoch(name string) (epoch int64, leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.leases[name]
	if x == nil {
		return 0, true
	}
	return x.epoch, x.held(time.Now())
}

func (x *lease) held(now time.Time) bool { return x.mine && now.Before(x.until) }

// Doubt says that a write was refused: the leases are looked at anew, at once.
func (l *Leases) Doubt() {
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

// Leave says that this node is about to end: what a standby is ready to take it gives back at once, and the rest when Run
// ends. It does not block.
func (l *Leases) Leave() {
	l.leaving.Store(true)
	l.Doubt()
}

// Status tells about every lease, in the order of LeaseConfig.Names. It does not block.
func (l *Leases) Status() []LeaseStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	all := make([]LeaseStatus, 0, len(l.leases))
	for _, name := range l.config.Names {
		x := l.leases[name]
		all = append(all, LeaseStatus{
			Name: name, Known: x.known, Node: x.node, Leads: x.held(now), Epoch: x.epoch, Since: x.since, Standby: x.ready,
		})
	}
	return all
}

// Fence queues what makes a transaction fail with ErrFenced, when the batch is closed, unless the lease has this epoch
// still; and what keeps the lease from being taken until the transaction ends. Epoch 0 is that of what has no lease, and
// queues nothing. It belongs at the beginning of the batch.
func Fence(b *pgx.Batch, name string, epoch int64) {
	if epoch == 0 {
		return
	}
	// KEY SHARE lets the holder renew the lease meanwhile, and keeps out FOR UPDATE, by which it is taken.
	b.Queue(`SELECT true FROM lease WHERE name = $1 AND epoch = $2 FOR KEY SHARE`, name, epoch).QueryRow(func(row pgx.Row) error {
		var current bool
		err := row.Scan(&current)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("act for %s under epoch %d: %w", name, epoch, ErrFenced)
		}
		return err
	})
}

// Run claims the leases, and renews what it has, until ctx ends; then it gives them back, so that another node takes over
// at once. The database must be migrated. It survives the database's absence, and returns nil. It is called once.
func (l *Leases) Run(ctx context.Context) error {
	defer l.metrics.close()
	failing := false
	for ctx.Err() == nil {
		err := l.session(ctx, &failing)
		if ctx.Err() != nil {
			break
		}
		l.lapse()
		if !failing {
			failing = true
			l.log.Warn("leases cannot be renewed; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.timings.poll/8 + rand.N(l.timings.poll/4)):
		}
	}
	return nil
}

// session looks after the leases on one connection, until that fails or ctx ends.
func (l *Leases) session(ctx context.Context, failing *bool) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timings.answer)
		defer cancel()
		if ctx.Err() != nil {
			l.giveBack(closing, conn)
		}
		_ = conn.Close(closing) // the server notices otherwise
	}()
	for ctx.Err() == nil {
		wait := l.timings.poll
		for _, name := range l.config.Names {
			next, err := l.turn(ctx, conn, name)
			if err != nil {
				return err
			}
			wait = min(wait, next)
		}
		l.lapse()
		if *failing {
			*failing = false
			l.log.Info("leases are looked after again")
		}
		if _, err := await(ctx, conn, l.hurry, wait); err != nil {
			return err
		}
	}
	return nil
}

// connect opens the leases' own connection, and makes the rows that are not there yet.
func (l *Leases) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := l.db.connect(ctx, leaseChannel, l.timings.answer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.timings.answer)
	defer cancel()
	if _, err := conn.Exec(ctx, `
		INSERT INTO lease (name, owner, node, epoch, renewed_at, expires_at, standby, standby_at)
		SELECT unnest($1::text[]), '', '', 0, '-infinity', '-infinity', '', '-infinity' ON CONFLICT (name) DO NOTHING`,
		l.config.Names); err != nil {
		_ = conn.Close(ctx) // it is of no use
		return nil, fmt.Errorf("begin with the leases: %w", err)
	}
	return conn, nil
}

// turn does what is due for one lease, and says when it is due again.
func (l *Leases) turn(ctx context.Context, conn *pgx.Conn, name string) (next time.Duration, err error) {
	// The end of ctx does not cut off what is under way: the connection is needed to give the leases back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timings.answer)
	defer cancel()
	x := l.leases[name]
	leaving := l.leaving.Load()
	fit := !leaving && l.config.Fit(name)
	if !x.mine {
		return l.watch(ctx, conn, name, fit)
	}
	now := time.Now()
	switch {
	case fit:
		x.unfit = time.Time{}
	case x.unfit.IsZero() && !leaving:
		x.unfit = now
	case leaving || now.Sub(x.unfit) > l.timings.unfit:
		gave, err := l.giveWay(ctx, conn, name)
		if err != nil || gave {
			return l.timings.poll, err
		}
	}
	if age := now.Sub(x.renewed); age < l.timings.renew {
		return l.timings.renew - age, nil
	}
	var standby string
	err = conn.QueryRow(ctx, `
		UPDATE lease SET renewed_at = clock_timestamp(), expires_at = clock_timestamp() + $4::interval
		WHERE name = $1 AND owner = $2 AND epoch = $3
		RETURNING CASE WHEN standby_at > clock_timestamp() - $5::interval THEN standby ELSE '' END`,
		name, l.config.Owner, x.epoch, l.timings.life, l.timings.ready).Scan(&standby)
	if errors.Is(err, pgx.ErrNoRows) {
		return l.watch(ctx, conn, name, fit)
	}
	if err != nil {
		return 0, fmt.Errorf("renew the lease of %s: %w", name, err)
	}
	x.renewed = now
	l.learn(name, func(x *lease) { x.until, x.ready = now.Add(l.timings.life-l.timings.margin), standby })
	return l.timings.renew, nil
}

// watch looks at a lease that is not ours, and takes it if it may be taken.
func (l *Leases) watch(ctx context.Context, conn *pgx.Conn, name string, fit bool) (next time.Duration, err error) {
	var owner, node, standby string
	var epoch int64
	var left time.Duration // that the lease has
	x := l.leases[name]
	say := ""
	if fit {
		say = l.config.Node
	}
	// A standby that is fit says so every other time that it looks.
	err = conn.QueryRow(ctx, `
		WITH said AS (
			UPDATE lease SET standby = $2, standby_at = clock_timestamp() WHERE name IN (
				SELECT name FROM lease WHERE name = $1 AND $2 <> '' AND owner <> '' AND standby_at < clock_timestamp() - $3::interval
				FOR NO KEY UPDATE SKIP LOCKED))
		SELECT owner, node, epoch, greatest(expires_at, clock_timestamp()) - clock_timestamp(),
			CASE WHEN standby_at > clock_timestamp() - $4::interval THEN standby ELSE '' END
		FROM lease WHERE name = $1`, name, say, l.timings.ready/2, l.timings.ready).Scan(&owner, &node, &epoch, &left, &standby)
	if err != nil {
		return 0, fmt.Errorf("look at the lease of %s: %w", name, err)
	}
	if left <= 0 || owner == "" {
		node = ""
	}
	l.learn(name, func(x *lease) {
		if x.node != node || x.epoch != epoch {
			x.since = time.Now()
		}
		x.known, x.mine, x.node, x.epoch, x.ready = true, false, node, epoch, standby
	})
	former := owner == l.config.Owner && x.claims == 0 // what this data folder's process before held
	if node != "" && !former {
		x.free = time.Time{}
		return min(l.timings.poll, left+time.Millisecond), nil
	}
	if x.free.IsZero() {
		x.free = time.Now()
	}
	if patience := l.timings.anyway - time.Since(x.free); !fit && patience > 0 && !former {
		return min(l.timings.poll, patience), nil
	}
	return l.take(ctx, conn, name, former)
}

// take takes a lease that has expired, was given back, or was that of this node before it was killed.
func (l *Leases) take(ctx context.Context, conn *pgx.Conn, name string, former bool) (next time.Duration, err error) {
	x := l.leases[name]
	x.claims++
	asked := time.Now()
	var epoch int64
	var before string
	var gap *time.Duration // since the holder before showed its last sign of life; nil: there was none
	err = conn.QueryRow(ctx, `
		WITH old AS (
			SELECT node, CASE WHEN isfinite(renewed_at) THEN clock_timestamp() - renewed_at END AS gap FROM lease
			WHERE name = $1 AND (expires_at <= clock_timestamp() OR owner = '' OR $4 AND owner = $2) FOR UPDATE)
		UPDATE lease l SET owner = $2, node = $3, epoch = l.epoch + 1, renewed_at = clock_timestamp(),
			expires_at = clock_timestamp() + $5::interval, standby_at = '-infinity'
		FROM old WHERE l.name = $1
		RETURNING l.epoch, old.node, old.gap`, name, l.config.Owner, l.config.Node, former, l.timings.life).Scan(&epoch, &before, &gap)
	switch {
	case errors.Is(err, pgx.ErrNoRows): // another was faster
		return l.timings.poll / 10, nil
	case isLocked(err): // a write of the holder before is under way
		return l.timings.poll / 10, l.evict(ctx, conn, name)
	case err != nil:
		return 0, fmt.Errorf("take the lease of %s: %w", name, err)
	}
	x.renewed, x.free, x.unfit = asked, time.Time{}, time.Time{}
	l.learn(name, func(x *lease) {
		x.known, x.mine, x.node, x.epoch, x.since, x.ready = true, true, l.config.Node, epoch, asked, ""
		x.until = asked.Add(l.timings.life - l.timings.margin)
	})
	attrs := []any{"lease", name, "node", l.config.Node, "epoch", epoch}
	if gap != nil {
		l.metrics.took(name, *gap)
		attrs = append(attrs, "from", before, "silent_for", gap.Round(time.Millisecond))
	}
	l.log.Info("this node leads now", attrs...)
	return l.timings.renew, nil
}

// evict ends the sessions that keep an expired lease from being taken: those of a process that was stopped, or cut off,
// in the middle of a write. They hold a row of the table, and have been waiting for their client for a while.
func (l *Leases) evict(ctx context.Context, conn *pgx.Conn, name string) error {
	tag, err := conn.Exec(ctx, `
		SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
		WHERE a.pid <> pg_backend_pid() AND a.wait_event_type = 'Client' AND a.state_change < clock_timestamp() - interval '1 s'
		AND EXISTS (SELECT FROM pg_locks k WHERE k.pid = a.pid AND k.granted AND k.mode = 'RowShareLock'
			AND k.relation = 'lease'::regclass AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	if err != nil {
		l.log.Warn("writes of the node before cannot be ended", "lease", name, "err", err)
		return nil // they end by themselves some time
	}
	if n := tag.RowsAffected(); n > 0 {
		l.log.Warn("ended writes of a node that has stopped in their middle", "lease", name, "writes", n)
	}
	return nil
}

// isLocked says that a row was locked for longer than we wait.
func isLocked(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

const giveBack = `
	UPDATE lease SET owner = '', node = '', renewed_at = clock_timestamp(), expires_at = '-infinity'
	WHERE name = $1 AND owner = $2 AND epoch = $3`

// giveWay gives a lease back that we are unfit to hold, if another node is ready to take it.
func (l *Leases) giveWay(ctx context.Context, conn *pgx.Conn, name string) (gave bool, err error) {
	x := l.leases[name]
	tag, err := conn.Exec(ctx, giveBack+` AND standby_at > clock_timestamp() - $4::interval`, name, l.config.Owner, x.epoch, l.timings.ready)
	if err != nil {
		return false, fmt.Errorf("give the lease of %s back: %w", name, err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	if l.leaving.Load() {
		l.log.Info("this node has stopped leading", "lease", name, "node", l.config.Node)
	} else {
		l.log.Warn("this node does not see the exchange; it gives way to one that does", "lease", name)
	}
	l.learn(name, func(x *lease) { x.mine, x.node = false, "" })
	_, err = conn.Exec(ctx, `SELECT pg_notify($1, $2)`, leaseChannel, name)
	return true, err
}

// giveBack gives all leases back.
func (l *Leases) giveBack(ctx context.Context, conn *pgx.Conn) {
	for _, name := range l.config.Names {
		x := l.leases[name]
		if !x.mine {
			continue
		}
		_, err := conn.Exec(ctx, giveBack, name, l.config.Owner, x.epoch)
		if err == nil {
			_, err = conn.Exec(ctx, `SELECT pg_notify($1, $2)`, leaseChannel, name)
		}
		if err != nil {
			l.log.Warn("a lease could not be given back; it expires by itself", "lease", name, "err", err)
		} else {
			l.log.Info("this node has stopped leading", "lease", name, "node", l.config.Node)
		}
		l.learn(name, func(x *lease) { x.mine, x.node = false, "" })
	}
}

// learn changes what is known of a lease, and tells if that makes us begin or stop leading.
func (l *Leases) learn(name string, change func(*lease)) {
	l.mu.Lock()
	x := l.leases[name]
	change(x)
	leads := x.held(time.Now())
	changed := leads != x.leads
	x.leads = leads
	l.mu.Unlock()
	if changed {
		l.told(name)
	}
}

// lapse tells of what we may not lead any more, as it could not be renewed.
func (l *Leases) lapse() {
	for _, name := range l.config.Names {
		before := l.leases[name].leads
		l.learn(name, func(*lease) {})
		if before && !l.leases[name].leads {
			l.log.Warn("this node has stopped leading: its lease could not be renewed", "lease", name, "node", l.config.Node)
		}
	}
}
