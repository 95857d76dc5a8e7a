package calllog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// Who called from outside, was not answered (missed, abandoned in a queue, or a message left) and has not been talked to
// since, is one row of the table missed, until that happens, whenever it was: one for each customer, or for each number that
// is nobody's. The database keeps it (migration 0033): in the transaction of whatever changes a call, or whose a number is.
//
//	missed call m of an owner M (the call's customer, else the only one who has its number) and a number
//	is answered by a call a, inbound or outbound, answered after m began, of owner A
//	    if M and A are both known: when they are the same
//	    else: when the numbers are the same, or a's is one of M's, or m's is one of A's
//
// Nothing depends on the order in which calls come, or how often. A withheld number cannot be called back, and makes no row.
// A person can also say that a row is dealt with: then its calls of until then are.

// EventMissed is of a row of the missed, with its id.
const EventMissed = "missed"

// missedMost is how far Missed are counted.
const missedMost = 100

// Missed is somebody who was not answered.
type Missed struct {
	ID            uuid.UUID     `json:"id"`
	Customer      *Customer     `json:"customer"` // nil: the number is nobody's, or several customers'
	Number        string        `json:"number"`   // of the last call, as crm.Number.Key; empty: a customer who withholds it
	NumberRaw     string        `json:"number_raw"`
	Name          string        `json:"name" doc:"as the network said"`
	Calls         int           `json:"calls" doc:"that nobody has answered; 0: it is over"`
	FirstAt       time.Time     `json:"first_at"`
	LastAt        time.Time     `json:"last_at"`
	LastCallID    uuid.UUID     `json:"last_call_id"`
	QueueID       *uuid.UUID    `json:"queue_id"` // of the last call; nil: it came to none
	QueueLabel    *string       `json:"queue_label"`
	LongestWaitMS int64         `json:"longest_wait_ms"`
	ClaimedBy     *crm.AgentRef `json:"claimed_by"`
	ClaimedAt     *time.Time    `json:"claimed_at"`

	first time.Time // FirstAt, to the microsecond
}

// MissedFilter says which are wanted. The zero value of a field wants all.
type MissedFilter struct {
	Queue   uuid.UUID // some call came to it
	Team    uuid.UUID // some call came to its queues, or rang its agents
	Claimed *bool
	Cursor  string
	Limit   int // 1 to 200; 0: 50
}

// MissedCount is how many wait, missedMost at most: More says that there are more.
type MissedCount struct {
	Count int  `json:"count"`
	More  bool `json:"more"`
}

// MissedRefusal says why a row was left as it is: another has it.
type MissedRefusal struct{ By crm.AgentRef }

func (e *MissedRefusal) Error() string { return "missed call is claimed by " + e.By.Username }

// missedWhere compiles which rows m an actor may see and a filter wants.
func missedWhere(c *clauses, a crm.Actor, f MissedFilter) (string, error) {
	var where []string
	teams := a.Teams
	switch a.Scope(crm.MissedRead) {
	case crm.ScopeNone:
		return "", fmt.Errorf("%s: %w", crm.MissedRead, crm.ErrForbidden)
	case crm.ScopeOwn:
		teams = nil
		fallthrough
	case crm.ScopeTeam:
		if a.TeamID != nil {
			teams = append(slices.Clip(teams), *a.TeamID)
		}
		// What came to a queue of no team, or to nobody at all, is everybody's: who works in no team would see nothing of a night.
		where = append(where, c.fill(`(m.loose OR m.agents && ?::uuid[] OR m.agents && ARRAY(SELECT id FROM agent WHERE team_id = ANY (?))
			OR m.queues && ARRAY(SELECT id FROM queue WHERE team_id IS NULL OR team_id = ANY (?)))`, []uuid.UUID{a.AgentID}, teams, teams))
	}
	if f.Queue != uuid.Nil {
		where = append(where, c.fill(`m.queues && ?::uuid[]`, []uuid.UUID{f.Queue}))
	}
	if f.Team != uuid.Nil {
		where = append(where, c.fill(`(m.agents && ARRAY(SELECT id FROM agent WHERE team_id = ?) OR m.queues && ARRAY(SELECT id FROM queue WHERE team_id = ?))`, f.Team, f.Team))
	}
	if f.Claimed != nil {
		where = append(where, c.fill(`(m.claimed_by IS NOT NULL) = ?`, *f.Claimed))
	}
	return strings.Join(append(where, "true"), " AND "), nil
}

