package crm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
)

// EventState is of an agent's state, with the agent's id; the queues of the exchange may follow it or not by now.
const EventState = "agent_state"

// StateInput is what an agent is to be.
type StateInput struct {
	State    State      // Available, Paused or Offline
	ReasonID *uuid.UUID // of a pause
}

const choiceSQL = `
	SELECT c.agent_id, c.state, c.reason_id, coalesce(r.label, c.reason), coalesce(nullif(r.label_en, ''), r.label, c.reason), c.since_at, c.set_by
	  FROM agent_choice c LEFT JOIN pause_reason r ON r.id = c.reason_id`

// Choose makes an agent what somebody chose for them, which ends their wrap-up. To choose again what is chosen already
// changes nothing else. ErrNotFound: there is no such agent in the actor's scope.
func (s *Store) Choose(ctx context.Context, a Actor, agent uuid.UUID, in StateInput) (Choice, error) {
	by := ByDesk
	if agent != a.AgentID {
		by = BySupervisor
	}
	if a.Scope(StatesWrite) == ScopeOwn {
		if err := a.over(StatesWrite, agent); err != nil {
			return Choice{}, err
		}
	}
	var f FieldErrors
	switch {
	case in.State != Available && in.State != Paused && in.State != Offline:
		f.add("state", `must be "available", "paused" or "offline"`)
	case in.State != Paused && in.ReasonID != nil:
		f.add("reason_id", "is only for a pause")
	}
	if err := f.err(); err != nil {
		return Choice{}, err
	}
	var made Choice
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		cond, args := a.ScopeSQL(StatesWrite, "id", 2)
		if err := lockState(ctx, tx, agent, cond, args...); err != nil {
			return err
		}
		if in.ReasonID != nil {
			var live bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pause_reason WHERE id = $1 AND archived_at IS NULL)`, *in.ReasonID).Scan(&live)
			if err != nil {
				return wrap(err, "read pause reason %s", *in.ReasonID)
			}
			if !live {
				return FieldErrors{{"reason_id", "there is no such reason"}}
			}
		}
		before, _, err := readChoice(ctx, tx, agent)
		if err != nil {
			return err
		}
		if made, err = choose(ctx, tx, before, Choice{AgentID: agent, State: in.State, ReasonID: in.ReasonID, By: by}, a.AgentID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			UPDATE agent_wrap_up SET ended_at = greatest(clock_timestamp(), from_at)
			 WHERE agent_id = $1 AND ended_at IS NULL AND until_at > clock_timestamp()`, agent); err != nil {
			return wrap(err, "end the wrap-up of %s", agent)
		}
		if by == BySupervisor {
			d := changes{}
			d.note("state", before.State, made.State)
			d.note("reason", before.Reason, made.Reason)
			return AuditTx(ctx, tx, a, "state", EventState, agent.String(), d)
		}
		return tellState(ctx, tx, agent)
	})
	if err != nil {
		return Choice{}, err
	}
	s.stateAfter(ctx, agent)
	return made, nil
}

// Arrive makes an agent available who has logged in and was offline, or never chose.
func (s *Store) Arrive(ctx context.Context, a Actor) error {
	return s.move(ctx, a, Available, func(before Choice, chose bool) bool { return !chose || before.State == Offline })
}

// Depart makes an agent offline who has logged out.
func (s *Store) Depart(ctx context.Context, a Actor) error {
	return s.move(ctx, a, Offline, func(Choice, bool) bool { return true })
}

func (s *Store) move(ctx context.Context, a Actor, to State, when func(before Choice, chose bool) bool) error {
	moved := false
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := lockState(ctx, tx, a.AgentID, "true"); err != nil {
			return err
		}
		before, chose, err := readChoice(ctx, tx, a.AgentID)
		if err != nil || !when(before, chose) {
			return err
		}
		moved = true
		if _, err := choose(ctx, tx, before, Choice{AgentID: a.AgentID, State: to, By: ByDesk}, a.AgentID); err != nil {
			return err
		}
		return tellState(ctx, tx, a.AgentID)
	})
	if err == nil && moved {
		s.stateAfter(ctx, a.AgentID)
	}
	return err
}

// PhoneInput is what an exchange's queues say of an agent.
type PhoneInput struct {
	Agent  uuid.UUID
	PBX    string
	Epoch  int64 // under which it was heard; see db.Fence
	Paused bool
	Reason string // as the exchange has it
	// Changes says that the agent's choice is to become what the queues say; false: the queues do what was chosen. Choice is
	// then what whoever heard it takes to be chosen: with another choice meanwhile nothing is done (ErrConflict).
	Changes bool
	Choice  Choice
	Problem string    // why the queues do not follow; empty: they do
	Joined  time.Time // see Follow
}

