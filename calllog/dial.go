package calllog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// Dial is a call that an agent wants to place.
type Dial struct {
	ID         uuid.UUID // of the attempt; zero: a new one
	Number     string    // as it was written
	Extension  string    // which of the agent's phones; empty: the first that is there
	CustomerID *uuid.UUID
	CallID     *uuid.UUID // from which it was started
	FollowUpID *uuid.UUID
}

// Attempt is what became of it.
type Attempt struct {
	ID        uuid.UUID
	CallID    uuid.UUID
	Extension string
	Number    string // as it was dialled
}

// attempt is a row of dial_attempt.
type attempt struct {
	Attempt
	agent    uuid.UUID
	pbx      string
	key      string // of the number
	customer *uuid.UUID
	from     *uuid.UUID
	followUp *uuid.UUID
	state    string
	code     pbx.Code // why it was refused
	created  time.Time
}

// The states of an attempt.
const (
	attemptPlacing = "placing" // the exchange is being asked
	attemptPlaced  = "placed"
	attemptRefused = "refused"
)

const (
	attemptPatience = 20 * time.Second       // after that an attempt that is still being placed is given up: its node ended
	attemptWait     = 15 * time.Second       // how long the answer of another request is waited for
	attemptPoll     = 100 * time.Millisecond // how often it is looked for
	keepTimeout     = 5 * time.Second        // of writing down what became of it
)

// Dial places a call from the actor's phone, once for each attempt: the row of the attempt comes first, and whoever writes
// it is the one who asks the exchange, on any number of nodes. Said again, it gives the answer of the first time.
//
// The phone rings, and is answered by the agent; then the exchange dials the number as if it had been dialled at the
// phone. Whatever is known to be in the way is refused before: by the rules of dialling, by the state of the phone, by
// how many calls were placed within the minute.
func (s *Acts) Dial(ctx context.Context, a crm.Actor, d Dial) (Attempt, error) {
	want, err := s.prepare(ctx, a, d)
	if err != nil {
		return Attempt{}, err
	}
	mine, err := s.claim(ctx, want)
	if err != nil {
		return Attempt{}, err
	}
	if !mine {
		return s.outcome(ctx, want)
	}
	if want.state == attemptPlacing {
		want.CallID, err = s.exchange(want.pbx).Dial(ctx, pbx.DialRequest{
			ID: want.ID, Extension: want.Extension, Number: want.Number, Context: s.context(want.pbx),
		})
		if want.state = attemptPlaced; err != nil {
			want.state, want.code = attemptRefused, pbx.Refused(err)
			s.log.InfoContext(ctx, "a call was not placed", "pbx", want.pbx, "agent", a.AgentID, "code", want.code, "err", err)
		}
		s.keep(ctx, a, want)
	}
	return want.Attempt, refuse(want.code)
}

// prepare checks what was asked for, and finds the phone. What can be known to be refused is, before anything rings.
func (s *Acts) prepare(ctx context.Context, a crm.Actor, d Dial) (attempt, error) {
	if !a.Can(crm.CallsDial) || a.AgentID == uuid.Nil {
		return attempt{}, fmt.Errorf("%s: %w", crm.CallsDial, crm.ErrForbidden)
	}
	want := attempt{
		Attempt: Attempt{ID: d.ID}, agent: a.AgentID, customer: d.CustomerID, from: d.CallID, followUp: d.FollowUpID, state: attemptPlacing,
	}
	if want.ID == uuid.Nil {
		want.ID = uuid.New()
	}
	self, _ := s.cfg.CRM.Directory().Agent(a.AgentID)
	var x *pbx.Exchange
	var err error
	if x, want.Extension, want.code, err = s.phone(self, d.Extension); err != nil {
		return want, err
	}
	if x != nil {
		want.pbx = x.Name()
	}
	n, internal, err := s.number(want.pbx, d.Number)
	if err != nil {
		return want, err
	}
	if err := s.origin(ctx, a, &want); err != nil {
		return want, err
	}
	rules, err := s.cfg.CRM.Dialling(ctx, a)
	if err != nil {
		return want, err
	}
	verdict := rules.Judge(n, s.cfg.CRM.Numbering().Rules(want.pbx, ""), a.Role, internal)
	want.key, want.Number = verdict.Number, s.dialled(want.pbx, verdict)
	switch {
	case slices.ContainsFunc(self.Extensions, func(e string) bool { e, _, _ = strings.Cut(e, "@"); return e == verdict.Dialled }):
		want.code = pbx.ToYourself
	case !verdict.Allowed:
		want.code = pbx.Forbidden
	}
	if want.code != "" {
		want.state = attemptRefused
	}
	return want, nil
}