const missedColumns = `m.id, m.customer_id, coalesce(u.name, ''), m.number, coalesce(c.caller_raw, m.number), coalesce(c.caller_name, ''), m.calls,
	m.first_at, m.last_at, m.last_call, m.queue_id, coalesce(c.queue, ''), m.wait_ms, m.claimed_at, g.id, g.name, g.username, g.role, g.team_id`

const missedFrom = ` FROM missed m LEFT JOIN customer u ON u.id = m.customer_id LEFT JOIN call c ON c.id = m.last_call LEFT JOIN agent g ON g.id = m.claimed_by `

func (s *Store) readMissed(ctx context.Context, on querier, rest string, args ...any) ([]Missed, error) {
	rows, err := on.Query(ctx, `SELECT `+missedColumns+missedFrom+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read missed calls: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Missed, err error) {
		var customer, agent, team *uuid.UUID
		var customerName, queue string
		var name, username *string
		var role *crm.Role
		if err := row.Scan(&m.ID, &customer, &customerName, &m.Number, &m.NumberRaw, &m.Name, &m.Calls,
			&m.FirstAt, &m.LastAt, &m.LastCallID, &m.QueueID, &queue, &m.LongestWaitMS, &m.ClaimedAt, &agent, &name, &username, &role, &team); err != nil {
			return m, err
		}
		m.first = m.FirstAt
		m.FirstAt, m.LastAt, m.ClaimedAt = millis(m.FirstAt), millis(m.LastAt), millisOrNil(m.ClaimedAt)
		if customer != nil {
			m.Customer = &Customer{ID: *customer, Name: customerName}
		}
		if m.QueueID != nil {
			label := s.crm.Directory().QueueLabel(*m.QueueID, queue)
			m.QueueLabel = &label
		}
		if agent != nil {
			m.ClaimedBy = &crm.AgentRef{ID: *agent, Name: *name, Username: *username, Role: *role, TeamID: team, Extensions: []string{}}
		}
		return m, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read missed calls: %w", err)
	}
	return list, nil
}

// Missed lists those whom nobody has answered, whose first such call is oldest first.
func (s *Store) Missed(ctx context.Context, a crm.Actor, f MissedFilter) (crm.Page[Missed], error) {
	page := crm.Page[Missed]{}
	limit := f.Limit
	if limit == 0 {
		limit = limitDefault
	}
	if limit < 0 || limit > limitMost {
		return page, crm.FieldErrors{{Field: "limit", Problem: fmt.Sprintf("must be from 1 to %d", limitMost)}}
	}
	q := &clauses{}
	where, err := missedWhere(q, a, f)
	if err != nil {
		return page, err
	}
	claimed := "any"
	if f.Claimed != nil {
		claimed = fmt.Sprint(*f.Claimed)
	}
	check := sha256.Sum256(fmt.Appendf(nil, "missed %s %s %s %s", a.AgentID, f.Queue, f.Team, claimed))
	if f.Cursor != "" {
		after, ok := decodeCursor(f.Cursor, check[:])
		if !ok {
			return page, crm.FieldErrors{{Field: "cursor", Problem: "is not a cursor of this list"}}
		}
		where += q.fill(" AND (m.first_at, m.id) > (?, ?)", after.at, after.id)
	}
	page.Items, err = s.readMissed(ctx, s.db.Pool(), `WHERE m.calls > 0 AND `+where+` ORDER BY m.first_at, m.id LIMIT `+q.arg(limit+1), q.args...)
	if err != nil {
		return page, err
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		last := page.Items[limit-1]
		next := cursor{at: last.first, id: last.ID}.encode(check[:])
		page.Next = &next
	}
	return page, nil
}

