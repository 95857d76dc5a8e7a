package calllog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// FollowUpOwner says whose a follow-up is: at most one of them.
type FollowUpOwner struct {
	AssigneeID *uuid.UUID
	TeamID     *uuid.UUID
	Anyone     bool
}

// named is how many of the three are.
func (o FollowUpOwner) named() (n int) {
	for _, is := range []bool{o.AssigneeID != nil, o.TeamID != nil, o.Anyone} {
		if is {
			n++
		}
	}
	return n
}

// FollowUpInput is a new follow-up. No owner: the maker's own. Kind defaults to FollowUpTask, Priority to PriorityNormal.
type FollowUpInput struct {
	ID       uuid.UUID // chosen by whoever makes it; zero: a new one
	Kind     FollowUpKind
	Title    string
	Note     string
	Priority FollowUpPriority
	Owner    FollowUpOwner
	// Number of a callback, in any spelling; empty: that of the call's other party, else the customer's first.
	Number     string
	DueAt      time.Time
	Until      *time.Time
	CustomerID *uuid.UUID // nil: the call's
	CallID     *uuid.UUID
}

// FollowUpPatch changes a follow-up; nil leaves a field as it is.
type FollowUpPatch struct {
	Version  *int
	Title    *string
	Note     *string
	Priority *FollowUpPriority
	Owner    FollowUpOwner // none named: as it is
	Number   *string
	DueAt    *time.Time // another one makes it rescheduled, and moves the end of its window along
	Until    *time.Time // the zero time: none
}

const (
	followUpTitleMost = 200 // characters
	followUpAhead     = 10  // years
	// followUpGrace is how far in the past a due time may be: as long as somebody takes who writes "now".
	followUpGrace = time.Minute
)

// Create makes a follow-up. Asked for again with the ID of one that the actor has made, it makes none, and gives that one as it is now.
func (s *FollowUps) Create(ctx context.Context, a crm.Actor, in FollowUpInput) (FollowUp, error) {
	if !a.Can(crm.FollowUpsWrite) {
		return FollowUp{}, fmt.Errorf("%s: %w", crm.FollowUpsWrite, crm.ErrForbidden)
	}
	id := in.ID
	if id == uuid.Nil {
		var err error
		if id, err = uuid.NewV7(); err != nil {
			return FollowUp{}, err
		}
	} else if made, found, err := s.made(ctx, s.cfg.DB.Pool(), a, id); err != nil || found {
		return made, err
	}
	if in.Owner.named() == 0 && a.AgentID != uuid.Nil {
		in.Owner.AssigneeID = &a.AgentID
	}
	call, number, err := s.origin(ctx, a, &in)
	if err != nil {
		return FollowUp{}, err
	}
	var made FollowUp
	err = s.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
			return fmt.Errorf("read the time: %w", err)
		}
		f := followUpRow{FollowUp: FollowUp{
			ID: id, Kind: in.Kind, Title: in.Title, Note: in.Note, Priority: in.Priority, Number: number, NumberRaw: in.Number, DueAt: in.DueAt,
			Until: in.Until, CallID: call,
		}}
		if in.CustomerID != nil {
			f.Customer = &Customer{ID: *in.CustomerID}
		}
		var faults crm.FieldErrors
		if err := s.customer(ctx, tx, &f, &faults); err != nil {
			return err
		}
		s.check(&f, now, newTimes{true, true}, true, &faults)
		team, err := s.owner(ctx, tx, a, &f, in.Owner, &faults)
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			return faults
		}
		done, err := tx.Exec(ctx, `
			INSERT INTO follow_up (id, kind, title, note, priority, state, assignee_id, team_id, number, number_raw, due_at, until, customer_id, call_id,
				search, made_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (id) DO NOTHING`,
			id, f.Kind, f.Title, f.Note, slices.Index(priorities, f.Priority), FollowUpDue, f.assignee, team, f.Number, f.NumberRaw, f.DueAt, f.Until,
			in.CustomerID, f.CallID, followUpSearch(&f.FollowUp), idOrNil(a.AgentID))
		if err != nil {
			return fmt.Errorf("save follow-up %s: %w", id, err)
		}
		if done.RowsAffected() == 0 { // it was asked for twice at the same time
			made, _, err = s.made(ctx, tx, a, id)
			return err
		}
		if err := noteFollowUp(ctx, tx, id, idOrNil(a.AgentID), FollowUpDue, "made", nil); err != nil {
			return err
		}
		list, err := s.read(ctx, tx, `WHERE f.id = $1`, id)
		if err == nil {
			made = list[0]
		}
		return err
	})
	return made, err
}

