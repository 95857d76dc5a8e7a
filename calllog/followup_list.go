package calllog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// FollowUpOwners is whose follow-ups a list has.
type FollowUpOwners string

const (
	FollowUpsAll    FollowUpOwners = "all"    // that the actor may see
	FollowUpsMine   FollowUpOwners = "mine"   // and what the actor has claimed, or closed
	FollowUpsTeam   FollowUpOwners = "team"   // those of the actor's team; for a supervisor also its agents'
	FollowUpsAnyone FollowUpOwners = "anyone" // those of nobody in particular
)

// What a list can be of, besides one state.
const (
	FollowUpsOpen    = "open"
	FollowUpsOverdue = "overdue" // open, and their time has come
	FollowUpsToday   = "today"   // open, and due later today
	FollowUpsLater   = "later"   // open, and due after today
	FollowUpsClosed  = "closed"
)

// FollowUpFilter says which follow-ups are wanted. The zero value of a field wants all, but State: the open ones. Closed ones
// are listed by when they were closed, newest first; open ones by when they are due.
type FollowUpFilter struct {
	Owner    FollowUpOwners
	Assignee uuid.UUID
	Team     uuid.UUID
	State    string // a FollowUpState, or one of the words above
	Kind     FollowUpKind
	From, To time.Time // of the time by which they are listed
	Customer uuid.UUID
	Call     uuid.UUID
	Q        string // parts of title, note, number and the customer's name; all must occur
	Cursor   string
	Limit    int // 1 to 200; 0: 50
}

// FollowUpCounts tell how many of a list are when due. Beyond 1000 nobody counts.
type FollowUpCounts struct {
	Overdue   int  `json:"overdue"`
	Today     int  `json:"today" doc:"due later today"`
	Later     int  `json:"later"`
	DoneToday int  `json:"done_today" doc:"closed today, as done or reached"`
	More      bool `json:"more" doc:"one of them is more than it says"`
}

const followUpCountMost = 1000

// List lists follow-ups that the actor may see.
func (s *FollowUps) List(ctx context.Context, a crm.Actor, f FollowUpFilter) (crm.Page[FollowUp], error) {
	page := crm.Page[FollowUp]{Items: []FollowUp{}}
	l, err := s.compile(a, f)
	if err != nil {
		return page, err
	}
	limit := cmp.Or(f.Limit, limitDefault)
	keys, err := l.keys(ctx, s.cfg.DB.Pool(), limit+1)
	if err != nil {
		return page, fmt.Errorf("list follow-ups: %w", err)
	}
	if len(keys) > limit {
		keys = keys[:limit]
		next := keys[limit-1].encode(l.check)
		page.Next = &next
	}
	ids := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	items, err := s.read(ctx, s.cfg.DB.Pool(), `JOIN unnest($1::uuid[]) WITH ORDINALITY k (id, n) ON k.id = f.id ORDER BY k.n`, ids)
	if err == nil {
		page.Items = items
	}
	return page, err
}

// Counts counts what List lists, whatever states the filter names: those that are due by when, and those done today.
func (s *FollowUps) Counts(ctx context.Context, a crm.Actor, f FollowUpFilter) (FollowUpCounts, error) {
	var c FollowUpCounts
	if _, err := s.compile(a, f); err != nil {
		return c, err
	}
	today, tomorrow := s.day()
	now := time.Now()
	for _, part := range []struct {
		n        *int
		state    string
		from, to time.Time
	}{
		{&c.Overdue, FollowUpsOpen, time.Time{}, now},
		{&c.Today, FollowUpsOpen, now, tomorrow},
		{&c.Later, FollowUpsOpen, tomorrow, time.Time{}},
		{&c.DoneToday, FollowUpsClosed, today, time.Time{}},
	} {
		g := f
		g.State, g.Cursor, g.Limit = part.state, "", 0
		if part.state == FollowUpsClosed {
			g.From, g.To = part.from, part.to
		} else {
			g.From, g.To = latest(f.From, part.from), earliest(f.To, part.to)
		}
		if !g.To.IsZero() && !g.To.After(g.From) {
			continue // there are none
		}
		l, err := s.compile(a, g)
		if err != nil {
			return c, err
		}
		if part.state == FollowUpsClosed {
			l.where = append(l.where, `f.state IN ('reached', 'done')`)
		}
		sql, n := l.countQuery(followUpCountMost+1), 0
		if err := s.cfg.DB.Pool().QueryRow(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, l.args...)...).Scan(&n); err != nil {
			return c, fmt.Errorf("count follow-ups: %w", err)
		}
		*part.n, c.More = min(n, followUpCountMost), c.More || n > followUpCountMost
	}
	return c, nil
}

