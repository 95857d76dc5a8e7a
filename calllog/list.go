package calllog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/pbx"
)

const (
	limitDefault = 50
	limitMost    = 200
	searchMost   = 200 // characters
	wordsMost    = 8
	// Dates of other years are slips of the pen.
	yearFirst, yearLast = 1970, 2999
)

// A list is looked up in stretches of time, each four times as long as the one before, until the page is full: what is
// frequent is found in the first, without touching the months of before. In each the walk goes along the index of the
// filter, newest first.
//
// Of several things at once there is no index in order. The newest calls of one of them are looked through first; where
// these do not fill the page what is sought is rare, and all that the stretch has of it is found by its words and sorted.
const (
	stretchFirst = 31 * 24 * time.Hour
	stretchMore  = 4
	stretches    = 4 // the last has no end
	glanceCalls  = 2000
	glanceOthers = 500 // along any index but that of time, whose calls lie side by side
	glanceMany   = 10  // for each that is wanted
)

// need is one thing that a filter wants of a call c.
type need struct {
	sql  string // with a "?" for each argument
	args []any
	word string // the tsquery of words that says the same; empty: none does
	// indexed is sql as an index finds it, where that is another; its arguments are the same.
	indexed string
}

// listing is a checked Filter: which calls, and how they are looked up.
type listing struct {
	limit    int
	check    []byte // what binds a cursor to the filter
	from, to time.Time
	after    *cursor
	always   []need // as nearly all calls are
	// The walk is along the calls of members, or else along those that fit the needs of along.
	members *members
	along   []need
	rest    []need
	few     bool // there are few along the walk
}

// members are those whose calls an actor may read, or asks for.
type members struct {
	agents, queues []uuid.UUID
}

// need is that one of them had part.
func (m *members) need() need {
	words := make([]string, 0, len(m.agents)+len(m.queues)+1)
	for _, id := range m.agents {
		words = append(words, agentWord(id))
	}
	for _, id := range m.queues {
		words = append(words, queueWord(id))
	}
	if len(words) == 0 {
		return need{sql: "false", word: lexeme(" ")}
	}
	return need{sql: "(c.agents && ? OR c.queue_id = ANY (?))", args: []any{m.agents, m.queues}, word: anyOf(words)}
}

// compile makes a listing of a resolved filter, of the calls of the members only (nil: of all).
func (s *Store) compile(a crm.Actor, scope *members, f Filter) (*listing, error) {
	number, err := s.check(f)
	if err != nil {
		return nil, err
	}
	l := &listing{limit: cmp.Or(f.Limit, limitDefault), check: fingerprint(a, f), from: f.From, to: f.To, members: scope}
	if f.Cursor != "" {
		after, ok := decodeCursor(f.Cursor, l.check)
		if !ok {
			return nil, crm.FieldErrors{{Field: "cursor", Problem: "is not a cursor of this list"}}
		}
		l.after = &after
	}
	l.always = []need{{sql: "c.merged_into IS NULL"}}
	var live, customer, numbered, queue, outcome, direction, other []need
	if f.State == pbx.StateEnded {
		l.always = append(l.always, need{sql: "c.state = 'ended'"})
	} else if f.State != "" {
		live = []need{{sql: "c.state = ? AND c.state <> 'ended'", args: []any{string(f.State)}}}
	}
	if f.Customer != uuid.Nil {
		customer = []need{{sql: "c.customer_id = ?", args: []any{f.Customer}}}
	}
	if number != "" {
		numbered = []need{{sql: "c.number = ? AND c.number <> ''", args: []any{number}}}
	}
	if f.Queue != "" {
		queue = []need{queueNeed(f.queues)}
	}
	if f.Outcome != "" {
		outcome = []need{{sql: "c.outcome = ?", args: []any{string(f.Outcome)}, word: lexeme(outcomeWord(f.Outcome))}}
	}
	if f.Direction != "" {
		direction = []need{{sql: "c.direction = ?", args: []any{string(f.Direction)}, word: lexeme(directionWord(f.Direction))}}
		if len(outcome) > 0 { // an index has both
			outcome = append(direction, outcome...)
			direction = nil
		}
	}
	for _, q := range askedBy(f.Q) {
		n := need{sql: textWords + " @@ ?::text::tsquery", args: []any{q.query}, word: q.query}
		if q.number != "" {
			const either = "((c.caller_number || ' ' || c.dialed_number) LIKE ? OR "
			n = need{
				sql: either + textWords + " @@ ?::text::tsquery)", args: []any{"%" + q.number + "%", q.query},
				indexed: either + callWords + " @@ ?::text::tsquery)",
			}
		}
		other = append(other, n)
	}
	if f.Agent != uuid.Nil {
		one := &members{agents: []uuid.UUID{f.Agent}, queues: []uuid.UUID{}}
		if l.members == nil {
			l.members = one
		} else {
			other = append(other, one.need())
		}
	}
	// The first that is asked for is what the walk is along: there are the fewer of it the earlier it stands here.
	for _, asked := range [][]need{live, customer, numbered, queue, outcome} {
		if len(l.along) == 0 {
			l.along = asked
		} else {
			l.rest = append(l.rest, asked...)
		}
	}
	l.rest = append(append(l.rest, direction...), other...)
	l.few = len(live)+len(customer)+len(numbered) > 0
	if m := l.members; m != nil && len(l.along)+len(l.rest) > 0 {
		if len(m.agents) == 1 && len(m.queues) == 0 && !l.few {
			l.rest = append(l.along, l.rest...)
			l.along = nil
		} else {
			l.rest = append(l.rest, m.need())
			l.members = nil
		}
	}
	return l, nil
}