// made is the follow-up that the actor has made with an ID of their choice.
func (s *FollowUps) made(ctx context.Context, on querier, a crm.Actor, id uuid.UUID) (f FollowUp, found bool, err error) {
	list, err := s.read(ctx, on, `WHERE f.id = $1`, id)
	if err != nil || len(list) == 0 {
		return FollowUp{}, false, err
	}
	f = list[0]
	if f.MadeBy == nil && a.AgentID != uuid.Nil || f.MadeBy != nil && f.MadeBy.ID != a.AgentID {
		return FollowUp{}, true, crm.FieldErrors{{Field: "id", Problem: "is that of another follow-up"}}
	}
	return f, true, nil
}

// origin is the call of which a follow-up comes, as it is now, and its other party's number; it fills in the call's customer.
func (s *FollowUps) origin(ctx context.Context, a crm.Actor, in *FollowUpInput) (call *uuid.UUID, number string, err error) {
	if in.CallID == nil {
		return nil, "", nil
	}
	from, err := s.cfg.Calls.Call(ctx, a, *in.CallID)
	if errors.Is(err, crm.ErrNotFound) {
		return nil, "", crm.FieldErrors{{Field: "call_id", Problem: "is no call that you may see"}}
	}
	if err != nil {
		return nil, "", err
	}
	if in.CustomerID == nil && from.Customer != nil {
		in.CustomerID = &from.Customer.ID
	}
	err = s.cfg.DB.Pool().QueryRow(ctx, `SELECT number FROM call WHERE id = $1`, from.ID).Scan(&number)
	if err != nil {
		return nil, "", fmt.Errorf("read the number of call %s: %w", from.ID, err)
	}
	if _, err := s.callable(number); err != nil {
		number = "" // a colleague, or nobody who can be called back
	}
	return &from.ID, number, nil
}

