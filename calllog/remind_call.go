package calllog

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/pbx"
)

// What the history of a follow-up says of what a call did to it.
const (
	followUpAnswered    = "answered"     // dialled from it, and answered
	followUpCalledAgain = "called_again" // answered, and not dialled from it
	followUpNotAnswered = "no_answer"
	followUpNotPlaced   = "not_placed" // the agent's own phone was not picked up
)

// followCalls moves the follow-ups that the calls of rows concern, in the transaction that writes them. It reads what the rows
// of the calls are by now, and moves only what has not been moved: a picture that comes late, twice, or from another node
// changes nothing.
//
// It must not keep a call out of the log: an error that another attempt may mend is returned; of one that would come again with
// every attempt the log is told, and what was done here is undone.
func (r *Recorder) followCalls(ctx context.Context, tx pgx.Tx, rows []row) error {
	var dialled, attempts, answered []uuid.UUID
	for i := range rows {
		c := &rows[i].Call
		if c.MergedInto != uuid.Nil {
			continue
		}
		if id, ok := pbx.AttemptOf(c); ok && (c.State == pbx.StateEnded || !c.AnsweredAt.IsZero()) {
			dialled, attempts = append(dialled, c.ID), append(attempts, id)
		}
		if !c.AnsweredAt.IsZero() && c.Direction != pbx.Internal {
			answered = append(answered, c.ID)
		}
	}
	if len(dialled)+len(answered) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `SAVEPOINT follow_ups`); err != nil {
		return err
	}
	err := settleDials(ctx, tx, dialled, attempts, r.cfg.Hours)
	if err == nil {
		err = closeCalledAgain(ctx, tx, answered)
	}
	if err == nil || !db.Poisons(err) {
		return err
	}
	r.log.ErrorContext(ctx, "calls were written, but not what became of the follow-ups that they concern", "err", err)
	_, err = tx.Exec(ctx, `ROLLBACK TO SAVEPOINT follow_ups`)
	return err
}

// dialEnd is what became of a follow-up's dial.
type dialEnd struct {
	id, call uuid.UUID
	answered bool
	outcome  pbx.Outcome
	picked   bool // the agent's own phone was picked up
	until    *time.Time
}

// move is where that takes the follow-up.
func (e *dialEnd) move(now time.Time, hours Hours) followUpMove {
	switch {
	case e.answered:
		return followUpMove{To: FollowUpReached, What: followUpAnswered, Call: e.call}
	case !e.picked:
		return followUpMove{To: FollowUpDue, What: followUpNotPlaced, Call: e.call, Tries: -1}
	}
	return followUpMove{
		To: FollowUpNoAnswer, What: followUpNotAnswered, Call: e.call, Due: nextTry(now, e.until, hours),
		Detail: map[string]any{"outcome": e.outcome},
	}
}

// settleDials moves the follow-ups from which calls were dialled, by the attempts, to what became of the calls: as soon as they
// are answered, else when they have ended. One of which it was said too early that nobody answered is reached all the same.
func settleDials(ctx context.Context, tx pgx.Tx, calls, attempts []uuid.UUID, hours Hours) error {
	if len(calls) == 0 {
		return nil
	}
	first, last := reach(calls)
	rows, err := tx.Query(ctx, `
		SELECT f.id, c.id, c.answered_at IS NOT NULL, c.outcome, EXISTS (
				SELECT FROM call_leg l WHERE l.call_id = c.id AND l.role = 'agent' AND l.answered_at IS NOT NULL), f.until
		FROM unnest($1::uuid[], $2::uuid[]) w (call_id, attempt_id)
		JOIN dial_attempt d ON d.id = w.attempt_id
		JOIN follow_up f ON f.id = d.follow_up_id AND f.closed_at IS NULL
			AND (f.attempt_id = d.id OR f.state = 'no_answer' AND f.last_call_id = w.call_id)
		JOIN call c ON c.id = w.call_id AND c.id BETWEEN $3 AND $4
		WHERE c.answered_at IS NOT NULL OR c.state = 'ended' AND f.state = 'dialling'
		ORDER BY f.id FOR UPDATE OF f`, calls, attempts, first, last)
	if err != nil {
		return fmt.Errorf("find the follow-ups from which calls were dialled: %w", err)
	}
	ends, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e dialEnd, err error) {
		return e, row.Scan(&e.id, &e.call, &e.answered, &e.outcome, &e.picked, &e.until)
	})
	if err != nil {
		return fmt.Errorf("find the follow-ups from which calls were dialled: %w", err)
	}
	for i := range ends {
		from := []FollowUpState{FollowUpDialling}
		if ends[i].answered {
			from = append(from, FollowUpNoAnswer)
		}
		if _, err := moveFollowUp(ctx, tx, ends[i].id, from, ends[i].move(time.Now(), hours)); err != nil {
			return err
		}
	}
	return nil
}