// CountMissed counts those whom the actor sees.
func (s *Store) CountMissed(ctx context.Context, a crm.Actor) (MissedCount, error) {
	q := &clauses{}
	where, err := missedWhere(q, a, MissedFilter{})
	if err != nil {
		return MissedCount{}, err
	}
	var n int
	err = s.db.Pool().QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM missed m WHERE m.calls > 0 AND `+where+` LIMIT `+q.arg(missedMost+1)+`) m`, q.args...).Scan(&n)
	if err != nil {
		return MissedCount{}, fmt.Errorf("count missed calls: %w", err)
	}
	return MissedCount{Count: min(n, missedMost), More: n > missedMost}, nil
}

// ClaimMissed takes a row into the actor's hands. Of many who try, one has it, and the others are told who by a MissedRefusal.
func (s *Store) ClaimMissed(ctx context.Context, a crm.Actor, id uuid.UUID) (Missed, error) {
	return s.actMissed(ctx, a, id, "claim", func(tx pgx.Tx, m Missed) (bool, error) {
		switch {
		case m.ClaimedBy != nil && m.ClaimedBy.ID == a.AgentID:
			return false, nil
		case m.ClaimedBy != nil:
			return false, &MissedRefusal{*m.ClaimedBy}
		case m.Calls == 0:
			return false, fmt.Errorf("missed call %s is over: %w", id, crm.ErrConflict)
		case a.AgentID == uuid.Nil:
			return false, fmt.Errorf("%s: %w", crm.MissedRead, crm.ErrForbidden)
		}
		_, err := tx.Exec(ctx, `UPDATE missed SET claimed_by = $2, claimed_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1`, id, a.AgentID)
		return true, err
	})
}

// ReleaseMissed gives a row back that the actor has claimed; who sees more than an agent does may do so for others.
func (s *Store) ReleaseMissed(ctx context.Context, a crm.Actor, id uuid.UUID) (Missed, error) {
	return s.actMissed(ctx, a, id, "release", func(tx pgx.Tx, m Missed) (bool, error) {
		if m.ClaimedBy == nil {
			return false, nil
		}
		if m.ClaimedBy.ID != a.AgentID && a.Scope(crm.MissedRead) == crm.ScopeOwn {
			return false, &MissedRefusal{*m.ClaimedBy}
		}
		_, err := tx.Exec(ctx, `UPDATE missed SET claimed_by = NULL, claimed_at = NULL, updated_at = clock_timestamp() WHERE id = $1`, id)
		return true, err
	})
}

// FinishMissed says that a row is dealt with: its calls of until now are. What another has claimed an agent leaves alone.
func (s *Store) FinishMissed(ctx context.Context, a crm.Actor, id uuid.UUID) (Missed, error) {
	return s.actMissed(ctx, a, id, "done", func(tx pgx.Tx, m Missed) (bool, error) {
		if m.Calls == 0 {
			return false, nil
		}
		if m.ClaimedBy != nil && m.ClaimedBy.ID != a.AgentID && a.Scope(crm.MissedRead) == crm.ScopeOwn {
			return false, &MissedRefusal{*m.ClaimedBy}
		}
		_, err := tx.Exec(ctx, `
			WITH done AS (UPDATE missed SET done_by = $2, done_at = clock_timestamp() WHERE id = $1 RETURNING party, done_at)
			UPDATE missed_call c SET done_at = d.done_at FROM done d WHERE c.party = d.party AND c.answered_by IS NULL AND c.done_at IS NULL`, id, byWhom(a))
		if err == nil {
			_, err = tx.Exec(ctx, `SELECT missed_count(party) FROM missed WHERE id = $1`, id)
		}
		return true, err
	})
}

// ReopenMissed takes FinishMissed back, as far as nobody has been talked to meanwhile.
func (s *Store) ReopenMissed(ctx context.Context, a crm.Actor, id uuid.UUID) (Missed, error) {
	return s.actMissed(ctx, a, id, "reopen", func(tx pgx.Tx, _ Missed) (bool, error) {
		opened, err := tx.Exec(ctx, `UPDATE missed_call c SET done_at = NULL FROM missed m WHERE m.id = $1 AND c.party = m.party AND c.done_at = m.done_at`, id)
		if err == nil {
			_, err = tx.Exec(ctx, `SELECT missed_count(party) FROM missed WHERE id = $1`, id)
		}
		return opened.RowsAffected() > 0, err
	})
}

// actMissed does something to a row that the actor sees, alone, and audits it if something was changed.
func (s *Store) actMissed(ctx context.Context, a crm.Actor, id uuid.UUID, action string, act func(pgx.Tx, Missed) (changed bool, err error)) (Missed, error) {
	q := &clauses{}
	where, err := missedWhere(q, a, MissedFilter{})
	if err != nil {
		return Missed{}, err
	}
	where = `WHERE m.id = ` + q.arg(id) + ` AND ` + where
	var after Missed
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook missed'))`); err != nil {
			return fmt.Errorf("wait for other changes: %w", err)
		}
		list, err := s.readMissed(ctx, tx, where, q.args...)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return crm.ErrNotFound
		}
		changed, err := act(tx, list[0])
		if err != nil {
			return err
		}
		if changed {
			if err := crm.AuditTx(ctx, tx, a, action, EventMissed, id.String(), map[string]any{"calls": list[0].Calls}); err != nil {
				return err
			}
		}
		if list, err = s.readMissed(ctx, tx, where, q.args...); err == nil && len(list) == 1 {
			after = list[0]
		}
		return err
	})
	var refused *MissedRefusal
	if err != nil && !errors.As(err, &refused) {
		err = fmt.Errorf("%s missed call %s: %w", action, id, err)
	}
	return after, err
}