// latest is the later time, earliest the earlier one; the zero time is no limit.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// day is when today began, and when it ends.
func (s *FollowUps) day() (today, tomorrow time.Time) {
	y, m, d := time.Now().In(s.cfg.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, s.cfg.Zone), time.Date(y, m, d+1, 0, 0, 0, 0, s.cfg.Zone)
}

// followUpList is a checked FollowUpFilter.
type followUpList struct {
	check  []byte // what binds a cursor to the filter
	closed bool   // listed by closed_at, newest first; else by due_at, soonest first
	from   string // the rows that are looked through, where that is few
	where  []string
	args   []any
	whose  *followUpOwners // along whose the list is walked; nil: along all
}

// followUpOwners are agents and teams whose follow-ups are meant: the owners, and the agents who are now in teams; and what the
// agent hands has claimed, or closed.
type followUpOwners struct {
	owners, teams []uuid.UUID
	hands         uuid.UUID
}

func (l *followUpList) arg(v any) string {
	l.args = append(l.args, v)
	return fmt.Sprintf("$%d", len(l.args))
}

// compile checks a filter.
func (s *FollowUps) compile(a crm.Actor, f FollowUpFilter) (*followUpList, error) {
	if !a.Can(crm.FollowUpsRead) {
		return nil, fmt.Errorf("%s: %w", crm.FollowUpsRead, crm.ErrForbidden)
	}
	l := &followUpList{from: "follow_up"}
	scope, args := followUpScope(a, crm.FollowUpsRead, 1)
	l.where, l.args = append(l.where, scope), args
	var faults crm.FieldErrors
	fault := func(field, problem string) { faults = append(faults, crm.FieldError{Field: field, Problem: problem}) }
	if f.Limit < 0 || f.Limit > limitMost {
		fault("limit", fmt.Sprintf("must be from 1 to %d", limitMost))
	}
	s.compileState(l, f, fault)
	l.compileOwner(a, f, fault)
	switch f.Kind {
	case "":
	case FollowUpTask, FollowUpCallback:
		l.where = append(l.where, "f.kind = "+l.arg(f.Kind))
	default:
		fault("kind", `must be "task" or "callback"`)
	}
	switch { // there are few of one customer, and of one call
	case f.Customer != uuid.Nil && f.Call != uuid.Nil:
		l.from = fmt.Sprintf("(SELECT * FROM follow_up WHERE customer_id = %s AND call_id = %s OFFSET 0)", l.arg(f.Customer), l.arg(f.Call))
	case f.Customer != uuid.Nil:
		l.from = fmt.Sprintf("(SELECT * FROM follow_up WHERE customer_id = %s OFFSET 0)", l.arg(f.Customer))
	case f.Call != uuid.Nil:
		l.from = fmt.Sprintf("(SELECT * FROM follow_up WHERE call_id = %s OFFSET 0)", l.arg(f.Call))
	}
	if q := checkText(&faults, "q", f.Q, searchMost, false); q != "" {
		var mine, customers []string
		for _, p := range s.cfg.CRM.SearchPatterns(q) {
			p = l.arg(p)
			mine, customers = append(mine, "f.search LIKE "+p), append(customers, "c.search LIKE "+p)
		}
		if len(mine) > 0 {
			l.where = append(l.where, fmt.Sprintf("((%s) OR f.customer_id = ANY (ARRAY (SELECT c.id FROM customer c WHERE %s LIMIT 2000)))",
				strings.Join(mine, " AND "), strings.Join(customers, " AND ")))
		}
	}
	l.compileTimes(f, fault)
	l.check = followUpFingerprint(a, f)
	if f.Cursor != "" {
		after, ok := decodeCursor(f.Cursor, l.check)
		if !ok {
			fault("cursor", "is not a cursor of this list")
		}
		l.where = append(l.where, fmt.Sprintf("(f.%s, f.id) %s (%s, %s)", l.column(), map[bool]string{true: "<", false: ">"}[l.closed], l.arg(after.at), l.arg(after.id)))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return l, nil
}

// followUpFingerprint is of all that decides which list it is.
func followUpFingerprint(a crm.Actor, f FollowUpFilter) []byte {
	f.Cursor, f.Limit = "", 0
	f.From, f.To = f.From.UTC(), f.To.UTC()
	list, err := json.Marshal(struct {
		Agent  uuid.UUID
		List   string
		Filter FollowUpFilter
	}{a.AgentID, "follow-ups", f})
	if err != nil { // a year beyond 9999
		list = fmt.Appendf(nil, "%v %v", a.AgentID, f)
	}
	sum := sha256.Sum256(list)
	return sum[:]
}

// compileState adds in which states they are.
func (s *FollowUps) compileState(l *followUpList, f FollowUpFilter, fault func(field, problem string)) {
	_, tomorrow := s.day()
	switch state := FollowUpState(f.State); {
	case f.State == "" || f.State == FollowUpsOpen:
	case f.State == FollowUpsOverdue:
		l.where = append(l.where, "f.due_at < now()")
	case f.State == FollowUpsToday:
		l.where = append(l.where, "f.due_at >= now()", "f.due_at < "+l.arg(tomorrow))
	case f.State == FollowUpsLater:
		l.where = append(l.where, "f.due_at >= "+l.arg(tomorrow))
	case f.State == FollowUpsClosed:
		l.closed = true
	case slices.Contains(FollowUpStates(), state):
		l.closed = state.Closed()
		l.where = append(l.where, "f.state = "+l.arg(state))
	default:
		fault("state", "is none of the choices")
	}
	l.where = append(l.where, map[bool]string{true: "f.closed_at IS NOT NULL", false: "f.closed_at IS NULL"}[l.closed])
}

// compileOwner adds whose they are: along the agent's or team's that is named, else along those of the owner.
func (l *followUpList) compileOwner(a crm.Actor, f FollowUpFilter, fault func(field, problem string)) {
	var o *followUpOwners
	supervised := a.Scope(crm.FollowUpsRead) >= crm.ScopeTeam
	team := []uuid.UUID{}
	if a.TeamID != nil {
		team = append(team, *a.TeamID)
	}
	switch {
	case f.Owner == FollowUpsMine:
		o = &followUpOwners{owners: []uuid.UUID{a.AgentID}, hands: a.AgentID}
	case f.Owner == FollowUpsTeam && supervised:
		o = &followUpOwners{owners: append(team, a.Teams...), teams: a.Teams}
	case f.Owner == FollowUpsTeam:
		o = &followUpOwners{owners: team}
	case f.Owner == FollowUpsAnyone:
		o = &followUpOwners{owners: []uuid.UUID{uuid.Nil}}
	case f.Owner != "" && f.Owner != FollowUpsAll:
		fault("owner", "is none of the choices")
	case a.Scope(crm.FollowUpsRead) == crm.ScopeAll:
	case supervised:
		o = &followUpOwners{owners: append(team, append([]uuid.UUID{a.AgentID, uuid.Nil}, a.Teams...)...), teams: a.Teams, hands: a.AgentID}
	default:
		o = &followUpOwners{owners: append(team, a.AgentID, uuid.Nil), hands: a.AgentID}
	}
	l.whose = o
	var named *followUpOwners
	switch {
	case f.Assignee != uuid.Nil:
		named = &followUpOwners{owners: []uuid.UUID{f.Assignee}}
		if f.Team != uuid.Nil {
			l.where = append(l.where, fmt.Sprintf("f.owner IN (SELECT id FROM agent WHERE team_id = %s)", l.arg(f.Team)))
		}
	case f.Team != uuid.Nil:
		named = &followUpOwners{owners: []uuid.UUID{f.Team}, teams: []uuid.UUID{f.Team}}
	case f.Customer != uuid.Nil || f.Call != uuid.Nil:
	default:
		return
	}
	if o != nil {
		l.where = append(l.where, fmt.Sprintf("(f.owner = ANY (%s) OR f.owner IN (SELECT id FROM agent WHERE team_id = ANY (%s)) OR f.%s = %s)",
			l.arg(o.owners), l.arg(o.teams), l.hands(), l.arg(o.hands)))
	}
	l.whose = named
}

// compileTimes adds from when to when.
func (l *followUpList) compileTimes(f FollowUpFilter, fault func(field, problem string)) {
	for _, t := range []struct {
		field, op string
		at        time.Time
	}{{"from", ">=", f.From}, {"to", "<", f.To}} {
		switch {
		case t.at.IsZero():
		case t.at.Year() < yearFirst || t.at.Year() > yearLast:
			fault(t.field, "is no time of a follow-up")
		default:
			l.where = append(l.where, fmt.Sprintf("f.%s %s %s", l.column(), t.op, l.arg(t.at)))
		}
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		fault("to", "is before from")
	}
}

// column is by which the list is in order, hands whose hands are those of followUpOwners.
func (l *followUpList) column() string {
	if l.closed {
		return "closed_at"
	}
	return "due_at"
}

func (l *followUpList) hands() string {
	if l.closed {
		return "closed_by"
	}
	return "claimed_by"
}

// keys are the first of the list, in order.
func (l *followUpList) keys(ctx context.Context, on querier, limit int) ([]cursor, error) {
	sql := l.query(limit)
	rows, err := on.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, l.args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c cursor, err error) {
		err = row.Scan(&c.id, &c.at)
		return c, err
	})
}

