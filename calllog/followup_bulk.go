package calllog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// FollowUpBulk is one change of many follow-ups: exactly one of the owner, DueAt, Later and Cancel.
type FollowUpBulk struct {
	IDs    []uuid.UUID // 500 at most
	Owner  FollowUpOwner
	DueAt  *time.Time
	Later  time.Duration // from when each is due, or from now, for what is overdue
	Cancel bool
}

// FollowUpLeft is a follow-up that a bulk change left as it was.
type FollowUpLeft struct {
	ID   uuid.UUID `json:"id"`
	Code string    `json:"code" doc:"claimed, dialling, closed, not_found, forbidden or invalid"`
}

const followUpBulkMost = 500

// Bulk changes many follow-ups at once, in one transaction. What cannot be changed is left and named.
func (s *FollowUps) Bulk(ctx context.Context, a crm.Actor, b FollowUpBulk) (changed int, left []FollowUpLeft, err error) {
	if !a.Can(crm.FollowUpsWrite) {
		return 0, nil, fmt.Errorf("%s: %w", crm.FollowUpsWrite, crm.ErrForbidden)
	}
	if err := b.check(); err != nil {
		return 0, nil, err
	}
	ids := slices.Clone(b.IDs)
	slices.SortFunc(ids, func(x, y uuid.UUID) int { return slices.Compare(x[:], y[:]) }) // two at once lock in one order
	ids = slices.Compact(ids)
	err = s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		changed, left = 0, []FollowUpLeft{}
		cond, args := followUpScope(a, crm.FollowUpsWrite, 2)
		list, err := s.read(ctx, tx, `WHERE f.id = ANY ($1) AND `+cond+` ORDER BY f.id FOR UPDATE OF f`, append([]any{ids}, args...)...)
		if err != nil {
			return err
		}
		found := make(map[uuid.UUID]FollowUp, len(list))
		for _, f := range list {
			found[f.ID] = f
		}
		for _, id := range ids {
			f, there := found[id]
			code := "not_found"
			if there {
				if code, err = s.bulkOne(ctx, tx, a, f, b); err != nil {
					return err
				}
			}
			if code != "" {
				left = append(left, FollowUpLeft{id, code})
				continue
			}
			changed++
		}
		return nil
	})
	return changed, left, err
}

func (b FollowUpBulk) check() error {
	var faults crm.FieldErrors
	fault := func(field, problem string) { faults = append(faults, crm.FieldError{Field: field, Problem: problem}) }
	if len(b.IDs) == 0 || len(b.IDs) > followUpBulkMost {
		fault("ids", fmt.Sprintf("must be from 1 to %d", followUpBulkMost))
	}
	asked := b.Owner.named()
	for _, is := range []bool{b.DueAt != nil, b.Later != 0, b.Cancel} {
		if is {
			asked++
		}
	}
	if asked != 1 {
		fault("ids", "say one change: an owner, due_at, later_ms or cancel")
	}
	if b.Later < 0 || b.Later > 0 && b.Later < time.Minute || b.Later > 366*24*time.Hour {
		fault("later_ms", "must be from a minute to a year")
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// bulkOne does the change to one; code says why not.
func (s *FollowUps) bulkOne(ctx context.Context, tx pgx.Tx, a crm.Actor, f FollowUp, b FollowUpBulk) (code string, err error) {
	if err := mayMove(a, f); err != nil {
		refusal, _ := errors.AsType[*FollowUpRefusal](err)
		return refusal.Code, nil
	}
	switch p := (FollowUpPatch{Owner: b.Owner, DueAt: b.DueAt}); {
	case b.Cancel:
		err = s.moveTo(ctx, tx, a, f, followUpMove{To: FollowUpCancelled, What: "cancelled"})
	case b.Later > 0:
		due := latest(f.DueAt, time.Now()).Add(b.Later).Truncate(time.Millisecond)
		p.DueAt = &due
		fallthrough
	default:
		err = s.patch(ctx, tx, a, f, p)
	}
	faults, invalid := errors.AsType[crm.FieldErrors](err)
	switch {
	case invalid && b.Later == 0: // it is the same for all of them
		return "", faults
	case invalid:
		return "invalid", nil
	case errors.Is(err, crm.ErrForbidden) && b.Owner.named() == 0:
		return "forbidden", nil
	}
	return "", err
}