// closeCalledAgain closes the callbacks to whoever was talked to in answered calls: their customer, or, where a callback has
// none or the call's number names none, the number. Those that came of the call, that it has closed before, and that were made
// or changed after it was answered stay.
func closeCalledAgain(ctx context.Context, tx pgx.Tx, calls []uuid.UUID) error {
	if len(calls) == 0 {
		return nil
	}
	first, last := reach(calls)
	rows, err := tx.Query(ctx, `
		SELECT f.id, c.id
		FROM call c JOIN LATERAL (
			SELECT id FROM follow_up WHERE closed_at IS NULL AND customer_id = c.customer_id
			UNION
			SELECT id FROM follow_up WHERE closed_at IS NULL AND number <> '' AND number = c.number
				AND (customer_id IS NULL OR c.customer_id IS NULL AND c.match_rule <> 'shared')) found ON true
		JOIN follow_up f ON f.id = found.id
		WHERE c.id = ANY($1) AND c.id BETWEEN $2 AND $3 AND c.answered_at IS NOT NULL AND c.direction <> 'internal' AND c.merged_into IS NULL
			AND f.closed_at IS NULL AND f.kind = 'callback' AND f.call_id IS DISTINCT FROM c.id AND f.last_call_id IS DISTINCT FROM c.id
			AND f.created_at < c.answered_at AND f.updated_at < c.answered_at + $4::interval
		ORDER BY f.id FOR UPDATE OF f`, calls, first, last, calledAgainGrace)
	if err != nil {
		return fmt.Errorf("find the callbacks that calls have made needless: %w", err)
	}
	var found [][2]uuid.UUID
	var id, call uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&id, &call}, func() error {
		found = append(found, [2]uuid.UUID{id, call})
		return nil
	}); err != nil {
		return fmt.Errorf("find the callbacks that calls have made needless: %w", err)
	}
	for _, f := range found {
		if _, err := moveFollowUp(ctx, tx, f[0], openFollowUp, followUpMove{To: FollowUpReached, What: followUpCalledAgain, Call: f[1]}); err != nil {
			return err
		}
	}
	return nil
}

// calledAgainGrace is for how long after a call was answered a callback may have been claimed, say, and is closed all the same.
const calledAgainGrace = time.Minute

// reach is the least and the greatest of some ids of calls.
func reach(ids []uuid.UUID) (first, last uuid.UUID) {
	first, last = ids[0], ids[0]
	for _, id := range ids {
		if bytes.Compare(id[:], first[:]) < 0 {
			first = id
		}
		if bytes.Compare(id[:], last[:]) > 0 {
			last = id
		}
	}
	return first, last
}

// endDials brings to their end the dials whose calls are over and have not moved them, such as one whose call became part of
// another. Those of which no call came, FollowUps.FreeDials undoes.
func (r *Reminders) endDials(ctx context.Context, tx pgx.Tx, now time.Time) (int, error) {
	rows, err := tx.Query(ctx, `
		SELECT f.id, d.created_at, f.until, coalesce(i.id, c.id), coalesce(i.answered_at, c.answered_at) IS NOT NULL,
			coalesce(i.outcome, c.outcome, ''), coalesce(i.state, c.state, 'ended') = 'ended', c.id IS NULL OR EXISTS (
				SELECT FROM call_leg l WHERE l.call_id = c.id AND l.role = 'agent' AND l.answered_at IS NOT NULL)
		FROM follow_up f JOIN dial_attempt d ON d.id = f.attempt_id AND d.state = 'placed'
			LEFT JOIN call c ON c.id = d.call_id LEFT JOIN call i ON i.id = c.merged_into
		WHERE f.closed_at IS NULL AND f.state = 'dialling' AND f.updated_at < $1
		ORDER BY f.id FOR UPDATE OF f SKIP LOCKED`, now.Add(-dialPatience))
	if err != nil {
		return 0, err
	}
	type dial struct {
		dialEnd
		at   time.Time
		call *uuid.UUID // nil: the log has none
		over bool
	}
	dials, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d dial, err error) {
		return d, row.Scan(&d.id, &d.at, &d.until, &d.call, &d.answered, &d.outcome, &d.over, &d.picked)
	})
	if err != nil {
		return 0, err
	}
	for _, d := range dials {
		switch {
		case d.call != nil:
			d.dialEnd.call = *d.call
		case now.Sub(d.at) < dialLost:
			continue // it will be written
		}
		if !d.over && !d.answered {
			continue // it rings
		}
		if _, err := moveFollowUp(ctx, tx, d.id, []FollowUpState{FollowUpDialling}, d.move(now, r.hours)); err != nil {
			return 0, err
		}
	}
	return 0, nil // all at once: as many as there are agents, at the most
}
