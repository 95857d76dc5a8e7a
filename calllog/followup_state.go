package calllog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
)

// FollowUpState is where a follow-up stands.
//
//	due ──┬─▶ claimed ──▶ dialling ──┬─▶ reached
//	 ▲    │      │                   └─▶ no_answer ──▶ … as due
//	 │    │      └─ released ─▶ due
//	 │    ├─▶ rescheduled ──▶ … as due
//	 │    └─▶ done, expired, cancelled
//	 └─ reopened, from whatever is closed
//
// A follow-up is in somebody's hands (FollowUp.ClaimedBy) while it is claimed or dialled, and only then.
type FollowUpState string

const (
	FollowUpDue         FollowUpState = "due" // open, also before its time
	FollowUpClaimed     FollowUpState = "claimed"
	FollowUpDialling    FollowUpState = "dialling"
	FollowUpNoAnswer    FollowUpState = "no_answer"   // open again; due_at is the next try
	FollowUpRescheduled FollowUpState = "rescheduled" // open; a person moved its time
	FollowUpReached     FollowUpState = "reached"     // closed: the customer was talked to
	FollowUpDone        FollowUpState = "done"
	FollowUpExpired     FollowUpState = "expired" // not reached within its window
	FollowUpCancelled   FollowUpState = "cancelled"
)

// FollowUpStates are all there are: the open ones, then the closed ones.
func FollowUpStates() []FollowUpState {
	return []FollowUpState{
		FollowUpDue, FollowUpClaimed, FollowUpDialling, FollowUpNoAnswer, FollowUpRescheduled,
		FollowUpReached, FollowUpDone, FollowUpExpired, FollowUpCancelled,
	}
}

// Closed says that nothing is to be done any more.
func (s FollowUpState) Closed() bool {
	return s == FollowUpReached || s == FollowUpDone || s == FollowUpExpired || s == FollowUpCancelled
}

// held says that it is in somebody's hands.
func (s FollowUpState) held() bool { return s == FollowUpClaimed || s == FollowUpDialling }

// followUpMoves is the whole of which state may follow which.
var followUpMoves = map[FollowUpState][]FollowUpState{
	FollowUpDue: {
		FollowUpClaimed, FollowUpDialling, FollowUpRescheduled, FollowUpReached, FollowUpDone, FollowUpExpired, FollowUpCancelled,
	},
	FollowUpNoAnswer: {
		FollowUpClaimed, FollowUpDialling, FollowUpRescheduled, FollowUpReached, FollowUpDone, FollowUpExpired, FollowUpCancelled,
	},
	FollowUpRescheduled: {
		FollowUpClaimed, FollowUpDialling, FollowUpRescheduled, FollowUpReached, FollowUpDone, FollowUpExpired, FollowUpCancelled,
	},
	FollowUpClaimed: {
		FollowUpDue, FollowUpDialling, FollowUpRescheduled, FollowUpReached, FollowUpDone, FollowUpExpired, FollowUpCancelled,
	},
	// Back to where it was, when nothing was dialled; by a person who talks, to what they decide.
	FollowUpDialling: {
		FollowUpDue, FollowUpClaimed, FollowUpNoAnswer, FollowUpRescheduled, FollowUpReached, FollowUpDone, FollowUpCancelled,
	},
	FollowUpReached:   {FollowUpDue},
	FollowUpDone:      {FollowUpDue},
	FollowUpExpired:   {FollowUpDue},
	FollowUpCancelled: {FollowUpDue},
}

// openFollowUp are the states of which something is to be done, dialling ones too.
var openFollowUp = []FollowUpState{FollowUpDue, FollowUpClaimed, FollowUpDialling, FollowUpNoAnswer, FollowUpRescheduled}

// followUpMove is a change of state.
type followUpMove struct {
	To      FollowUpState
	By      uuid.UUID      // who; uuid.Nil: ringbook itself
	What    string         // as the history tells it
	Detail  map[string]any // more of that; nil: nothing
	Due     time.Time      // the new due time; zero: as it was
	Attempt uuid.UUID      // of which dial, for FollowUpDialling
	Call    uuid.UUID      // with which call; uuid.Nil: as it was
	Tries   int            // added to the number of tries
}