// MissedConcern is whom a change of the missed concerns.
type MissedConcern struct {
	Everybody     bool
	Agents, Teams []uuid.UUID
}

// MissedConcerns finds whom the changes of rows concern.
func (s *Store) MissedConcerns(ctx context.Context, ids []uuid.UUID) (c MissedConcern, err error) {
	err = s.db.Pool().QueryRow(ctx, `
		WITH m AS (SELECT loose, queues, agents FROM missed WHERE id = ANY ($1)),
		a AS (SELECT DISTINCT unnest(agents) AS id FROM m),
		q AS (SELECT team_id FROM queue WHERE id IN (SELECT unnest(queues) FROM m))
		SELECT EXISTS (SELECT FROM m WHERE loose) OR EXISTS (SELECT FROM q WHERE team_id IS NULL), ARRAY(SELECT id FROM a),
			ARRAY(SELECT team_id FROM q WHERE team_id IS NOT NULL UNION SELECT team_id FROM agent WHERE id IN (SELECT id FROM a) AND team_id IS NOT NULL)`,
		ids).Scan(&c.Everybody, &c.Agents, &c.Teams)
	if err != nil {
		return c, fmt.Errorf("find whom missed calls concern: %w", err)
	}
	return c, nil
}

// Of says whether it concerns the actor.
func (c MissedConcern) Of(a crm.Actor) bool {
	team := func(id uuid.UUID) bool { return slices.Contains(c.Teams, id) }
	switch a.Scope(crm.MissedRead) {
	case crm.ScopeNone:
		return false
	case crm.ScopeAll:
		return true
	case crm.ScopeTeam:
		if slices.ContainsFunc(a.Teams, team) {
			return true
		}
	}
	return c.Everybody || slices.Contains(c.Agents, a.AgentID) || a.TeamID != nil && team(*a.TeamID)
}
