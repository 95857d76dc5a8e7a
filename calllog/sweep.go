package calllog

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
	"ringbook/pbx"
)

// sweep looks up calls that were written before their customer could be. What fails again stays for the next time.
func (r *Recorder) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := r.rematch(ctx); err != nil {
		r.log.Warn("calls without a look-up could not be looked up either", "err", err)
	}
}

func (r *Recorder) rematch(ctx context.Context) error {
	rows, err := r.cfg.DB.Pool().Query(ctx, `
		SELECT id, pbx, trunk, direction, caller_raw, caller_withheld, dialed_raw, customer_ref
		FROM call WHERE match_rule = '' ORDER BY started_at DESC LIMIT 100`)
	if err != nil {
		return fmt.Errorf("find calls without a look-up: %w", err)
	}
	calls, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c pbx.Call, err error) {
		return c, row.Scan(&c.ID, &c.PBX, &c.Trunk, &c.Direction, &c.Caller.Number, &c.Caller.Withheld, &c.Dialed, &c.CustomerRef)
	})
	if err != nil {
		return fmt.Errorf("find calls without a look-up: %w", err)
	}
	under := epochs{}
	for i := range calls {
		lead := under.of(r.cfg.Lease, calls[i].PBX)
		if !lead.leads {
			continue // another node does it
		}
		m, err := r.look(ctx, &calls[i])
		if err != nil {
			return err
		}
		if m.rule == "" {
			continue
		}
		batch := &pgx.Batch{}
		db.Fence(batch, calls[i].PBX, lead.epoch)
		batch.Queue(`
			UPDATE call SET match_rule = $2, matched_id = $3, candidates = $4, search = search || ' ' || $5::text
			WHERE id = $1 AND match_rule = ''`,
			calls[i].ID, string(m.rule), m.customer, append([]uuid.UUID{}, m.candidates...), searchable(m.name))
		if err := r.cfg.DB.InTx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
			return fmt.Errorf("save the match of call %s: %w", calls[i].ID, err)
		}
	}
	return nil
}