// dialled is what the exchange is given.
func (s *Acts) dialled(exchange string, v crm.DialVerdict) string {
	if v.Class == crm.ClassInternal || s.cfg.Prefix == nil {
		return v.Dialled
	}
	return s.cfg.Prefix(exchange) + v.Dialled
}

// phone chooses from which of an agent's phones a call goes out; code says why none can, and then it is the one that
// comes nearest.
func (s *Acts) phone(agent crm.AgentRef, want string) (x *pbx.Exchange, extension string, code pbx.Code, err error) {
	code = pbx.NoPhone
	found := false
	for _, e := range agent.Extensions {
		number, on, _ := strings.Cut(e, "@")
		if want != "" && want != e && want != number {
			continue
		}
		found = true
		for _, candidate := range s.cfg.Exchanges {
			if on != "" && on != candidate.Name() {
				continue
			}
			can := candidate.CanDial(number)
			if can == "" {
				return candidate, number, "", nil
			}
			if x == nil || code == pbx.NoPhone {
				x, extension, code = candidate, number, can
			}
		}
	}
	if want != "" && !found {
		err = crm.FieldErrors{{Field: "extension", Problem: "is none of your phones"}}
	}
	if x == nil && len(s.cfg.Exchanges) == 0 {
		code = pbx.PBXAway
	}
	return x, extension, code, err
}

// origin checks from where a call was started, and for whom: the customer of the call from which it was, if none is named.
func (s *Acts) origin(ctx context.Context, a crm.Actor, want *attempt) error {
	if want.from != nil {
		from, err := s.cfg.Calls.Call(ctx, a, *want.from)
		if errors.Is(err, crm.ErrNotFound) {
			return crm.FieldErrors{{Field: "call_id", Problem: "is no call that you may see"}}
		}
		if err != nil {
			return err
		}
		want.from = &from.ID
		if want.customer == nil && from.Customer != nil {
			want.customer = &from.Customer.ID
		}
	}
	if want.customer == nil {
		return nil
	}
	var known bool
	if err := s.cfg.DB.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM customer WHERE id = $1)`, *want.customer).Scan(&known); err != nil {
		return fmt.Errorf("find the customer of a call to be placed: %w", err)
	}
	if !known {
		return crm.FieldErrors{{Field: "customer_id", Problem: "is no customer"}}
	}
	return nil
}

// claim writes the row of an attempt; false: it has one already. The limits of a minute hold over all nodes, because the
// rows are counted under a lock of the exchange's.
func (s *Acts) claim(ctx context.Context, want attempt) (mine bool, err error) {
	rules, err := s.cfg.CRM.Dialling(ctx, crm.System)
	if err != nil {
		return false, err
	}
	err = s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		mine = false
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('dial ' || $1, 0))`, want.pbx); err != nil {
			return err
		}
		var known bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM dial_attempt WHERE id = $1)`, want.ID).Scan(&known); err != nil || known {
			return err
		}
		var byAgent, onPBX int
		if err := tx.QueryRow(ctx, `
			SELECT count(*) FILTER (WHERE agent_id = $1), count(*) FILTER (WHERE pbx = $2)
			FROM dial_attempt WHERE created_at > now() - interval '1 minute' AND (agent_id = $1 OR pbx = $2)`,
			want.agent, want.pbx).Scan(&byAgent, &onPBX); err != nil {
			return err
		}
		if byAgent >= rules.PerMinute || onPBX >= rules.PerMinutePBX {
			return &pbx.Refusal{Code: pbx.TooMany}
		}
		// What a node left that ended in the middle.
		if _, err := tx.Exec(ctx, abandonAttempts+` AND agent_id = $3`, string(pbx.NotPlaced), attemptPatience, want.agent); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, `
			INSERT INTO dial_attempt (id, agent_id, pbx, extension, number, dialled, customer_id, from_call_id, follow_up_id, state, code, settled_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $10 = 'refused' THEN clock_timestamp() END)
			ON CONFLICT (id) DO NOTHING`,
			want.ID, want.agent, want.pbx, want.Extension, want.key, want.Number, want.customer, want.from, want.followUp,
			want.state, string(want.code))
		mine = err == nil && done.RowsAffected() == 1
		return err
	})
	var taken *pgconn.PgError
	if errors.As(err, &taken) && taken.ConstraintName == "dial_attempt_placing" {
		return false, &pbx.Refusal{Code: pbx.AlreadyDialing}
	}
	if err != nil && pbx.Refused(err) == "" {
		err = fmt.Errorf("write down the attempt %s: %w", want.ID, err)
	}
	return mine, err
}

const abandonAttempts = `UPDATE dial_attempt SET state = 'refused', code = $1, settled_at = clock_timestamp()
	WHERE state = 'placing' AND created_at < clock_timestamp() - $2::interval`

// forgetAttempts deletes some of those that are older than any call from which one would start.
const forgetAttempts = `DELETE FROM dial_attempt WHERE id IN (
	SELECT id FROM dial_attempt WHERE pbx = $1 AND created_at < now() - interval '400 days' ORDER BY created_at LIMIT 100)`

// keep writes down what became of an attempt of ours. It does not fail: the call rings or does not, whatever can be written.
func (s *Acts) keep(ctx context.Context, a crm.Actor, done attempt) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	err := s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			UPDATE dial_attempt SET state = $2, code = $3, call_id = coalesce($4, call_id), settled_at = clock_timestamp() WHERE id = $1`,
			done.ID, done.state, string(done.code), idOrNil(done.CallID)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, forgetAttempts, done.pbx); err != nil {
			return err
		}
		if done.state != attemptPlaced {
			return nil
		}
		what := map[string]any{"number": done.key, "extension": done.Extension, "attempt": done.ID}
		return crm.AuditTx(ctx, tx, a, "dial", EventCall, done.CallID.String(), what)
	})
	if err != nil {
		s.log.ErrorContext(ctx, "what became of a call from the screen is not written down", "attempt", done.ID, "state", done.state, "err", err)
	}
}