// moveFollowUp changes the state of a follow-up that is in one of the states from, by one conditional UPDATE: of any number of
// nodes that want the same, one is told moved. Into hands (claimed, dialling) it moves only from nobody's, or from By's own.
// The change is in the history and told to all nodes, in the transaction. Whether the move is permitted to anybody is the
// caller's to know.
func moveFollowUp(ctx context.Context, tx pgx.Tx, id uuid.UUID, from []FollowUpState, m followUpMove) (moved bool, err error) {
	for _, state := range from {
		if !slices.Contains(followUpMoves[state], m.To) {
			return false, fmt.Errorf("move follow-up %s from %s to %s: there is no such move", id, state, m.To)
		}
	}
	var due *time.Time
	if !m.Due.IsZero() {
		due = &m.Due
	}
	by := idOrNil(m.By)
	done, err := tx.Exec(ctx, `
		UPDATE follow_up SET
			state = $3, attempt_id = $4, due_at = coalesce($5, due_at), last_call_id = coalesce($6, last_call_id), tries = tries + $7,
			claimed_by = CASE WHEN $8 THEN coalesce(claimed_by, $9) END,
			claimed_at = CASE WHEN $8 THEN coalesce(claimed_at, clock_timestamp()) END,
			closed_at  = CASE WHEN $10 THEN clock_timestamp() END,
			closed_by  = CASE WHEN $10 THEN coalesce($9, CASE WHEN $3 = 'reached' THEN claimed_by END) END,
			offered_at = CASE WHEN $5::timestamptz IS NULL AND closed_at IS NULL THEN offered_at END,
			version = version + 1, updated_at = clock_timestamp()
		WHERE id = $1 AND state = ANY($2) AND (NOT $8 OR claimed_by IS NULL OR $9::uuid IS NULL OR claimed_by = $9)`,
		id, from, m.To, idOrNil(m.Attempt), due, idOrNil(m.Call), m.Tries, m.To.held(), by, m.To.Closed())
	if err != nil {
		return false, fmt.Errorf("move follow-up %s to %s: %w", id, m.To, err)
	}
	if done.RowsAffected() == 0 {
		return false, nil
	}
	if due != nil {
		detail := map[string]any{"due_at": m.Due.UTC()}
		for k, v := range m.Detail {
			detail[k] = v
		}
		m.Detail = detail
	}
	return true, noteFollowUp(ctx, tx, id, by, m.To, m.What, m.Detail)
}

// noteFollowUp writes into the history of a follow-up, and tells all nodes.
func noteFollowUp(ctx context.Context, tx pgx.Tx, id uuid.UUID, by *uuid.UUID, state FollowUpState, what string, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	if _, err := tx.Exec(ctx, `INSERT INTO follow_up_change (follow_up_id, by, state, what, detail) VALUES ($1, $2, $3, $4, $5)`,
		id, by, state, what, detail); err != nil {
		return fmt.Errorf("write the history of follow-up %s: %w", id, err)
	}
	return db.Emit(ctx, tx, db.Event{Kind: EventFollowUp, ID: id.String()})
}

// Why a follow-up is not moved.
const (
	FollowUpIsClaimed  = "claimed"  // another has it
	FollowUpIsDialling = "dialling" // it is being dialled
	FollowUpIsClosed   = "closed"
	FollowUpIsOpen     = "open" // there is nothing to reopen
)

// FollowUpCodes are all of them.
func FollowUpCodes() []string {
	return []string{FollowUpIsClaimed, FollowUpIsDialling, FollowUpIsClosed, FollowUpIsOpen}
}

// FollowUpRefusal says why a follow-up was left as it is.
type FollowUpRefusal struct {
	Code  string
	State FollowUpState
	By    *crm.AgentRef // who has it, or closed it
}

func (e *FollowUpRefusal) Error() string {
	if e.By != nil {
		return "follow-up is " + e.Code + " by " + e.By.Username
	}
	return "follow-up is " + e.Code
}

// Claim takes a follow-up into the actor's hands. Of many who try, one has it, and the others are told who.
func (s *FollowUps) Claim(ctx context.Context, a crm.Actor, id uuid.UUID) (FollowUp, error) {
	return s.act(ctx, a, id, func(tx pgx.Tx, f FollowUp) error {
		if f.State.held() && f.ClaimedBy.ID == a.AgentID {
			return nil
		}
		return s.take(ctx, tx, f, followUpMove{To: FollowUpClaimed, By: a.AgentID, What: "claimed"})
	})
}

// take moves a follow-up into hands.
func (s *FollowUps) take(ctx context.Context, tx pgx.Tx, f FollowUp, m followUpMove) error {
	if m.By == uuid.Nil {
		return fmt.Errorf("claim follow-up %s: %w", f.ID, crm.ErrForbidden) // only an agent has hands
	}
	if err := free(f, m.By); err != nil {
		return err
	}
	moved, err := moveFollowUp(ctx, tx, f.ID, []FollowUpState{f.State}, m)
	if err == nil && !moved {
		err = fmt.Errorf("claim follow-up %s: %w", f.ID, crm.ErrConflict)
	}
	return err
}

// free is nil if a follow-up could be taken into an agent's hands.
func free(f FollowUp, agent uuid.UUID) error {
	switch {
	case f.State.Closed():
		return &FollowUpRefusal{FollowUpIsClosed, f.State, f.ClosedBy}
	case f.ClaimedBy != nil && f.ClaimedBy.ID != agent:
		return &FollowUpRefusal{FollowUpIsClaimed, f.State, f.ClaimedBy}
	case f.State == FollowUpDialling:
		return &FollowUpRefusal{FollowUpIsDialling, f.State, f.ClaimedBy}
	}
	return nil
}

