package calllog

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
)

// EventFollowUp is the kind of the events that tell all nodes that a follow-up was made, changed or moved, with its id.
const EventFollowUp = "follow_up"

// FollowUpKind is what a follow-up is: a task, or a callback, which has a number and is dialled.
type FollowUpKind string

const (
	FollowUpTask     FollowUpKind = "task"
	FollowUpCallback FollowUpKind = "callback"
)

// FollowUpPriority is how much a follow-up matters among those that are due at the same time.
type FollowUpPriority string

const (
	PriorityLow    FollowUpPriority = "low"
	PriorityNormal FollowUpPriority = "normal"
	PriorityHigh   FollowUpPriority = "high"
)

// priorities are in the order of the column's values.
var priorities = []FollowUpPriority{PriorityLow, PriorityNormal, PriorityHigh}

// FollowUp is something to be done later. It is an agent's (Assignee), a team's (Team), or anyone's (neither).
type FollowUp struct {
	ID         uuid.UUID        `json:"id"`
	Kind       FollowUpKind     `json:"kind"`
	Title      string           `json:"title"`
	Note       string           `json:"note"`
	Priority   FollowUpPriority `json:"priority"`
	State      FollowUpState    `json:"state"`
	Assignee   *crm.AgentRef    `json:"assignee" doc:"whose it is; null: the team's, or anyone's"`
	Team       *TeamRef         `json:"team" doc:"whose it is; null: the assignee's, or anyone's"`
	ClaimedBy  *crm.AgentRef    `json:"claimed_by" doc:"in whose hands it is, while it is claimed or dialled"`
	ClaimedAt  *time.Time       `json:"claimed_at"`
	Number     string           `json:"number" doc:"of a callback; empty: a task has none"`
	NumberRaw  string           `json:"number_raw" doc:"as it was written"`
	DueAt      time.Time        `json:"due_at"`
	Until      *time.Time       `json:"until" doc:"when a callback that was not reached expires"`
	OfferedAt  *time.Time       `json:"offered_at" doc:"when it was first shown as due, for this due_at"`
	Customer   *Customer        `json:"customer"`
	CallID     *uuid.UUID       `json:"call_id" doc:"of which it came"`
	LastCallID *uuid.UUID       `json:"last_call_id" doc:"with which it was last dialled, or that closed it"`
	AttemptID  *uuid.UUID       `json:"attempt_id" doc:"the dial that is under way"`
	Tries      int              `json:"tries" doc:"how often it was dialled"`
	MadeBy     *crm.AgentRef    `json:"made_by" doc:"null: ringbook itself"`
	CreatedAt  time.Time        `json:"created_at"`
	UpdatedAt  time.Time        `json:"updated_at"`
	ClosedAt   *time.Time       `json:"closed_at"`
	ClosedBy   *crm.AgentRef    `json:"closed_by" doc:"null: it is open, or ringbook itself did"`
	Version    int              `json:"version" doc:"grows with every change"`

	Changes []FollowUpChange `json:"changes,omitempty" doc:"all that was done to it, oldest first; of a single one only"`
}

// TeamRef names a team.
type TeamRef struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// FollowUpChange is one thing that was done to a follow-up.
type FollowUpChange struct {
	At     time.Time      `json:"at"`
	By     *crm.AgentRef  `json:"by" doc:"null: ringbook itself"`
	State  FollowUpState  `json:"state" doc:"after it"`
	What   string         `json:"what" doc:"made, changed, claimed, released, lapsed, dialled, refused, …"`
	Detail map[string]any `json:"detail" doc:"of a change: field to [before, after]; of a refusal: its code"`
}

// FollowUpsConfig is what follow-ups need. DB, CRM, Calls and Acts are required.
type FollowUpsConfig struct {
	DB    *db.DB
	CRM   *crm.Store
	Calls *Store
	Acts  *Acts
	Zone  *time.Location // of the days by which they are counted; nil: UTC
	Log   *slog.Logger   // nil: nothing is logged
}

// FollowUps keeps what is to be done later, and dials it. What is not done is a *FollowUpRefusal, a crm.FieldErrors,
// crm.ErrForbidden, crm.ErrNotFound (also: not the actor's to see), crm.ErrConflict, or of dialling a *pbx.Refusal. Safe for
// concurrent use, on any number of nodes.
type FollowUps struct {
	cfg FollowUpsConfig
	log *slog.Logger
}

