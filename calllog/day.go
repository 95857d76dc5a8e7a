package calllog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// QueueDay is what has become of a queue's calls since the day began. A call counts for the last queue it came to, as everywhere.
type QueueDay struct {
	Offered   int           // came, also those who wait now
	Answered  int           // by an agent
	Abandoned int           // hung up while they waited
	InTime    int           // answered within the queue's target
	Decided   int           // answered, or over without an answer: of these InTime is a share
	Wait      time.Duration // of those decided, together
}

// AverageWait is how long callers waited, from their call's beginning, until they were answered or it was over.
func (d QueueDay) AverageWait() time.Duration {
	if d.Decided == 0 {
		return 0
	}
	return d.Wait / time.Duration(d.Decided)
}

// Day is the figures of a day until a moment. Nobody changes it any more.
type Day struct {
	From   time.Time // midnight, where the business is
	At     time.Time // when they were read
	Queues map[uuid.UUID]QueueDay
}

const (
	dayPace  = 3 * time.Second  // the least time between two readings
	dayShare = 50               // the database is busy with it for at most one part in this many
	dayIdle  = 30 * time.Second // after it has not been asked for, nothing is read
)

// Days reads the figures of the day again and again, for all who want them together: as long as somebody does, and no more often
// than every dayPace. Safe for concurrent use.
type Days struct {
	store   *Store
	zone    *time.Location
	log     *slog.Logger
	changed func() // told of new figures; set before Run
	wake    chan struct{}

	mu     sync.Mutex // guards what follows
	now    *Day       // nil: never read
	wanted time.Time
}

// NewDays makes one for days of a time zone; no I/O. changed is called with every new reading and must not block; nil: nobody is.
func NewDays(s *Store, zone *time.Location, log *slog.Logger, changed func()) *Days {
	if changed == nil {
		changed = func() {}
	}
	return &Days{store: s, zone: zone, log: log, changed: changed, wake: make(chan struct{}, 1)}
}

// Today is the newest reading; nil: there is none yet, or it is of another day. It does not block, and has the next one made.
func (d *Days) Today() *Day {
	d.mu.Lock()
	now, at := d.now, time.Now()
	idle := at.Sub(d.wanted) > dayIdle
	d.wanted = at
	d.mu.Unlock()
	if idle {
		select {
		case d.wake <- struct{}{}:
		default: // Run will look anyway
		}
	}
	if now != nil && !now.From.Equal(midnight(at, d.zone)) {
		return nil
	}
	return now
}

// Run reads until ctx ends. It survives the database's absence, returns nil, and is called once.
func (d *Days) Run(ctx context.Context) error {
	failed := 0
	for {
		d.mu.Lock()
		idle := time.Since(d.wanted) > dayIdle
		d.mu.Unlock()
		if idle {
			select {
			case <-ctx.Done():
				return nil
			case <-d.wake:
			}
		}
		began := time.Now()
		day, err := d.store.Day(ctx, began, d.zone)
		switch {
		case err != nil:
			if failed++; failed == 1 && ctx.Err() == nil {
				d.log.WarnContext(ctx, "the day's figures cannot be read, and stay as they are", "err", err)
			}
		default:
			if failed > 0 {
				d.log.InfoContext(ctx, "the day's figures are read again", "failed", failed)
				failed = 0
			}
			d.mu.Lock()
			d.now = day
			d.mu.Unlock()
			d.changed()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(dayPace, dayShare*time.Since(began))):
		}
	}
}

// midnight is when the day of a moment began.
func midnight(at time.Time, zone *time.Location) time.Time {
	y, m, day := at.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}

// dayTime bounds one reading.
const dayTime = 20 * time.Second

// Day reads the figures of a moment's day until then, of all queues that are known, each with its own target.
func (s *Store) Day(ctx context.Context, at time.Time, zone *time.Location) (*Day, error) {
	ctx, cancel := context.WithTimeout(ctx, dayTime)
	defer cancel()
	day := &Day{From: midnight(at, zone), At: at, Queues: map[uuid.UUID]QueueDay{}}
	var ids []uuid.UUID
	var targets []int64
	for _, q := range s.crm.Directory().Queues() {
		ids, targets = append(ids, q.ID), append(targets, q.ServiceLevel().Milliseconds())
	}
	rows, err := s.db.Pool().Query(ctx, `
		SELECT c.queue_id, count(*), count(c.answered_at),
		       count(*) FILTER (WHERE c.answered_at IS NULL AND c.outcome = 'abandoned'),
		       count(*) FILTER (WHERE c.answered_at IS NOT NULL AND c.wait_ms <= t.target),
		       count(*) FILTER (WHERE c.answered_at IS NOT NULL OR c.state = 'ended'),
		       coalesce(sum(c.wait_ms) FILTER (WHERE c.answered_at IS NOT NULL OR c.state = 'ended'), 0)::bigint
		  FROM call c JOIN unnest($4::uuid[], $5::bigint[]) t (queue_id, target) ON t.queue_id = c.queue_id
		 WHERE c.started_at >= $1 AND c.started_at <= $2 AND c.id >= $3 AND c.id < $6
		   AND c.merged_into IS NULL AND c.direction <> 'outbound'
		 GROUP BY c.queue_id`,
		day.From, at, idAt(day.From.Add(-astray)), ids, targets, idAt(at.Add(astray)))
	if err == nil {
		var id uuid.UUID
		var q QueueDay
		var wait int64
		_, err = pgx.ForEachRow(rows, []any{&id, &q.Offered, &q.Answered, &q.Abandoned, &q.InTime, &q.Decided, &wait}, func() error {
			q.Wait = time.Duration(wait) * time.Millisecond
			day.Queues[id] = q
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the figures of the day: %w", err)
	}
	return day, nil
}
