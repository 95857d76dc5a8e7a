package crm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// EventDisposition is of a disposition, with its id.
const EventDisposition = "disposition"

// Disposition is how an agent may say that a call ended. One that is archived is not offered any more; calls of which it
// was said keep it. Its JSON is the API's.
type Disposition struct {
	ID         uuid.UUID            `json:"id"`
	QueueID    *uuid.UUID           `json:"queue_id"` // whose list it is in; nil: the general one, of all queues that have none of their own
	Name       string               `json:"name"`
	Key        *int                 `json:"key"` // 1 to 9, the key that sets it; unique in its list; nil: none
	FollowUp   *DispositionFollowUp `json:"follow_up"`
	Position   int                  `json:"position"` // in its list, from 0
	Version    int                  `json:"version"`
	ArchivedAt *time.Time           `json:"archived_at"`
	CreatedAt  time.Time            `json:"created_at"`
	UpdatedAt  time.Time            `json:"updated_at"`
}

// DispositionFollowUp is the follow-up that is offered to whoever says a disposition.
type DispositionFollowUp struct {
	Kind    string `json:"kind" enum:"task,callback"`
	Title   string `json:"title" maxLength:"200" doc:"empty: the disposition's name"`
	AfterMS int64  `json:"after_ms" minimum:"0" maximum:"31536000000" doc:"when it is due, from then on; 0: the agent says"`
}

// DispositionInput is a new one, which comes last in its list.
type DispositionInput struct {
	QueueID  *uuid.UUID
	Name     string
	Key      *int
	FollowUp *DispositionFollowUp
}

// DispositionPatch changes one; nil leaves a field as it is. What it is in the list of cannot be changed.
type DispositionPatch struct {
	Version  *int
	Name     *string
	Key      *int                 // 0: no key
	FollowUp *DispositionFollowUp // the zero value: none is offered
	Position *int                 // its place in the list, from 0
	Archived *bool
}

const (
	maxDispositions       = 100 // in a list
	maxDispositionsTold   = 1000
	maxDispositionName    = 60
	maxDispositionTitle   = 200
	maxDispositionAfterMS = 365 * 24 * 60 * 60 * 1000
)

const dispositionColumns = ` id, queue_id, name, key, follow_up, follow_up_title, follow_up_after, position, version, archived_at, created_at, updated_at `

func scanDisposition(row pgx.CollectableRow) (d Disposition, err error) {
	var kind *string
	var f DispositionFollowUp
	err = row.Scan(&d.ID, &d.QueueID, &d.Name, &d.Key, &kind, &f.Title, &f.AfterMS, &d.Position, &d.Version, &d.ArchivedAt, &d.CreatedAt, &d.UpdatedAt)
	if kind != nil {
		f.Kind = *kind
		d.FollowUp = &f
	}
	return d, err
}

// Dispositions are those of every list, in the lists' order, or else the archived ones; the general list comes first. 1000 at most.
// Whoever is logged in may read them.
func (s *Store) Dispositions(ctx context.Context, archived bool) ([]Disposition, error) {
	return s.listDispositions(ctx, `(archived_at IS NOT NULL) = $1 ORDER BY queue_id IS NOT NULL, queue_id, position, created_at, id LIMIT $2`,
		archived, maxDispositionsTold)
}

// DispositionsOf are those that may be said of a queue's calls, in order: its own, or where it has none the general ones.
// uuid.Nil: of calls that came to no queue.
func (s *Store) DispositionsOf(ctx context.Context, queue uuid.UUID) ([]Disposition, error) {
	list, err := s.listDispositions(ctx, `archived_at IS NULL AND (queue_id IS NULL OR queue_id = $1)
		ORDER BY queue_id IS NULL, position, created_at, id LIMIT $2`, queue, maxDispositionsTold)
	if err != nil {
		return nil, err
	}
	if general := slices.IndexFunc(list, func(d Disposition) bool { return d.QueueID == nil }); general > 0 {
		list = list[:general]
	}
	return list, nil
}

