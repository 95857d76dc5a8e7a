package crm

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
)

// QueueSeen is a call that came to a queue.
type QueueSeen struct {
	PBX, Name string
	Number    string    // what was dialled to come there, as Number.Key; empty: that is not known
	At        time.Time // when it began
}

// LearnQueues writes down, in the transaction that writes the calls, what these tell of queues that is not known yet. What is
// known costs a look into memory. Nodes may learn the same at the same time.
func (s *Store) LearnQueues(ctx context.Context, tx pgx.Tx, seen []QueueSeen) error {
	now := s.directory.now.Load()
	fresh := map[uuid.UUID]*newQueue{}
	for _, c := range seen {
		if c.Name == "" || now.knowsQueue(c) {
			continue
		}
		id := QueueID(c.PBX, c.Name)
		q := fresh[id]
		if q == nil {
			q = &newQueue{id: id, pbx: c.PBX, name: c.Name, numbers: []string{}}
			fresh[id] = q
		}
		if c.At.After(q.at) {
			q.at = c.At
		}
		if c.Number != "" && len(q.numbers) < maxQueueNumbers && !slices.Contains(q.numbers, c.Number) {
			q.numbers = append(q.numbers, c.Number)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	list := make([]*newQueue, 0, len(fresh))
	for _, q := range fresh {
		list = append(list, q)
	}
	// Whoever learns several takes their locks in the same order.
	slices.SortFunc(list, func(a, b *newQueue) int { return slices.Compare(a.id[:], b.id[:]) })
	batch := &pgx.Batch{}
	learned := []uuid.UUID{}
	for _, q := range list {
		batch.Queue(learnQueue, q.id, q.pbx, q.name, q.numbers, q.at, maxQueueNumbers).Query(func(rows pgx.Rows) error {
			ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			learned = append(learned, ids...)
			return err
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return wrap(err, "learn queues")
	}
	return tellQueues(ctx, tx, learned)
}

// newQueue is what several calls tell of a queue.
type newQueue struct {
	id        uuid.UUID
	pbx, name string
	numbers   []string
	at        time.Time // of the last of them
}

// learnQueue writes a queue ($1 id, $2 PBX, $3 name) to which $4 led, until $5; of one that is known the numbers that are
// new, $6 at most. A queue that calls come to is there, even if the PBX said before that it was not.
const learnQueue = `
INSERT INTO queue AS q (id, pbx, name, numbers) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET
	gone_at = CASE WHEN q.gone_at < $5 THEN NULL ELSE q.gone_at END,
	numbers = (q.numbers || ARRAY(SELECT n FROM unnest(excluded.numbers) n WHERE n <> ALL (q.numbers)))[:$6]
WHERE q.gone_at < $5 OR NOT q.numbers @> excluded.numbers AND cardinality(q.numbers) < $6
RETURNING q.id`

func tellQueues(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) error {
	for _, id := range ids {
		if err := db.Emit(ctx, tx, db.Event{Kind: EventQueue, ID: id.String()}); err != nil {
			return err
		}
	}
	return nil
}

// knowsQueue says that a call tells nothing new of its queue.
func (d *directory) knowsQueue(c QueueSeen) bool {
	q := d.queue(c.PBX, c.Name)
	if q == nil {
		return len(d.queues) >= maxQueues
	}
	if q.GoneAt != nil && c.At.After(*q.GoneAt) {
		return false
	}
	return c.Number == "" || len(q.Learned.Numbers) >= maxQueueNumbers || slices.Contains(q.Learned.Numbers, c.Number)
}

// QueueTold is what a PBX says of a queue of its own.
type QueueTold struct {
	PBX, Name    string
	Strategy     string
	ServiceLevel time.Duration // 0: it does not say
	Gone         bool          // the PBX has it no more
}

// HearQueue takes what a PBX says of a queue; Run writes down what is new in it. It does not block.
func (s *Store) HearQueue(t QueueTold) {
	if t.Name == "" || len(t.PBX) > 100 || len(t.Name) > 256 || len(t.Strategy) > 64 {
		return
	}
	s.hearing.Lock()
	defer s.hearing.Unlock()
	id := QueueID(t.PBX, t.Name)
	if _, known := s.heard[id]; !known && (s.directory.now.Load().told(t) || len(s.heard) >= maxQueues) {
		return
	}
	s.heard[id] = t
	select {
	case s.hear <- struct{}{}:
	default:
	}
}

// told says that what the PBX says is known.
func (d *directory) told(t QueueTold) bool {
	q := d.queue(t.PBX, t.Name)
	if q == nil {
		return t.Gone && d.loaded
	}
	return t.Gone == (q.GoneAt != nil) && (t.Gone || t.Strategy == q.Strategy && equal(seconds(t.ServiceLevel), q.Learned.ServiceLevelS))
}

func seconds(d time.Duration) *int {
	n := int(d / time.Second)
	if n <= 0 || n > maxQueueSeconds {
		return nil
	}
	return &n
}

func equal(a, b *int) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// learnHeard writes down what was heard from PBXs. What cannot be written is kept for the next time.
func (s *Store) learnHeard(ctx context.Context) error {
	s.hearing.Lock()
	heard := s.heard
	s.heard = map[uuid.UUID]QueueTold{}
	s.hearing.Unlock()
	now := s.directory.now.Load()
	var list []QueueTold
	for _, t := range heard {
		if !now.told(t) && (now.queue(t.PBX, t.Name) != nil || len(now.queues)+len(list) < maxQueues) {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b QueueTold) int { return cmp.Or(cmp.Compare(a.PBX, b.PBX), cmp.Compare(a.Name, b.Name)) })
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		var learned []uuid.UUID
		for _, t := range list {
			id := QueueID(t.PBX, t.Name)
			tag, err := tx.Exec(ctx, hearQueue, id, t.PBX, t.Name, t.Strategy, seconds(t.ServiceLevel), t.Gone)
			if err != nil {
				return wrap(err, "learn queues")
			}
			if tag.RowsAffected() > 0 {
				learned = append(learned, id)
			}
		}
		return tellQueues(ctx, tx, learned)
	})
	if err == nil {
		return s.Refresh(ctx)
	}
	s.hearing.Lock()
	defer s.hearing.Unlock()
	for id, t := range heard {
		if _, newer := s.heard[id]; !newer {
			s.heard[id] = t
		}
	}
	return err
}

// hearQueue writes what a PBX says of a queue ($1 id, $2 PBX, $3 name): $4 strategy, $5 service level, $6 gone. Of one that is
// gone what was known stays.
const hearQueue = `
INSERT INTO queue AS q (id, pbx, name, strategy, service_level_s, gone_at)
SELECT $1::uuid, $2::text, $3::text, $4::text, $5::integer, CASE WHEN $6::boolean THEN now() END
WHERE NOT $6 OR EXISTS (SELECT FROM queue WHERE id = $1)
ON CONFLICT (id) DO UPDATE SET
	strategy = CASE WHEN $6 THEN q.strategy ELSE excluded.strategy END,
	service_level_s = CASE WHEN $6 THEN q.service_level_s ELSE excluded.service_level_s END,
	gone_at = CASE WHEN $6 THEN coalesce(q.gone_at, now()) END
WHERE (q.gone_at IS NOT NULL) <> $6 OR NOT $6 AND (q.strategy, q.service_level_s) IS DISTINCT FROM (excluded.strategy, excluded.service_level_s)`
