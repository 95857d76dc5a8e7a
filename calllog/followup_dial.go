package calllog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/pbx"
)

// FollowUpDial says how a callback is dialled.
type FollowUpDial struct {
	ID        uuid.UUID // of the attempt; zero: a new one
	Extension string    // which of the agent's phones; empty: the first that is there
	Number    string    // another than the follow-up's; empty: that

	CustomerID *uuid.UUID // whom the call is for; nil: the follow-up's
	CallID     *uuid.UUID // from which it is started; nil: the follow-up's
}

// Dial takes a callback into the actor's hands and dials it from their phone: once, on any number of nodes. The attempt is
// written into the follow-up by the UPDATE that moves it, and only then the exchange is asked; who comes second is told who has
// it. The same attempt asked for again gives the answer of the first time. What is refused leaves the follow-up where it was,
// with the reason in its history; when nobody knows what became of the dial, as after the end of a node, FreeDials does.
func (s *FollowUps) Dial(ctx context.Context, a crm.Actor, id uuid.UUID, d FollowUpDial) (Attempt, error) {
	if d.ID == uuid.Nil {
		d.ID = uuid.New()
	}
	want := Dial{ID: d.ID, Number: d.Number, Extension: d.Extension, CustomerID: d.CustomerID, CallID: d.CallID, FollowUpID: &id}
	var before FollowUp
	again := false
	_, err := s.act(ctx, a, id, func(tx pgx.Tx, f FollowUp) (err error) {
		if want.Number == "" {
			want.Number = f.Number
		}
		if want.Number == "" {
			return crm.FieldErrors{{Field: "number", Problem: "is missing: this is no callback"}}
		}
		if f.Customer != nil && want.CustomerID == nil {
			want.CustomerID = &f.Customer.ID
		}
		err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM dial_attempt WHERE id = $1 AND follow_up_id = $2 AND agent_id = $3)`,
			d.ID, id, a.AgentID).Scan(&again)
		if err != nil {
			return fmt.Errorf("find the attempt %s: %w", d.ID, err)
		}
		if again = again || f.AttemptID != nil && *f.AttemptID == d.ID && f.ClaimedBy.ID == a.AgentID; again {
			return nil
		}
		before = f
		return s.take(ctx, tx, f, followUpMove{
			To: FollowUpDialling, By: a.AgentID, Attempt: d.ID, Tries: 1, What: "dialled", Detail: map[string]any{"attempt": d.ID},
		})
	})
	if err != nil {
		return Attempt{}, err
	}
	if again {
		return s.cfg.Acts.Dial(ctx, a, want)
	}
	if before.CallID != nil && want.CallID == nil { // it may be a call that the actor may not see
		if _, err := s.cfg.Calls.Call(ctx, a, *before.CallID); err == nil {
			want.CallID = before.CallID
		}
	}
	placed, err := s.cfg.Acts.Dial(ctx, a, want)
	s.dialled(ctx, a, before, d.ID, placed, err)
	return placed, err
}

// dialled writes down what came of a dial. It does not fail: the call rings or does not, whatever can be written, and what was
// not written is made up for by FreeDials.
func (s *FollowUps) dialled(ctx context.Context, a crm.Actor, before FollowUp, attempt uuid.UUID, placed Attempt, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	var faults crm.FieldErrors
	var err error
	switch {
	case failed == nil:
		_, err = s.cfg.DB.Pool().Exec(ctx, `UPDATE follow_up SET last_call_id = $3 WHERE id = $1 AND attempt_id = $2`, before.ID, attempt, placed.CallID)
	case pbx.Refused(failed) != "", errors.As(failed, &faults), errors.Is(failed, crm.ErrForbidden):
		detail := map[string]any{"code": pbx.Refused(failed), "attempt": attempt}
		if len(faults) > 0 {
			detail["code"], detail["field"] = "invalid", faults[0].Field
		}
		err = s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
			_, err := undoDial(ctx, tx, before.ID, attempt, followUpMove{To: before.State, By: a.AgentID, What: "refused", Detail: detail})
			return err
		})
	}
	if err != nil {
		s.log.ErrorContext(ctx, "what became of dialling a follow-up is not written down", "follow_up", before.ID, "attempt", attempt, "err", err)
	}
}

// undoDial moves a follow-up whose dial came to nothing back, if it is still that dial's.
func undoDial(ctx context.Context, tx pgx.Tx, id, attempt uuid.UUID, m followUpMove) (bool, error) {
	var still bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM follow_up WHERE id = $1 AND attempt_id = $2 FOR UPDATE)`, id, attempt).Scan(&still)
	if err != nil {
		return false, fmt.Errorf("read follow-up %s: %w", id, err)
	}
	if !still {
		return false, nil
	}
	m.Tries = -1
	return moveFollowUp(ctx, tx, id, []FollowUpState{FollowUpDialling}, m)
}

