package web

import (
	"context"

	"github.com/google/uuid"

	"ringbook/crm"
)

// AgentInput creates an agent.
type AgentInput struct {
	Username   string     `json:"username" minLength:"1" maxLength:"64"`
	Password   string     `json:"password,omitempty" maxLength:"200" doc:"without one the agent cannot log in" writeOnly:"true"`
	Name       string     `json:"name,omitempty" maxLength:"200" doc:"the username when left out"`
	Role       crm.Role   `json:"role,omitempty" default:"agent"`
	Extensions []string   `json:"extensions,omitempty" maxItems:"20" maxLength:"64" doc:"as 1001, or 1001@main when meant on that exchange only"`
	TeamID     *uuid.UUID `json:"team_id,omitempty" nullable:"true"`
}

// AgentPatch changes what it names and leaves the rest. A changed role or password ends the agent's sessions.
type AgentPatch struct {
	Username   *string             `json:"username,omitempty" minLength:"1" maxLength:"64"`
	Password   *string             `json:"password,omitempty" minLength:"1" maxLength:"200" writeOnly:"true"`
	Name       *string             `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Role       *crm.Role           `json:"role,omitempty"`
	Extensions *[]string           `json:"extensions,omitempty" maxItems:"20" maxLength:"64"`
	TeamID     Optional[uuid.UUID] `json:"team_id,omitempty"`
	Version    *int                `json:"version,omitempty" doc:"refused with 409 when the agent has another by now"`
}

// TeamInput creates a team.
type TeamInput struct {
	Name        string      `json:"name" minLength:"1" maxLength:"200"`
	Supervisors []uuid.UUID `json:"supervisors,omitempty" maxItems:"200"`
}

// TeamPatch changes what it names and leaves the rest.
type TeamPatch struct {
	Name        *string      `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Supervisors *[]uuid.UUID `json:"supervisors,omitempty" maxItems:"200"`
	Version     *int         `json:"version,omitempty" doc:"refused with 409 when the team has another by now"`
}

type agentOutput struct{ Body crm.Agent }

type listAgentsInput struct {
	Q        string    `query:"q" maxLength:"200"`
	Team     uuid.UUID `query:"team" format:"uuid"`
	Archived bool      `query:"archived" doc:"the archived ones instead of the others"`
	Cursor   string    `query:"cursor" maxLength:"1000"`
	Limit    int       `query:"limit" minimum:"1" maximum:"100" default:"25"`
}

type agentPageOutput struct{ Body crm.Page[crm.Agent] }

func (s *Server) listAgents(ctx context.Context, in *listAgentsInput) (*agentPageOutput, error) {
	page, err := s.Store.Agents(ctx, actorOf(ctx), crm.AgentFilter{
		Q: in.Q, TeamID: idOrNil(in.Team), Archived: in.Archived, Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	page.Items = list(page.Items)
	for i := range page.Items {
		page.Items[i] = wholeAgent(page.Items[i])
	}
	return &agentPageOutput{page}, nil
}

func (s *Server) getAgent(ctx context.Context, in *idInput) (*agentOutput, error) {
	return agent(s.Store.Agent(ctx, actorOf(ctx), in.ID))
}

type createAgentInput struct{ Body AgentInput }

func (s *Server) createAgent(ctx context.Context, in *createAgentInput) (*agentOutput, error) {
	name := in.Body.Name
	if name == "" {
		name = in.Body.Username
	}
	return agent(s.Store.CreateAgent(ctx, actorOf(ctx), crm.AgentInput{
		Username: in.Body.Username, Password: in.Body.Password, Name: name, Role: in.Body.Role,
		Extensions: in.Body.Extensions, TeamID: in.Body.TeamID,
	}))
}

type patchAgentInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body AgentPatch
}

func (s *Server) patchAgent(ctx context.Context, in *patchAgentInput) (*agentOutput, error) {
	return agent(s.Store.UpdateAgent(ctx, actorOf(ctx), in.ID, crm.AgentPatch{
		Version: in.Body.Version, Username: in.Body.Username, Password: in.Body.Password, Name: in.Body.Name,
		Role: in.Body.Role, Extensions: in.Body.Extensions, TeamID: in.Body.TeamID.OrZero(),
	}))
}

func (s *Server) archiveAgent(ctx context.Context, in *idInput) (*agentOutput, error) {
	a, err := s.Store.ArchiveAgent(ctx, actorOf(ctx), in.ID)
	if err == nil {
		s.sockets.endAgent(in.ID) // those opened by tokens too
	}
	return agent(a, err)
}

func (s *Server) restoreAgent(ctx context.Context, in *idInput) (*agentOutput, error) {
	return agent(s.Store.RestoreAgent(ctx, actorOf(ctx), in.ID))
}

func agent(a crm.Agent, err error) (*agentOutput, error) {
	if err != nil {
		return nil, err
	}
	return &agentOutput{wholeAgent(a)}, nil
}

// wholeAgent is a with lists that are never null.
func wholeAgent(a crm.Agent) crm.Agent {
	a.Extensions, a.Supervises = list(a.Extensions), list(a.Supervises)
	return a
}

type teamOutput struct{ Body crm.Team }

type teamPageOutput struct{ Body crm.Page[crm.Team] }

func (s *Server) listTeams(ctx context.Context, _ *struct{}) (*teamPageOutput, error) {
	teams, err := s.Store.Teams(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	teams = list(teams)
	for i := range teams {
		teams[i].Supervisors = list(teams[i].Supervisors)
	}
	return &teamPageOutput{crm.Page[crm.Team]{Items: teams}}, nil
}

func (s *Server) getTeam(ctx context.Context, in *idInput) (*teamOutput, error) {
	return team(s.Store.Team(ctx, actorOf(ctx), in.ID))
}

type createTeamInput struct{ Body TeamInput }

func (s *Server) createTeam(ctx context.Context, in *createTeamInput) (*teamOutput, error) {
	return team(s.Store.CreateTeam(ctx, actorOf(ctx), crm.TeamInput(in.Body)))
}

type patchTeamInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body TeamPatch
}

func (s *Server) patchTeam(ctx context.Context, in *patchTeamInput) (*teamOutput, error) {
	return team(s.Store.UpdateTeam(ctx, actorOf(ctx), in.ID, crm.TeamPatch{
		Version: in.Body.Version, Name: in.Body.Name, Supervisors: in.Body.Supervisors,
	}))
}

func (s *Server) archiveTeam(ctx context.Context, in *idInput) (*teamOutput, error) {
	return team(s.Store.ArchiveTeam(ctx, actorOf(ctx), in.ID))
}

func team(t crm.Team, err error) (*teamOutput, error) {
	if err != nil {
		return nil, err
	}
	t.Supervisors = list(t.Supervisors)
	return &teamOutput{t}, nil
}