// Heard keeps what an exchange's queues and an agent's state agree on from now on: either because they did already, or by
// making the state what the queues say. It is for the node that leads the exchange: db.ErrFenced if that is another.
func (s *Store) Heard(ctx context.Context, in PhoneInput) error {
	in.Reason = clipped(in.Reason)
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		db.Fence(b, in.PBX, in.Epoch)
		if b.Len() > 0 {
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return fmt.Errorf("keep the state of %s: %w", in.Agent, err)
			}
		}
		if err := lockState(ctx, tx, in.Agent, "true"); err != nil {
			return err
		}
		before, _, err := readChoice(ctx, tx, in.Agent)
		if err != nil {
			return err
		}
		if in.Changes && !same(before, in.Choice) {
			return fmt.Errorf("keep the state of %s: %w", in.Agent, ErrConflict)
		}
		if in.Changes {
			c := Choice{AgentID: in.Agent, State: Available, By: ByPhone}
			if in.Paused {
				c.State, c.Reason = Paused, in.Reason
				if c.ReasonID, err = reasonOf(ctx, tx, in.Reason); err != nil {
					return err
				}
			}
			if _, err := choose(ctx, tx, before, c, uuid.Nil); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO agent_follow AS f (agent_id, pbx, paused, reason, problem, joined) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (agent_id, pbx) DO UPDATE SET paused = $3, reason = $4, problem = $5, joined = $6, at = now()`,
			in.Agent, in.PBX, in.Paused, in.Reason, in.Problem, timeOrNil(in.Joined))
		if err != nil {
			return wrap(err, "keep the state of %s", in.Agent)
		}
		return tellState(ctx, tx, in.Agent)
	})
	if err == nil || errors.Is(err, ErrConflict) {
		s.stateAfter(ctx, in.Agent)
	}
	return err
}

// reasonOf finds the reason that an exchange has in words; nil: none of ours.
func reasonOf(ctx context.Context, tx pgx.Tx, words string) (*uuid.UUID, error) {
	if words = strings.ToLower(strings.TrimSpace(words)); words == "" {
		return nil, nil
	}
	var id uuid.UUID
	err := tx.QueryRow(ctx, `
		SELECT id FROM pause_reason
		 WHERE archived_at IS NULL AND (lower(label) = $1 OR lower(label_en) = $1 OR left(lower(label), length($1)) = $1 AND length($1) > 20)
		 ORDER BY lower(label) = $1 DESC, lower(label_en) = $1 DESC, id LIMIT 1`, words).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &id, wrap(err, "find the reason of a pause")
}

// clipped is text of an exchange as it can be stored.
func clipped(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return strings.TrimSpace(s)
}

// lockState makes those who change one agent's state wait for one another. ErrNotFound: the condition on the agent's row
// does not hold, or there is no live agent of that id.
func lockState(ctx context.Context, tx pgx.Tx, agent uuid.UUID, cond string, args ...any) error {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `SELECT id FROM agent WHERE id = $1 AND archived_at IS NULL AND `+cond+` FOR NO KEY UPDATE`,
		append([]any{agent}, args...)...).Scan(&id)
	return wrap(err, "change the state of %s", agent)
}

// readChoice is what counts now, and whether the agent ever chose.
func readChoice(ctx context.Context, tx pgx.Tx, agent uuid.UUID) (c Choice, chose bool, err error) {
	rows, err := tx.Query(ctx, choiceSQL+` WHERE c.agent_id = $1 AND c.until_at IS NULL`, agent)
	if err == nil {
		c, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Choice])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return Choice{AgentID: agent, State: Available, By: BySystem}, false, nil
	}
	return c, true, wrap(err, "read the state of %s", agent)
}

// choose ends one stretch and begins the next, with the agent's state locked.
func choose(ctx context.Context, tx pgx.Tx, before, after Choice, actor uuid.UUID) (Choice, error) {
	if !before.Since.IsZero() && before.State == after.State && sameID(before.ReasonID, after.ReasonID) &&
		(after.ReasonID != nil || before.Reason == after.Reason) {
		return before, nil
	}
	var who *uuid.UUID
	if actor != uuid.Nil {
		who = &actor
	}
	since := time.Time{}
	// A clock that was set back costs the new stretch a part of its length, and makes none negative.
	err := tx.QueryRow(ctx, `
		UPDATE agent_choice SET until_at = greatest(clock_timestamp(), since_at + interval '1 microsecond')
		 WHERE agent_id = $1 AND until_at IS NULL RETURNING until_at`, after.AgentID).Scan(&since)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Choice{}, wrap(err, "save the state of %s", after.AgentID)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO agent_choice (agent_id, since_at, state, reason_id, reason, set_by, actor_id)
		VALUES ($1, coalesce($2, clock_timestamp()), $3, $4, $5, $6, $7)`,
		after.AgentID, timeOrNil(since), after.State, after.ReasonID, after.Reason, after.By, who)
	if err != nil {
		return Choice{}, wrap(err, "save the state of %s", after.AgentID)
	}
	saved, _, err := readChoice(ctx, tx, after.AgentID)
	return saved, err
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// tellState emits that an agent's state, or what the exchange makes of it, is another.
func tellState(ctx context.Context, tx pgx.Tx, agent uuid.UUID) error {
	return db.Emit(ctx, tx, db.Event{Kind: EventState, ID: agent.String()})
}