// freeEvery is how often Run looks for dials that nobody will answer for.
const freeEvery = 5 * time.Second

// Run frees what nodes that ended have left dialling, until ctx ends. It survives the database's absence, and returns nil.
func (s *FollowUps) Run(ctx context.Context) error {
	tick := time.NewTicker(freeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		work, cancel := context.WithTimeout(ctx, freeEvery)
		if _, err := s.FreeDials(work); err != nil && ctx.Err() == nil {
			s.log.DebugContext(ctx, "dials that were left cannot be freed; trying again", "err", err)
		}
		cancel()
	}
}

// FreeDials puts back what is being dialled by an attempt that has not come to anything within its patience: it was refused, was
// never written, or is still being placed, because its node has ended. It tells how many there were, 100 at most.
func (s *FollowUps) FreeDials(ctx context.Context) (freed int, err error) {
	rows, err := s.cfg.DB.Pool().Query(ctx, `
		SELECT f.id, f.attempt_id FROM follow_up f LEFT JOIN dial_attempt d ON d.id = f.attempt_id
		WHERE f.attempt_id IS NOT NULL AND f.updated_at < clock_timestamp() - $1::interval
			AND (d.id IS NULL OR d.state = 'refused' OR d.state = 'placing' AND d.created_at < clock_timestamp() - $1::interval)
		LIMIT 100`, attemptPatience)
	if err != nil {
		return 0, fmt.Errorf("look for dials that were left: %w", err)
	}
	type left struct{ id, attempt uuid.UUID }
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l left, err error) {
		err = row.Scan(&l.id, &l.attempt)
		return l, err
	})
	if err != nil {
		return 0, fmt.Errorf("look for dials that were left: %w", err)
	}
	for _, l := range all {
		err := s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
			code, err := giveUpAttempt(ctx, tx, l.attempt)
			if err != nil || code == "" {
				return err
			}
			done, err := undoDial(ctx, tx, l.id, l.attempt, followUpMove{To: FollowUpDue, What: "refused", Detail: map[string]any{"code": code, "attempt": l.attempt}})
			if done {
				freed++
			}
			return err
		})
		if err != nil {
			return freed, fmt.Errorf("free follow-up %s: %w", l.id, err)
		}
	}
	return freed, nil
}

// giveUpAttempt makes sure that the exchange is not asked for an attempt any more, also not by a node that wakes up with it: one
// that was never written is written as refused. code is why it was; empty: it was placed after all.
func giveUpAttempt(ctx context.Context, tx pgx.Tx, id uuid.UUID) (code string, err error) {
	if _, err := tx.Exec(ctx, abandonAttempts+` AND id = $3`, string(pbx.NotPlaced), attemptPatience, id); err != nil {
		return "", fmt.Errorf("give up the attempt %s: %w", id, err)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO dial_attempt (id, agent_id, pbx, extension, number, dialled, follow_up_id, state, code, settled_at)
		SELECT attempt_id, claimed_by, '', '', number, '', id, 'refused', $2, clock_timestamp() FROM follow_up WHERE attempt_id = $1
		ON CONFLICT (id) DO NOTHING`, id, string(pbx.NotPlaced)); err != nil {
		return "", fmt.Errorf("give up the attempt %s: %w", id, err)
	}
	err = tx.QueryRow(ctx, `SELECT CASE WHEN state = 'refused' THEN code ELSE '' END FROM dial_attempt WHERE id = $1`, id).Scan(&code)
	if errors.Is(err, pgx.ErrNoRows) { // it is that of no follow-up any more
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the attempt %s: %w", id, err)
	}
	return code, nil
}
