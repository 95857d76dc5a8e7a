package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// CallPatch changes what it names and leaves the rest. It works from the first ring on.
type CallPatch struct {
	Note       *string             `json:"note,omitempty" maxLength:"10000"`
	CustomerID Optional[uuid.UUID] `json:"customer_id,omitempty" doc:"whom the call was with; remembered for its number. null: nobody, and forgotten"`

	DispositionID Optional[uuid.UUID] `json:"disposition_id,omitempty" doc:"how the call ended, one of those of its queue. null: not said any more"`
}

// CallFilter is the query by which calls are listed, estimated and exported.
type CallFilter struct {
	From        time.Time `query:"from" doc:"started then or later"`
	To          time.Time `query:"to" doc:"started before"`
	Direction   string    `query:"direction" enum:"inbound,outbound,internal"`
	State       string    `query:"state" enum:"ringing,queued,talking,held,ended"`
	Outcome     string    `query:"outcome" enum:"answered,missed,abandoned,busy,failed,voicemail,cancelled"`
	Agent       uuid.UUID `query:"agent" format:"uuid" doc:"took part or was rung"`
	Queue       string    `query:"queue" maxLength:"100" doc:"its id; or the exchange's name, of whichever exchange"`
	Number      string    `query:"number" maxLength:"255" doc:"the other party's, in any spelling"`
	Customer    uuid.UUID `query:"customer" format:"uuid" doc:"the customer's history, also the calls of others"`
	Disposition uuid.UUID `query:"disposition" format:"uuid" doc:"how the agent said that it ended"`
	Q           string    `query:"q" maxLength:"200" doc:"words of names, numbers and notes; all must occur"`
}

// Resolve refuses what would be read as if it had not been said.
func (f *CallFilter) Resolve(ctx huma.Context) []error {
	return unsaid(ctx, f.From, f.To, "is no time of a call")
}

// unsaid names the parameters of a list that are given more than once, and the times that are read as if they were not given.
func unsaid(ctx huma.Context, from, to time.Time, problem string) (faults []error) {
	address := ctx.URL()
	for name, values := range address.Query() {
		switch {
		case len(values) > 1:
			faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: fmt.Sprintf("is given %d times", len(values))})
		case (name == "from" && from.IsZero() || name == "to" && to.IsZero()) && values[0] != "":
			faults = append(faults, &huma.ErrorDetail{Location: "query." + name, Message: problem})
		}
	}
	return faults
}

func (f *CallFilter) filter() calllog.Filter {
	return calllog.Filter{
		From: f.From, To: f.To, Direction: pbx.Direction(f.Direction), State: pbx.State(f.State), Outcome: pbx.Outcome(f.Outcome),
		Agent: f.Agent, Queue: f.Queue, Number: f.Number, Customer: f.Customer, Disposition: f.Disposition, Q: f.Q,
	}
}

type listCallsInput struct {
	CallFilter
	Cursor string `query:"cursor" maxLength:"1000"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type callPageOutput struct{ Body calllog.Page }

func (s *Server) listCalls(ctx context.Context, in *listCallsInput) (*callPageOutput, error) {
	filter := in.filter()
	filter.Cursor, filter.Limit = in.Cursor, in.Limit
	page, err := s.Calls.Calls(ctx, actorOf(ctx), filter)
	if err != nil {
		return nil, err
	}
	page.Items = list(page.Items)
	return &callPageOutput{page}, nil
}

type estimateInput struct{ CallFilter }

type estimateOutput struct{ Body calllog.Estimate }

func (s *Server) estimateCalls(ctx context.Context, in *estimateInput) (*estimateOutput, error) {
	e, err := s.Calls.Estimate(ctx, actorOf(ctx), in.filter())
	if err != nil {
		return nil, err
	}
	return &estimateOutput{e}, nil
}

type callOutput struct{ Body calllog.Record }

func (s *Server) getCall(ctx context.Context, in *idInput) (*callOutput, error) {
	r, err := s.Calls.Call(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &callOutput{r}, nil
}

type patchCallInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body CallPatch
}

// patchCall saves what an agent writes about a call. While it is on the agent's desk it is the agent's to write about
// even before the log knows of their part in it.
func (s *Server) patchCall(ctx context.Context, in *patchCallInput) (*callOutput, error) {
	actor := actorOf(ctx)
	patch := calllog.Patch{Note: in.Body.Note, Customer: in.Body.CustomerID.OrZero(), Disposition: in.Body.DispositionID.OrZero()}
	onDesk := s.Board.Shows(actor.AgentID, in.ID)
	r, err := s.Calls.Annotate(ctx, actor, in.ID, patch, onDesk)
	if onDesk && errors.Is(err, crm.ErrNotFound) {
		// The recorder writes in the background, and this call has not had its turn.
		if err := s.Recorder.Sync(ctx); err != nil {
			return nil, err
		}
		r, err = s.Calls.Annotate(ctx, actor, in.ID, patch, onDesk)
	}
	if err != nil {
		return nil, err
	}
	return &callOutput{r}, nil
}