// query is that of the keys, with l.args. Each owner's are walked along the index, up to as many as are wanted, and merged: how
// many there are besides does not matter.
func (l *followUpList) query(limit int) string {
	n := l.arg(limit)
	order := map[bool]string{true: "DESC", false: "ASC"}[l.closed]
	walk := func(along string) string {
		return fmt.Sprintf(`SELECT f.id, f.%[1]s AS at FROM %[2]s f WHERE %[3]s ORDER BY f.%[1]s %[4]s, f.id %[4]s LIMIT %[5]s`,
			l.column(), l.from, strings.Join(append(slices.Clone(l.where), along), " AND "), order, n)
	}
	if l.whose == nil {
		return walk("true")
	}
	sql := fmt.Sprintf(`SELECT w.id, w.at FROM (%s) o (id) CROSS JOIN LATERAL (%s) w`, l.owners(), walk("f.owner = o.id"))
	if l.whose.hands != uuid.Nil {
		sql = fmt.Sprintf(`(%s) UNION (%s)`, sql, walk(fmt.Sprintf("f.%s = %s", l.hands(), l.arg(l.whose.hands))))
	}
	return fmt.Sprintf(`SELECT id, at FROM (%s) f ORDER BY at %[2]s, id %[2]s LIMIT %[3]s`, sql, order, n)
}

