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

// addQueue wants the calls of queues. One is a walk along the index.
func (c *clauses) addQueue(ids []uuid.UUID) {
	switch len(ids) {
	case 0:
		c.add("false")
	case 1:
		c.add("c.queue_id = ?", ids[0])
	default:
		c.add("c.queue_id = ANY (?)", ids)
	}
}

// mayTouch compiles which calls c a permission covers for the actor, from placeholder $next on: those in which agents had part
// whom it covers, and those that came to a queue of a team whom the actor supervises, even if they reached no agent.
func mayTouch(a crm.Actor, p crm.Permission, next int) (cond string, args []any) {
	agents, args := a.ScopeSQL(p, "k.agent_id", next)
	queues, more := a.QueueScopeSQL(p, "q.team_id", next+len(args))
	return `(EXISTS (SELECT FROM call_agent k WHERE k.call_id = c.id AND ` + agents + `)
		OR c.queue_id IN (SELECT q.id FROM queue q WHERE ` + queues + `))`, append(args, more...)
}
