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
	l, err := s.list(ctx, a, scope, f)
	if err != nil {
		return Page{}, err
	}
	keys, err := l.keys(ctx, pooled{s.db.Pool()}, l.limit+1)
	if err != nil {
		return Page{}, fmt.Errorf("list calls: %w", err)
	}
	page := Page{}
	if len(keys) > l.limit {
		keys = keys[:l.limit]
		next := keys[l.limit-1].encode(l.check)
		page.Next = &next
	}
	page.Items, err = s.records(ctx, keys)
	return page, err
}

// list resolves a filter and compiles it.
func (s *Store) list(ctx context.Context, a crm.Actor, scope crm.Scope, f Filter) (*listing, error) {
	f, err := s.resolved(ctx, f)
	if err != nil {
		return nil, err
	}
	whose, err := s.membersOf(ctx, a, scope)
	if err != nil {
		return nil, err
	}
	return s.compile(a, whose, f)
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
	now, err := currentCall(ctx, s.db.Pool(), id)
	if err != nil {
		return Record{}, fmt.Errorf("read call %s: %w", id, err)
	}
	where, args := "c.id = $1", []any{now}
	if a.Scope(crm.CallsRead) != crm.ScopeAll {
		mine, more := mayTouch(a, crm.CallsRead, 2)
		args = append(args, more...)
		where += ` AND (` + mine
		if a.Scope(crm.CallsReadHistory) == crm.ScopeAll {
			where += ` OR c.customer_id IS NOT NULL`
		}
		where += `)`
	}
	var may bool
	if err := s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM call c WHERE `+where+`)`, args...).Scan(&may); err != nil {
		return Record{}, fmt.Errorf("read call %s: %w", id, err)
	}
	if !may {
		return Record{}, fmt.Errorf("call %s: %w", id, crm.ErrNotFound)
	}
	records, err := s.records(ctx, []cursor{{id: now}})
	if err != nil {
		return Record{}, err
	}
	if len(records) == 0 { // it became part of another just now
		return Record{}, fmt.Errorf("call %s: %w", id, crm.ErrNotFound)
	}
	return records[0], nil
}

// Rung says whether an agent's phone has ever taken part in a call.
func (s *Store) Rung(ctx context.Context, a crm.Actor) (rung bool, err error) {
	if err := a.Require(crm.CallsRead); err != nil {
		return false, err
	}
	if err := s.db.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM call_agent)`).Scan(&rung); err != nil {
		return false, fmt.Errorf("see whether a phone has rung: %w", err)
	}
	return rung, nil
}

// currentCall finds the call that one is part of now, which is mostly itself; one that is not known is left as it is.
func currentCall(ctx context.Context, on querier, id uuid.UUID) (uuid.UUID, error) {
	for range 10 { // a call becomes part of another once or twice
		rows, err := on.Query(ctx, `SELECT merged_into FROM call WHERE id = $1`, id)
		if err != nil {
			return id, err
		}
		into, err := pgx.CollectOneRow(rows, pgx.RowTo[*uuid.UUID])
		if errors.Is(err, pgx.ErrNoRows) || err == nil && into == nil {
			return id, nil
		}
		if err != nil {
			return id, err
		}
		id = *into
	}
	return id, nil
}

// callColumns are what scanCall reads, of a call c.
const callColumns = `c.id, c.pbx, c.direction, c.state, c.outcome, c.caller_number, c.caller_raw, c.caller_name, c.caller_withheld,
	c.dialed_number, c.dialed_raw, c.queue, c.queue_id, c.started_at, c.answered_at, c.ended_at, c.wait_ms, c.talk_ms, c.hold_ms,
	c.hangup_by, c.hangup_cause, c.hangup_text, c.transfers, c.customer_id, c.match_rule, c.chosen, c.candidates,
	c.partial, c.reconstructed, c.ended_before, c.source,
	c.disposition_id, (SELECT d.name FROM disposition d WHERE d.id = c.disposition_id)`

// found is a record without what other tables tell.
type found struct {
	Record
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
		said      *uuid.UUID
		saidName  *string
	)
	r := &f.Record
	if err := row.Scan(&r.ID, &r.PBX, &r.Direction, &r.State, &outcome, &r.Caller.Number, &r.Caller.Raw, &r.Caller.Name,
		&r.Caller.Withheld, &r.Dialed.Number, &r.Dialed.Raw, &queue, &r.QueueID, &r.StartedAt, &r.AnsweredAt, &r.EndedAt,
		&r.WaitMS, &r.TalkMS, &r.HoldMS, &hangup.By, &hangup.Cause, &hangup.Text, &transfers, &f.customer,
		&r.Match.Rule, &chosen, &f.candidates, &r.Partial, &r.Reconstructed, &r.EndedBefore, &r.Source,
		&said, &saidName); err != nil {
		return f, err
	}
	if said != nil && saidName != nil {
		r.Disposition = &Disposition{ID: *said, Name: *saidName}
	}
	if err := json.Unmarshal(transfers, &r.Transfers); err != nil {
		return f, fmt.Errorf("transfers of call %s: %w", r.ID, err)
	}
	for i := range r.Transfers {
		r.Transfers[i].At = millis(r.Transfers[i].At)
		r.Transfers[i].PBX = cmp.Or(r.Transfers[i].PBX, r.PBX)
	}
	r.StartedAt = millis(r.StartedAt)
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

