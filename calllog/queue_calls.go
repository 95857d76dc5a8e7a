package calllog

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// resolved is a filter with the queues that it names: by id, or by the exchange's name on whichever exchange.
func (s *Store) resolved(ctx context.Context, f Filter) (Filter, error) {
	if f.Disposition != uuid.Nil {
		var no int // 0: there is none
		if err := s.db.Pool().QueryRow(ctx, `SELECT coalesce((SELECT no FROM disposition WHERE id = $1), 0)`, f.Disposition).Scan(&no); err != nil {
			return f, fmt.Errorf("find disposition: %w", err)
		}
		f.said = dispositionWord(no)
	}
	if f.Queue == "" {
		return f, nil
	}
	if id, err := uuid.Parse(f.Queue); err == nil {
		f.queues = []uuid.UUID{id}
		return f, nil
	}
	rows, err := s.db.Pool().Query(ctx, `SELECT id FROM queue WHERE lower(name COLLATE "C") = lower($1 COLLATE "C") ORDER BY id`,
		text(f.Queue, shortText))
	if err == nil {
		f.queues, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		return f, fmt.Errorf("find queue: %w", err)
	}
	return f, nil
}

// membersOf are those whose calls the actor may list; nil: everybody's.
func (s *Store) membersOf(ctx context.Context, a crm.Actor, scope crm.Scope) (*members, error) {
	switch scope {
	case crm.ScopeAll:
		return nil, nil
	case crm.ScopeOwn:
		return &members{agents: []uuid.UUID{a.AgentID}, queues: []uuid.UUID{}}, nil
	}
	agents, args := a.ScopeSQL(crm.CallsRead, "g.id", 1)
	queues, more := a.QueueScopeSQL(crm.CallsRead, "w.team_id", 1+len(args))
	m := &members{}
	err := s.db.Pool().QueryRow(ctx, `SELECT ARRAY(SELECT g.id FROM agent g WHERE `+agents+` ORDER BY 1), ARRAY(SELECT w.id FROM queue w WHERE `+queues+` ORDER BY 1)`,
		append(args, more...)...).Scan(&m.agents, &m.queues)
	if err != nil {
		return nil, fmt.Errorf("find the team: %w", err)
	}
	return m, nil
}

// mayTouch compiles which calls c a permission covers for the actor, from placeholder $next on: those in which agents had part
// whom it covers, and those that came to a queue of a team whom the actor supervises, even if they reached no agent.
func mayTouch(a crm.Actor, p crm.Permission, next int) (cond string, args []any) {
	agents, args := a.ScopeSQL(p, "k.agent_id", next)
	queues, more := a.QueueScopeSQL(p, "q.team_id", next+len(args))
	return `(EXISTS (SELECT FROM unnest(c.agents) k (agent_id) WHERE ` + agents + `)
		OR c.queue_id IN (SELECT q.id FROM queue q WHERE ` + queues + `))`, append(args, more...)
}
