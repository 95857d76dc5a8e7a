package calllog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/pbx"
)

// settleAfter is how old a standing must be before the log is held against it: by then what the spool had of calls
// that ended before has mostly been written.
const settleAfter = time.Second

// openCalls are the calls that the log takes for live and in which an exchange ($1) has part, with its legs, how many legs
// go on at other exchanges, and what is known of how long the calls went on for certain: until the picture that the row
// tells, and, since nothing else was heard of them, until the end of the period in which that was ($2: the PBX's clock less ours, in microseconds; $3: of the standing, our clock).
const openCalls = `
SELECT c.id, c.started_at, coalesce((
		SELECT max(w.until_at) + make_interval(secs => $2::bigint / 1e6) FROM watch w
		WHERE w.pbx = c.pbx AND w.from_at <= to_timestamp((c.version - $2) / 1e6) AND w.until_at < $3),
		to_timestamp(0)) AS heard, to_timestamp(c.version / 1e6),
	ARRAY(SELECT l.id FROM call_leg l WHERE l.call_id = c.id AND l.ended_at IS NULL AND l.pbx = $1),
	(SELECT count(*) FROM call_leg l WHERE l.call_id = c.id AND l.ended_at IS NULL AND l.pbx <> $1)
FROM call c WHERE c.state <> 'ended' AND c.started_at < $4 AND c.merged_into IS NULL AND (c.pbx = $1
	OR EXISTS (SELECT FROM call_leg l WHERE l.call_id = c.id AND l.ended_at IS NULL AND l.pbx = $1))`

// closeCall ends a call of which nobody saw the end ($2: until when it went on, $3: when it was over). Should the end
// come to light after all, as from a spool, that picture wins: see callWins.
const closeCall = `
WITH open AS (
	SELECT id, direction, greatest($2::timestamptz, started_at, answered_at) AS ended FROM call WHERE id = $1 AND state <> 'ended'),
legs AS (
	UPDATE call_leg l SET ended_at = greatest(o.ended, l.offered_at, l.answered_at), ended_as = 'lost',
		spans = s.spans, talk_ms = greatest(l.talk_ms, s.talk), hold_ms = greatest(l.hold_ms, s.hold)
	FROM open o, call_leg m CROSS JOIN LATERAL (
		SELECT coalesce(jsonb_agg(CASE WHEN e->>'to' IS NULL THEN e || jsonb_build_object('to', u.ended) ELSE e END ORDER BY n), '[]') AS spans,
			coalesce(sum(extract(epoch FROM u.ended - u.began) * 1000)::bigint, 0) AS talk,
			coalesce(sum(extract(epoch FROM u.ended - u.began) * 1000) FILTER (WHERE e->>'kind' = 'hold')::bigint, 0) AS hold
		FROM jsonb_array_elements(m.spans) WITH ORDINALITY AS a (e, n), open, LATERAL (
			SELECT (e->>'from')::timestamptz AS began,
				greatest(coalesce((e->>'to')::timestamptz, open.ended), (e->>'from')::timestamptz) AS ended) u) s
	WHERE m.call_id = $1 AND m.ended_at IS NULL AND l.call_id = $1 AND l.id = m.id
	RETURNING l.id, l.talk_ms, l.hold_ms),
sums AS (
	SELECT coalesce(sum(coalesce(n.talk_ms, l.talk_ms)), 0) AS talk, coalesce(max(coalesce(n.hold_ms, l.hold_ms)), 0) AS hold
	FROM open o JOIN call_leg l ON l.call_id = $1 LEFT JOIN legs n ON n.id = l.id
	WHERE l.role = 'agent' AND (o.direction <> 'internal'
		OR l.id <> (SELECT f.id FROM call_leg f WHERE f.call_id = $1 ORDER BY f.offered_at, f.id LIMIT 1)))
UPDATE call c SET state = 'ended', reconstructed = true, ended_at = o.ended, ended_before = greatest($3, o.ended),
	outcome = CASE WHEN c.answered_at IS NOT NULL THEN 'answered' ELSE 'missed' END,
	wait_ms = CASE WHEN c.answered_at IS NOT NULL THEN c.wait_ms
		ELSE greatest(c.wait_ms, (extract(epoch FROM o.ended - c.started_at) * 1000)::bigint) END,
	talk_ms = greatest(c.talk_ms, sums.talk), hold_ms = greatest(c.hold_ms, sums.hold), hangup_by = 'system'
FROM open o, sums WHERE c.id = $1`