// outcome waits for what becomes of an attempt that another request has begun, and gives its answer.
func (s *Acts) outcome(ctx context.Context, want attempt) (Attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptWait)
	defer cancel()
	poll := time.NewTicker(attemptPoll)
	defer poll.Stop()
	for {
		if _, err := s.cfg.DB.Pool().Exec(ctx, abandonAttempts+` AND id = $3`, string(pbx.NotPlaced), attemptPatience, want.ID); err != nil {
			return Attempt{}, fmt.Errorf("read the attempt %s: %w", want.ID, err)
		}
		known, err := s.attempt(ctx, want.ID)
		if err != nil {
			return Attempt{}, err
		}
		switch {
		case known.agent != want.agent || known.key != want.key:
			return Attempt{}, crm.FieldErrors{{Field: "id", Problem: "is that of another attempt"}}
		case known.state != attemptPlacing:
			return known.Attempt, refuse(known.code)
		}
		select {
		case <-ctx.Done():
			return Attempt{}, &pbx.Refusal{Code: pbx.AlreadyDialing, Err: ctx.Err()}
		case <-poll.C:
		}
	}
}

func (s *Acts) attempt(ctx context.Context, id uuid.UUID) (attempt, error) {
	var t attempt
	var call *uuid.UUID
	err := s.cfg.DB.Pool().QueryRow(ctx, `
		SELECT id, agent_id, pbx, extension, number, dialled, state, code, call_id, created_at FROM dial_attempt WHERE id = $1`, id).
		Scan(&t.ID, &t.agent, &t.pbx, &t.Extension, &t.key, &t.Number, &t.state, &t.code, &call, &t.created)
	if err != nil {
		return t, fmt.Errorf("read the attempt %s: %w", id, err)
	}
	if call != nil {
		t.CallID = *call
	}
	return t, nil
}

// linkDialled gives a call that was dialled from the screen the customer for whom it was, and its attempt the call. It is
// part of writing the call, so that it happens whatever became of the node that placed it.
const linkDialled = `
WITH given AS (
	UPDATE call c SET chosen = true, chosen_id = a.customer_id FROM dial_attempt a
	WHERE c.id = $1 AND a.id = $2 AND a.customer_id IS NOT NULL AND NOT c.chosen
	RETURNING c.id),
placed AS (
	UPDATE dial_attempt SET state = 'placed', code = '', call_id = $1, settled_at = coalesce(settled_at, clock_timestamp())
	WHERE id = $2 AND call_id IS NULL)
SELECT EXISTS (SELECT FROM given)`

// linkAttempts is linkDialled for those of the rows that were dialled from the screen.
func linkAttempts(ctx context.Context, tx pgx.Tx, rows []row) error {
	for i := range rows {
		c := &rows[i].Call
		id, ok := pbx.AttemptOf(c)
		if !ok || c.MergedInto != uuid.Nil {
			continue
		}
		var given bool
		if err := tx.QueryRow(ctx, linkDialled, c.ID, id).Scan(&given); err != nil {
			return fmt.Errorf("link call %s to its attempt: %w", c.ID, err)
		}
		if !given {
			continue
		}
		if err := db.Emit(ctx, tx, db.Event{Kind: EventCall, ID: c.ID.String()}); err != nil {
			return err
		}
	}
	return nil
}
