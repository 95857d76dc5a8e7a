package calllog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// Store answers questions about calls and keeps what people write about them. Safe for concurrent use.
type Store struct {
	db  *db.DB
	crm *crm.Store
}

// NewStore makes a store on a migrated database; no I/O.
func NewStore(d *db.DB, c *crm.Store) *Store { return &Store{db: d, crm: c} }

// Calls lists the calls that the actor may read, newest first. A fault in the filter is a crm.FieldErrors.
func (s *Store) Calls(ctx context.Context, a crm.Actor, f Filter) (Page, error) {
	scope, err := listScope(a, f)
	if err != nil {
		return Page{}, err
	}
	f, err = s.resolved(ctx, f)
	if err != nil {
		return Page{}, err
	}
	q, err := s.compile(a, scope, f)
	if err != nil {
		return Page{}, err
	}
	rows, err := s.db.Pool().Query(ctx, q.sql, q.args...)
	if err != nil {
		return Page{}, fmt.Errorf("list calls: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanCall)
	if err != nil {
		return Page{}, fmt.Errorf("list calls: %w", err)
	}
	page := Page{}
	if len(found) > q.limit {
		found = found[:q.limit]
		last := found[q.limit-1]
		next := cursor{last.startedAt, last.ID}.encode(q.check)
		page.Next = &next
	}
	page.Items, err = s.complete(ctx, found)
	return page, err
}

// listScope is whose calls an actor may list by a filter.
func listScope(a crm.Actor, f Filter) (crm.Scope, error) {
	scope := a.Scope(crm.CallsRead)
	if f.Customer != uuid.Nil && a.Scope(crm.CallsReadHistory) == crm.ScopeAll {
		scope = crm.ScopeAll
	}
	if scope == crm.ScopeNone {
		return scope, fmt.Errorf("list calls: %w", crm.ErrForbidden)
	}
	return scope, nil
}

// Call is one call with its legs; crm.ErrNotFound when there is none that the actor may read. For a call that became part
// of another it is that one.
func (s *Store) Call(ctx context.Context, a crm.Actor, id uuid.UUID) (Record, error) {
	where, args := "c.id = ("+currentCall+")", []any{id}
	if a.Scope(crm.CallsRead) != crm.ScopeAll {
		mine, more := mayTouch(a, crm.CallsRead, 2)
		args = append(args, more...)
		where += ` AND (` + mine
		if a.Scope(crm.CallsReadHistory) == crm.ScopeAll {
			where += ` OR c.customer_id IS NOT NULL`
		}
		where += `)`
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT `+callColumns+` FROM call c LEFT JOIN call_annotation n ON n.call_id = c.id
		WHERE `+where, args...)
	if err != nil {
		return Record{}, fmt.Errorf("read call %s: %w", id, err)
	}
	found, err := pgx.CollectRows(rows, scanCall)
	if err != nil {
		return Record{}, fmt.Errorf("read call %s: %w", id, err)
	}
	if len(found) == 0 {
		return Record{}, fmt.Errorf("call %s: %w", id, crm.ErrNotFound)
	}
	records, err := s.complete(ctx, found)
	if err != nil {
		return Record{}, err
	}
	return records[0], nil
}

// currentCall finds the call that $1 is part of now, which is mostly itself.
const currentCall = `WITH RECURSIVE part (id) AS (
	SELECT $1::uuid UNION SELECT m.merged_into FROM call m JOIN part ON m.id = part.id WHERE m.merged_into IS NOT NULL)
	SELECT m.id FROM call m JOIN part ON m.id = part.id WHERE m.merged_into IS NULL LIMIT 1`

// callColumns are what scanCall reads, of a call c and its annotation n.
const callColumns = `c.id, c.pbx, c.direction, c.state, c.outcome, c.caller_number, c.caller_raw, c.caller_name, c.caller_withheld,
	c.dialed_number, c.dialed_raw, c.queue, c.queue_id, c.started_at, c.answered_at, c.ended_at, c.wait_ms, c.talk_ms, c.hold_ms,
	c.hangup_by, c.hangup_cause, c.hangup_text, c.transfers, c.customer_id, c.match_rule, c.chosen, c.candidates,
	c.partial, c.reconstructed, c.ended_before, c.source, coalesce(n.note, '')`

// found is a record without what other tables tell.
type found struct {
	Record
	startedAt  time.Time // exact, for the cursor
	customer   *uuid.UUID
	candidates []uuid.UUID
}

func scanCall(row pgx.CollectableRow) (found, error) {
	var (
		f         found
		outcome   pbx.Outcome
		queue     string
		hangup    Hangup
		transfers []byte
		chosen    bool
	)
	r := &f.Record
	if err := row.Scan(&r.ID, &r.PBX, &r.Direction, &r.State, &outcome, &r.Caller.Number, &r.Caller.Raw, &r.Caller.Name,
		&r.Caller.Withheld, &r.Dialed.Number, &r.Dialed.Raw, &queue, &r.QueueID, &f.startedAt, &r.AnsweredAt, &r.EndedAt,
		&r.WaitMS, &r.TalkMS, &r.HoldMS, &hangup.By, &hangup.Cause, &hangup.Text, &transfers, &f.customer,
		&r.Match.Rule, &chosen, &f.candidates, &r.Partial, &r.Reconstructed, &r.EndedBefore, &r.Source, &r.Note); err != nil {
		return f, err
	}
	if err := json.Unmarshal(transfers, &r.Transfers); err != nil {
		return f, fmt.Errorf("transfers of call %s: %w", r.ID, err)
	}
	for i := range r.Transfers {
		r.Transfers[i].At = millis(r.Transfers[i].At)
		r.Transfers[i].PBX = cmp.Or(r.Transfers[i].PBX, r.PBX)
	}
	r.StartedAt = millis(f.startedAt)
	r.AnsweredAt, r.EndedAt, r.EndedBefore = millisOrNil(r.AnsweredAt), millisOrNil(r.EndedAt), millisOrNil(r.EndedBefore)
	if queue != "" {
		r.Queue = &queue
	}
	if r.State == pbx.StateEnded {
		r.Outcome, r.Hangup = &outcome, &hangup
	}
	switch {
	case chosen && f.customer != nil:
		r.Match.Rule = crm.RuleLinked
	case r.Match.Rule == "", chosen && r.Match.Rule != crm.RuleWithheld && r.Match.Rule != crm.RuleShared:
		r.Match.Rule = crm.RuleNone
	}
	return f, nil
}

func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func millisOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	m := millis(*t)
	return &m
}

// complete adds legs and names, in one round trip.
func (s *Store) complete(ctx context.Context, calls []found) ([]Record, error) {
	records := make([]Record, len(calls))
	if len(calls) == 0 {
		return records, nil
	}
	place := make(map[uuid.UUID]int, len(calls))
	ids := make([]uuid.UUID, len(calls))
	var customers []uuid.UUID
	for i, c := range calls {
		place[c.ID], ids[i] = i, c.ID
		customers = append(customers, c.candidates...)
		if c.customer != nil {
			customers = append(customers, *c.customer)
		}
	}
	names := make(map[uuid.UUID]string, len(customers))
	legs := make([][]Leg, len(calls))

	batch := &pgx.Batch{}
	batch.Queue(`
		SELECT l.call_id, l.id, l.channel, l.role, l.extension, l.number, l.agent_id, coalesce(g.name, ''), l.offered_at,
			l.answered_at, l.ended_at, l.ended_as, l.talk_ms, l.hold_ms, nullif(l.parent, ''), l.spans, l.pbx
		FROM call_leg l LEFT JOIN agent g ON g.id = l.agent_id
		WHERE l.call_id = ANY($1) AND NOT l.line ORDER BY l.call_id, l.offered_at, l.id`, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var (
				call uuid.UUID
				l    Leg
				end  pbx.LegEnd
			)
			if err := rows.Scan(&call, &l.ID, &l.Channel, &l.Role, &l.Extension, &l.Number, &l.AgentID, &l.Agent,
				&l.OfferedAt, &l.AnsweredAt, &l.EndedAt, &end, &l.TalkMS, &l.HoldMS, &l.Parent, &l.Spans, &l.PBX); err != nil {
				return err
			}
			l.OfferedAt, l.AnsweredAt, l.EndedAt = millis(l.OfferedAt), millisOrNil(l.AnsweredAt), millisOrNil(l.EndedAt)
			if end != "" {
				l.End = &end
			}
			l.PBX = cmp.Or(l.PBX, calls[place[call]].PBX)
			legs[place[call]] = append(legs[place[call]], l)
		}
		return rows.Err()
	})
	batch.Queue(`SELECT id, name FROM customer WHERE id = ANY($1)`, customers).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id uuid.UUID
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return err
			}
			names[id] = name
		}
		return rows.Err()
	})
	if err := s.db.Pool().SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("read legs of calls: %w", err)
	}
	for i := range calls {
		r := &records[i]
		*r = calls[i].Record
		if r.Queue != nil {
			label := s.crm.Directory().QueueLabel(*r.QueueID, *r.Queue)
			r.QueueLabel = &label
		}
		r.Legs = append([]Leg{}, legs[i]...)
		r.Recordings, r.FollowUps = []Recording{}, []FollowUp{}
		if id := calls[i].customer; id != nil {
			r.Customer = &Customer{ID: *id, Name: names[*id]}
		}
		r.Match.Candidates = make([]Customer, 0, len(calls[i].candidates))
		for _, id := range calls[i].candidates {
			if name, ok := names[id]; ok {
				r.Match.Candidates = append(r.Match.Candidates, Customer{ID: id, Name: name})
			}
		}
		if r.Customer != nil && !slices.ContainsFunc(r.Match.Candidates, func(c Customer) bool { return c.ID == r.Customer.ID }) {
			r.Match.Candidates = slices.Insert(r.Match.Candidates, 0, *r.Customer)
		}
	}
	return records, nil
}

// LastCalls are the newest calls of any of the customers, or of the number when there are none, newest first. number
// is a crm.Number.Key. Its cost does not depend on how many calls there are. It is for the system itself and asks no
// Actor.
func (s *Store) LastCalls(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]PastCall, error) {
	by, arg := lastByNumber, any(number)
	if len(customers) > 0 {
		by, arg = lastByCustomer, customers
	}
	rows, err := s.db.RingPool().Query(ctx, lastCalls(by), arg, limit)
	if err != nil {
		return nil, fmt.Errorf("read last calls: %w", err)
	}
	calls, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PastCall, err error) {
		var talk int64
		err = row.Scan(&p.ID, &p.StartedAt, &p.Direction, &p.State, &p.Outcome, &talk, &p.Queue, &p.QueueID, &p.Agent, &p.Note)
		p.StartedAt, p.Talk = millis(p.StartedAt), time.Duration(talk)*time.Millisecond
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read last calls: %w", err)
	}
	return calls, nil
}

const (
	lastByNumber = `SELECT * FROM call WHERE number = $1 AND number <> '' AND merged_into IS NULL ORDER BY started_at DESC, id DESC LIMIT $2`
	// Each customer's newest, from the index; then the newest of those.
	lastByCustomer = `SELECT c.* FROM unnest($1::uuid[]) u(id) CROSS JOIN LATERAL
		(SELECT * FROM call WHERE customer_id = u.id AND merged_into IS NULL ORDER BY started_at DESC, id DESC LIMIT $2) c
		ORDER BY c.started_at DESC, c.id DESC LIMIT $2`
)

func lastCalls(by string) string {
	return `SELECT c.id, c.started_at, c.direction, c.state, c.outcome, c.talk_ms, c.queue, coalesce(c.queue_id, '00000000-0000-0000-0000-000000000000'),
		coalesce((SELECT g.name FROM call_leg l JOIN agent g ON g.id = l.agent_id
			WHERE l.call_id = c.id AND l.answered_at IS NOT NULL ORDER BY l.talk_ms DESC, l.answered_at LIMIT 1), ''),
		coalesce((SELECT n.note FROM call_annotation n WHERE n.call_id = c.id), '')
		FROM (` + by + `) c ORDER BY c.started_at DESC, c.id DESC`
}

// Annotation is what people have written about a call; zero if nothing. It is for the system itself.
func (s *Store) Annotation(ctx context.Context, call uuid.UUID) (Annotation, error) {
	var a Annotation
	var chosen *uuid.UUID
	err := s.db.RingPool().QueryRow(ctx, `
		SELECT coalesce(n.note, ''), c.chosen_id FROM call c LEFT JOIN call_annotation n ON n.call_id = c.id WHERE c.id = $1`,
		call).Scan(&a.Note, &chosen)
	if errors.Is(err, pgx.ErrNoRows) {
		return Annotation{}, nil
	}
	if err != nil {
		return Annotation{}, fmt.Errorf("read annotation of call %s: %w", call, err)
	}
	if chosen != nil {
		a.CustomerID = *chosen
	}
	return a, nil
}
