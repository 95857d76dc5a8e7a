package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
)

// FollowUpInput makes a follow-up. At most one of assignee_id, team_id and anyone says whose; none: my own.
type FollowUpInput struct {
	ID         *uuid.UUID               `json:"id,omitempty" doc:"chosen by the client: sent again, it gives the follow-up that was made, and makes no second"`
	Kind       calllog.FollowUpKind     `json:"kind,omitempty" default:"task"`
	Title      string                   `json:"title,omitempty" maxLength:"200" doc:"a callback may do without"`
	Note       string                   `json:"note,omitempty" maxLength:"10000"`
	Priority   calllog.FollowUpPriority `json:"priority,omitempty" default:"normal"`
	AssigneeID *uuid.UUID               `json:"assignee_id,omitempty"`
	TeamID     *uuid.UUID               `json:"team_id,omitempty"`
	Anyone     bool                     `json:"anyone,omitempty"`
	Number     string                   `json:"number,omitempty" maxLength:"64" doc:"of a callback; left out: that of the call's other party, else the customer's first"`
	DueAt      time.Time                `json:"due_at"`
	Until      *time.Time               `json:"until,omitempty" doc:"a callback that is not reached by then expires"`
	CustomerID *uuid.UUID               `json:"customer_id,omitempty" doc:"left out: the call's"`
	CallID     *uuid.UUID               `json:"call_id,omitempty" doc:"the call of which it comes"`
}

// FollowUpPatch changes what it names and leaves the rest.
type FollowUpPatch struct {
	Version    *int                      `json:"version,omitempty" doc:"refused with 409 when the follow-up has another by now"`
	Title      *string                   `json:"title,omitempty" maxLength:"200"`
	Note       *string                   `json:"note,omitempty" maxLength:"10000"`
	Priority   *calllog.FollowUpPriority `json:"priority,omitempty"`
	AssigneeID *uuid.UUID                `json:"assignee_id,omitempty"`
	TeamID     *uuid.UUID                `json:"team_id,omitempty"`
	Anyone     bool                      `json:"anyone,omitempty"`
	Number     *string                   `json:"number,omitempty" maxLength:"64"`
	DueAt      *time.Time                `json:"due_at,omitempty" doc:"another one makes it rescheduled, and moves until along"`
	Until      Optional[time.Time]       `json:"until,omitempty" doc:"null: none"`
}

// FollowUpDialInput says how a callback is dialled.
type FollowUpDialInput struct {
	ID        *uuid.UUID `json:"id,omitempty" doc:"of this attempt, chosen by the client: sent again, it gives the same answer and no second call"`
	Extension string     `json:"extension,omitempty" maxLength:"64" doc:"which of my phones; left out: the first that is there"`
}

// FollowUpBulkInput is one change of many follow-ups: an owner, due_at, later_ms or cancel.
type FollowUpBulkInput struct {
	IDs        []uuid.UUID `json:"ids" minItems:"1" maxItems:"500"`
	AssigneeID *uuid.UUID  `json:"assignee_id,omitempty"`
	TeamID     *uuid.UUID  `json:"team_id,omitempty"`
	Anyone     bool        `json:"anyone,omitempty"`
	DueAt      *time.Time  `json:"due_at,omitempty"`
	LaterMS    int64       `json:"later_ms,omitempty" minimum:"60000" maximum:"31622400000" doc:"so much after each is due, or after now, for what is overdue"`
	Cancel     bool        `json:"cancel,omitempty"`
}

// FollowUpBulkResult tells what came of it.
type FollowUpBulkResult struct {
	Changed int                    `json:"changed"`
	Refused []calllog.FollowUpLeft `json:"refused"`
}

