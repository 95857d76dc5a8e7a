package calllog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/pbx"
)

// Gap is a stretch of time in which nobody heard an exchange. Calls that went on before or after it are in the log,
// reconstructed or partial where need be; calls that began and ended within it are missing.
type Gap struct {
	PBX    string        `json:"pbx"`
	From   time.Time     `json:"from"` // the last moment that was heard for certain
	To     *time.Time    `json:"to"`   // nil: it goes on
	Reason pbx.GapReason `json:"reason"`
}

// GapFilter says which gaps are wanted. The zero value of a field wants all.
type GapFilter struct {
	From, To time.Time // those that reach into this stretch of time
	// PBX are the exchanges that are watched now: of others no gap goes on, and with Only they are left out.
	PBX   []string
	Only  string
	Limit int // 1 to 500; 0: 200
}

const (
	gapsDefault = 200
	gapsMost    = 500
	// An exchange of which nothing was heard for so long, although nobody said why, is not heard: a test event comes
	// every ten seconds, what was heard is written every three.
	gapPatience = 25 * time.Second
)

// findGaps: sorted by their beginning, a period that begins after all before it had ended leaves a gap. The first row
// that is read for each exchange is the last period that ended before From.
const findGaps = `
WITH heard AS (
	SELECT w.pbx, w.from_at, w.started_at,
		max(w.until_at) OVER (PARTITION BY w.pbx ORDER BY w.from_at, w.until_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS until_at
	FROM watch w
	WHERE ($4 = '' OR w.pbx = $4) AND w.until_at >= coalesce(
		(SELECT max(b.until_at) FROM watch b WHERE b.pbx = w.pbx AND b.until_at < $1), '-infinity')),
gap AS (
	SELECT pbx, until_at AS from_at, from_at AS to_at, started_at FROM heard WHERE from_at > until_at
	UNION ALL
	SELECT w.pbx, max(w.until_at), NULL, NULL FROM watch w WHERE w.pbx = ANY($3) AND ($4 = '' OR w.pbx = $4)
	GROUP BY w.pbx HAVING NOT bool_or(w.ended_as = '' AND w.until_at >= $5))
SELECT g.pbx, g.from_at, g.to_at,
	CASE WHEN g.started_at > l.started_at THEN 'pbx_restarted' WHEN l.ended_as = '' THEN 'killed' ELSE l.ended_as END
FROM gap g CROSS JOIN LATERAL (
	SELECT ended_as, started_at FROM watch l WHERE l.pbx = g.pbx AND l.until_at = g.from_at ORDER BY l.ended_as DESC LIMIT 1) l
WHERE coalesce(g.to_at, 'infinity') >= $1 AND g.from_at < $2
ORDER BY g.from_at DESC, g.pbx LIMIT $6`

// Gaps lists the stretches of time in which an exchange was not heard, newest first. Whoever may read calls may know
// where some are missing.
func (s *Store) Gaps(ctx context.Context, a crm.Actor, f GapFilter) ([]Gap, error) {
	if a.Scope(crm.CallsRead) == crm.ScopeNone {
		return nil, fmt.Errorf("list gaps: %w", crm.ErrForbidden)
	}
	if f.Limit == 0 {
		f.Limit = gapsDefault
	}
	var faults crm.FieldErrors
	if f.Limit < 1 || f.Limit > gapsMost {
		faults = append(faults, crm.FieldError{Field: "limit", Problem: fmt.Sprintf("must be from 1 to %d", gapsMost)})
	}
	faults = append(faults, checkDates(f.From, f.To)...)
	if faults != nil {
		return nil, faults
	}
	if f.To.IsZero() {
		f.To = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, err := s.db.Pool().Query(ctx, findGaps, f.From, f.To, append([]string{}, f.PBX...), text(f.Only, shortText),
		time.Now().Add(-gapPatience), f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list gaps: %w", err)
	}
	gaps, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (g Gap, err error) {
		err = row.Scan(&g.PBX, &g.From, &g.To, &g.Reason)
		g.From, g.To = millis(g.From), millisOrNil(g.To)
		return g, err
	})
	if err != nil {
		return nil, fmt.Errorf("list gaps: %w", err)
	}
	return gaps, nil
}
