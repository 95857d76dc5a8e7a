package calllog

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

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

// query is a Filter made SQL.
type query struct {
	sql   string
	args  []any
	limit int
	check []byte // what binds a cursor to the filter
}

// clauses collects conditions; a "?" stands for the next argument.
type clauses struct {
	where []string
	args  []any
}

func (c *clauses) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *clauses) add(cond string, args ...any) {
	for _, v := range args {
		cond = strings.Replace(cond, "?", c.arg(v), 1)
	}
	c.where = append(c.where, cond)
}

func (c *clauses) String() string {
	if len(c.where) == 0 {
		return "true"
	}
	return strings.Join(c.where, " AND ")
}

// compile checks a filter and writes its SQL: one walk along the index of the filter, newest first. Calls of certain
// agents are read from each agent's index and merged, so that an agent with few calls costs no more than one with many; with
// a supervisor's those of the teams' queues are. The filter is a resolved one.
func (s *Store) compile(a crm.Actor, scope crm.Scope, f Filter) (query, error) {
	limit := cmp.Or(f.Limit, limitDefault)
	q, err := s.compileMost(a, scope, f, callColumns, limit+1)
	q.limit = limit
	return q, err
}

// compileMost is compile for so many calls, 0: all, and for other columns of a call c and its annotation n.
func (s *Store) compileMost(a crm.Actor, scope crm.Scope, f Filter, columns string, most int) (query, error) {
	q := query{check: fingerprint(a, f)}
	limit := ""
	if most > 0 {
		limit = fmt.Sprintf("LIMIT %d", most)
	}
	number, err := s.check(f)
	if err != nil {
		return q, err
	}
	byAgent := scope != crm.ScopeAll || f.Agent != uuid.Nil
	key := "c.started_at, c.id"
	if byAgent {
		key = "k.started_at, k.call_id"
	}
	started, _, _ := strings.Cut(key, ",")
	var c clauses
	c.add("c.merged_into IS NULL")
	if !f.From.IsZero() {
		c.add(started+" >= ?", f.From)
	}
	if !f.To.IsZero() {
		c.add(started+" < ?", f.To)
	}
	if f.Cursor != "" {
		at, ok := decodeCursor(f.Cursor, q.check)
		if !ok {
			return q, crm.FieldErrors{{Field: "cursor", Problem: "is not a cursor of this list"}}
		}
		c.add("("+key+") < (?, ?)", at.at, at.id)
	}
	if f.Direction != "" {
		c.add("c.direction = ?", string(f.Direction))
	}
	if f.State == pbx.StateEnded {
		c.add("c.state = 'ended'")
	} else if f.State != "" {
		c.add("c.state = ? AND c.state <> 'ended'", string(f.State))
	}
	if f.Outcome != "" {
		c.add("c.outcome = ?", string(f.Outcome))
	}
	if f.Queue != "" {
		c.addQueue(f.queues)
	}
	if number != "" {
		c.add("c.number = ? AND c.number <> ''", number)
	}
	if f.Customer != uuid.Nil {
		c.add("c.customer_id = ?", f.Customer)
	}
	for _, word := range words(f.Q) {
		c.add("(c.search || ' ' || c.note_search) LIKE ?", "%"+escape(word)+"%")
	}
	if !byAgent {
		q.sql = fmt.Sprintf(`SELECT %s FROM call c LEFT JOIN call_annotation n ON n.call_id = c.id
			WHERE %s ORDER BY c.started_at DESC, c.id DESC %s`, columns, &c, limit)
		q.args = c.args
		return q, nil
	}

	var agents string
	if scope == crm.ScopeAll {
		agents = "SELECT " + c.arg(f.Agent) + "::uuid AS id"
	} else {
		cond, args := a.ScopeSQL(crm.CallsRead, "g.id", len(c.args)+1)
		c.args = append(c.args, args...)
		agents = "SELECT g.id FROM agent g WHERE " + cond
		if f.Agent != uuid.Nil {
			c.add("EXISTS (SELECT FROM call_agent o WHERE o.call_id = k.call_id AND o.agent_id = ?)", f.Agent)
		}
	}
	walks := fmt.Sprintf(`
		SELECT k.started_at, k.call_id FROM (%s) who CROSS JOIN LATERAL (
			SELECT k.started_at, k.call_id FROM call_agent k JOIN call c ON c.id = k.call_id
			WHERE k.agent_id = who.id AND %s
			ORDER BY k.started_at DESC, k.call_id DESC %s) k`, agents, &c, limit)
	if scope == crm.ScopeTeam {
		cond, args := a.QueueScopeSQL(crm.CallsRead, "w.team_id", len(c.args)+1)
		c.args = append(c.args, args...)
		walks += fmt.Sprintf(`
		UNION ALL
		SELECT k.started_at, k.call_id FROM queue w CROSS JOIN LATERAL (
			SELECT c.started_at, c.id AS call_id FROM call c
			WHERE c.queue_id = w.id AND %s
			ORDER BY c.started_at DESC, c.id DESC %s) k
		WHERE %s`, strings.NewReplacer("k.started_at", "c.started_at", "k.call_id", "c.id").Replace(c.String()), limit, cond)
	}
	q.sql = fmt.Sprintf(`
		SELECT %s FROM (
			SELECT DISTINCT k.started_at, k.call_id FROM (%s) k
			ORDER BY k.started_at DESC, k.call_id DESC %s) p
		JOIN call c ON c.id = p.call_id LEFT JOIN call_annotation n ON n.call_id = c.id
		ORDER BY p.started_at DESC, p.call_id DESC`, columns, walks, limit)
	q.args = c.args
	return q, nil
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

// words are what a search asks for, folded. What looks like a part of a telephone number is one word, without the
// zeros that some spellings begin with.
func words(q string) []string {
	folded := crm.Fold(text(q, 4*searchMost))
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, folded)
	if len(digits) >= 3 && strings.Trim(folded, "0123456789+-()/. ") == "" {
		if short := strings.TrimLeft(digits, "0"); short != "" {
			digits = short
		}
		return []string{digits}
	}
	list := strings.Fields(folded)
	return list[:min(len(list), wordsMost)]
}

var escape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace

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