// FollowUpFilter is the query by which follow-ups are listed and counted.
type FollowUpFilter struct {
	Owner    string    `query:"owner" enum:"mine,team,anyone,all" default:"all" doc:"mine: also those I have claimed; team: as a whole, for a supervisor also its agents'"`
	Assignee uuid.UUID `query:"assignee" format:"uuid"`
	Team     uuid.UUID `query:"team" format:"uuid" doc:"and its agents"`
	State    string    `query:"state" enum:"open,overdue,today,later,closed,due,claimed,dialling,no_answer,rescheduled,reached,done,expired,cancelled" default:"open" doc:"today: due later today"`
	Kind     string    `query:"kind" enum:"task,callback"`
	From     time.Time `query:"from" doc:"due then or later; of closed ones: closed"`
	To       time.Time `query:"to" doc:"due before; of closed ones: closed"`
	Customer uuid.UUID `query:"customer" format:"uuid"`
	Call     uuid.UUID `query:"call" format:"uuid" doc:"of which they came"`
	Q        string    `query:"q" maxLength:"200" doc:"parts of title, note, number or the customer's name; all must occur"`
}

// Resolve refuses what would be read as if it had not been said.
func (f *FollowUpFilter) Resolve(ctx huma.Context) []error {
	return unsaid(ctx, f.From, f.To, "is no time of a follow-up")
}

func (f *FollowUpFilter) filter() calllog.FollowUpFilter {
	return calllog.FollowUpFilter{
		Owner: calllog.FollowUpOwners(f.Owner), Assignee: f.Assignee, Team: f.Team, State: f.State, Kind: calllog.FollowUpKind(f.Kind),
		From: f.From, To: f.To, Customer: f.Customer, Call: f.Call, Q: f.Q,
	}
}

