package calllog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// OpenFollowUp is a follow-up that is open, as a desk shows it.
type OpenFollowUp struct {
	ID       uuid.UUID
	Kind     string
	State    string
	Priority string
	Title    string
	Note     string // its beginning

	DueAt     time.Time
	Until     time.Time // zero: it does not expire
	OfferedAt time.Time // zero: it is not due yet

	Number, NumberRaw string
	Customer          uuid.UUID // uuid.Nil: none
	CustomerName      string
	Call              uuid.UUID // of which it came; uuid.Nil: none
	Assignee          uuid.UUID // uuid.Nil: a team's, or anyone's
	AssigneeName      string
	Team              uuid.UUID
	TeamName          string
	ClaimedBy         uuid.UUID
	ClaimedByName     string
	Tries             int
}

// Agenda is what an owner has before them, of today and from before.
type Agenda struct {
	Items          []OpenFollowUp // some of those that are due, and of those that will be today: see Agendas
	Overdue, Today int            // all of them, as far as they are counted
	Ends           time.Time      // the end of today
}

const (
	agendaSoonest = 20   // of those that are due: the first
	agendaLast    = 5    // and the last
	agendaComing  = 10   // of those that will be due today
	agendaCounted = 1000 // no more are counted
)

// openColumns are what scanOpen reads of openTables.
const (
	openColumns = `f.id, f.kind, f.state, f.priority, f.title, left(f.note, 140), f.due_at, f.until, f.offered_at, f.number, f.number_raw,
	f.customer_id, coalesce(c.name, ''), f.call_id, f.assignee_id, coalesce(a.name, ''), f.team_id, coalesce(t.name, ''),
	f.claimed_by, coalesce(h.name, ''), f.tries`
	openTables = `LEFT JOIN customer c ON c.id = f.customer_id LEFT JOIN agent a ON a.id = f.assignee_id LEFT JOIN team t ON t.id = f.team_id
	LEFT JOIN agent h ON h.id = f.claimed_by`
)

// scanOpen reads openColumns into f, after what first points to.
func scanOpen(row pgx.CollectableRow, f *OpenFollowUp, first ...any) error {
	var (
		priority                                int
		until, offered                          *time.Time
		customer, call, assignee, team, claimer *uuid.UUID
	)
	err := row.Scan(append(first, &f.ID, &f.Kind, &f.State, &priority, &f.Title, &f.Note, &f.DueAt, &until, &offered, &f.Number, &f.NumberRaw,
		&customer, &f.CustomerName, &call, &assignee, &f.AssigneeName, &team, &f.TeamName, &claimer, &f.ClaimedByName, &f.Tries)...)
	if err != nil {
		return err
	}
	f.Priority = string(priorities[max(0, min(priority, len(priorities)-1))])
	f.DueAt = millis(f.DueAt)
	for _, at := range []struct {
		to   *time.Time
		from *time.Time
	}{{&f.Until, until}, {&f.OfferedAt, offered}} {
		if at.from != nil {
			*at.to = millis(*at.from)
		}
	}
	for _, id := range []struct{ to, from *uuid.UUID }{
		{&f.Customer, customer}, {&f.Call, call}, {&f.Assignee, assignee}, {&f.Team, team}, {&f.ClaimedBy, claimer},
	} {
		if id.from != nil {
			*id.to = *id.from
		}
	}
	return nil
}

// Agendas are what each owner has before them: an agent (what is the agent's, and what the agent has claimed), a team or, by the
// zero id, anyone (what nobody has claimed). However many there are, each is a few short walks along an index: of those that are due
// the first twenty and the last five, and the ten that come next.
func (s *FollowUps) Agendas(ctx context.Context, owners []uuid.UUID) ([]Agenda, error) {
	return s.agendas(ctx, owners, time.Now())
}

func (s *FollowUps) agendas(ctx context.Context, owners []uuid.UUID, now time.Time) ([]Agenda, error) {
	local := now.In(s.cfg.Zone)
	ends := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, s.cfg.Zone)
	agendas := make([]Agenda, len(owners))
	batch := &pgx.Batch{}
	const mine = `closed_at IS NULL AND owner = o.owner AND (claimed_by IS NULL OR claimed_by = o.owner)`
	const held = `claimed_by = o.owner AND owner <> o.owner AND due_at < $3`
	batch.Queue(`
		SELECT o.n, `+openColumns+`
		FROM unnest($1::uuid[]) WITH ORDINALITY o (owner, n) CROSS JOIN LATERAL (
			(SELECT id FROM follow_up WHERE `+mine+` AND due_at <= $2 ORDER BY due_at, id LIMIT $4) UNION
			(SELECT id FROM follow_up WHERE `+mine+` AND due_at <= $2 ORDER BY due_at DESC, id DESC LIMIT $5) UNION
			(SELECT id FROM follow_up WHERE `+mine+` AND due_at > $2 AND due_at < $3 ORDER BY due_at, id LIMIT $6) UNION
			(SELECT id FROM follow_up WHERE `+held+` ORDER BY due_at, id LIMIT $5)) found
		JOIN follow_up f ON f.id = found.id `+openTables+`
		ORDER BY o.n, f.due_at, f.id`, owners, now, ends, agendaSoonest, agendaLast, agendaComing).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var n int
			var f OpenFollowUp
			if err := scanOpen(rows, &f, &n); err != nil {
				return err
			}
			agendas[n-1].Items = append(agendas[n-1].Items, f)
		}
		return rows.Err()
	})
	const counted = `(SELECT count(*) FROM (SELECT FROM follow_up WHERE ` + mine + ` AND %s LIMIT $4) x)
		+ (SELECT count(*) FROM follow_up WHERE ` + held + ` AND %[1]s)`
	batch.Queue(`
		SELECT `+fmt.Sprintf(counted, "due_at <= $2")+`, `+fmt.Sprintf(counted, "due_at > $2 AND due_at < $3")+`
		FROM unnest($1::uuid[]) WITH ORDINALITY o (owner, n) ORDER BY o.n`, owners, now, ends, agendaCounted).Query(func(rows pgx.Rows) error {
		for i := 0; rows.Next(); i++ {
			if err := rows.Scan(&agendas[i].Overdue, &agendas[i].Today); err != nil {
				return err
			}
			agendas[i].Ends = ends
		}
		return rows.Err()
	})
	if err := s.cfg.DB.Pool().SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read agendas: %w", err)
	}
	return agendas, nil
}

// Promises are the open follow-ups of any of the customers or of a number, soonest first.
func (s *FollowUps) Promises(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]OpenFollowUp, error) {
	rows, err := s.cfg.DB.Pool().Query(ctx, `
		SELECT `+openColumns+` FROM (
			SELECT w.id FROM unnest($1::uuid[]) k (id) CROSS JOIN LATERAL (
				SELECT id FROM follow_up WHERE closed_at IS NULL AND customer_id = k.id ORDER BY due_at, id LIMIT $3) w
			UNION
			(SELECT id FROM follow_up WHERE closed_at IS NULL AND number <> '' AND number = $2 ORDER BY due_at LIMIT $3)) found
		JOIN follow_up f ON f.id = found.id `+openTables+`
		ORDER BY f.due_at, f.id LIMIT $3`, customers, number, limit)
	if err != nil {
		return nil, fmt.Errorf("read what was promised: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f OpenFollowUp, err error) { return f, scanOpen(row, &f) })
	if err != nil {
		return nil, fmt.Errorf("read what was promised: %w", err)
	}
	return list, nil
}
