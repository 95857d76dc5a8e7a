package crm

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Agent is someone who answers. An extension is written "1001", or "1001@main" if it is meant on that PBX only.
type Agent struct {
	ID         uuid.UUID   `json:"id"`
	Username   string      `json:"username"`
	Name       string      `json:"name"`
	Role       Role        `json:"role"`
	TeamID     *uuid.UUID  `json:"team_id"`
	Team       string      `json:"team"` // that team's name
	Extensions []string    `json:"extensions"`
	Supervises []uuid.UUID `json:"supervises"` // teams
	Version    int         `json:"version"`
	ArchivedAt *time.Time  `json:"archived_at"`
	CreatedAt  time.Time   `json:"created_at"`
	UpdatedAt  time.Time   `json:"updated_at"`
}

// AgentInput is a new agent. Role defaults to RoleAgent; without a password the agent cannot log in.
type AgentInput struct {
	Username   string
	Password   string
	Name       string
	Role       Role
	Extensions []string
	TeamID     *uuid.UUID
}

// AgentPatch changes an agent; nil leaves a field as it is. A changed role or password ends the agent's sessions.
type AgentPatch struct {
	Version    *int
	Username   *string
	Password   *string
	Name       *string
	Role       *Role
	Extensions *[]string
	TeamID     *uuid.UUID // uuid.Nil: none
}

// AgentFilter chooses and pages agents, ordered by name.
type AgentFilter struct {
	Q        string
	TeamID   *uuid.UUID
	Archived bool
	Cursor   string
	Limit    int // 1 to 100; 0: 25
}

// Agents lists agents.
func (s *Store) Agents(ctx context.Context, a Actor, f AgentFilter) (Page[Agent], error) {
	return Page[Agent]{}, errUnfinished
}

// Agent reads one, archived or not.
func (s *Store) Agent(ctx context.Context, a Actor, id uuid.UUID) (Agent, error) {
	return Agent{}, errUnfinished
}

// AgentByUsername reads the live agent of that name.
func (s *Store) AgentByUsername(ctx context.Context, a Actor, username string) (Agent, error) {
	return Agent{}, errUnfinished
}

// CreateAgent saves a new agent.
func (s *Store) CreateAgent(ctx context.Context, a Actor, in AgentInput) (Agent, error) {
	return Agent{}, errUnfinished
}

// UpdateAgent changes one.
func (s *Store) UpdateAgent(ctx context.Context, a Actor, id uuid.UUID, p AgentPatch) (Agent, error) {
	return Agent{}, errUnfinished
}

// ArchiveAgent ends the agent's sessions and tokens and frees the extensions. The last admin cannot be archived.
func (s *Store) ArchiveAgent(ctx context.Context, a Actor, id uuid.UUID) (Agent, error) {
	return Agent{}, errUnfinished
}

// RestoreAgent undoes ArchiveAgent, without the tokens.
func (s *Store) RestoreAgent(ctx context.Context, a Actor, id uuid.UUID) (Agent, error) {
	return Agent{}, errUnfinished
}

// Team is agents who work together, and who leads them.
type Team struct {
	ID          uuid.UUID   `json:"id"`
	Name        string      `json:"name"`
	Supervisors []uuid.UUID `json:"supervisors"`
	Members     int         `json:"members"`
	Version     int         `json:"version"`
	ArchivedAt  *time.Time  `json:"archived_at"`
	CreatedAt   time.Time   `json:"created_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
}

// TeamInput is a new team.
type TeamInput struct {
	Name        string
	Supervisors []uuid.UUID
}

// TeamPatch changes a team; nil leaves a field as it is.
type TeamPatch struct {
	Version     *int
	Name        *string
	Supervisors *[]uuid.UUID
}

// Teams lists the live teams by name.
func (s *Store) Teams(ctx context.Context, a Actor) ([]Team, error) { return nil, errUnfinished }

// Team reads one, archived or not.
func (s *Store) Team(ctx context.Context, a Actor, id uuid.UUID) (Team, error) {
	return Team{}, errUnfinished
}

// CreateTeam saves a new team.
func (s *Store) CreateTeam(ctx context.Context, a Actor, in TeamInput) (Team, error) {
	return Team{}, errUnfinished
}

// UpdateTeam changes one.
func (s *Store) UpdateTeam(ctx context.Context, a Actor, id uuid.UUID, p TeamPatch) (Team, error) {
	return Team{}, errUnfinished
}

// ArchiveTeam takes a team out of lists; its agents stay without a team.
func (s *Store) ArchiveTeam(ctx context.Context, a Actor, id uuid.UUID) (Team, error) {
	return Team{}, errUnfinished
}
