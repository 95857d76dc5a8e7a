package web

import (
	"time"

	"github.com/google/uuid"
)

// Agent is somebody who logs in, and who may answer calls at extensions.
type Agent struct {
	ID         uuid.UUID   `json:"id" format:"uuid"`
	Username   string      `json:"username"`
	Name       string      `json:"name"`
	Role       string      `json:"role" enum:"agent,sales,supervisor,admin"`
	Extensions []string    `json:"extensions"`
	TeamID     *uuid.UUID  `json:"team_id" format:"uuid"`
	Supervises []uuid.UUID `json:"supervises" doc:"the teams of a supervisor"`
	ArchivedAt *time.Time  `json:"archived_at"`
	CreatedAt  time.Time   `json:"created_at"`
}

// AgentRef names an agent.
type AgentRef struct {
	ID         uuid.UUID `json:"id" format:"uuid"`
	Name       string    `json:"name"`
	Extensions []string  `json:"extensions"`
}

// AgentInput creates an agent.
type AgentInput struct {
	Username   string      `json:"username" minLength:"1" maxLength:"64"`
	Password   string      `json:"password" minLength:"8" maxLength:"200" writeOnly:"true"`
	Name       string      `json:"name,omitempty" maxLength:"200" doc:"the username when left out"`
	Role       string      `json:"role,omitempty" enum:"agent,sales,supervisor,admin" default:"agent"`
	Extensions []string    `json:"extensions,omitempty" maxItems:"20" maxLength:"32"`
	TeamID     *uuid.UUID  `json:"team_id,omitempty" format:"uuid" nullable:"true"`
	Supervises []uuid.UUID `json:"supervises,omitempty" maxItems:"200"`
}

// AgentPatch changes what it names and leaves the rest. A new password ends the agent's sessions.
type AgentPatch struct {
	Password   *string             `json:"password,omitempty" minLength:"8" maxLength:"200" writeOnly:"true"`
	Name       *string             `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Role       *string             `json:"role,omitempty" enum:"agent,sales,supervisor,admin"`
	Extensions *[]string           `json:"extensions,omitempty" maxItems:"20" maxLength:"32"`
	TeamID     Optional[uuid.UUID] `json:"team_id,omitempty" required:"false"`
	Supervises *[]uuid.UUID        `json:"supervises,omitempty" maxItems:"200"`
}

// AgentPage is one page of agents.
type AgentPage struct {
	Items []Agent `json:"items"`
	Next  *string `json:"next" doc:"cursor of the next page; null on the last"`
}

// Team is a group of agents.
type Team struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Name string    `json:"name"`
}

// TeamInput creates or renames a team.
type TeamInput struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
}

// TeamPage is all teams (one page).
type TeamPage struct {
	Items []Team  `json:"items"`
	Next  *string `json:"next"`
}

type listAgentsInput struct {
	Q        string `query:"q" maxLength:"200"`
	Archived bool   `query:"archived"`
	Cursor   string `query:"cursor" maxLength:"1000"`
	Limit    int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type agentPageOutput struct{ Body AgentPage }

type agentOutput struct{ Body Agent }

type createAgentInput struct{ Body AgentInput }

type patchAgentInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body AgentPatch
}

type teamPageOutput struct{ Body TeamPage }

type teamOutput struct{ Body Team }

type createTeamInput struct{ Body TeamInput }

type patchTeamInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body TeamInput
}
