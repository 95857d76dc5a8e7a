package calllog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

const (
	nameMost     = 10_000 // legs are named at once
	nameDaysMost = 365
)

// Nameless counts the calls of a phone within so many days in which its part is nobody's, 10,000 at most: those that
// NameCalls would name.
func (s *Store) Nameless(ctx context.Context, a crm.Actor, exchange, endpoint string, days int) (calls int, err error) {
	if err := checkNaming(a, days); err != nil {
		return 0, err
	}
	err = s.db.Pool().QueryRow(ctx, `SELECT count(DISTINCT call_id) FROM (`+namelessLegs+`) l`, namelessOf(exchange, endpoint, days)...).Scan(&calls)
	if err != nil {
		return 0, fmt.Errorf("count the calls of phone %s: %w", endpoint, err)
	}
	return calls, nil
}

// namelessLegs are the finished parts of a phone ($1 PBX, $2 endpoint) since $3 that are nobody's, the newest $4.
const namelessLegs = `
	SELECT call_id, id FROM call_leg
	WHERE pbx = $1 AND endpoint = $2 AND endpoint <> '' AND offered_at >= $3 AND call_id >= $5
		AND role = 'agent' AND agent_id IS NULL AND ended_at IS NOT NULL
	ORDER BY offered_at DESC LIMIT $4`

func namelessOf(exchange, endpoint string, days int) []any {
	since := time.Now().AddDate(0, 0, -days)
	return []any{exchange, endpoint, since, nameMost, idAt(since.Add(-astray))}
}

func checkNaming(a crm.Actor, days int) error {
	if err := a.Require(crm.PhonesManage); err != nil {
		return err
	}
	if days < 1 || days > nameDaysMost {
		return crm.FieldErrors{{Field: "days", Problem: fmt.Sprintf("must be from 1 to %d", nameDaysMost)}}
	}
	return nil
}

// NameCalls gives the parts of a phone in past calls that are nobody's to the agent whose phone it is now: finished
// parts within so many days, the newest 10,000. What is some agent's already stays so. It answers how many calls.
func (s *Store) NameCalls(ctx context.Context, a crm.Actor, exchange, endpoint string, days int) (calls int, err error) {
	if err := checkNaming(a, days); err != nil {
		return 0, err
	}
	id := s.crm.Directory().Identify(exchange, endpoint)
	if id.Agent == nil {
		return 0, crm.FieldErrors{{Field: "endpoint", Problem: "is no agent's phone"}}
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			WITH nameless AS (`+namelessLegs+`),
			locked AS (
				SELECT call_id, id FROM call_leg WHERE call_id >= $5 AND (call_id, id) IN (SELECT call_id, id FROM nameless) ORDER BY call_id, id FOR UPDATE),
			named AS (
				UPDATE call_leg l SET agent_id = $6 FROM locked n WHERE l.call_id = n.call_id AND l.call_id >= $5 AND l.id = n.id AND l.agent_id IS NULL
				RETURNING l.call_id),
			listed AS (
				INSERT INTO call_agent (call_id, agent_id, started_at)
				SELECT c.id, $6, c.started_at FROM call c WHERE c.id >= $5 AND c.id IN (SELECT call_id FROM named) ORDER BY c.id
				ON CONFLICT DO NOTHING),
			found AS (
				UPDATE call SET agents = agents || $6::uuid WHERE id >= $5 AND id IN (SELECT call_id FROM named) AND NOT $6 = ANY (agents))
			SELECT count(DISTINCT call_id) FROM named`,
			append(namelessOf(exchange, endpoint, days), id.Agent.ID)...).Scan(&calls)
		if err != nil || calls == 0 {
			return err
		}
		return crm.AuditTx(ctx, tx, a, "name_calls", "phone", exchange+" "+endpoint,
			map[string]any{"agent": id.Agent.Username, "days": days, "calls": calls})
	})
	if err != nil {
		return 0, fmt.Errorf("name the calls of phone %s: %w", endpoint, err)
	}
	return calls, nil
}