// Release puts a follow-up that the actor has claimed, or whoever the actor may take it from, back.
func (s *FollowUps) Release(ctx context.Context, a crm.Actor, id uuid.UUID) (FollowUp, error) {
	return s.act(ctx, a, id, func(tx pgx.Tx, f FollowUp) error {
		switch {
		case f.State.Closed():
			return &FollowUpRefusal{FollowUpIsClosed, f.State, f.ClosedBy}
		case f.State == FollowUpDialling:
			return &FollowUpRefusal{FollowUpIsDialling, f.State, f.ClaimedBy}
		case f.State != FollowUpClaimed:
			return nil
		}
		return s.moveTo(ctx, tx, a, f, followUpMove{To: FollowUpDue, What: "released"})
	})
}

// Done closes a follow-up as done.
func (s *FollowUps) Done(ctx context.Context, a crm.Actor, id uuid.UUID) (FollowUp, error) {
	return s.close(ctx, a, id, followUpMove{To: FollowUpDone, What: "done"})
}

// Cancel closes a follow-up as one that need not be done.
func (s *FollowUps) Cancel(ctx context.Context, a crm.Actor, id uuid.UUID) (FollowUp, error) {
	return s.close(ctx, a, id, followUpMove{To: FollowUpCancelled, What: "cancelled"})
}

func (s *FollowUps) close(ctx context.Context, a crm.Actor, id uuid.UUID, m followUpMove) (FollowUp, error) {
	return s.act(ctx, a, id, func(tx pgx.Tx, f FollowUp) error {
		if f.State == m.To {
			return nil
		}
		return s.moveTo(ctx, tx, a, f, m)
	})
}

// Reopen makes a closed follow-up due again, at the time at which it was. A window that is over by now is taken off, or it would
// expire at once.
func (s *FollowUps) Reopen(ctx context.Context, a crm.Actor, id uuid.UUID) (FollowUp, error) {
	return s.act(ctx, a, id, func(tx pgx.Tx, f FollowUp) error {
		if !f.State.Closed() {
			return &FollowUpRefusal{FollowUpIsOpen, f.State, f.ClaimedBy}
		}
		m := followUpMove{To: FollowUpDue, By: a.AgentID, What: "reopened"}
		over, err := tx.Exec(ctx, `UPDATE follow_up SET until = NULL WHERE id = $1 AND until <= clock_timestamp()`, id)
		if err != nil {
			return fmt.Errorf("reopen follow-up %s: %w", id, err)
		}
		if over.RowsAffected() > 0 {
			m.Detail = map[string]any{"until": [2]any{f.Until, nil}}
		}
		moved, err := moveFollowUp(ctx, tx, f.ID, []FollowUpState{f.State}, m)
		if err == nil && !moved {
			err = fmt.Errorf("reopen follow-up %s: %w", id, crm.ErrConflict)
		}
		return err
	})
}

// moveTo moves an open follow-up by the actor, unless it is in hands from which the actor may not take it.
func (s *FollowUps) moveTo(ctx context.Context, tx pgx.Tx, a crm.Actor, f FollowUp, m followUpMove) error {
	if err := mayMove(a, f); err != nil {
		return err
	}
	m.By = a.AgentID
	moved, err := moveFollowUp(ctx, tx, f.ID, []FollowUpState{f.State}, m)
	if err == nil && !moved {
		err = fmt.Errorf("move follow-up %s: %w", f.ID, crm.ErrConflict)
	}
	return err
}

// mayMove is nil if the actor may change where an open follow-up stands: if it is in no hands or the actor's own, or in those
// of somebody whom the actor assigns work to, and not being dialled.
func mayMove(a crm.Actor, f FollowUp) error {
	switch {
	case f.State.Closed():
		return &FollowUpRefusal{FollowUpIsClosed, f.State, f.ClosedBy}
	case f.ClaimedBy == nil || f.ClaimedBy.ID == a.AgentID:
		return nil
	case f.State == FollowUpDialling:
		return &FollowUpRefusal{FollowUpIsDialling, f.State, f.ClaimedBy}
	case !a.Covers(crm.FollowUpsAssign, *f.ClaimedBy):
		return &FollowUpRefusal{FollowUpIsClaimed, f.State, f.ClaimedBy}
	}
	return nil
}

// act does something to a follow-up that the actor may write, which is locked meanwhile, and reads what came of it.
func (s *FollowUps) act(ctx context.Context, a crm.Actor, id uuid.UUID, do func(pgx.Tx, FollowUp) error) (FollowUp, error) {
	var saved FollowUp
	err := s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		f, err := s.one(ctx, tx, a, crm.FollowUpsWrite, id, `FOR UPDATE OF f`)
		if err != nil {
			return err
		}
		if err := do(tx, f); err != nil {
			return err
		}
		list, err := s.read(ctx, tx, `WHERE f.id = $1`, id)
		if err == nil {
			saved = list[0]
		}
		return err
	})
	return saved, err
}