// stateAfter reads agents' states after a change that is saved: if it fails, the next refresh makes up for it.
func (s *Store) stateAfter(ctx context.Context, agents ...uuid.UUID) {
	if err := s.states.load(ctx, agents); err != nil {
		s.log.WarnContext(ctx, "crm: an agent's state is stale until its next refresh", "err", err)
	}
}

// write puts the wrap-ups that wait into the database, oldest first. One that it will never take is given up.
func (s *States) write(ctx context.Context) error {
	for {
		s.mu.RLock()
		var w waitingWrapUp
		some := len(s.waiting) > 0
		if some {
			w = s.waiting[0]
		}
		s.mu.RUnlock()
		if !some {
			return nil
		}
		if err := s.store.writeWrapUp(ctx, w); db.Poisons(err) {
			s.store.log.WarnContext(ctx, "crm: a wrap-up is refused and not kept", "agent", w.AgentID, "call", w.Call, "err", err)
			s.lost.Add(ctx, 1)
		} else if err != nil {
			return err
		}
		s.mu.Lock()
		if len(s.waiting) > 0 && s.waiting[0].AfterCall == w.AfterCall { // it may have been lost meanwhile
			s.waiting = s.waiting[1:]
		}
		s.mu.Unlock()
	}
}

// writeWrapUp writes one that no other node has written. What was chosen since it began has ended it, and it ends the one
// before.
func (s *Store) writeWrapUp(ctx context.Context, w waitingWrapUp) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO agent_wrap_up (agent_id, call_id, leg_id, from_at, until_at, ended_at)
			SELECT $1, $2, $3, $4, clock_timestamp() - $5::interval + $6::interval,
				(SELECT greatest(ended, $4) FROM (SELECT coalesce($7,
					(SELECT min(c.since_at) FROM agent_choice c WHERE c.agent_id = $1 AND c.since_at > clock_timestamp() - $5::interval)) AS ended) e WHERE ended IS NOT NULL)
			  FROM agent WHERE id = $1
			ON CONFLICT (agent_id, call_id, leg_id) DO UPDATE SET ended_at = excluded.ended_at
				WHERE agent_wrap_up.ended_at IS NULL AND excluded.ended_at IS NOT NULL`,
			w.AgentID, w.Call, w.Leg, w.From, time.Since(w.began), w.lasts, timeOrNil(w.EndedAt))
		if err != nil {
			return wrap(err, "save the wrap-up of %s", w.AgentID)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `
			UPDATE agent_wrap_up SET ended_at = greatest(from_at, least($2, clock_timestamp()))
			 WHERE agent_id = $1 AND from_at <= $2 AND (call_id, leg_id) <> ($3, $4) AND ended_at IS NULL
			   AND until_at > clock_timestamp()`, w.AgentID, w.From, w.Call, w.Leg); err != nil {
			return wrap(err, "end the wrap-up before the one of %s", w.AgentID)
		}
		return tellState(ctx, tx, w.AgentID)
	})
}

// EndWrapUp ends the wrap-up of a call that an agent puts off the desk, at once and whether the database knows of it yet or
// not (Store.PutAway tells it). It does not block and calls no hook.
func (s *States) EndWrapUp(agent, call uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.wraps[agent]
	if w.Call != call || !w.active(time.Now()) {
		return
	}
	w.EndedAt = time.Now()
	s.wraps[agent] = w
	for i := range s.waiting {
		if s.waiting[i].AgentID == agent && s.waiting[i].Call == call {
			s.waiting[i].EndedAt = w.EndedAt
		}
	}
}

// endWrapUp is EndWrapUp for the database, and so for all nodes.
func endWrapUp(ctx context.Context, tx pgx.Tx, agent, call uuid.UUID) error {
	tag, err := tx.Exec(ctx, `
		UPDATE agent_wrap_up SET ended_at = greatest(clock_timestamp(), from_at)
		 WHERE agent_id = $1 AND call_id = $2 AND ended_at IS NULL AND until_at > clock_timestamp()`, agent, call)
	if err != nil || tag.RowsAffected() == 0 {
		return wrap(err, "end the wrap-up of %s", agent)
	}
	return tellState(ctx, tx, agent)
}