func (s *Store) listDispositions(ctx context.Context, where string, args ...any) ([]Disposition, error) {
	rows, err := s.db.Pool().Query(ctx, `SELECT`+dispositionColumns+`FROM disposition WHERE `+where, args...)
	if err != nil {
		return nil, wrap(err, "list dispositions")
	}
	list, err := pgx.CollectRows(rows, scanDisposition)
	return list, wrap(err, "list dispositions")
}

// CreateDisposition saves a new one.
func (s *Store) CreateDisposition(ctx context.Context, a Actor, in DispositionInput) (Disposition, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Disposition{}, err
	}
	return s.saveDisposition(ctx, a, uuid.Nil, "create", func(tx pgx.Tx, _ Disposition) (Disposition, error) {
		d := Disposition{ID: id, QueueID: in.QueueID, Name: in.Name, Key: in.Key, FollowUp: in.FollowUp}
		if d.QueueID != nil {
			if _, err := readQueue(ctx, tx, *d.QueueID, ""); errors.Is(err, ErrNotFound) {
				return d, FieldErrors{{"queue_id", "is no queue"}}
			} else if err != nil {
				return d, err
			}
		}
		err := tx.QueryRow(ctx, `SELECT coalesce(max(position) + 1, 0) FROM disposition WHERE queue_id IS NOT DISTINCT FROM $1`, d.QueueID).Scan(&d.Position)
		return d, wrap(err, "find the end of the list")
	})
}

