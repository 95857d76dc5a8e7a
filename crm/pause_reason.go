package crm

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// EventPauseReason is of a pause reason, with its id.
const EventPauseReason = "pause_reason"

// PauseReason is why an agent may pause. One that is archived is not offered any more; who is paused with it stays so.
type PauseReason struct {
	ID         uuid.UUID  `json:"id"`
	Label      string     `json:"label"`
	LabelEN    string     `json:"label_en"` // in English; empty: Label serves
	Version    int        `json:"version"`
	ArchivedAt *time.Time `json:"archived_at"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

// PauseReasonInput is a new reason.
type PauseReasonInput struct{ Label, LabelEN string }

// PauseReasonPatch changes a reason; nil leaves a field as it is.
type PauseReasonPatch struct {
	Version  *int
	Label    *string
	LabelEN  *string
	Archived *bool
}

const (
	maxReasons     = 100 // that are offered
	maxReasonLabel = 60
)

const reasonColumns = ` id, label, label_en, version, archived_at, created_at, updated_at `

// PauseReasons lists those that are offered, or else the archived ones, in the order in which they were made; everybody
// who may have a state may read them.
func (s *Store) PauseReasons(ctx context.Context, a Actor, archived bool) ([]PauseReason, error) {
	if !a.Can(StatesRead) {
		return nil, fmt.Errorf("%s: %w", StatesRead, ErrForbidden)
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT`+reasonColumns+`
		  FROM pause_reason WHERE (archived_at IS NOT NULL) = $1 ORDER BY created_at, id LIMIT 500`, archived)
	if err != nil {
		return nil, wrap(err, "list pause reasons")
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PauseReason])
	return list, wrap(err, "list pause reasons")
}

// CreatePauseReason saves a new one.
func (s *Store) CreatePauseReason(ctx context.Context, a Actor, in PauseReasonInput) (PauseReason, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return PauseReason{}, err
	}
	return s.savePauseReason(ctx, a, "create", func(pgx.Tx) (PauseReason, error) {
		return PauseReason{ID: id, Label: in.Label, LabelEN: in.LabelEN}, nil
	})
}

// UpdatePauseReason changes, archives or restores one.
func (s *Store) UpdatePauseReason(ctx context.Context, a Actor, id uuid.UUID, p PauseReasonPatch) (PauseReason, error) {
	action := "update"
	if p.Archived != nil && *p.Archived {
		action = "archive"
	} else if p.Archived != nil {
		action = "restore"
	}
	return s.savePauseReason(ctx, a, action, func(tx pgx.Tx) (PauseReason, error) {
		r, err := readPauseReason(ctx, tx, id)
		if err != nil {
			return r, err
		}
		if p.Version != nil && *p.Version != r.Version {
			return r, fmt.Errorf("pause reason %s has version %d, not %d: %w", id, r.Version, *p.Version, ErrConflict)
		}
		set(&r.Label, p.Label)
		set(&r.LabelEN, p.LabelEN)
		switch {
		case p.Archived == nil:
		case !*p.Archived:
			r.ArchivedAt = nil
		case r.ArchivedAt == nil:
			now := time.Now()
			r.ArchivedAt = &now
		}
		return r, nil
	})
}

func readPauseReason(ctx context.Context, tx pgx.Tx, id uuid.UUID) (PauseReason, error) {
	rows, err := tx.Query(ctx, `SELECT`+reasonColumns+`FROM pause_reason WHERE id = $1 FOR UPDATE`, id)
	if err != nil {
		return PauseReason{}, wrap(err, "read pause reason %s", id)
	}
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[PauseReason])
	return r, wrap(err, "read pause reason %s", id)
}

// savePauseReason writes what change makes of a reason.
func (s *Store) savePauseReason(ctx context.Context, a Actor, action string, change func(pgx.Tx) (PauseReason, error)) (PauseReason, error) {
	if err := a.Require(StatesManage); err != nil {
		return PauseReason{}, err
	}
	var saved PauseReason
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook pause reasons'))`); err != nil {
			return wrap(err, "wait for other changes of pause reasons")
		}
		r, err := change(tx)
		if err != nil {
			return err
		}
		var before PauseReason
		if action != "create" {
			if before, err = readPauseReason(ctx, tx, r.ID); err != nil {
				return err
			}
		}
		if err := checkPauseReason(ctx, tx, &r); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO pause_reason (id, label, label_en, archived_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET label = $2, label_en = $3, archived_at = $4, version = pause_reason.version + 1, updated_at = now()`,
			r.ID, r.Label, r.LabelEN, r.ArchivedAt)
		if isUnique(err, "pause_reason_label") {
			return FieldErrors{{"label", "another reason has it"}}
		} else if err != nil {
			return wrap(err, "save pause reason %s", r.ID)
		}
		if saved, err = readPauseReason(ctx, tx, r.ID); err != nil {
			return err
		}
		d := changes{}
		d.note("label", before.Label, saved.Label)
		d.note("label_en", before.LabelEN, saved.LabelEN)
		return AuditTx(ctx, tx, a, action, EventPauseReason, r.ID.String(), d)
	})
	return saved, err
}

func checkPauseReason(ctx context.Context, tx pgx.Tx, r *PauseReason) error {
	var f FieldErrors
	if r.Label = text(&f, "label", r.Label, maxReasonLabel, false); r.Label == "" && len(f) == 0 {
		f.add("label", "is required")
	}
	r.LabelEN = text(&f, "label_en", r.LabelEN, maxReasonLabel, false)
	if err := f.err(); err != nil {
		return err
	}
	if r.ArchivedAt != nil {
		return nil
	}
	var others int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM pause_reason WHERE archived_at IS NULL AND id <> $1`, r.ID).Scan(&others)
	if err != nil {
		return wrap(err, "count pause reasons")
	}
	if others >= maxReasons {
		return FieldErrors{{"label", "there are " + itoa(maxReasons) + " reasons already"}}
	}
	return nil
}
