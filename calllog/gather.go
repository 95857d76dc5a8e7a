package calllog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What is rare is gathered by its words: all that a stretch of time has of it is found and sorted. Each month's table is asked on its
// own, all those of a stretch in one go, by a statement that every connection keeps prepared with its plan: to plan over three years of
// months takes longer than to find that they have nothing, and the plan for one month is not made anew when another is vacuumed.
//
// Each stretch is as long as it must be for what is still wanted, by what the one before had, so that few calls more are found: to read
// these takes longest. They are as long as so many calls take: in a small log all of it is looked through at once.
const (
	gatherFirst = 20_000  // calls of the first stretch,
	gatherPast  = 150_000 // and when the newest month was walked along before
	gatherMost  = 32      // times the stretch before, when that had nothing
	gatherSpare = 1.5     // times what should be enough
	daysMost    = 16      // by whose words is looked for

	gatherTries = 3
)

// reading is what a list is looked up in.
type reading interface {
	querier
	// inSnapshot runs do in a transaction that sees the log as it is at one moment, and whose statements have plans that are kept.
	inSnapshot(ctx context.Context, do func(pgx.Tx) error) error
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// pooled reads with the connections of a pool.
type pooled struct{ *pgxpool.Pool }

// planOnce makes statements keep their plans. These must be along the words, and there are no others but to read the whole table.
const planOnce = `SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0`

func (p pooled) inSnapshot(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, p.Pool, pgx.TxOptions{BeginQuery: `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ` + planOnce}, do)
}

// gatherFrom finds what a month's table has of a list.
const gatherFrom = `SELECT c.started_at, c.id FROM %s c
	WHERE call_words(c.search, c.note_search, c.caller_number, c.dialed_number, c.number, c.customer_id, c.agents,
			c.direction, c.state, c.outcome, c.queue_id, c.started_at) @@ $1::text::tsquery
		AND c.merged_into IS NULL AND (c.state = 'ended' OR NOT $2)
		AND c.started_at + interval '0' >= $3 AND c.started_at + interval '0' < $4 AND (c.started_at + interval '0', c.id) < ($5, $6)
		AND (cardinality($7::text[]) = 0 OR (SELECT bool_and(` + numbersOf + ` LIKE p.number OR ` + textOf + ` ~ p.text) FROM unnest($7::text[], $8::text[]) p (number, text)))
		AND ($10 OR c.agents && $11 OR c.queue_id = ANY ($12))
	ORDER BY c.started_at + interval '0' DESC, c.id DESC LIMIT $9`

// longer is how many times as long a stretch must be as one that had some of those that were wanted.
func longer(had, wanted int) float64 {
	return min(gatherMost, max(1, gatherSpare*float64(wanted-had)/max(1, float64(had))))
}

// gather looks up the next calls of the list that began before a time, zero for any, newest first, so many at most. calls is of
// how many the first stretch is, of all that there are.
func (l *listing) gather(ctx context.Context, on reading, before time.Time, calls float64, most int) ([]cursor, error) {
	for try := 1; ; try++ {
		found, err := l.gatherNow(ctx, on, before, calls, most)
		var refused *pgconn.PgError
		if try < gatherTries && errors.As(err, &refused) && refused.Code == "42P01" { // a month was dropped just now
			continue
		}
		return found, err
	}
}

func (l *listing) gatherNow(ctx context.Context, on reading, before time.Time, calls float64, most int) (found []cursor, err error) {
	err = on.inSnapshot(ctx, func(tx pgx.Tx) error {
		found = nil
		months, err := logMonths(ctx, tx, time.Now())
		if err != nil {
			return err
		}
		for part := (stretch{to: before}); len(found) < most; part.to = part.from {
			part.from = months.back(part.to, calls)
			last := !part.from.After(l.from)
			if last {
				part.from = l.from
			}
			wanted := most - len(found)
			keys, err := l.gatherPart(ctx, tx, months, part, wanted)
			if err != nil {
				return err
			}
			found = append(found, keys...)
			calls *= longer(len(keys), wanted)
			if last {
				break
			}
		}
		return nil
	})
	return found, err
}

