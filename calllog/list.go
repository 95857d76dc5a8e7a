package calllog

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
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

// need is one thing that a filter wants of a call c.
type need struct {
	sql  string // with a "?" for each argument
	args []any
	word string // the tsquery of words that says the same; empty: another's does
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
	few     bool     // there are few along the walk
	ended   bool     // those that are over
	words   string   // the tsquery of all that is asked for, but the times; empty: nothing is
	numbers []string // and what they do not tell: each of these patterns must fit the numbers,
	texts   []string // or the regular expression at the same place the text
	among   *members // and these must have had part; nil: the words tell it
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
	l := &listing{limit: cmp.Or(f.Limit, limitDefault), check: fingerprint(a, f), from: f.From, to: f.To, members: narrowed(scope, f), numbers: []string{}, texts: []string{}}
	if f.Cursor != "" {
		after, ok := decodeCursor(f.Cursor, l.check)
		if !ok {
			return nil, crm.FieldErrors{{Field: "cursor", Problem: "is not a cursor of this list"}}
		}
		l.after = &after
	}
	l.always = []need{{sql: "c.merged_into IS NULL"}}
	var live, customer, numbered, said, queue, outcome, direction, other []need
	if f.State == pbx.StateEnded {
		l.always = append(l.always, need{sql: "c.state = 'ended'"})
		l.ended = true
	} else if f.State != "" {
		live = []need{{sql: "c.state = ? AND c.state <> 'ended'", args: []any{string(f.State)}, word: lexeme(stateWord(f.State))}}
	}
	if f.Customer != uuid.Nil {
		customer = []need{{sql: "c.customer_id = ?", args: []any{f.Customer}, word: lexeme(customerWord(f.Customer))}}
	}
	if f.Disposition != uuid.Nil {
		said = []need{{sql: "c.disposition_id = ?", args: []any{f.Disposition}, word: lexeme(f.said)}}
	}
	if number != "" {
		numbered = []need{{sql: "c.number = ? AND c.number <> ''", args: []any{number}, word: lexeme(numberWord(number))}}
	}
	if f.Queue != "" {
		queue = []need{queueNeed(f.queues)}
	}
	if f.Outcome != "" {
		outcome = []need{{sql: "c.outcome = ?", args: []any{string(f.Outcome)}, word: lexeme(outcomeWord(f.Outcome))}}
	}
	if f.Direction != "" {
		direction = []need{{sql: "c.direction = ?", args: []any{string(f.Direction)}, word: lexeme(directionWord(f.Direction))}}
	}
	paired := pairWords(f, l.members.agent(f), direction, outcome, queue)
	if len(direction)+len(outcome) == 2 { // an index has both
		outcome, direction = append(direction, outcome...), nil
	}
	for _, q := range askedBy(f.Q) {
		other = append(other, need{q.sql, q.args, q.query})
		if q.loose {
			l.numbers, l.texts = append(l.numbers, q.number), append(l.texts, "^"+q.ahead)
		}
	}
	if m := l.members; f.Agent != uuid.Nil && !m.onlyAgent(f.Agent) {
		also := (&members{agents: []uuid.UUID{f.Agent}, queues: []uuid.UUID{}}).need()
		if paired == f.Agent {
			also.word = ""
		}
		other = append(other, also)
	}
	// The first that is asked for is what the walk is along: there are the fewer of it the earlier it stands here.
	for _, asked := range [][]need{live, customer, numbered, said, queue, outcome} {
		if len(l.along) == 0 {
			l.along = asked
		} else {
			l.rest = append(l.rest, asked...)
		}
	}
	l.rest = append(append(l.rest, direction...), other...)
	l.few = len(live)+len(customer)+len(numbered) > 0
	switch m := l.members; {
	case m != nil && l.few && len(m.agents)+len(m.queues) > 1: // to begin with the words of each takes longer than to look at few calls
		l.among = m
		l.words = wordsOf(nil, l.along, l.rest)
	case paired != uuid.Nil && m.onlyAgent(paired):
		l.words = wordsOf(nil, l.along, l.rest)
	default:
		l.words = wordsOf(m, l.along, l.rest)
	}
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

// narrowed are those whose calls are asked for: of the scope's, which may be everybody's (nil), and of the filter's.
func narrowed(scope *members, f Filter) *members {
	if f.Agent != uuid.Nil && (scope == nil || slices.Contains(scope.agents, f.Agent)) {
		return &members{agents: []uuid.UUID{f.Agent}, queues: []uuid.UUID{}}
	}
	if scope != nil && len(f.queues) > 0 && !slices.ContainsFunc(f.queues, func(id uuid.UUID) bool { return !slices.Contains(scope.queues, id) }) {
		return nil
	}
	return scope
}

// onlyAgent says that the calls are one agent's.
func (m *members) onlyAgent(id uuid.UUID) bool {
	return m != nil && len(m.agents) == 1 && len(m.queues) == 0 && m.agents[0] == id
}

// agent is one who had part in each call of a list; zero: nobody is known to.
func (m *members) agent(f Filter) uuid.UUID {
	if f.Agent == uuid.Nil && m != nil && len(m.agents) == 1 && len(m.queues) == 0 {
		return m.agents[0]
	}
	return f.Agent
}

// pairWords puts in the place of the words of a filter's direction, outcome and queue those that say two of these at once, or one of them
// and an agent: each of two may be frequent, and to find that hardly any call has both takes long. It returns the agent of these words;
// zero: they are of none.
func pairWords(f Filter, agent uuid.UUID, direction, outcome, queue []need) uuid.UUID {
	switch {
	case agent != uuid.Nil && len(f.queues)+len(direction)+len(outcome) > 0:
		for _, needs := range [][]need{direction, outcome} {
			for i := range needs {
				needs[i].word = lexeme(agentWord(agent) + "/" + needs[i].args[0].(string))
			}
		}
		if len(f.queues) > 0 {
			words := make([]string, len(f.queues))
			for i, id := range f.queues {
				words[i] = agentWord(agent) + "/" + queueWord(id)
			}
			queue[0].word = anyOf(words)
		}
		return agent
	case len(f.queues) == 1 && len(direction)+len(outcome) > 0:
		queue[0].word = ""
		for _, other := range [][]need{direction, outcome} {
			for i := range other {
				other[i].word = lexeme(queueWord(f.queues[0]) + "/" + other[i].args[0].(string))
			}
		}
	case len(direction)+len(outcome) == 2:
		direction[0].word, outcome[0].word = "", lexeme(string(f.Direction)+"/"+string(f.Outcome))
	}
	return uuid.Nil
}

// wordsOf is the tsquery of all the needs.
func wordsOf(m *members, lists ...[]need) string {
	var all []string
	for _, needs := range lists {
		for _, n := range needs {
			if n.word != "" {
				all = append(all, n.word)
			}
		}
	}
	if m != nil {
		all = append(all, m.need().word)
	}
	return strings.Join(all, " & ")
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