// records reads calls, in the order of their keys, in two round trips. What is not there, or has become part of another call
// meanwhile, is left out.
func (s *Store) records(ctx context.Context, keys []cursor) ([]Record, error) {
	if len(keys) == 0 {
		return []Record{}, nil
	}
	ids := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	calls := make(map[uuid.UUID]*found, len(keys))
	legs := make(map[uuid.UUID][]Leg, len(keys))
	of := callsOf(ids)
	batch := &pgx.Batch{}
	batch.Queue(`SELECT `+callColumns+` FROM `+of("call c", "c.id")+` AND c.merged_into IS NULL`, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			f, err := scanCall(rows)
			if err != nil {
				return err
			}
			calls[f.ID] = &f
		}
		return rows.Err()
	})
	notes := make(map[uuid.UUID]string)
	batch.Queue(`SELECT n.call_id, n.note FROM `+of("call_annotation n", "n.call_id"), ids).Query(func(rows pgx.Rows) error {
		var id uuid.UUID
		var note string
		_, err := pgx.ForEachRow(rows, []any{&id, &note}, func() error { notes[id] = note; return nil })
		return err
	})
	batch.Queue(`
		SELECT l.call_id, l.id, l.channel, l.role, l.extension, l.number, l.agent_id, coalesce(g.name, ''), l.offered_at,
			l.answered_at, l.ended_at, l.ended_as, l.talk_ms, l.hold_ms, nullif(l.parent, ''), l.spans, l.pbx
		FROM `+of("call_leg l LEFT JOIN agent g ON g.id = l.agent_id", "l.call_id")+` AND NOT l.line ORDER BY l.call_id, l.offered_at, l.id`, ids).Query(func(rows pgx.Rows) error {
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
			legs[call] = append(legs[call], l)
		}
		return rows.Err()
	})
	origins := map[uuid.UUID]*uuid.UUID{}
	batch.Queue(`SELECT call_id, from_call_id FROM dial_attempt WHERE call_id = ANY($1) AND from_call_id IS NOT NULL`, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var call, from uuid.UUID
			if err := rows.Scan(&call, &from); err != nil {
				return err
			}
			origins[call] = &from
		}
		return rows.Err()
	})
	followUps := map[uuid.UUID][]FollowUpRef{}
	batch.Queue(`SELECT call_id, id, kind, title, state, due_at FROM follow_up WHERE call_id = ANY($1) ORDER BY created_at, id`, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var call uuid.UUID
			var f FollowUpRef
			if err := rows.Scan(&call, &f.ID, &f.Kind, &f.Title, &f.State, &f.DueAt); err != nil {
				return err
			}
			f.DueAt = millis(f.DueAt)
			followUps[call] = append(followUps[call], f)
		}
		return rows.Err()
	})
	if err := s.readCalls(ctx, ids, batch); err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	names, err := s.customerNames(ctx, calls)
	if err != nil {
		return nil, err
	}
	records := make([]Record, 0, len(keys))
	for _, id := range ids {
		call := calls[id]
		if call == nil {
			continue
		}
		records = append(records, call.Record)
		r := &records[len(records)-1]
		r.Note = notes[id]
		if r.Queue != nil {
			label := s.crm.Directory().QueueLabel(*r.QueueID, *r.Queue)
			r.QueueLabel = &label
		}
		r.Legs = append([]Leg{}, legs[id]...)
		for i := range r.Legs {
			r.Legs[i].PBX = cmp.Or(r.Legs[i].PBX, r.PBX)
		}
		r.StartedFrom = origins[id]
		r.Recordings, r.FollowUps = []Recording{}, append([]FollowUpRef{}, followUps[id]...)
		if id := call.customer; id != nil {
			r.Customer = &Customer{ID: *id, Name: names[*id]}
		}
		r.Match.Candidates = make([]Customer, 0, len(call.candidates))
		for _, id := range call.candidates {
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

// fewMonths is of how many months calls are read by a plan for these months alone. A plan for all takes long to make, and is kept.
const fewMonths = 3

func manyMonths(ids []uuid.UUID) bool {
	var months []time.Time
	for _, id := range ids {
		if m := monthOf(idTime(id)); !slices.Contains(months, m) {
			months = append(months, m)
		}
	}
	return len(months) > fewMonths
}

// callsOf compiles what is to follow FROM, to read tables by the ids of calls, which are $1.
func callsOf(ids []uuid.UUID) func(tables, key string) string {
	if manyMonths(ids) { // each id says which month is looked into
		return func(tables, key string) string {
			return `unnest($1::uuid[]) u (id), ` + tables + ` WHERE ` + key + ` = u.id`
		}
	}
	return func(tables, key string) string { return tables + ` WHERE ` + key + ` = ANY ($1)` }
}

// readCalls sends what callsOf has compiled.
func (s *Store) readCalls(ctx context.Context, ids []uuid.UUID, batch *pgx.Batch) error {
	if !manyMonths(ids) {
		return s.db.Pool().SendBatch(ctx, batch).Close()
	}
	return pooled{s.db.Pool()}.inSnapshot(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
}

// customerNames are those of the customers that calls name.
func (s *Store) customerNames(ctx context.Context, calls map[uuid.UUID]*found) (map[uuid.UUID]string, error) {
	var customers []uuid.UUID
	for _, c := range calls {
		customers = append(customers, c.candidates...)
		if c.customer != nil {
			customers = append(customers, *c.customer)
		}
	}
	names := make(map[uuid.UUID]string, len(customers))
	if len(customers) == 0 {
		return names, nil
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT id, name FROM customer WHERE id = ANY($1)`, customers)
	if err == nil {
		var id uuid.UUID
		var name string
		_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil })
	}
	if err != nil {
		return nil, fmt.Errorf("read customers of calls: %w", err)
	}
	return names, nil
}

// LastCalls are the newest calls of any of the customers, or of the number when there are none, newest first. number
// is a crm.Number.Key. Its cost does not depend on how many calls there are. It is for the system itself and asks no
// Actor.
func (s *Store) LastCalls(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]PastCall, error) {
	by, arg := lastByNumber, any(number)
	if len(customers) > 0 {
		by, arg = lastByCustomer, customers
	}
	// Who called lately has the newest calls in the months of late.
	calls, err := s.lastCallsSince(ctx, by, arg, limit, idAt(time.Now().Add(-lately)))
	if err == nil && len(calls) < limit {
		calls, err = s.lastCallsSince(ctx, by, arg, limit, uuid.Nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read last calls: %w", err)
	}
	return calls, nil
}

const lately = 62 * 24 * time.Hour

func (s *Store) lastCallsSince(ctx context.Context, by string, arg any, limit int, first uuid.UUID) ([]PastCall, error) {
	rows, err := s.db.RingPool().Query(ctx, lastCalls(by), arg, limit, first)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p PastCall, err error) {
		var talk int64
		err = row.Scan(&p.ID, &p.StartedAt, &p.Direction, &p.State, &p.Outcome, &p.Number, &talk, &p.Queue, &p.QueueID, &p.Agent, &p.Note)
		p.StartedAt, p.Talk = millis(p.StartedAt), time.Duration(talk)*time.Millisecond
		return p, err
	})
}

const (
	lastByNumber = `SELECT * FROM call WHERE number = $1 AND number <> '' AND merged_into IS NULL AND id >= $3 ORDER BY started_at DESC, id DESC LIMIT $2`
	// Each customer's newest, from the index; then the newest of those.
	lastByCustomer = `SELECT c.* FROM unnest($1::uuid[]) u(id) CROSS JOIN LATERAL
		(SELECT * FROM call WHERE customer_id = u.id AND merged_into IS NULL AND id >= $3 ORDER BY started_at DESC, id DESC LIMIT $2) c
		ORDER BY c.started_at DESC, c.id DESC LIMIT $2`
)

func lastCalls(by string) string {
	return `SELECT c.id, c.started_at, c.direction, c.state, c.outcome, c.number, c.talk_ms, c.queue, coalesce(c.queue_id, '00000000-0000-0000-0000-000000000000'),
		coalesce((SELECT g.name FROM call_leg l JOIN agent g ON g.id = l.agent_id
			WHERE l.call_id = c.id AND l.call_id >= $3 AND l.answered_at IS NOT NULL ORDER BY l.talk_ms DESC, l.answered_at LIMIT 1), ''),
		coalesce((SELECT n.note FROM call_annotation n WHERE n.call_id = c.id AND n.call_id >= $3), '')
		FROM (` + by + `) c ORDER BY c.started_at DESC, c.id DESC`
}

// Annotation is what people have written about a call; zero if nothing. It is for the system itself.
func (s *Store) Annotation(ctx context.Context, call uuid.UUID) (Annotation, error) {
	var a Annotation
	var chosen, said *uuid.UUID
	err := s.db.RingPool().QueryRow(ctx, `
		SELECT coalesce(n.note, ''), c.chosen_id, c.disposition_id, coalesce(d.name, '')
		FROM call c LEFT JOIN call_annotation n ON n.call_id = c.id LEFT JOIN disposition d ON d.id = c.disposition_id WHERE c.id = $1`,
		call).Scan(&a.Note, &chosen, &said, &a.Disposition)
	if errors.Is(err, pgx.ErrNoRows) {
		return Annotation{}, nil
	}
	if err != nil {
		return Annotation{}, fmt.Errorf("read annotation of call %s: %w", call, err)
	}
	if chosen != nil {
		a.CustomerID = *chosen
	}
	if said != nil {
		a.DispositionID = *said
	}
	return a, nil
}