// customer finds the customer of a follow-up, and the number of a callback that has none.
func (s *FollowUps) customer(ctx context.Context, tx pgx.Tx, f *followUpRow, faults *crm.FieldErrors) error {
	if f.Customer == nil {
		return nil
	}
	var first *string
	err := tx.QueryRow(ctx, `
		SELECT (SELECT n.key FROM customer_number n WHERE n.customer_id = c.id AND NOT n.historic ORDER BY n.position LIMIT 1)
		FROM customer c WHERE c.id = $1`, f.Customer.ID).Scan(&first)
	if errors.Is(err, pgx.ErrNoRows) {
		*faults = append(*faults, crm.FieldError{Field: "customer_id", Problem: "is no customer"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the customer of a follow-up: %w", err)
	}
	if f.Number == "" && first != nil {
		f.Number = *first
	}
	return nil
}

// check finds every fault of a follow-up but its owner's, and completes it. Its Number is the one to be taken where NumberRaw
// says none. What was there before is as it was, even where it would be a fault by now.
func (s *FollowUps) check(f *followUpRow, now time.Time, given newTimes, number bool, faults *crm.FieldErrors) {
	fault := func(field, problem string) { *faults = append(*faults, crm.FieldError{Field: field, Problem: problem}) }
	switch f.Kind {
	case "":
		f.Kind = FollowUpTask
	case FollowUpTask, FollowUpCallback:
	default:
		fault("kind", `must be "task" or "callback"`)
	}
	f.Title = checkText(faults, "title", f.Title, followUpTitleMost, false)
	if f.Title == "" && f.Kind == FollowUpTask && len(*faults) == 0 {
		fault("title", "is empty: say what is to be done")
	}
	f.Note = checkText(faults, "note", f.Note, noteMost, true)
	if f.Priority == "" {
		f.Priority = PriorityNormal
	}
	if !slices.Contains(priorities, f.Priority) {
		fault("priority", `must be "low", "normal" or "high"`)
	}
	last := now.AddDate(followUpAhead, 0, 0)
	switch {
	case !given.due:
	case f.DueAt.IsZero():
		fault("due_at", "is missing: say when it is due")
	case f.DueAt.Before(now.Add(-followUpGrace)):
		fault("due_at", "is in the past: it must be now or later")
	case f.DueAt.After(last):
		fault("due_at", "is too far ahead: it must be within ten years")
	}
	switch {
	case f.Until == nil || !given.until:
	case f.Kind == FollowUpTask:
		fault("until", "only a callback has a window")
	case !f.Until.After(f.DueAt):
		fault("until", "must be after due_at")
	case f.Until.After(last.AddDate(1, 0, 0)):
		fault("until", "is too far ahead: it must be within ten years")
	}
	if number {
		s.checkNumber(f, fault)
	}
}

// newTimes says which times of a follow-up were given just now.
type newTimes struct{ due, until bool }

// checkNumber is check of the number.
func (s *FollowUps) checkNumber(f *followUpRow, fault func(field, problem string)) {
	if f.Kind == FollowUpTask {
		if f.NumberRaw != "" {
			fault("number", "only a callback has a number")
		}
		f.Number = ""
		return
	}
	if strings.TrimSpace(f.NumberRaw) == "" {
		f.NumberRaw = f.Number
	}
	if f.NumberRaw == "" {
		fault("number", "is missing: a callback needs a number, or a customer who has one")
		return
	}
	n, err := s.callable(f.NumberRaw)
	if faults, ok := errors.AsType[crm.FieldErrors](err); ok {
		fault(faults[0].Field, faults[0].Problem)
		return
	}
	f.Number, f.NumberRaw = n.Key(), n.Raw
}

// callable reads the number of a callback, which is to be one outside. Its error is a crm.FieldErrors.
func (s *FollowUps) callable(text string) (n crm.Number, err error) {
	exchanges := []string{""}
	if len(s.cfg.Acts.cfg.Exchanges) > 0 {
		exchanges = exchanges[:0]
		for _, x := range s.cfg.Acts.cfg.Exchanges {
			exchanges = append(exchanges, x.Name())
		}
	}
	for i := len(exchanges) - 1; i >= 0; i-- { // the first one's reading stays
		var internal bool
		if n, internal, err = s.cfg.Acts.number(exchanges[i], text); err != nil {
			return n, err
		}
		if internal {
			return n, crm.FieldErrors{{Field: "number", Problem: "is a colleague's extension: a callback goes outside"}}
		}
	}
	return n, nil
}

// owner checks who is named as the owner of a follow-up, and that the actor may give it to them; assignee is written into f.
// No one named leaves it as it is.
func (s *FollowUps) owner(ctx context.Context, tx pgx.Tx, a crm.Actor, f *followUpRow, o FollowUpOwner, faults *crm.FieldErrors) (team *uuid.UUID, err error) {
	if f.Team != nil {
		team = &f.Team.ID
	}
	fault := func(field, problem string) { *faults = append(*faults, crm.FieldError{Field: field, Problem: problem}) }
	may := true
	switch {
	case o.named() > 1:
		fault("assignee_id", "name one owner: an agent, a team or anyone")
	case o.AssigneeID != nil:
		ref := crm.AgentRef{ID: *o.AssigneeID}
		var archived bool
		err := tx.QueryRow(ctx, `SELECT team_id, archived_at IS NOT NULL FROM agent WHERE id = $1 FOR KEY SHARE`, ref.ID).Scan(&ref.TeamID, &archived)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			fault("assignee_id", "there is no such agent")
		case err != nil:
			return nil, fmt.Errorf("read agent %s: %w", ref.ID, err)
		case archived:
			fault("assignee_id", "is an archived agent: choose another")
		default:
			may = ref.ID == a.AgentID || a.Covers(crm.FollowUpsAssign, ref)
		}
		f.assignee, team = &ref.ID, nil
	case o.TeamID != nil:
		var live bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM team WHERE id = $1 AND archived_at IS NULL)`, o.TeamID).Scan(&live)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read team %s: %w", o.TeamID, err)
		case !live:
			fault("team_id", "there is no such team")
		default:
			may = a.TeamID != nil && *a.TeamID == *o.TeamID || a.Scope(crm.FollowUpsAssign) == crm.ScopeAll ||
				a.Scope(crm.FollowUpsAssign) == crm.ScopeTeam && slices.Contains(a.Teams, *o.TeamID)
		}
		f.assignee, team = nil, o.TeamID
	case o.Anyone:
		f.assignee, team = nil, nil
	}
	if !may {
		return nil, fmt.Errorf("%s: %w", crm.FollowUpsAssign, crm.ErrForbidden)
	}
	return team, nil
}

// Patch changes a follow-up. Another due time makes it rescheduled; another owner takes it out of the hands it is in. Of a
// closed one only the words and the priority can be changed.
func (s *FollowUps) Patch(ctx context.Context, a crm.Actor, id uuid.UUID, p FollowUpPatch) (FollowUp, error) {
	return s.act(ctx, a, id, func(tx pgx.Tx, before FollowUp) error {
		if p.Version != nil && *p.Version != before.Version {
			return fmt.Errorf("follow-up %s has version %d, not %d: %w", id, before.Version, *p.Version, crm.ErrConflict)
		}
		if before.State.Closed() && (p.Owner.named() > 0 || p.Number != nil || p.DueAt != nil || p.Until != nil) {
			return &FollowUpRefusal{FollowUpIsClosed, before.State, before.ClosedBy}
		}
		if !before.State.Closed() {
			if err := mayMove(a, before); err != nil {
				return err
			}
		}
		return s.patch(ctx, tx, a, before, p)
	})
}

func (s *FollowUps) patch(ctx context.Context, tx pgx.Tx, a crm.Actor, before FollowUp, p FollowUpPatch) error {
	var now time.Time
	if err := tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return fmt.Errorf("read the time: %w", err)
	}
	f := followUpRow{FollowUp: before}
	if before.Assignee != nil {
		f.assignee = &before.Assignee.ID
	}
	set(&f.Title, p.Title)
	set(&f.Note, p.Note)
	set(&f.Priority, p.Priority)
	if p.Number != nil {
		f.Number, f.NumberRaw = "", *p.Number
	}
	moved := p.DueAt != nil && !p.DueAt.Equal(before.DueAt)
	if moved {
		f.DueAt = *p.DueAt
		if before.Until != nil {
			until := before.Until.Add(f.DueAt.Sub(before.DueAt))
			f.Until = &until
		}
	}
	if p.Until != nil {
		if f.Until = p.Until; p.Until.IsZero() {
			f.Until = nil
		}
	}
	var faults crm.FieldErrors
	s.check(&f, now, newTimes{moved, moved || p.Until != nil}, p.Number != nil, &faults)
	team, err := s.owner(ctx, tx, a, &f, p.Owner, &faults)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults
	}
	detail := followUpChanges(before, f, team)
	if len(detail) > 0 {
		_, err := tx.Exec(ctx, `
			UPDATE follow_up SET title = $2, note = $3, priority = $4, assignee_id = $5, team_id = $6, number = $7, number_raw = $8, until = $9,
				search = $10, version = version + 1, updated_at = clock_timestamp()
			WHERE id = $1`,
			f.ID, f.Title, f.Note, slices.Index(priorities, f.Priority), f.assignee, team, f.Number, f.NumberRaw, f.Until, followUpSearch(&f.FollowUp))
		if err != nil {
			return fmt.Errorf("save follow-up %s: %w", f.ID, err)
		}
		if err := noteFollowUp(ctx, tx, f.ID, idOrNil(a.AgentID), f.State, "changed", detail); err != nil {
			return err
		}
	}
	_, given := detail["owner"]
	switch {
	case moved:
		return s.moveTo(ctx, tx, a, before, followUpMove{
			To: FollowUpRescheduled, What: "rescheduled", Due: f.DueAt, Detail: map[string]any{"was_due_at": before.DueAt},
		})
	case given && before.State == FollowUpClaimed && (f.assignee == nil || *f.assignee != before.ClaimedBy.ID):
		return s.moveTo(ctx, tx, a, before, followUpMove{To: FollowUpDue, What: "released"})
	}
	return nil
}

// followUpChanges are what the history says of a change: field → [before, after]. Of an owner it has the id of the agent or
// team, or "anyone".
func followUpChanges(before FollowUp, f followUpRow, team *uuid.UUID) map[string]any {
	detail := map[string]any{}
	note := func(field string, before, after any) {
		if !reflect.DeepEqual(before, after) {
			detail[field] = [2]any{before, after}
		}
	}
	owner := func(assignee, team *uuid.UUID) string {
		switch {
		case assignee != nil:
			return assignee.String()
		case team != nil:
			return team.String()
		}
		return "anyone"
	}
	var was, wasTeam *uuid.UUID
	if before.Assignee != nil {
		was = &before.Assignee.ID
	}
	if before.Team != nil {
		wasTeam = &before.Team.ID
	}
	note("title", before.Title, f.Title)
	note("note", before.Note, f.Note)
	note("priority", before.Priority, f.Priority)
	note("number", before.Number, f.Number)
	note("until", before.Until, f.Until)
	note("owner", owner(was, wasTeam), owner(f.assignee, team))
	return detail
}

// followUpSearch is what a follow-up is found by, besides its customer: folded words, each after a space.
func followUpSearch(f *FollowUp) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, crm.Fold(f.NumberRaw))
	note := []rune(f.Note)
	return " " + strings.Join([]string{crm.Fold(f.Title), crm.Fold(string(note[:min(len(note), 1000)])), strings.TrimPrefix(f.Number, "+"), digits}, " ")
}

// checkText checks a string that a person wrote: its length in characters, and that it can be stored and shown.
func checkText(faults *crm.FieldErrors, field, s string, longest int, lines bool) string {
	problem := ""
	switch {
	case utf8.RuneCountInString(s) > longest:
		problem = fmt.Sprintf("is longer than %d characters", longest)
	case !utf8.ValidString(s):
		problem = "is not valid UTF-8"
	case strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && (!lines || !strings.ContainsRune("\n\r\t", c)) }):
		problem = "contains a control character"
	}
	if problem != "" {
		*faults = append(*faults, crm.FieldError{Field: field, Problem: problem})
		return ""
	}
	return strings.TrimSpace(s)
}

func set[T any](field *T, v *T) {
	if v != nil {
		*field = *v
	}
}