// NewFollowUps makes no connection and does no I/O.
func NewFollowUps(c FollowUpsConfig) *FollowUps {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	return &FollowUps{cfg: c, log: c.Log}
}

// FollowUp is one follow-up with its changes.
func (s *FollowUps) FollowUp(ctx context.Context, a crm.Actor, id uuid.UUID) (FollowUp, error) {
	f, err := s.one(ctx, s.cfg.DB.Pool(), a, crm.FollowUpsRead, id, "")
	if err != nil {
		return FollowUp{}, err
	}
	rows, err := s.cfg.DB.Pool().Query(ctx, `SELECT at, by, state, what, detail FROM follow_up_change WHERE follow_up_id = $1 ORDER BY id LIMIT 1000`, id)
	if err != nil {
		return FollowUp{}, fmt.Errorf("read the changes of follow-up %s: %w", id, err)
	}
	var by []*uuid.UUID
	f.Changes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c FollowUpChange, err error) {
		var who *uuid.UUID
		err = row.Scan(&c.At, &who, &c.State, &c.What, &c.Detail)
		by, c.At = append(by, who), millis(c.At)
		return c, err
	})
	if err != nil {
		return FollowUp{}, fmt.Errorf("read the changes of follow-up %s: %w", id, err)
	}
	who, err := s.agents(ctx, s.cfg.DB.Pool(), by)
	for i := range f.Changes {
		f.Changes[i].By = who(by[i])
	}
	return f, err
}

// followUpColumns are what scanFollowUp reads of followUpTables.
const (
	followUpColumns = `f.id, f.kind, f.title, f.note, f.priority, f.state, f.assignee_id, f.team_id, coalesce(t.name, ''), f.claimed_by, f.claimed_at,
	f.number, f.number_raw, f.due_at, f.until, f.offered_at, f.customer_id, coalesce(c.name, ''), f.call_id, f.last_call_id, f.attempt_id,
	f.tries, f.made_by, f.created_at, f.updated_at, f.closed_at, f.closed_by, f.version`
	followUpTables = `follow_up f LEFT JOIN team t ON t.id = f.team_id LEFT JOIN customer c ON c.id = f.customer_id`
)

// followUpRow is a follow-up whose agents are not named yet.
type followUpRow struct {
	FollowUp
	assignee, claimer, maker, closer *uuid.UUID
}

func scanFollowUp(row pgx.CollectableRow) (followUpRow, error) {
	var (
		f              followUpRow
		priority       int
		team, customer *uuid.UUID
		name, whose    string
	)
	if err := row.Scan(&f.ID, &f.Kind, &f.Title, &f.Note, &priority, &f.State, &f.assignee, &team, &name, &f.claimer, &f.ClaimedAt,
		&f.Number, &f.NumberRaw, &f.DueAt, &f.Until, &f.OfferedAt, &customer, &whose, &f.CallID, &f.LastCallID, &f.AttemptID,
		&f.Tries, &f.maker, &f.CreatedAt, &f.UpdatedAt, &f.ClosedAt, &f.closer, &f.Version); err != nil {
		return f, err
	}
	f.Priority = priorities[max(0, min(priority, len(priorities)-1))]
	if team != nil {
		f.Team = &TeamRef{*team, name}
	}
	if customer != nil {
		f.Customer = &Customer{*customer, whose}
	}
	f.DueAt, f.CreatedAt, f.UpdatedAt = millis(f.DueAt), millis(f.CreatedAt), millis(f.UpdatedAt)
	f.ClaimedAt, f.Until, f.OfferedAt, f.ClosedAt = millisOrNil(f.ClaimedAt), millisOrNil(f.Until), millisOrNil(f.OfferedAt), millisOrNil(f.ClosedAt)
	return f, nil
}

