package crm

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Role is what an agent is in the call centre. What each may do is the table grants.
type Role string

const (
	RoleAgent      Role = "agent"
	RoleSales      Role = "sales" // an agent whose day starts at the follow-ups
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Permission names one thing that an actor may be allowed to do.
type Permission string

const (
	CustomersRead    Permission = "customers.read"
	CustomersWrite   Permission = "customers.write"
	CustomersArchive Permission = "customers.archive"
	CallsRead        Permission = "calls.read"          // the call log, by who took part
	CallsReadHistory Permission = "calls.read_customer" // the history of one customer, whoever took part
	CallsAnnotate    Permission = "calls.annotate"      // note, disposition and customer of a call
	CallsExport      Permission = "calls.export"        // take a list of calls out as a file
	CallsDial        Permission = "calls.dial"          // place calls from one's own phone
	CallsControl     Permission = "calls.control"       // hang up, hold and transfer, by whose part in the call it is
	DiallingManage   Permission = "dialling.manage"     // who may call what
	NumbersLink      Permission = "numbers.link"        // remember a customer for a number
	AgentsRead       Permission = "agents.read"
	AgentsWrite      Permission = "agents.write"
	PhonesManage     Permission = "phones.manage" // whose phone each endpoint of an exchange is
	QueuesRead       Permission = "queues.read"
	QueuesManage     Permission = "queues.manage" // what a queue is called, and all else that people say of it
	TeamsRead        Permission = "teams.read"
	TeamsWrite       Permission = "teams.write"
	SessionsManage   Permission = "sessions.manage" // list and end log-ins
	TokensManage     Permission = "tokens.manage"
	FloorRead        Permission = "floor.read"
	AuditRead        Permission = "audit.read"
	ViewsWrite       Permission = "views.write"   // save a list's filters under a name: own, the team's, every team's
	StatesRead       Permission = "states.read"   // what agents are and were doing
	StatesWrite      Permission = "states.write"  // make agents available, paused or offline
	StatesManage     Permission = "states.manage" // the reasons of pauses
	// Follow-ups: own are the actor's, those of the actor's team as a whole, and anyone's.
	FollowUpsRead   Permission = "follow_ups.read"
	FollowUpsWrite  Permission = "follow_ups.write"  // make, change, claim, dial and close them
	FollowUpsAssign Permission = "follow_ups.assign" // give them to others than oneself, the own team or anyone

	DispositionsManage Permission = "dispositions.manage" // how one may say that a call ended
	// Missed calls: own are those of the actor's team and its queues, those that rang the actor, and those of queues of no team.
	MissedRead Permission = "missed.read" // see, claim and finish them
)

// Permissions are all there are, in the order in which they are listed to people.
func Permissions() []Permission {
	return []Permission{
		CustomersRead, CustomersWrite, CustomersArchive, CallsRead, CallsReadHistory, CallsAnnotate, CallsDial, CallsControl, DiallingManage,
		NumbersLink,
		AgentsRead, AgentsWrite, PhonesManage, QueuesRead, QueuesManage, TeamsRead, TeamsWrite, SessionsManage, TokensManage,
		FloorRead, AuditRead,
		CallsExport, ViewsWrite,
		StatesRead, StatesWrite, StatesManage,
		FollowUpsRead, FollowUpsWrite, FollowUpsAssign,
		DispositionsManage, MissedRead,
	}
}

// Scope says whose things a permission covers. The zero value is nobody's.
type Scope int

const (
	ScopeNone Scope = iota
	ScopeOwn        // the actor's own
	ScopeTeam       // also those of every agent in a team that the actor supervises
	ScopeAll
)

func (s Scope) String() string {
	switch s {
	case ScopeOwn:
		return "own"
	case ScopeTeam:
		return "team"
	case ScopeAll:
		return "all"
	}
	return "none"
}

// grants is the whole of who may do what. What is not in it is refused.
var grants = map[Role]map[Permission]Scope{
	RoleAgent: {
		CustomersRead: ScopeAll, CustomersWrite: ScopeAll,
		CallsRead: ScopeOwn, CallsReadHistory: ScopeAll, CallsAnnotate: ScopeOwn, NumbersLink: ScopeAll,
		CallsDial: ScopeOwn, CallsControl: ScopeOwn,
		AgentsRead: ScopeAll, QueuesRead: ScopeAll, TeamsRead: ScopeAll,
		SessionsManage: ScopeOwn, TokensManage: ScopeOwn,
		CallsExport: ScopeOwn, ViewsWrite: ScopeOwn,
		StatesRead: ScopeOwn, StatesWrite: ScopeOwn,
		FollowUpsRead: ScopeOwn, FollowUpsWrite: ScopeOwn,
		MissedRead: ScopeOwn,
	},
	RoleSales: {
		CustomersRead: ScopeAll, CustomersWrite: ScopeAll,
		CallsRead: ScopeOwn, CallsReadHistory: ScopeAll, CallsAnnotate: ScopeOwn, NumbersLink: ScopeAll,
		CallsDial: ScopeOwn, CallsControl: ScopeOwn,
		AgentsRead: ScopeAll, QueuesRead: ScopeAll, TeamsRead: ScopeAll,
		SessionsManage: ScopeOwn, TokensManage: ScopeOwn,
		CallsExport: ScopeOwn, ViewsWrite: ScopeOwn,
		StatesRead: ScopeOwn, StatesWrite: ScopeOwn,
		FollowUpsRead: ScopeOwn, FollowUpsWrite: ScopeOwn,
		MissedRead: ScopeOwn,
	},
	RoleSupervisor: {
		CustomersRead: ScopeAll, CustomersWrite: ScopeAll, CustomersArchive: ScopeAll,
		CallsRead: ScopeTeam, CallsReadHistory: ScopeAll, CallsAnnotate: ScopeTeam, NumbersLink: ScopeAll,
		CallsDial: ScopeOwn, CallsControl: ScopeTeam,
		AgentsRead: ScopeAll, QueuesRead: ScopeAll, TeamsRead: ScopeAll,
		SessionsManage: ScopeOwn, TokensManage: ScopeOwn,
		FloorRead:   ScopeTeam,
		CallsExport: ScopeTeam, ViewsWrite: ScopeTeam,
		StatesRead: ScopeTeam, StatesWrite: ScopeTeam,
		FollowUpsRead: ScopeTeam, FollowUpsWrite: ScopeTeam, FollowUpsAssign: ScopeTeam,
		MissedRead: ScopeTeam,
	},
	RoleAdmin: {
		CustomersRead: ScopeAll, CustomersWrite: ScopeAll, CustomersArchive: ScopeAll,
		CallsRead: ScopeAll, CallsReadHistory: ScopeAll, CallsAnnotate: ScopeAll, NumbersLink: ScopeAll,
		CallsDial: ScopeOwn, CallsControl: ScopeAll, DiallingManage: ScopeAll,
		AgentsRead: ScopeAll, AgentsWrite: ScopeAll, PhonesManage: ScopeAll,
		QueuesRead: ScopeAll, QueuesManage: ScopeAll, TeamsRead: ScopeAll, TeamsWrite: ScopeAll,
		SessionsManage: ScopeAll, TokensManage: ScopeAll,
		FloorRead: ScopeAll, AuditRead: ScopeAll,
		CallsExport: ScopeAll, ViewsWrite: ScopeAll,
		StatesRead: ScopeAll, StatesWrite: ScopeAll, StatesManage: ScopeAll,
		FollowUpsRead: ScopeAll, FollowUpsWrite: ScopeAll, FollowUpsAssign: ScopeAll,
		DispositionsManage: ScopeAll, MissedRead: ScopeAll,
	},
}

// Actor is who does something: a logged-in agent, the holder of a token, or System.
type Actor struct {
	AgentID  uuid.UUID // uuid.Nil for System
	Username string
	Name     string
	Role     Role
	TeamID   *uuid.UUID  // the team that the actor is in
	Teams    []uuid.UUID // the teams that the actor supervises
}

// System is ringbook itself: the command line, the demo, migrations.
var System = Actor{Username: "system", Name: "ringbook", Role: RoleAdmin}

// Scope is whose things the permission covers for the actor; ScopeNone for an unknown role or permission.
func (a Actor) Scope(p Permission) Scope { return grants[a.Role][p] }

// Can tells whether the actor has the permission over anything at all.
func (a Actor) Can(p Permission) bool { return a.Scope(p) > ScopeNone }

// Require is nil if the permission covers everybody's things, else ErrForbidden.
func (a Actor) Require(p Permission) error {
	if a.Scope(p) != ScopeAll {
		return fmt.Errorf("%s: %w", p, ErrForbidden)
	}
	return nil
}

// Covers says whether the permission covers what is an agent's, as agent is now.
func (a Actor) Covers(p Permission, agent AgentRef) bool {
	switch a.Scope(p) {
	case ScopeAll:
		return true
	case ScopeTeam:
		return agent.ID == a.AgentID || agent.TeamID != nil && slices.Contains(a.Teams, *agent.TeamID)
	case ScopeOwn:
		return agent.ID == a.AgentID
	}
	return false
}

// ScopeSQL compiles the scope of a permission into a condition on a column that holds an agent's id. The
// condition's placeholders start at $next; args are their values, which the caller appends to its own. Without
// the permission the condition is false, and a NULL column is covered by ScopeAll only.
func (a Actor) ScopeSQL(p Permission, column string, next int) (cond string, args []any) {
	switch a.Scope(p) {
	case ScopeAll:
		return "true", nil
	case ScopeTeam:
		return fmt.Sprintf("(%s = $%d OR %s IN (SELECT id FROM agent WHERE team_id = ANY($%d)))",
			column, next, column, next+1), []any{a.AgentID, a.Teams}
	case ScopeOwn:
		return fmt.Sprintf("%s = $%d", column, next), []any{a.AgentID}
	}
	return "false", nil
}

// QueueScopeSQL compiles which queues' calls a permission covers besides those of ScopeSQL's agents, into a condition on a
// column that holds a queue's team: those of the teams that the actor supervises.
func (a Actor) QueueScopeSQL(p Permission, column string, next int) (cond string, args []any) {
	switch a.Scope(p) {
	case ScopeAll:
		return "true", nil
	case ScopeTeam:
		return fmt.Sprintf("%s = ANY($%d)", column, next), []any{a.Teams}
	}
	return "false", nil
}