// queueNeed is that a call came to one of the queues.
func queueNeed(ids []uuid.UUID) need {
	switch len(ids) {
	case 0:
		return need{sql: "false", word: lexeme(" ")}
	case 1:
		return need{sql: "c.queue_id = ?", args: []any{ids[0]}, word: lexeme(queueWord(ids[0]))}
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = queueWord(id)
	}
	return need{sql: "c.queue_id = ANY (?)", args: []any{ids}, word: anyOf(words)}
}

// callWords are the words of a call c, textWords those of its names and notes alone, which are made sooner.
const (
	callWords = "call_words(c.search, c.note_search, c.agents, c.direction, c.outcome, c.queue_id)"
	textWords = "array_to_tsvector(array_remove(string_to_array(c.search || ' ' || c.note_search, ' '), ''))"
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
func (l *listing) keys(ctx context.Context, on querier, most int) ([]cursor, error) {
	var found []cursor
	plain := len(l.rest) == 0
	all := l.stretches(time.Now())
	if !plain && !l.few {
		keys, err := l.look(ctx, on, l.glance(all[0], most))
		if err != nil || len(keys) == most {
			return keys, err
		}
	}
	for _, part := range all {
		q := l.gather(part, most-len(found))
		if plain {
			q = l.walk(part, most-len(found))
		}
		keys, err := l.look(ctx, on, q)
		if err != nil {
			return nil, err
		}
		if found = append(found, keys...); len(found) == most {
			break
		}
	}
	return found, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// look runs a query of keys. It is planned for its very arguments: what is rare and what is not, and which months.
func (l *listing) look(ctx context.Context, on querier, q *clauses) ([]cursor, error) {
	rows, err := on.Query(ctx, q.sql, append([]any{pgx.QueryExecModeCacheDescribe}, q.args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c cursor, err error) {
		return c, row.Scan(&c.at, &c.id)
	})
}

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
	if l.members == nil {
		c.sql = `SELECT c.started_at, c.id FROM call c WHERE ` + c.where(l.always, l.along) + ` AND ` + c.within(l, s, "c.started_at", "c.id") + `
			ORDER BY c.started_at DESC, c.id DESC LIMIT ` + c.arg(most)
		return c
	}
	// Each member's are read from the member's own index and merged, so that one with few calls costs no more than one with many.
	var walks []string
	if len(l.members.agents) > 0 {
		walks = append(walks, `
		SELECT k.started_at, k.call_id FROM unnest(`+c.arg(l.members.agents)+`::uuid[]) who (id) CROSS JOIN LATERAL (
			SELECT k.started_at, k.call_id FROM call_agent k JOIN call c ON c.id = k.call_id AND `+c.months(s, "c.id")+`
			WHERE k.agent_id = who.id AND `+c.where(l.always)+` AND `+c.within(l, s, "k.started_at", "k.call_id")+`
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

// gather finds all that a stretch has by its words, and sorts it.
func (l *listing) gather(s stretch, most int) *clauses {
	c := &clauses{}
	c.sql = `WITH found AS MATERIALIZED (
			SELECT c.started_at, c.id FROM call c WHERE ` + c.where(l.always, l.byWords()) + ` AND ` + c.within(l, s, "c.started_at", "c.id") + `)
		SELECT started_at, id FROM found ORDER BY started_at DESC, id DESC LIMIT ` + c.arg(most)
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

// byWords are all needs, as one of words as far as these tell them.
func (l *listing) byWords() []need {
	var words []string
	var others []need
	all := append(l.along[:len(l.along):len(l.along)], l.rest...)
	if l.members != nil {
		all = append(all, l.members.need())
	}
	for _, n := range all {
		switch {
		case n.word != "":
			words = append(words, n.word)
		case n.indexed != "":
			others = append(others, need{sql: n.indexed, args: n.args})
		default:
			others = append(others, n)
		}
	}
	if len(words) > 0 {
		others = append(others, need{sql: callWords + " @@ ?::text::tsquery", args: []any{strings.Join(words, " & ")}})
	}
	return others
}

// check finds every fault of a filter, and the key of its number.
func (s *Store) check(f Filter) (number string, err error) {
	var faults crm.FieldErrors
	fault := func(field, problem string) { faults = append(faults, crm.FieldError{Field: field, Problem: problem}) }
	if f.Limit < 0 || f.Limit > limitMost {
		fault("limit", fmt.Sprintf("must be from 1 to %d", limitMost))
	}
	faults = append(faults, checkDates(f.From, f.To)...)
	switch f.Direction {
	case "", pbx.Inbound, pbx.Outbound, pbx.Internal:
	default:
		fault("direction", "must be inbound, outbound or internal")
	}
	switch f.State {
	case "", pbx.StateRinging, pbx.StateQueued, pbx.StateTalking, pbx.StateHeld, pbx.StateEnded:
	default:
		fault("state", "must be ringing, queued, talking, held or ended")
	}
	switch f.Outcome {
	case "", pbx.Answered, pbx.Missed, pbx.Abandoned, pbx.Busy, pbx.Failed, pbx.Voicemail, pbx.Cancelled:
	default:
		fault("outcome", "must be answered, missed, abandoned, busy, failed, voicemail or cancelled")
	}
	if f.Number != "" {
		if number = text(crm.ParseNumber(f.Number, s.crm.Numbering().Default).Key(), shortText); number == "" {
			fault("number", "is not a number")
		}
	}
	if utf8.RuneCountInString(f.Q) > searchMost {
		fault("q", fmt.Sprintf("must have at most %d characters", searchMost))
	}
	if faults != nil {
		return "", faults
	}
	return number, nil
}

// checkDates finds the faults of a stretch of time, either end of which may be left open.
func checkDates(from, to time.Time) (faults crm.FieldErrors) {
	for _, end := range []struct {
		field string
		at    time.Time
	}{{"from", from}, {"to", to}} {
		if y := end.at.Year(); !end.at.IsZero() && (y < yearFirst || y > yearLast) {
			faults = append(faults, crm.FieldError{Field: end.field, Problem: fmt.Sprintf("must be of the years %d to %d", yearFirst, yearLast)})
		}
	}
	if faults == nil && !from.IsZero() && !to.IsZero() && to.Before(from) {
		faults = append(faults, crm.FieldError{Field: "to", Problem: "is before from"})
	}
	return faults
}

// cursor is the place of the last call of a page.
type cursor struct {
	at time.Time
	id uuid.UUID
}

// fingerprint is of all that decides which list it is.
func fingerprint(a crm.Actor, f Filter) []byte {
	f.Cursor, f.Limit = "", 0
	f.From, f.To = f.From.UTC(), f.To.UTC()
	list, err := json.Marshal(struct {
		Agent  uuid.UUID
		Filter Filter
	}{a.AgentID, f})
	if err != nil { // a year beyond 9999
		list = fmt.Appendf(nil, "%v %v", a.AgentID, f)
	}
	sum := sha256.Sum256(list)
	return sum[:]
}

const cursorBytes = 8 + 16 + 8

// encode binds the cursor to its list, so that one of another list is refused and not misread.
func (c cursor) encode(list []byte) string {
	b := make([]byte, 0, cursorBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(c.at.UnixMicro()))
	b = append(b, c.id[:]...)
	sum := sha256.Sum256(append(b[:len(b):len(b)], list...))
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:8]...))
}

func decodeCursor(s string, list []byte) (cursor, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != cursorBytes {
		return cursor{}, false
	}
	c := cursor{at: time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC(), id: uuid.UUID(b[8:24])}
	return c, c.encode(list) == s
}
