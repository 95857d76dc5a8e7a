package crm

import (
	"context"
	"crypto/md5"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Queue is a queue of a PBX. What is known of it is learned (queue_learn.go); what an administrator says instead counts, and
// learning never changes it. Its JSON is the API's. Lists are never nil.
type Queue struct {
	ID                  uuid.UUID    `json:"id"` // QueueID
	PBX                 string       `json:"pbx"`
	Name                string       `json:"name"`                  // the PBX's
	Label               string       `json:"label"`                 // what people see
	Numbers             []string     `json:"numbers"`               // dialled to come there, as Number.Key
	Strategy            string       `json:"strategy"`              // as the PBX calls it: "ringall"; empty: not known
	ServiceLevelS       int          `json:"service_level_s"`       // seconds within which calls are to be answered
	ServiceLevelPercent int          `json:"service_level_percent"` // of the calls
	WrapUpS             int          `json:"wrap_up_s"`             // seconds; 0: none
	Script              string       `json:"script"`                // shown to who takes its calls
	TeamID              *uuid.UUID   `json:"team_id"`               // whose supervisors read its calls
	Said                []QueueSaid  `json:"said"`                  // what is not as it was learned, by field
	Learned             QueueLearned `json:"learned"`
	LearnedAt           time.Time    `json:"learned_at"`  // when it was first heard of
	GoneAt              *time.Time   `json:"gone_at"`     // since when the PBX has it no more; nil: it has, or it is not known
	ArchivedAt          *time.Time   `json:"archived_at"` // not offered for choice any more; its calls keep its label
	Version             int          `json:"version"`     // of what people said; learning leaves it
	UpdatedAt           time.Time    `json:"updated_at"`  // by people
}

// QueueSaid tells who said a field of a queue, instead of what was learned.
type QueueSaid struct {
	Field string    `json:"field" enum:"label,numbers,service_level_s"`
	By    string    `json:"by"` // that agent's username
	At    time.Time `json:"at"`
}

// QueueLearned is what was learned of a queue, whatever was said.
type QueueLearned struct {
	Numbers       []string `json:"numbers"`
	ServiceLevelS *int     `json:"service_level_s"` // nil: not known
}

// ServiceLevel is the time within which calls are to be answered.
func (q *Queue) ServiceLevel() time.Duration { return time.Duration(q.ServiceLevelS) * time.Second }

// WrapUp is the time that an agent has after a call of the queue; 0: none.
func (q *Queue) WrapUp() time.Duration { return time.Duration(q.WrapUpS) * time.Second }

const (
	// Of a queue of which nobody said, and the PBX does not tell either, how soon its calls are to be answered.
	defaultServiceLevel        = 20 // seconds
	defaultServiceLevelPercent = 80

	maxQueues       = 10_000 // are learned
	maxQueueNumbers = 200    // of one
	maxQueueSeconds = 24 * 60 * 60
	maxScript       = 10_000 // characters
	maxQueueLabel   = 100
)

// QueueID is the id of the queue of that name on a PBX: any node makes the same one, and the database does for each call
// (call.queue_id). Asterisk takes upper and lower case for the same.
func QueueID(pbx, name string) uuid.UUID {
	id := uuid.UUID(md5.Sum([]byte(pbx + "/" + lowerASCII(name))))
	id[6] = id[6]&0x0f | 0x80 // version 8: our own
	id[8] = id[8]&0x0f | 0x80
	return id
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

const queueColumns = `
	q.id, q.pbx, q.name, coalesce(q.said_label, q.name), coalesce(q.said_numbers, q.numbers), q.strategy,
	coalesce(q.said_service_level_s, q.service_level_s), q.service_level_percent, q.wrap_up_s, q.script, q.team_id, q.said,
	q.numbers, q.service_level_s, q.learned_at, q.gone_at, q.archived_at, q.version, q.updated_at`

func scanQueue(row pgx.CollectableRow) (Queue, error) {
	var q Queue
	var level *int
	var said map[string]Correction
	err := row.Scan(&q.ID, &q.PBX, &q.Name, &q.Label, &q.Numbers, &q.Strategy, &level, &q.ServiceLevelPercent, &q.WrapUpS,
		&q.Script, &q.TeamID, &said, &q.Learned.Numbers, &q.Learned.ServiceLevelS, &q.LearnedAt, &q.GoneAt, &q.ArchivedAt,
		&q.Version, &q.UpdatedAt)
	if q.ServiceLevelS = defaultServiceLevel; level != nil {
		q.ServiceLevelS = *level
	}
	q.Said = make([]QueueSaid, 0, len(said))
	for _, field := range sayable {
		if c, ok := said[field]; ok {
			q.Said = append(q.Said, QueueSaid{field, c.By, c.At})
		}
	}
	return q, err
}

// sayable are the fields that are learned until somebody says them.
var sayable = []string{"label", "numbers", "service_level_s"}

func readQueues(ctx context.Context, q querier, where string, args ...any) ([]Queue, error) {
	rows, err := q.Query(ctx, `SELECT`+queueColumns+` FROM queue q WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanQueue)
}

func readQueue(ctx context.Context, q querier, id uuid.UUID, lock string) (Queue, error) {
	list, err := readQueues(ctx, q, "q.id = $1"+lock, id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Queue{}, wrap(err, "read queue %s", id)
	}
	return list[0], nil
}

// QueueFilter chooses queues.
type QueueFilter struct {
	Q        string // parts of label, name or a number; all must occur
	Archived bool   // those instead of the others
}

// Queues lists all queues by label, 10,000 at most.
func (s *Store) Queues(ctx context.Context, a Actor, f QueueFilter) ([]Queue, error) {
	if err := a.Require(QueuesRead); err != nil {
		return nil, err
	}
	var faults FieldErrors
	words := strings.Fields(Fold(text(&faults, "q", f.Q, 200, false)))
	if err := faults.err(); err != nil {
		return nil, err
	}
	list, err := readQueues(ctx, s.db.Pool(), `(q.archived_at IS NOT NULL) = $1
		ORDER BY coalesce(q.said_label, q.name COLLATE persian), q.pbx, q.id LIMIT $2`, f.Archived, maxQueues)
	if err != nil {
		return nil, wrap(err, "list queues")
	}
	return slices.DeleteFunc(list, func(q Queue) bool {
		in := Fold(q.Label + " " + q.Name + " " + q.PBX + " " + strings.Join(q.Numbers, " "))
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(in, w) })
	}), nil
}

// Queue reads one, archived or not.
func (s *Store) Queue(ctx context.Context, a Actor, id uuid.UUID) (Queue, error) {
	if err := a.Require(QueuesRead); err != nil {
		return Queue{}, err
	}
	return readQueue(ctx, s.db.Pool(), id, "")
}

// QueuePatch says what a queue is; nil leaves a field as it is. Learned takes back what was said of the named fields: they
// are again as they were learned.
type QueuePatch struct {
	Version             *int
	Label               *string
	Numbers             *[]string // in any spelling
	ServiceLevelS       *int
	ServiceLevelPercent *int // 0: the default
	WrapUpS             *int
	Script              *string
	TeamID              *uuid.UUID // uuid.Nil: none
	Archived            *bool
	Learned             []string
}

// UpdateQueue changes what people say of a queue.
func (s *Store) UpdateQueue(ctx context.Context, a Actor, id uuid.UUID, p QueuePatch) (Queue, error) {
	if err := a.Require(QueuesManage); err != nil {
		return Queue{}, err
	}
	var saved Queue
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockAgents(ctx, tx); err != nil { // the team stays
			return err
		}
		before, err := readQueue(ctx, tx, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if p.Version != nil && *p.Version != before.Version {
			return fmt.Errorf("queue %s has version %d, not %d: %w", id, before.Version, *p.Version, ErrConflict)
		}
		if err := s.checkQueue(ctx, tx, before, &p); err != nil {
			return err
		}
		if err := writeQueue(ctx, tx, a, id, p); err != nil {
			return err
		}
		if saved, err = readQueue(ctx, tx, id, ""); err != nil {
			return err
		}
		said := changes{}
		said.note("label", before.Label, saved.Label)
		said.note("numbers", before.Numbers, saved.Numbers)
		said.note("service_level_s", before.ServiceLevelS, saved.ServiceLevelS)
		said.note("service_level_percent", before.ServiceLevelPercent, saved.ServiceLevelPercent)
		said.note("wrap_up_s", before.WrapUpS, saved.WrapUpS)
		said.note("script", before.Script, saved.Script)
		said.note("team_id", before.TeamID, saved.TeamID)
		said.note("archived", before.ArchivedAt != nil, saved.ArchivedAt != nil)
		return AuditTx(ctx, tx, a, "update", EventQueue, id.String(), said)
	})
	if err != nil {
		return Queue{}, err
	}
	s.refreshAfter(ctx)
	return saved, nil
}

// checkQueue checks and cleans a patch of a queue.
func (s *Store) checkQueue(ctx context.Context, tx pgx.Tx, q Queue, p *QueuePatch) error {
	var f FieldErrors
	if p.Label != nil {
		if *p.Label = text(&f, "label", *p.Label, maxQueueLabel, false); *p.Label == "" && len(f) == 0 {
			f.add("label", "is empty")
		}
	}
	if p.Numbers != nil {
		numbers := s.queueNumbers(&f, q.PBX, *p.Numbers)
		p.Numbers = &numbers
	}
	inRange(&f, "service_level_s", p.ServiceLevelS, 1, maxQueueSeconds)
	inRange(&f, "service_level_percent", p.ServiceLevelPercent, 0, 100)
	inRange(&f, "wrap_up_s", p.WrapUpS, 0, maxQueueSeconds)
	if p.Script != nil {
		*p.Script = text(&f, "script", *p.Script, maxScript, true)
	}
	for i, field := range p.Learned {
		if !slices.Contains(sayable, field) {
			f.add(fmt.Sprintf("learned[%d]", i), "is none of the choices")
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	if p.TeamID != nil && *p.TeamID != uuid.Nil {
		return checkTeam(ctx, tx, p.TeamID)
	}
	return nil
}

func inRange(f *FieldErrors, field string, v *int, from, to int) {
	if v != nil && (*v < from || *v > to) {
		f.add(field, "must be from "+itoa(from)+" to "+itoa(to))
	}
}

// queueNumbers are numbers as they are compared, each once.
func (s *Store) queueNumbers(f *FieldErrors, pbx string, list []string) []string {
	keys := make([]string, 0, len(list))
	if len(list) > maxQueueNumbers {
		f.add("numbers", "are more than "+itoa(maxQueueNumbers))
		return keys
	}
	for i, raw := range list {
		n := ParseNumber(raw, s.config.Numbering.Rules(pbx, ""))
		switch {
		case n.Kind == KindText || n.Kind == KindWithheld || len(n.Key()) > 64:
			f.add(fmt.Sprintf("numbers[%d]", i), "is not a number")
		case !slices.Contains(keys, n.Key()):
			keys = append(keys, n.Key())
		}
	}
	return keys
}

// writeQueue writes a checked patch.
func writeQueue(ctx context.Context, tx pgx.Tx, a Actor, id uuid.UUID, p QueuePatch) error {
	set := []string{"version = version + 1", "updated_at = now()"}
	args := []any{id}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + itoa(len(args))
	}
	said := map[string]Correction{}
	say := func(field string, v any) {
		set = append(set, "said_"+field+" = "+arg(v))
		said[field] = Correction{By: a.Username, At: time.Now().UTC().Truncate(time.Millisecond)}
	}
	if p.Label != nil {
		say("label", *p.Label)
	}
	if p.Numbers != nil {
		say("numbers", *p.Numbers)
	}
	if p.ServiceLevelS != nil {
		say("service_level_s", *p.ServiceLevelS)
	}
	forgotten := []string{}
	for _, field := range p.Learned {
		if _, again := said[field]; !again && !slices.Contains(forgotten, field) {
			set = append(set, "said_"+field+" = NULL")
			forgotten = append(forgotten, field)
		}
	}
	set = append(set, "said = (said || "+arg(said)+") - "+arg(forgotten)+"::text[]")
	if n := p.ServiceLevelPercent; n != nil && *n == 0 {
		set = append(set, "service_level_percent = "+arg(defaultServiceLevelPercent))
	} else if n != nil {
		set = append(set, "service_level_percent = "+arg(*n))
	}
	if p.WrapUpS != nil {
		set = append(set, "wrap_up_s = "+arg(*p.WrapUpS))
	}
	if p.Script != nil {
		set = append(set, "script = "+arg(*p.Script))
	}
	if p.TeamID != nil && *p.TeamID == uuid.Nil {
		set = append(set, "team_id = NULL")
	} else if p.TeamID != nil {
		set = append(set, "team_id = "+arg(*p.TeamID))
	}
	if p.Archived != nil {
		set = append(set, "archived_at = CASE WHEN "+arg(*p.Archived)+" THEN coalesce(archived_at, now()) END")
	}
	_, err := tx.Exec(ctx, `UPDATE queue SET `+strings.Join(set, ", ")+` WHERE id = $1`, args...)
	return wrap(err, "save queue %s", id)
}