// countQuery is that of how many the list has, and at most, with l.args: it stops there, along whose ever it is.
func (l *followUpList) countQuery(most int) string {
	n := l.arg(most)
	walk := func(along string) string {
		return fmt.Sprintf(`SELECT f.id FROM %s f WHERE %s LIMIT %s`, l.from, strings.Join(append(slices.Clone(l.where), along), " AND "), n)
	}
	sql := walk("true")
	if l.whose != nil {
		owners := l.owners()
		sql = fmt.Sprintf(`SELECT w.id FROM (%s) o (id) CROSS JOIN LATERAL (%s) w`, owners, walk("f.owner = o.id"))
		if l.whose.hands != uuid.Nil {
			sql = fmt.Sprintf(`(%s) UNION ALL (%s)`, sql, walk(fmt.Sprintf("f.%s = %s AND f.owner NOT IN (%s)", l.hands(), l.arg(l.whose.hands), owners)))
		}
	}
	return fmt.Sprintf(`SELECT count(*) FROM (SELECT FROM (%s) f LIMIT %s) f`, sql, n)
}

// owners is the query of the ids of the owners along whose the list is.
func (l *followUpList) owners() string {
	return fmt.Sprintf(`SELECT unnest(%s::uuid[]) UNION SELECT id FROM agent WHERE team_id = ANY (%s)`, l.arg(l.whose.owners), l.arg(l.whose.teams))
}