// gatherPart looks up what a stretch has of the list.
func (l *listing) gatherPart(ctx context.Context, tx pgx.Tx, months logParts, part stretch, most int) (found []cursor, err error) {
	ask := &pgx.Batch{}
	now, to := time.Now(), part.to
	if to.IsZero() {
		to = forever
	}
	among := l.among
	if among == nil {
		among = &members{agents: []uuid.UUID{}, queues: []uuid.UUID{}}
	}
	after := cursor{forever, uuid.Max}
	if l.after != nil {
		after = *l.after
	}
	for _, m := range months {
		from, until := part.from, to
		if !m.rest() {
			from, until = later(from, m.from.Add(-astray)), earlier(until, m.to.Add(astray))
		}
		if !from.Before(until) {
			continue
		}
		words := l.words
		if days := daysOf(from, until, now); days != "" {
			words += " & " + days
		}
		ask.Queue(fmt.Sprintf(gatherFrom, m.table), words, l.ended, part.from, to, after.at, after.id, l.numbers, l.texts, most, l.among == nil, among.agents, among.queues).Query(func(rows pgx.Rows) error {
			keys, err := pgx.CollectRows(rows, scanKey)
			found = append(found, keys...)
			return err
		})
	}
	if err := tx.SendBatch(ctx, ask).Close(); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b cursor) int {
		return cmp.Or(b.at.Compare(a.at), slices.Compare(b.id[:], a.id[:]))
	})
	return found[:min(len(found), most)], nil
}

// daysOf is a tsquery of calls that began in a short stretch of time, and of some before and after; empty: it is too long. The days
// to come, on which no call can begin but by a clock that is fast, cost nothing.
func daysOf(from, to, now time.Time) string {
	const day = 24 * time.Hour
	if earlier(to, now).Sub(from) > daysMost*day || to.Sub(from) > 2*daysMost*day {
		return ""
	}
	var all []string
	for at := from.UTC().Truncate(day); at.Before(to); at = at.Add(day) {
		all = append(all, dayWord(at))
	}
	return anyOf(all)
}

var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// logPart is a table of the log: of the calls of a month by their ids, or the rest.
type logPart struct {
	table    string
	from, to time.Time // zero: the rest
	calls    float64   // about how many it has; 0: unknown
}

func (p logPart) rest() bool { return p.from.IsZero() }

// logParts are all of them, the newest month first.
type logParts []logPart

// logMonths reads which there are.
func logMonths(ctx context.Context, tx pgx.Tx, now time.Time) (logParts, error) {
	rows, err := tx.Query(ctx, `
		SELECT c.relname, c.reltuples FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'call'::regclass
		ORDER BY c.relname COLLATE "C" DESC`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p logPart, err error) {
		if err := row.Scan(&p.table, &p.calls); err != nil {
			return p, err
		}
		p.calls = max(0, p.calls)
		if month, err := time.Parse("2006_01", strings.TrimPrefix(p.table, "call_")); err == nil {
			p.from, p.to = month, month.AddDate(0, 1, 0)
		}
		p.table = pgx.Identifier{p.table}.Sanitize()
		return p, nil
	})
}

// back is the time at which about so many calls began before another time, zero for now; zero if there are not so many.
func (all logParts) back(before time.Time, calls float64) time.Time {
	now := time.Now()
	if before.IsZero() || before.After(now) {
		before = now
	}
	for _, m := range all {
		if m.rest() || !m.from.Before(before) || m.calls == 0 {
			continue
		}
		whole := earlier(m.to, now).Sub(m.from)
		share := min(1, float64(before.Sub(m.from))/float64(whole))
		if has := share * m.calls; has < calls {
			calls -= has
			before = m.from
			continue
		}
		return earlier(m.to, before).Add(-time.Duration(calls / m.calls * float64(whole)))
	}
	return time.Time{}
}
