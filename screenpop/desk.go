package screenpop

import (
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// Desk is the whole picture of one agent's desk at one moment. It shares nothing that anybody changes later.
type Desk struct {
	Agent crm.AgentRef
	Presence
	// Calls are the pops: live ones first, each group in the order in which they were offered. Never nil.
	Calls []Pop
	// FollowUps are the agent's of today, and of others those that are due and that the agent could take.
	FollowUps Agenda
	// ReceivedAt is when the PBX's event behind the newest change of this desk was read from the socket; zero
	// when the change came from elsewhere (a note, a timer, an edited customer). The delay of a frame is measured
	// from it.
	ReceivedAt time.Time
}

// Presence is what an agent is doing at one moment: the calls on the desk decide, then what the agent chose.
type Presence struct {
	State crm.State
	Since time.Time // since when without interruption; zero: nobody knows
	// Choice is what the agent chose, whatever calls make of it now: its reason is shown while State is Paused.
	Choice crm.Choice
	// Synced says why the exchanges' queues do not follow the choice; empty: they do.
	Synced string
}

// PopState is this desk's part in the call, which may differ from the call's own state.
type PopState string

const (
	PopRinging   PopState = "ringing"
	PopDialing   PopState = "dialing" // the agent calls, and nobody has answered yet
	PopTalking   PopState = "talking"
	PopHeld      PopState = "held"
	PopEnded     PopState = "ended"              // the agent talked and no longer does
	PopElsewhere PopState = "answered_elsewhere" // rang here, another answered
	PopMissed    PopState = "missed"             // rang here, nobody here answered
)

func (s PopState) live() bool {
	return s == PopRinging || s == PopDialing || s == PopTalking || s == PopHeld
}

// Pop is one call on one desk.
type Pop struct {
	State PopState
	Call  pbx.Call
	// Caller and Dialed are the call's numbers, parsed.
	Caller, Dialed crm.Number
	// Extension is the agent's phone that rings or talks.
	Extension string

	// LookedUp is false while the look-up is under way or the database is away: the caller is unchecked, which
	// is not the same as unknown. Rule, Customer and Candidates mean something only when it is true.
	LookedUp   bool
	Rule       crm.Rule
	Customer   *crm.Customer // nil: nobody, or several (see Candidates)
	Candidates []crm.Customer
	// History holds the last calls with this customer or number, newest first, this one left out. Nil while
	// unknown.
	History []PastCall
	// FollowUps are the open ones with this customer or number, soonest first, at most five: what was promised.
	FollowUps []FollowUp
	// Note is the call's note as it was saved last.
	Note string
	// Disposition is how the call ended, as was said last; the zero value: nobody has said.
	Disposition Disposition

	// AnsweredBy is who took the call that rang here, nil unless State is PopElsewhere.
	AnsweredBy *Person
	// TransferredBy is who handed the call to this desk last, nil if nobody.
	TransferredBy *Person
	OfferedAt     time.Time // when the call first came to this desk
}

// Waited is how long the caller had waited when the call came to this desk.
func (p Pop) Waited() time.Duration {
	return max(0, p.OfferedAt.Sub(p.Call.StartedAt))
}

// Person is somebody in the house: an agent, or an extension that is nobody's.
type Person struct {
	AgentID   uuid.UUID // uuid.Nil: the extension belongs to no agent
	Name      string
	Extension string
}

// PastCall is one line of a pop's history.
type PastCall struct {
	ID        uuid.UUID
	StartedAt time.Time
	Direction pbx.Direction
	State     pbx.State
	Outcome   pbx.Outcome
	Number    string // of the party outside, as crm.Number.Key; empty: withheld, or there was none
	Talk      time.Duration
	Queue     string
	QueueID   uuid.UUID // uuid.Nil: it came to none
	Agent     string    // name of the agent who talked; empty if none did
	Note      string
}

// Annotation is what people have written about a call.
type Annotation struct {
	Note          string
	CustomerID    uuid.UUID // the customer chosen for this very call; uuid.Nil: none
	DispositionID uuid.UUID // uuid.Nil: none
	Disposition   string    // its name
}

// Disposition is how the agent said that a call ended.
type Disposition struct {
	ID   uuid.UUID
	Name string
}
