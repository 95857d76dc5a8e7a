package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// DialInput places a call from one of the agent's phones.
type DialInput struct {
	ID         *uuid.UUID `json:"id,omitempty" doc:"of this attempt, chosen by the client: sent again, it gives the same answer and no second call"`
	Number     string     `json:"number" minLength:"1" maxLength:"64" doc:"in any spelling, in any digits; also an extension"`
	CustomerID *uuid.UUID `json:"customer_id,omitempty" doc:"whom the call is for; chosen for it in the log"`
	CallID     *uuid.UUID `json:"call_id,omitempty" doc:"the earlier call from which it was started"`
	FollowUpID *uuid.UUID `json:"follow_up_id,omitempty" doc:"the follow-up that is dialled: it is claimed first, as by its own dial"`
	Extension  string     `json:"extension,omitempty" maxLength:"64" doc:"which of my phones; left out: the first that is there"`
}

// Attempt is a call that was placed from the screen.
type Attempt struct {
	ID        uuid.UUID `json:"id"`
	CallID    uuid.UUID `json:"call_id" doc:"under which the log will have the call"`
	Extension string    `json:"extension" doc:"of the phone that rings"`
	Number    string    `json:"number" doc:"as it is dialled"`
}

// TransferInput hands a call over. Exactly one of the three says to whom.
type TransferInput struct {
	Kind    pbx.TransferKind `json:"kind"`
	AgentID *uuid.UUID       `json:"agent_id,omitempty"`
	QueueID *uuid.UUID       `json:"queue_id,omitempty"`
	Number  string           `json:"number,omitempty" maxLength:"64"`
}

// HoldInput puts the other party on hold, or takes them back.
type HoldInput struct {
	Held bool `json:"held"`
}

// DeskAbilities tell what an agent could begin now; empty: allowed, else the code why not.
type DeskAbilities struct {
	Dial pbx.Code `json:"dial"`
}

// Destinations are where a call could go.
type Destinations struct {
	Agents []AgentDestination `json:"agents" doc:"who is free comes first"`
	Queues []QueueDestination `json:"queues"`
}

// AgentDestination is a colleague.
type AgentDestination struct {
	Agent     crm.AgentRef `json:"agent"`
	State     crm.State    `json:"state"`
	Reason    *string      `json:"reason" doc:"why the agent is paused"`
	ReasonEN  *string      `json:"reason_en" doc:"the same in English"`
	Since     *time.Time   `json:"since" doc:"null: not known"`
	Extension string       `json:"extension" doc:"that would be called"`
	Away      pbx.Code     `json:"away" doc:"why the colleague cannot be called now; empty: can be"`
}

// QueueDestination is a queue.
type QueueDestination struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	Label       string    `json:"label"`
	Waiting     *int      `json:"waiting" doc:"callers; null: not known"`
	MembersFree *int      `json:"members_free" doc:"null: not known"`
	Away        pbx.Code  `json:"away" doc:"why no call can be sent there; empty: can be"`
}

type dialInput struct{ Body DialInput }

type attemptOutput struct{ Body Attempt }

func (s *Server) dial(ctx context.Context, in *dialInput) (*attemptOutput, error) {
	want := calllog.Dial{
		Number: in.Body.Number, Extension: in.Body.Extension,
		CustomerID: in.Body.CustomerID, CallID: in.Body.CallID, FollowUpID: in.Body.FollowUpID,
	}
	if in.Body.ID != nil {
		want.ID = *in.Body.ID
	}
	a, err := ofShownCall(ctx, s, want.CallID, func() (calllog.Attempt, error) {
		if id := want.FollowUpID; id != nil {
			return s.FollowUps.Dial(ctx, actorOf(ctx), *id, calllog.FollowUpDial{
				ID: want.ID, Extension: want.Extension, Number: want.Number, CustomerID: want.CustomerID, CallID: want.CallID,
			})
		}
		return s.Acts.Dial(ctx, actorOf(ctx), want)
	})
	return attempted(a, err)
}

func attempted(a calllog.Attempt, err error) (*attemptOutput, error) {
	if err != nil {
		return nil, err
	}
	return &attemptOutput{Attempt{a.ID, a.CallID, a.Extension, a.Number}}, nil
}

// ofShownCall does something that comes of a call, if any. One that the actor's desk shows is not refused for being unknown to the
// log: that is written in the background, and the call may not have had its turn.
func ofShownCall[T any](ctx context.Context, s *Server, call *uuid.UUID, do func() (T, error)) (T, error) {
	done, err := do()
	faults, _ := errors.AsType[crm.FieldErrors](err)
	unknown := slices.ContainsFunc(faults, func(f crm.FieldError) bool { return f.Field == "call_id" })
	if !unknown || call == nil || !s.Board.Shows(actorOf(ctx).AgentID, *call) {
		return done, err
	}
	if err := s.Recorder.Sync(ctx); err != nil {
		return done, err
	}
	return do()
}

