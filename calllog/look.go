package calllog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A list is looked up in the newest month first: what is frequent is found there, without touching the months of before. Of one thing that
// is a walk along its index, newest first. Of several at once there is no index in order: the newest calls of one of them are looked
// through. Where this does not fill the page, what is sought is rare, and is gathered by its words (gather.go).
//
// Of what has no words, as all calls or those of a time, the walk goes on, in stretches that become longer.
const (
	stretchFirst = 31 * 24 * time.Hour
	stretchMore  = 4
	stretches    = 4 // the last has no end
	glanceCalls  = 2000
	glanceOthers = 500 // along any index but that of time, whose calls lie side by side
	glanceMany   = 10  // for each that is wanted
)

// stretch is a part of the time that a list is of; a zero end is open.
type stretch struct{ from, to time.Time }

// stretches are those in which the list is looked up, newest first.
func (l *listing) stretches(now time.Time) []stretch {
	end := l.to
	if l.after != nil && (end.IsZero() || l.after.at.Before(end)) {
		end = l.after.at.Add(time.Microsecond)
	}
	anchor := now
	if !end.IsZero() && end.Before(anchor) {
		anchor = end
	}
	var all []stretch
	for i, long := 0, stretchFirst; ; i, long = i+1, stretchMore*long {
		s := stretch{anchor.Add(-long), end}
		if i == stretches-1 || !s.from.After(l.from) {
			return append(all, stretch{l.from, end})
		}
		all = append(all, s)
		anchor, end = s.from, s.from
	}
}

// keys looks up the places of the next calls of the list, so many at most.
func (l *listing) keys(ctx context.Context, on reading, most int) ([]cursor, error) {
	all := l.stretches(time.Now())
	if len(l.rest) > 0 {
		if !l.few {
			keys, err := l.look(ctx, on, l.glance(all[0], most))
			if err != nil || len(keys) == most {
				return keys, err
			}
		}
		return l.gather(ctx, on, all[0].to, gatherFirst, most)
	}
	var found []cursor
	for _, part := range all {
		var keys []cursor
		var err error
		if l.members == nil {
			keys, err = l.look(ctx, on, l.walk(part, most-len(found)))
		} else {
			keys, err = l.lookMembers(ctx, on, part, most-len(found))
		}
		if err != nil {
			return nil, err
		}
		if found = append(found, keys...); len(found) == most || part == all[len(all)-1] {
			break
		}
		if l.words != "" {
			keys, err = l.gather(ctx, on, part.from, gatherPast, most-len(found))
			return append(found, keys...), err
		}
	}
	return found, nil
}

// lookMembers looks up the calls of members. Which of them are part of others is asked afterwards: there are few, and to ask
// each month's table of calls takes longer than all the rest.
func (l *listing) lookMembers(ctx context.Context, on querier, part stretch, most int) ([]cursor, error) {
	const spare = 10
	if len(l.always) > 1 {
		return l.look(ctx, on, l.walkMembers(part, most, true))
	}
	keys, err := l.look(ctx, on, l.walkMembers(part, most+spare, false))
	if err != nil || len(keys) == 0 {
		return keys, err
	}
	all := len(keys) < most+spare
	ids := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	rows, err := on.Query(ctx, `SELECT id FROM call WHERE id = ANY ($1) AND merged_into IS NOT NULL`, pgx.QueryExecModeCacheDescribe, ids)
	if err != nil {
		return nil, err
	}
	merged, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k cursor) bool { return slices.Contains(merged, k.id) })
	if len(keys) < most && !all {
		return l.look(ctx, on, l.walkMembers(part, most, true))
	}
	return keys[:min(len(keys), most)], nil
}

