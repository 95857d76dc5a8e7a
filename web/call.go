package web

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// Call is one call, live or ended, as every client sees it: the log and the desks' pictures use this one type.
type Call struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	PBX        string     `json:"pbx" doc:"configured name of the exchange"`
	Direction  string     `json:"direction" enum:"inbound,outbound,internal"`
	State      string     `json:"state" enum:"ringing,queued,talking,held,ended"`
	Outcome    *string    `json:"outcome" enum:"answered,missed,abandoned,busy,failed,voicemail,cancelled" doc:"null until the call has ended"`
	Caller     Caller     `json:"caller"`
	Dialed     Dialed     `json:"dialed"`
	Queue      *string    `json:"queue" doc:"the last queue that the call waited in"`
	StartedAt  time.Time  `json:"started_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	EndedAt    *time.Time `json:"ended_at"`
	WaitMS     int64      `json:"wait_ms" doc:"from the start until the answer, or the end"`
	TalkMS     int64      `json:"talk_ms" doc:"sum over the agents' legs"`
	HoldMS     int64      `json:"hold_ms"`
	Hangup     *Hangup    `json:"hangup" doc:"null until the call has ended"`

	Legs      []Leg        `json:"legs"`
	Transfers []Transfer   `json:"transfers"`
	Customer  *CustomerRef `json:"customer"`
	Match     CallMatch    `json:"match"`

	Recordings  []RecordingRef  `json:"recordings"`
	Disposition *DispositionRef `json:"disposition"`
	Note        string          `json:"note"`
	FollowUps   []FollowUpRef   `json:"follow_ups"`

	Partial       bool `json:"partial" doc:"ringbook joined in the middle"`
	Reconstructed bool `json:"reconstructed" doc:"the end was not seen but inferred"`
}

// TransformSchema says which members may be null.
func (Call) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return orNull(s, "hangup", "customer", "disposition")
}

// Caller is who called.
type Caller struct {
	Number   string `json:"number" doc:"E.164 where it is one, else as dialled inside; empty when withheld"`
	Raw      string `json:"raw" doc:"as the exchange gave it"`
	Name     string `json:"name"`
	Withheld bool   `json:"withheld"`
}

// Dialed is what was called.
type Dialed struct {
	Number string `json:"number"`
	Raw    string `json:"raw"`
}

// Hangup tells how a call ended; Cause is the Q.850 cause.
type Hangup struct {
	By    string `json:"by" enum:"caller,agent,system"`
	Cause int    `json:"cause"`
	Text  string `json:"text"`
}

// Leg is one party's part in a call.
type Leg struct {
	ID         string     `json:"id"`
	Channel    string     `json:"channel"`
	Role       string     `json:"role" enum:"customer,agent"`
	Extension  string     `json:"extension" doc:"empty for a customer"`
	AgentID    *uuid.UUID `json:"agent_id" format:"uuid"`
	Agent      string     `json:"agent" doc:"the agent's name; empty when the extension is nobody's"`
	OfferedAt  time.Time  `json:"offered_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	EndedAt    *time.Time `json:"ended_at"`
	End        *string    `json:"end" enum:"hung_up,answered_elsewhere,no_answer,busy,declined,transferred,failed,cancelled,lost"`
	TalkMS     int64      `json:"talk_ms"`
}

// Transfer is one change of hands.
type Transfer struct {
	Kind string    `json:"kind" enum:"blind,attended"`
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	To   string    `json:"to"`
}

// CustomerRef names a customer.
type CustomerRef struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Name string    `json:"name"`
}

// CallMatch tells by which rule the call's number named a customer, and whom else it could have named.
type CallMatch struct {
	Rule       string        `json:"rule" enum:"ivr,linked,exact,shared,none,withheld"`
	Candidates []CustomerRef `json:"candidates"`
}

// RecordingRef is one recording of a call.
type RecordingRef struct {
	ID         uuid.UUID `json:"id" format:"uuid"`
	DurationMS int64     `json:"duration_ms"`
	State      string    `json:"state"`
}

// DispositionRef is how the agent said that the call ended.
type DispositionRef struct {
	ID   uuid.UUID `json:"id" format:"uuid"`
	Name string    `json:"name"`
}

// FollowUpRef is a task that belongs to a call.
type FollowUpRef struct {
	ID    uuid.UUID  `json:"id" format:"uuid"`
	Kind  string     `json:"kind"`
	Title string     `json:"title"`
	DueAt *time.Time `json:"due_at"`
}