// closeLegs ends those legs of a call that goes on which the exchange does not have any more.
const closeLegs = `
UPDATE call_leg SET ended_at = greatest($3::timestamptz, offered_at, answered_at), ended_as = 'lost'
WHERE call_id = $1 AND id = ANY($2) AND ended_at IS NULL AND offered_at < $4`

// channelOf is the channel that a leg is of: a channel which has several legs in a call gives all but the first a number.
func channelOf(leg string) string {
	i := strings.LastIndexByte(leg, '/')
	if i < 0 || i == len(leg)-1 || strings.Trim(leg[i+1:], "0123456789") != "" {
		return leg
	}
	return leg[:i]
}

// openCall is a call that the log takes for live, as an exchange has part in it.
type openCall struct {
	id              uuid.UUID
	startedAt       time.Time
	heard, pictured time.Time // until when it went on for certain, by either account
	legs            []string  // of that exchange, that have not ended
	elsewhere       int       // legs of other exchanges that have not ended
}

// settle holds the calls that the log takes for live against what the exchange had when its stream became complete.
// Those that it did not have any more are closed; of those that go on under another id, because their beginning was
// seen by an earlier run only, the exchange is told.
func (w *Watch) settle(ctx context.Context, s Stream) error {
	standing := s.Standing()
	if standing.At.IsZero() || !standing.At.After(w.settled[s.Name()]) || time.Since(standing.At) < settleAfter {
		return nil
	}
	calls, err := w.open(ctx, s.Name(), standing)
	if err != nil {
		return err
	}
	batch, closed := &pgx.Batch{}, 0
	for _, c := range calls {
		until := c.pictured
		if c.heard.After(until) {
			until = c.heard
		}
		if until.After(standing.Clock) {
			until = standing.Clock
		}
		gone, now := legsGone(c, standing)
		switch {
		case w.live(c.id), c.elsewhere > 0:
			if len(gone) > 0 {
				batch.Queue(closeLegs, c.id, gone, until, standing.Clock)
			}
		case now != uuid.Nil:
			s.Assume(ctx, now, c.id, c.startedAt)
		default:
			closed++
			batch.Queue(closeCall, c.id, until, standing.Clock)
		}
	}
	if batch.Len() > 0 {
		if err := w.db.InTx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
			return fmt.Errorf("close calls whose end was not seen: %w", err)
		}
	}
	if closed > 0 {
		w.log.Info("closed calls whose end was not seen", "pbx", s.Name(), "calls", closed)
	}
	w.settled[s.Name()] = standing.At
	return nil
}

// live tells whether a call went on at any exchange when that was last heard anew.
func (w *Watch) live(id uuid.UUID) bool {
	for _, s := range w.streams {
		if _, ok := s.Standing().Calls[id]; ok {
			return true
		}
	}
	return false
}

// open reads the calls that began before a standing and have not ended.
func (w *Watch) open(ctx context.Context, name string, standing pbx.Standing) ([]openCall, error) {
	skew := standing.Clock.Sub(standing.At).Microseconds()
	rows, err := w.db.Pool().Query(ctx, openCalls, name, skew, standing.At, standing.Clock)
	if err != nil {
		return nil, fmt.Errorf("find calls that have not ended: %w", err)
	}
	calls, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c openCall, err error) {
		return c, row.Scan(&c.id, &c.startedAt, &c.heard, &c.pictured, &c.legs, &c.elsewhere)
	})
	if err != nil {
		return nil, fmt.Errorf("find calls that have not ended: %w", err)
	}
	return calls, nil
}

// legsGone are those legs of a call whose channels the exchange did not have any more, and the other call that one of
// its channels belonged to, if there is one.
func legsGone(c openCall, s pbx.Standing) (gone []string, other uuid.UUID) {
	for _, leg := range c.legs {
		call, there := s.Channels[channelOf(leg)]
		switch {
		case !there:
			gone = append(gone, leg)
		case call != uuid.Nil && call != c.id:
			other = call
		}
	}
	return gone, other
}