func (s *Server) hangUp(ctx context.Context, in *idInput) (*struct{}, error) {
	call, err := s.acting(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.Acts.HangUp(ctx, actorOf(ctx), call)
}

type transferInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body TransferInput
}

func (s *Server) transfer(ctx context.Context, in *transferInput) (*struct{}, error) {
	call, err := s.acting(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.Acts.Transfer(ctx, actorOf(ctx), call, calllog.Destination{
		Kind: in.Body.Kind, AgentID: in.Body.AgentID, QueueID: in.Body.QueueID, Number: in.Body.Number,
	})
}

func (s *Server) completeTransfer(ctx context.Context, in *idInput) (*struct{}, error) {
	call, err := s.acting(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.Acts.CompleteTransfer(ctx, actorOf(ctx), call)
}

func (s *Server) cancelTransfer(ctx context.Context, in *idInput) (*struct{}, error) {
	call, err := s.acting(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.Acts.CancelTransfer(ctx, actorOf(ctx), call)
}

type holdInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body HoldInput
}

func (s *Server) hold(ctx context.Context, in *holdInput) (*struct{}, error) {
	call, err := s.acting(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, s.Acts.Hold(ctx, actorOf(ctx), call, in.Body.Held)
}

// acting is the call that somebody wants to act on, as it is at this moment. What the log has, and no exchange any more,
// has ended.
func (s *Server) acting(ctx context.Context, id uuid.UUID) (pbx.Call, error) {
	call, live := s.Board.Call(id)
	if live {
		return call, nil
	}
	actor := actorOf(ctx)
	r, err := s.Calls.Call(ctx, actor, id)
	if errors.Is(err, crm.ErrNotFound) && s.Board.Shows(actor.AgentID, id) {
		return call, &pbx.Refusal{Code: pbx.CallEnded} // the log has not had its turn
	}
	if err != nil {
		return call, err
	}
	if call, live = s.Board.Call(r.ID); live { // it has become part of another
		return call, nil
	}
	return call, &pbx.Refusal{Code: pbx.CallEnded}
}

type destinationsInput struct {
	Q    string    `query:"q" maxLength:"200" doc:"parts of name, username, extension or label; all must occur"`
	Call uuid.UUID `query:"call" format:"uuid" doc:"the live call that is to go there, of which I have a part: only what its exchange knows"`
}

type destinationsOutput struct{ Body Destinations }

// mostDestinations is how many of each kind are listed.
const mostDestinations = 50

func (s *Server) destinations(ctx context.Context, in *destinationsInput) (*destinationsOutput, error) {
	actor := actorOf(ctx)
	exchange := ""
	if call, live := s.Board.Call(in.Call); live {
		exchange = s.Acts.Through(actor, call)
	}
	out := Destinations{Agents: []AgentDestination{}, Queues: []QueueDestination{}}
	for _, a := range s.Acts.Colleagues(actor, in.Q) {
		a.Extensions = list(a.Extensions)
		p := s.Board.Presence(a.ID)
		d := AgentDestination{Agent: a, State: p.State, Since: timeOrNil(p.Since)}
		if p.State == crm.Paused {
			d.Reason, d.ReasonEN = orNil(p.Choice.Reason), orNil(p.Choice.ReasonEN)
		}
		d.Extension, d.Away = s.Acts.Reach(a, exchange)
		out.Agents = append(out.Agents, d)
	}
	slices.SortStableFunc(out.Agents, func(a, b AgentDestination) int { return cmp.Compare(a.hindrance(), b.hindrance()) })
	out.Agents = out.Agents[:min(len(out.Agents), mostDestinations)]

	queues, err := s.Store.Queues(ctx, actor, crm.QueueFilter{Q: in.Q})
	if err != nil {
		return nil, err
	}
	live := s.liveQueues()
	for _, q := range queues {
		if q.GoneAt != nil || exchange != "" && q.PBX != exchange {
			continue
		}
		d := QueueDestination{ID: q.ID, Name: q.Name, Label: q.Label}
		if now := s.queue(q, live); now.Known {
			free := 0
			for _, m := range now.Members {
				if !m.Paused && (m.Status == pbx.MemberFree || m.Status == pbx.MemberUnknown) {
					free++
				}
			}
			d.Waiting, d.MembersFree = now.Waiting, &free
		}
		if _, ok := calllog.QueueNumber(q); !ok {
			d.Away = pbx.NoDestination
		}
		out.Queues = append(out.Queues, d)
	}
	out.Queues = out.Queues[:min(len(out.Queues), mostDestinations)]
	return &destinationsOutput{out}, nil
}

// hindrance orders colleagues: who is free first, then who is busy, then who cannot be called.
func (d AgentDestination) hindrance() int {
	switch {
	case d.Away != "":
		return 3
	case d.State == crm.Available:
		return 0
	case d.State == crm.Paused, d.State == crm.Offline:
		return 2
	}
	return 1
}

type diallingOutput struct{ Body crm.Dialling }

func (s *Server) getDialling(ctx context.Context, _ *struct{}) (*diallingOutput, error) {
	d, err := s.Store.Dialling(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &diallingOutput{d}, nil
}

type putDiallingInput struct{ Body crm.DiallingInput }

func (s *Server) putDialling(ctx context.Context, in *putDiallingInput) (*diallingOutput, error) {
	d, err := s.Store.SaveDialling(ctx, actorOf(ctx), in.Body)
	if err != nil {
		return nil, err
	}
	return &diallingOutput{d}, nil
}

type testDiallingInput struct {
	Number string   `query:"number" required:"true" minLength:"1" maxLength:"64"`
	Role   crm.Role `query:"role" required:"true" enum:"agent,sales,supervisor,admin"`
}

type diallingVerdictOutput struct{ Body crm.DialVerdict }

func (s *Server) testDialling(ctx context.Context, in *testDiallingInput) (*diallingVerdictOutput, error) {
	v, err := s.Acts.TestDialling(ctx, actorOf(ctx), in.Number, in.Role)
	if err != nil {
		return nil, err
	}
	return &diallingVerdictOutput{v}, nil
}

// codedProblem is a problem with the code of a refusal, and with who has what was wanted, where somebody has.
type codedProblem struct {
	*huma.ErrorModel
	Code      string        `json:"code"`
	ClaimedBy *crm.AgentRef `json:"claimed_by,omitempty"`
	headers   http.Header
}

func (p *codedProblem) GetHeaders() http.Header { return p.headers }

// refusals are what a code means to whoever reads no code: the status, and a sentence.
var refusals = map[pbx.Code]struct {
	status int
	detail string
}{
	pbx.NoPhone:            {http.StatusConflict, "You have no phone on this exchange."},
	pbx.PhoneOffline:       {http.StatusConflict, "Your phone is not connected to the exchange."},
	pbx.PhoneBusy:          {http.StatusConflict, "Your phone is in a call."},
	pbx.PBXAway:            {http.StatusServiceUnavailable, "The exchange does not answer. Try again in a moment."},
	pbx.AMINeeded:          {http.StatusConflict, "This needs the exchange's manager interface (AMI), which is not set up."},
	pbx.AMIAway:            {http.StatusServiceUnavailable, "The exchange's manager interface (AMI) does not answer. Try again in a moment."},
	pbx.AMIDenied:          {http.StatusConflict, "The exchange does not let ringbook's AMI user do this."},
	pbx.Forbidden:          {http.StatusForbidden, "Your role may not call this number."},
	pbx.ToYourself:         {http.StatusConflict, "This is your own phone."},
	pbx.AlreadyDialing:     {http.StatusConflict, "A call from your phone is being placed already."},
	pbx.TooMany:            {http.StatusTooManyRequests, "Too many calls within a minute. Wait a moment."},
	pbx.CallEnded:          {http.StatusConflict, "The call has ended."},
	pbx.NotTalking:         {http.StatusConflict, "This is possible only while you talk."},
	pbx.NotConsulting:      {http.StatusConflict, "Nobody is being asked."},
	pbx.Disobeyed:          {http.StatusConflict, "The phone was asked and did not do it."},
	pbx.Consulting:         {http.StatusConflict, "Somebody is being asked. Hand the call over, or go back to it, first."},
	pbx.NoDestination:      {http.StatusConflict, "The exchange does not know this number."},
	pbx.DestinationOffline: {http.StatusConflict, "The colleague's phone is not connected to the exchange."},
	pbx.TransferFailed:     {http.StatusConflict, "The exchange did not transfer the call."},
	pbx.PerhapsDone:        {http.StatusConflict, "The exchange did not say whether it was done. See what becomes of the call before you try again."},
	pbx.NotPlaced:          {http.StatusConflict, "The exchange could not place the call."},
}

// refusal is the answer to what was refused.
func refusal(code pbx.Code) *codedProblem {
	r := refusals[code]
	p := &codedProblem{ErrorModel: newProblem(r.status, r.detail), Code: string(code)}
	if r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests {
		p.headers = http.Header{"Retry-After": {strconv.Itoa(5)}}
	}
	return p
}
