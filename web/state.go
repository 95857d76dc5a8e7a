package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/screenpop"
)

// AgentState is what an agent is doing now.
type AgentState struct {
	State    crm.State  `json:"state"`
	Since    *time.Time `json:"state_since" doc:"since when without interruption; null: nobody knows"`
	Reason   *string    `json:"state_reason" doc:"of a pause"`
	ReasonEN *string    `json:"state_reason_en" doc:"the same in English"`
	ReasonID *uuid.UUID `json:"state_reason_id" doc:"null also for a reason that the phone told and that is none of the list"`
	By       crm.SetBy  `json:"state_by" doc:"who chose what the agent is while no call goes on"`
	Chosen   crm.State  `json:"state_chosen" enum:"available,paused,offline" doc:"what the agent will be when no call goes on"`
	Synced   string     `json:"state_synced" enum:",ami_needed,ami_away,ami_denied,no_queue,partly_paused,not_followed" doc:"empty: the exchange's queues follow; else why not: no AMI is configured, it does not answer, it may not pause, the agent's phones are in no queue, they are paused in some queues only, the exchange did not do it"`
}

func agentState(p screenpop.Presence) AgentState {
	s := AgentState{State: p.State, Since: timeOrNil(p.Since), By: p.Choice.By, Chosen: p.Choice.State, Synced: p.Synced}
	if p.Choice.State == crm.Paused {
		s.Reason, s.ReasonEN, s.ReasonID = orNil(p.Choice.Reason), orNil(p.Choice.ReasonEN), p.Choice.ReasonID
	}
	return s
}

// StateInput is what an agent is to be.
type StateInput struct {
	State    crm.State  `json:"state" enum:"available,paused,offline"`
	ReasonID *uuid.UUID `json:"reason_id,omitempty" nullable:"true" doc:"of a pause"`
}

type stateOutput struct{ Body AgentState }

type setMyStateInput struct{ Body StateInput }

func (s *Server) setMyState(ctx context.Context, in *setMyStateInput) (*stateOutput, error) {
	return s.setState(ctx, actorOf(ctx).AgentID, in.Body)
}

type setAgentStateInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body StateInput
}

func (s *Server) setAgentState(ctx context.Context, in *setAgentStateInput) (*stateOutput, error) {
	return s.setState(ctx, in.ID, in.Body)
}

func (s *Server) setState(ctx context.Context, agent uuid.UUID, in StateInput) (*stateOutput, error) {
	if _, err := s.Store.Choose(ctx, actorOf(ctx), agent, crm.StateInput(in)); err != nil {
		return nil, err
	}
	return &stateOutput{agentState(s.Board.Presence(agent))}, nil
}

// Standing is what one agent is doing now.
type Standing struct {
	Agent crm.AgentRef `json:"agent"`
	AgentState
}

type standingPageOutput struct{ Body crm.Page[Standing] }

// listStandings tells of the agents whose states the actor may read, by name.
func (s *Server) listStandings(ctx context.Context, _ *struct{}) (*standingPageOutput, error) {
	actor := actorOf(ctx)
	page := crm.Page[Standing]{Items: []Standing{}}
	for _, p := range s.Board.Presences() {
		if actor.Covers(crm.StatesRead, p.Agent) {
			p.Agent.Extensions = list(p.Agent.Extensions)
			page.Items = append(page.Items, Standing{p.Agent, agentState(p.Presence)})
		}
	}
	return &standingPageOutput{page}, nil
}

type listStatesInput struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	From   time.Time `query:"from" doc:"a week before to, when left out"`
	To     time.Time `query:"to" doc:"now, when left out"`
	Cursor string    `query:"cursor" maxLength:"1000"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type statePageOutput struct {
	Body crm.Page[calllog.Stretch]
}

func (s *Server) listStates(ctx context.Context, in *listStatesInput) (*statePageOutput, error) {
	page, err := s.Calls.States(ctx, actorOf(ctx), in.ID, calllog.StateFilter{From: in.From, To: in.To, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page.Items = list(page.Items)
	return &statePageOutput{page}, nil
}

// PauseReasonInput creates a reason.
type PauseReasonInput struct {
	Label   string `json:"label" minLength:"1" maxLength:"60"`
	LabelEN string `json:"label_en,omitempty" maxLength:"60" doc:"in English; the label serves when left out"`
}

// PauseReasonPatch changes what it names and leaves the rest.
type PauseReasonPatch struct {
	Label    *string `json:"label,omitempty" minLength:"1" maxLength:"60"`
	LabelEN  *string `json:"label_en,omitempty" maxLength:"60"`
	Archived *bool   `json:"archived,omitempty" doc:"true: not offered any more; whoever is paused with it stays so"`
	Version  *int    `json:"version,omitempty" doc:"refused with 409 when the reason has another by now"`
}

type listPauseReasonsInput struct {
	Archived bool `query:"archived" doc:"the archived ones instead of the others"`
}

type pauseReasonPageOutput struct{ Body crm.Page[crm.PauseReason] }

func (s *Server) listPauseReasons(ctx context.Context, in *listPauseReasonsInput) (*pauseReasonPageOutput, error) {
	reasons, err := s.Store.PauseReasons(ctx, actorOf(ctx), in.Archived)
	if err != nil {
		return nil, err
	}
	return &pauseReasonPageOutput{crm.Page[crm.PauseReason]{Items: list(reasons)}}, nil
}

type createPauseReasonInput struct{ Body PauseReasonInput }

type pauseReasonOutput struct{ Body crm.PauseReason }

func (s *Server) createPauseReason(ctx context.Context, in *createPauseReasonInput) (*pauseReasonOutput, error) {
	r, err := s.Store.CreatePauseReason(ctx, actorOf(ctx), crm.PauseReasonInput(in.Body))
	return &pauseReasonOutput{r}, err
}

type patchPauseReasonInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body PauseReasonPatch
}

func (s *Server) patchPauseReason(ctx context.Context, in *patchPauseReasonInput) (*pauseReasonOutput, error) {
	r, err := s.Store.UpdatePauseReason(ctx, actorOf(ctx), in.ID, crm.PauseReasonPatch{
		Version: in.Body.Version, Label: in.Body.Label, LabelEN: in.Body.LabelEN, Archived: in.Body.Archived,
	})
	return &pauseReasonOutput{r}, err
}

func (s *Server) archivePauseReason(ctx context.Context, in *idInput) (*pauseReasonOutput, error) {
	archived := true
	r, err := s.Store.UpdatePauseReason(ctx, actorOf(ctx), in.ID, crm.PauseReasonPatch{Archived: &archived})
	return &pauseReasonOutput{r}, err
}