// read reads follow-ups by what follows FROM followUpTables, and names their agents.
func (s *FollowUps) read(ctx context.Context, on querier, where string, args ...any) ([]FollowUp, error) {
	rows, err := on.Query(ctx, `SELECT `+followUpColumns+` FROM `+followUpTables+` `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read follow-ups: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanFollowUp)
	if err != nil {
		return nil, fmt.Errorf("read follow-ups: %w", err)
	}
	var named []*uuid.UUID
	for i := range found {
		named = append(named, found[i].assignee, found[i].claimer, found[i].maker, found[i].closer)
	}
	who, err := s.agents(ctx, on, named)
	list := make([]FollowUp, len(found))
	for i, f := range found {
		f.Assignee, f.ClaimedBy, f.MadeBy, f.ClosedBy = who(f.assignee), who(f.claimer), who(f.maker), who(f.closer)
		list[i] = f.FollowUp
	}
	return list, err
}

// one reads a follow-up that the permission covers. lock is empty, or the end of the statement: FOR UPDATE OF f.
func (s *FollowUps) one(ctx context.Context, on querier, a crm.Actor, p crm.Permission, id uuid.UUID, lock string) (FollowUp, error) {
	if !a.Can(p) {
		return FollowUp{}, fmt.Errorf("%s: %w", p, crm.ErrForbidden)
	}
	cond, args := followUpScope(a, p, 2)
	list, err := s.read(ctx, on, `WHERE f.id = $1 AND `+cond+` `+lock, append([]any{id}, args...)...)
	if err != nil {
		return FollowUp{}, err
	}
	if len(list) == 0 {
		return FollowUp{}, fmt.Errorf("follow-up %s: %w", id, crm.ErrNotFound)
	}
	return list[0], nil
}

// agents names agents: those that are live from memory, archived ones from the database.
func (s *FollowUps) agents(ctx context.Context, on querier, ids []*uuid.UUID) (func(*uuid.UUID) *crm.AgentRef, error) {
	known := map[uuid.UUID]*crm.AgentRef{}
	var rest []uuid.UUID
	for _, id := range ids {
		if id == nil || known[*id] != nil {
			continue
		}
		ref, ok := s.cfg.CRM.Directory().Agent(*id)
		if !ok {
			ref = crm.AgentRef{ID: *id}
			rest = append(rest, *id)
		}
		if ref.Extensions == nil {
			ref.Extensions = []string{}
		}
		known[*id] = &ref
	}
	who := func(id *uuid.UUID) *crm.AgentRef {
		if id == nil {
			return nil
		}
		return known[*id]
	}
	if len(rest) == 0 {
		return who, nil
	}
	rows, err := on.Query(ctx, `SELECT id, name, username, role, team_id FROM agent WHERE id = ANY($1)`, rest)
	if err == nil {
		var r crm.AgentRef
		_, err = pgx.ForEachRow(rows, []any{&r.ID, &r.Name, &r.Username, &r.Role, &r.TeamID}, func() error {
			*known[r.ID] = crm.AgentRef{ID: r.ID, Name: r.Name, Username: r.Username, Role: r.Role, TeamID: r.TeamID, Extensions: []string{}}
			return nil
		})
	}
	if err != nil {
		return who, fmt.Errorf("read agents of follow-ups: %w", err)
	}
	return who, nil
}

// followUpScope compiles whose follow-ups a permission covers into a condition on follow_up f, whose placeholders start at
// $next. Own are the actor's, those of the actor's team as a whole and anyone's, and what the actor has claimed; team are
// also those of the teams that the actor supervises, and of their agents.
func followUpScope(a crm.Actor, p crm.Permission, next int) (cond string, args []any) {
	owners := []uuid.UUID{a.AgentID, uuid.Nil}
	if a.TeamID != nil {
		owners = append(owners, *a.TeamID)
	}
	switch a.Scope(p) {
	case crm.ScopeAll:
		return "true", nil
	case crm.ScopeTeam:
		owners = append(owners, a.Teams...)
		return fmt.Sprintf("(f.owner = ANY($%d) OR f.claimed_by = $%d OR f.owner IN (SELECT id FROM agent WHERE team_id = ANY($%d)))", next, next+1, next+2),
			[]any{owners, a.AgentID, a.Teams}
	case crm.ScopeOwn:
		return fmt.Sprintf("(f.owner = ANY($%d) OR f.claimed_by = $%d)", next, next+1), []any{owners, a.AgentID}
	}
	return "false", nil
}