// UpdateDisposition changes, moves, archives or restores one. What is restored has no key any more if another has it by now.
func (s *Store) UpdateDisposition(ctx context.Context, a Actor, id uuid.UUID, p DispositionPatch) (Disposition, error) {
	action := "update"
	if p.Archived != nil && *p.Archived {
		action = "archive"
	} else if p.Archived != nil {
		action = "restore"
	}
	return s.saveDisposition(ctx, a, id, action, func(tx pgx.Tx, d Disposition) (Disposition, error) {
		if p.Version != nil && *p.Version != d.Version {
			return d, fmt.Errorf("disposition %s has version %d, not %d: %w", id, d.Version, *p.Version, ErrConflict)
		}
		set(&d.Name, p.Name)
		if p.Key != nil {
			if d.Key = p.Key; *p.Key == 0 {
				d.Key = nil
			}
		}
		if p.FollowUp != nil {
			if d.FollowUp = p.FollowUp; *p.FollowUp == (DispositionFollowUp{}) {
				d.FollowUp = nil
			}
		}
		switch {
		case p.Archived == nil:
		case *p.Archived && d.ArchivedAt == nil:
			now := time.Now()
			d.ArchivedAt = &now
		case !*p.Archived && d.ArchivedAt != nil:
			d.ArchivedAt = nil
			if p.Key == nil && d.Key != nil {
				var taken bool
				err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM disposition WHERE queue_id IS NOT DISTINCT FROM $1 AND key = $2 AND archived_at IS NULL)`,
					d.QueueID, d.Key).Scan(&taken)
				if err != nil {
					return d, wrap(err, "look for the key")
				}
				if taken {
					d.Key = nil
				}
			}
		}
		if p.Position == nil {
			return d, nil
		}
		var err error
		d.Position, err = placeDisposition(ctx, tx, d, *p.Position)
		return d, err
	})
}

// placeDisposition gives one a place in its list, and the others the places around it.
func placeDisposition(ctx context.Context, tx pgx.Tx, d Disposition, place int) (int, error) {
	rows, err := tx.Query(ctx, `SELECT id FROM disposition WHERE queue_id IS NOT DISTINCT FROM $1 AND id <> $2
		ORDER BY archived_at IS NOT NULL, position, created_at, id`, d.QueueID, d.ID)
	if err != nil {
		return 0, wrap(err, "order dispositions")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, wrap(err, "order dispositions")
	}
	place = max(0, min(place, len(ids)))
	ids = slices.Insert(ids, place, d.ID)
	_, err = tx.Exec(ctx, `UPDATE disposition d SET position = o.n - 1 FROM unnest($1::uuid[]) WITH ORDINALITY o (id, n) WHERE d.id = o.id`, ids)
	return place, wrap(err, "order dispositions")
}

func readDisposition(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Disposition, error) {
	rows, err := tx.Query(ctx, `SELECT`+dispositionColumns+`FROM disposition WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return Disposition{}, wrap(err, "read disposition %s", id)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDisposition)
	return d, wrap(err, "read disposition %s", id)
}

// saveDisposition writes what change makes of one as it was; id uuid.Nil: there was none.
func (s *Store) saveDisposition(ctx context.Context, a Actor, id uuid.UUID, action string, change func(tx pgx.Tx, before Disposition) (Disposition, error),
) (Disposition, error) {
	if err := a.Require(DispositionsManage); err != nil {
		return Disposition{}, err
	}
	var saved Disposition
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook dispositions'))`); err != nil {
			return wrap(err, "wait for other changes of dispositions")
		}
		var before Disposition
		if id != uuid.Nil {
			var err error
			if before, err = readDisposition(ctx, tx, id); err != nil {
				return err
			}
		}
		d, err := change(tx, before)
		if err != nil {
			return err
		}
		if err := checkDisposition(ctx, tx, &d); err != nil {
			return err
		}
		var kind *string
		var follow DispositionFollowUp
		if d.FollowUp != nil {
			kind, follow = &d.FollowUp.Kind, *d.FollowUp
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO disposition (id, queue_id, name, key, follow_up, follow_up_title, follow_up_after, position, archived_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (id) DO UPDATE SET name = $3, key = $4, follow_up = $5, follow_up_title = $6, follow_up_after = $7, position = $8,
				archived_at = $9, version = disposition.version + 1, updated_at = now()`,
			d.ID, d.QueueID, d.Name, d.Key, kind, follow.Title, follow.AfterMS, d.Position, d.ArchivedAt)
		switch {
		case isUnique(err, "disposition_name"):
			return FieldErrors{{"name", "another disposition has it"}}
		case isUnique(err, "disposition_key"):
			return FieldErrors{{"key", "another disposition has it"}}
		case err != nil:
			return wrap(err, "save disposition %s", d.ID)
		}
		if saved, err = readDisposition(ctx, tx, d.ID); err != nil {
			return err
		}
		c := changes{}
		c.note("name", before.Name, saved.Name)
		c.note("key", before.Key, saved.Key)
		c.note("follow_up", before.FollowUp, saved.FollowUp)
		c.note("position", before.Position, saved.Position)
		return AuditTx(ctx, tx, a, action, EventDisposition, d.ID.String(), c)
	})
	return saved, err
}

func checkDisposition(ctx context.Context, tx pgx.Tx, d *Disposition) error {
	var f FieldErrors
	if d.Name = text(&f, "name", d.Name, maxDispositionName, false); d.Name == "" && len(f) == 0 {
		f.add("name", "is required")
	}
	if d.Key != nil && (*d.Key < 1 || *d.Key > 9) {
		f.add("key", "must be from 1 to 9")
	}
	if d.FollowUp != nil {
		if d.FollowUp.Kind != "task" && d.FollowUp.Kind != "callback" {
			f.add("follow_up.kind", "must be task or callback")
		}
		d.FollowUp.Title = text(&f, "follow_up.title", d.FollowUp.Title, maxDispositionTitle, false)
		if d.FollowUp.AfterMS < 0 || d.FollowUp.AfterMS > maxDispositionAfterMS {
			f.add("follow_up.after_ms", fmt.Sprintf("must be from 0 to %d", maxDispositionAfterMS))
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	if d.ArchivedAt != nil {
		return nil
	}
	var others int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM disposition WHERE archived_at IS NULL AND queue_id IS NOT DISTINCT FROM $1 AND id <> $2`, d.QueueID, d.ID).Scan(&others)
	if err != nil {
		return wrap(err, "count dispositions")
	}
	if others >= maxDispositions {
		return FieldErrors{{"name", "there are " + itoa(maxDispositions) + " dispositions in this list already"}}
	}
	return nil
}