type listFollowUpsInput struct {
	FollowUpFilter
	Cursor string `query:"cursor" maxLength:"1000"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type followUpPageOutput struct{ Body crm.Page[calllog.FollowUp] }

func (s *Server) listFollowUps(ctx context.Context, in *listFollowUpsInput) (*followUpPageOutput, error) {
	filter := in.filter()
	filter.Cursor, filter.Limit = in.Cursor, in.Limit
	page, err := s.FollowUps.List(ctx, actorOf(ctx), filter)
	if err != nil {
		return nil, err
	}
	return &followUpPageOutput{page}, nil
}

type countFollowUpsInput struct{ FollowUpFilter }

type followUpCountsOutput struct{ Body calllog.FollowUpCounts }

func (s *Server) countFollowUps(ctx context.Context, in *countFollowUpsInput) (*followUpCountsOutput, error) {
	counts, err := s.FollowUps.Counts(ctx, actorOf(ctx), in.filter())
	if err != nil {
		return nil, err
	}
	return &followUpCountsOutput{counts}, nil
}

type followUpOutput struct{ Body calllog.FollowUp }

func (s *Server) followedUp(f calllog.FollowUp, err error) (*followUpOutput, error) {
	if err != nil {
		return nil, err
	}
	return &followUpOutput{f}, nil
}

type createFollowUpInput struct{ Body FollowUpInput }

// createFollowUp makes one also of a call that is on the agent's desk and not in the log yet.
func (s *Server) createFollowUp(ctx context.Context, in *createFollowUpInput) (*followUpOutput, error) {
	b := in.Body
	input := calllog.FollowUpInput{
		Kind: b.Kind, Title: b.Title, Note: b.Note, Priority: b.Priority, Number: b.Number, DueAt: b.DueAt, Until: b.Until,
		Owner: calllog.FollowUpOwner{AssigneeID: b.AssigneeID, TeamID: b.TeamID, Anyone: b.Anyone}, CustomerID: b.CustomerID, CallID: b.CallID,
	}
	if b.ID != nil {
		input.ID = *b.ID
	}
	return s.followedUp(ofShownCall(ctx, s, b.CallID, func() (calllog.FollowUp, error) {
		return s.FollowUps.Create(ctx, actorOf(ctx), input)
	}))
}

func (s *Server) getFollowUp(ctx context.Context, in *idInput) (*followUpOutput, error) {
	return s.followedUp(s.FollowUps.FollowUp(ctx, actorOf(ctx), in.ID))
}

type patchFollowUpInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body FollowUpPatch
}

func (s *Server) patchFollowUp(ctx context.Context, in *patchFollowUpInput) (*followUpOutput, error) {
	b := in.Body
	return s.followedUp(s.FollowUps.Patch(ctx, actorOf(ctx), in.ID, calllog.FollowUpPatch{
		Version: b.Version, Title: b.Title, Note: b.Note, Priority: b.Priority, Number: b.Number, DueAt: b.DueAt, Until: b.Until.OrZero(),
		Owner: calllog.FollowUpOwner{AssigneeID: b.AssigneeID, TeamID: b.TeamID, Anyone: b.Anyone},
	}))
}

func (s *Server) claimFollowUp(ctx context.Context, in *idInput) (*followUpOutput, error) {
	return s.followedUp(s.FollowUps.Claim(ctx, actorOf(ctx), in.ID))
}

func (s *Server) releaseFollowUp(ctx context.Context, in *idInput) (*followUpOutput, error) {
	return s.followedUp(s.FollowUps.Release(ctx, actorOf(ctx), in.ID))
}

func (s *Server) doFollowUp(ctx context.Context, in *idInput) (*followUpOutput, error) {
	return s.followedUp(s.FollowUps.Done(ctx, actorOf(ctx), in.ID))
}

func (s *Server) cancelFollowUp(ctx context.Context, in *idInput) (*followUpOutput, error) {
	return s.followedUp(s.FollowUps.Cancel(ctx, actorOf(ctx), in.ID))
}

func (s *Server) reopenFollowUp(ctx context.Context, in *idInput) (*followUpOutput, error) {
	return s.followedUp(s.FollowUps.Reopen(ctx, actorOf(ctx), in.ID))
}

type dialFollowUpInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body FollowUpDialInput
}

func (s *Server) dialFollowUp(ctx context.Context, in *dialFollowUpInput) (*attemptOutput, error) {
	d := calllog.FollowUpDial{Extension: in.Body.Extension}
	if in.Body.ID != nil {
		d.ID = *in.Body.ID
	}
	return attempted(s.FollowUps.Dial(ctx, actorOf(ctx), in.ID, d))
}

type bulkFollowUpsInput struct{ Body FollowUpBulkInput }

type followUpBulkOutput struct{ Body FollowUpBulkResult }

func (s *Server) bulkFollowUps(ctx context.Context, in *bulkFollowUpsInput) (*followUpBulkOutput, error) {
	b := in.Body
	changed, refused, err := s.FollowUps.Bulk(ctx, actorOf(ctx), calllog.FollowUpBulk{
		IDs: b.IDs, Owner: calllog.FollowUpOwner{AssigneeID: b.AssigneeID, TeamID: b.TeamID, Anyone: b.Anyone}, DueAt: b.DueAt,
		Later: time.Duration(b.LaterMS) * time.Millisecond, Cancel: b.Cancel,
	})
	if err != nil {
		return nil, err
	}
	return &followUpBulkOutput{FollowUpBulkResult{changed, refused}}, nil
}

// followUpRefusals are what the codes mean to whoever reads no code.
var followUpRefusals = map[string]string{
	calllog.FollowUpIsClaimed:  "Somebody else has this follow-up.",
	calllog.FollowUpIsDialling: "This follow-up is being dialled.",
	calllog.FollowUpIsClosed:   "This follow-up is closed.",
	calllog.FollowUpIsOpen:     "This follow-up is open.",
}

func followUpRefusal(r *calllog.FollowUpRefusal) *codedProblem {
	return &codedProblem{ErrorModel: newProblem(http.StatusConflict, followUpRefusals[r.Code]), Code: r.Code, ClaimedBy: r.By}
}