// look runs a query of keys. It is planned for its very arguments: what is rare and what is not, and which months.
func (l *listing) look(ctx context.Context, on querier, q *clauses) ([]cursor, error) {
	rows, err := on.Query(ctx, q.sql, append([]any{pgx.QueryExecModeCacheDescribe}, q.args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanKey)
}

func scanKey(row pgx.CollectableRow) (c cursor, err error) { return c, row.Scan(&c.at, &c.id) }

// clauses is SQL in the making.
type clauses struct {
	sql  string
	args []any
}

func (c *clauses) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

// fill writes arguments where "?" stands.
func (c *clauses) fill(sql string, args ...any) string {
	for _, v := range args {
		sql = strings.Replace(sql, "?", c.arg(v), 1)
	}
	return sql
}

// where is all of the needs.
func (c *clauses) where(lists ...[]need) string {
	var all []string
	for _, needs := range lists {
		for _, n := range needs {
			all = append(all, c.fill(n.sql, n.args...))
		}
	}
	if len(all) == 0 {
		return "true"
	}
	return strings.Join(all, " AND ")
}

// within is a stretch of a list, and what is after its cursor, by the columns of the beginning of a call and of its id. The
// months that are looked at follow of the ids.
func (c *clauses) within(l *listing, s stretch, began, id string) string {
	all := "true"
	if !s.from.IsZero() {
		all += c.fill(" AND "+began+" >= ? AND "+id+" >= ?", s.from, idAt(s.from.Add(-astray)))
	}
	if !s.to.IsZero() {
		all += c.fill(" AND "+began+" < ? AND "+id+" < ?", s.to, idAt(s.to.Add(astray)))
	}
	if l.after != nil {
		all += c.fill(" AND ("+began+", "+id+") < (?, ?)", l.after.at, l.after.id)
	}
	return all
}

// walk is along the index of what the list is of.
func (l *listing) walk(s stretch, most int) *clauses {
	c := &clauses{}
	c.sql = `SELECT c.started_at, c.id FROM call c WHERE ` + c.where(l.always, l.along) + ` AND ` + c.within(l, s, "c.started_at", "c.id") + `
		ORDER BY c.started_at DESC, c.id DESC LIMIT ` + c.arg(most)
	return c
}

// walkMembers is along each member's own index; what is found is merged, so that one with few calls costs no more than one with
// many. check says that each call is looked at, whether it is as always; else only those of queues are.
func (l *listing) walkMembers(s stretch, most int, check bool) *clauses {
	c := &clauses{}
	var walks []string
	if len(l.members.agents) > 0 {
		walk := `
		SELECT k.started_at, k.call_id FROM unnest(` + c.arg(l.members.agents) + `::uuid[]) who (id) CROSS JOIN LATERAL (
			SELECT k.started_at, k.call_id FROM call_agent k`
		if check {
			walk += ` JOIN call c ON c.id = k.call_id AND ` + c.months(s, "c.id") + ` AND ` + c.where(l.always)
		}
		walks = append(walks, walk+`
			WHERE k.agent_id = who.id AND `+c.within(l, s, "k.started_at", "k.call_id")+`
			ORDER BY k.started_at DESC, k.call_id DESC LIMIT `+c.arg(most)+`) k`)
	}
	if len(l.members.queues) > 0 {
		walks = append(walks, `
		SELECT k.started_at, k.call_id FROM unnest(`+c.arg(l.members.queues)+`::uuid[]) who (id) CROSS JOIN LATERAL (
			SELECT c.started_at, c.id AS call_id FROM call c
			WHERE c.queue_id = who.id AND `+c.where(l.always)+` AND `+c.within(l, s, "c.started_at", "c.id")+`
			ORDER BY c.started_at DESC, c.id DESC LIMIT `+c.arg(most)+`) k`)
	}
	if walks == nil { // a team of nobody
		walks = []string{"SELECT now() AS started_at, NULL::uuid AS call_id WHERE false"}
	}
	c.sql = `SELECT DISTINCT k.started_at, k.call_id FROM (` + strings.Join(walks, " UNION ALL ") + `) k
		ORDER BY k.started_at DESC, k.call_id DESC LIMIT ` + c.arg(most)
	return c
}

// months are the ids of a stretch.
func (c *clauses) months(s stretch, id string) string {
	all := "true"
	if !s.from.IsZero() {
		all += c.fill(" AND "+id+" >= ?", idAt(s.from.Add(-astray)))
	}
	if !s.to.IsZero() {
		all += c.fill(" AND "+id+" < ?", idAt(s.to.Add(astray)))
	}
	return all
}

// glance looks through the newest calls of the walk.
func (l *listing) glance(s stretch, most int) *clauses {
	c := &clauses{}
	newest := max(glanceOthers, glanceMany*most)
	if len(l.along) == 0 && l.members == nil {
		newest = max(glanceCalls, newest)
	}
	if l.members == nil {
		c.sql = `SELECT c.started_at, c.id FROM (
			SELECT c.* FROM call c WHERE ` + c.where(l.always, l.along) + ` AND ` + c.within(l, s, "c.started_at", "c.id") + `
			ORDER BY c.started_at DESC, c.id DESC LIMIT ` + c.arg(newest) + `) c
			WHERE ` + c.where(l.rest) + ` ORDER BY c.started_at DESC, c.id DESC LIMIT ` + c.arg(most)
		return c
	}
	c.sql = `SELECT c.started_at, c.id FROM (
			SELECT k.call_id FROM call_agent k WHERE k.agent_id = ` + c.arg(l.members.agents[0]) + ` AND ` + c.within(l, s, "k.started_at", "k.call_id") + `
			ORDER BY k.started_at DESC, k.call_id DESC LIMIT ` + c.arg(newest) + `) k
		JOIN call c ON c.id = k.call_id AND ` + c.months(s, "c.id") + `
		WHERE ` + c.where(l.always, l.rest) + ` ORDER BY c.started_at DESC, c.id DESC LIMIT ` + c.arg(most)
	return c
}

// everything is the whole list, in no order.
func (l *listing) everything() *clauses {
	c := &clauses{}
	needs := append(l.along[:len(l.along):len(l.along)], l.rest...)
	if l.members != nil {
		needs = append(needs, l.members.need())
	}
	c.sql = `SELECT FROM call c WHERE ` + c.where(l.always, needs) + ` AND ` + c.within(l, stretch{l.from, l.to}, "c.started_at", "c.id")
	return c
}
