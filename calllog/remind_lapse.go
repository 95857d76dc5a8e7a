package calllog

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// claimLasts is for how long somebody may keep others from calling back who waits for it: who claimed, and went home.
const claimLasts = 2 * time.Hour

// claimerLeft is the condition that whoever has claimed x has gone offline since, or for good.
const claimerLeft = `(EXISTS (SELECT FROM agent_choice o WHERE o.agent_id = x.claimed_by AND o.until_at IS NULL AND o.state = 'offline' AND o.since_at > x.claimed_at)
	OR EXISTS (SELECT FROM agent o WHERE o.id = x.claimed_by AND o.archived_at IS NOT NULL))`

// lapseFollowUps puts back the callbacks that are due, are not their claimers' own, and whose claimers have left, or have not
// called for claimLasts.
func (r *Reminders) lapseFollowUps(ctx context.Context, tx pgx.Tx, now time.Time) (int, error) {
	rows, err := tx.Query(ctx, `
		SELECT x.id FROM follow_up x
		WHERE x.closed_at IS NULL AND x.state = 'claimed' AND x.kind = 'callback' AND x.owner <> x.claimed_by AND x.due_at <= $1
			AND (greatest(x.due_at, x.claimed_at) <= $2 OR `+claimerLeft+`)
		ORDER BY x.id LIMIT $3 FOR UPDATE OF x SKIP LOCKED`, now, now.Add(-claimLasts), remindBatch)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := moveFollowUp(ctx, tx, id, []FollowUpState{FollowUpClaimed}, followUpMove{To: FollowUpDue, What: followUpLapsed}); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// followUpLapsed is what the history of a follow-up says of a claim that was given up for its claimer.
const followUpLapsed = "lapsed"

// lapseMissed does the same for missed calls.
func (r *Reminders) lapseMissed(ctx context.Context, tx pgx.Tx, now time.Time) (int, error) {
	const lapsed = `SELECT x.id, x.claimed_by FROM missed x WHERE x.calls > 0 AND x.claimed_by IS NOT NULL AND (x.claimed_at <= $1 OR ` + claimerLeft + `)`
	var some bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (`+lapsed+`)`, now.Add(-claimLasts)).Scan(&some); err != nil || !some {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('ringbook missed'))`); err != nil {
		return 0, err
	}
	rows, err := tx.Query(ctx, `
		UPDATE missed m SET claimed_by = NULL, claimed_at = NULL, updated_at = clock_timestamp() FROM (`+lapsed+` LIMIT $2) l
		WHERE m.id = l.id RETURNING m.id, l.claimed_by`, now.Add(-claimLasts), remindBatch)
	if err != nil {
		return 0, err
	}
	type claim struct{ ID, By uuid.UUID }
	claims, err := pgx.CollectRows(rows, pgx.RowToStructByPos[claim])
	if err != nil {
		return 0, err
	}
	for _, c := range claims {
		if err := crm.AuditTx(ctx, tx, crm.System, "lapse", EventMissed, c.ID.String(), map[string]any{"claimed_by": [2]any{c.By, nil}}); err != nil {
			return 0, err
		}
	}
	return len(claims), nil
}
