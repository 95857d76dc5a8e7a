package calllog

import (
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// Record is one call as the log tells it. Its JSON is the API's call. Times are UTC in whole milliseconds, lists
// are never nil.
type Record struct {
	ID         uuid.UUID     `json:"id"`
	PBX        string        `json:"pbx"`
	Direction  pbx.Direction `json:"direction"`
	State      pbx.State     `json:"state"`
	Outcome    *pbx.Outcome  `json:"outcome"` // nil until the call has ended
	Caller     Caller        `json:"caller"`
	Dialed     Dialed        `json:"dialed"`
	Queue      *string       `json:"queue"`       // the exchange's name of the one it waited in last; nil: none
	QueueID    *uuid.UUID    `json:"queue_id"`    // crm.QueueID; nil: it waited in none
	QueueLabel *string       `json:"queue_label"` // what people call it; nil: it waited in none
	StartedAt  time.Time     `json:"started_at"`
	AnsweredAt *time.Time    `json:"answered_at"`
	EndedAt    *time.Time    `json:"ended_at"`
	WaitMS     int64         `json:"wait_ms"`
	TalkMS     int64         `json:"talk_ms"`
	HoldMS     int64         `json:"hold_ms"`
	Hangup     *Hangup       `json:"hangup"` // nil until the call has ended
	Legs       []Leg         `json:"legs"`   // in the order in which they were offered
	Transfers  []Transfer    `json:"transfers"`

	Customer *Customer `json:"customer"` // the one a person chose for this call, else the matched one
	Match    Match     `json:"match"`

	// StartedFrom is the earlier call from which this one was dialled at the screen; nil: from none.
	StartedFrom *uuid.UUID `json:"started_from"`

	Recordings    []Recording   `json:"recordings"`
	Disposition   *Disposition  `json:"disposition"`
	Note          string        `json:"note"`
	FollowUps     []FollowUpRef `json:"follow_ups"`
	Partial       bool          `json:"partial"`                    // ringbook joined in the middle
	Reconstructed bool          `json:"reconstructed"`              // the end was not seen: it lies between EndedAt and EndedBefore
	EndedBefore   *time.Time    `json:"ended_before"`               // nil unless Reconstructed and Source is live
	Source        pbx.Source    `json:"source" enum:"live,cel,cdr"` // how it is known; else than live: from the exchange's own records
}

// Caller is who called.
type Caller struct {
	Number   string `json:"number"` // crm.Number.Key: E.164 where it is one; empty: withheld
	Raw      string `json:"raw"`    // as the exchange gave it
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
	By    pbx.HangupBy `json:"by"`
	Cause int          `json:"cause"`
	Text  string       `json:"text"`
}

// Leg is one party's part in a call.
type Leg struct {
	ID         string      `json:"id"`
	Channel    string      `json:"channel"`
	PBX        string      `json:"pbx"` // the exchange that the phone or line belongs to; not always the call's
	Role       pbx.Role    `json:"role"`
	Extension  string      `json:"extension"` // empty for a customer
	Number     string      `json:"number"`    // of somebody outside, as the exchange gave it; empty for an agent, and where none is shown
	AgentID    *uuid.UUID  `json:"agent_id"`  // nil: the extension was nobody's
	Agent      string      `json:"agent"`     // that agent's name
	OfferedAt  time.Time   `json:"offered_at"`
	AnsweredAt *time.Time  `json:"answered_at"`
	EndedAt    *time.Time  `json:"ended_at"`
	End        *pbx.LegEnd `json:"end"` // nil until it has ended
	TalkMS     int64       `json:"talk_ms"`
	HoldMS     int64       `json:"hold_ms"` // the part of the talk with the other party on hold
	Parent     *string     `json:"parent"`  // ID of the leg that transferred or forwarded the call to this one; nil if none
	// Spans are the stretches of the talk, on hold or not, in order. Empty where only the sums are known: calls of
	// before they were kept.
	Spans []Span `json:"spans"`
}

// Span is a stretch of a leg's talk.
type Span struct {
	Kind pbx.SpanKind `json:"kind"`
	From time.Time    `json:"from"`
	To   *time.Time   `json:"to"` // nil: goes on
}

// NewLeg is a leg of a call as the log tells it, without the name of its agent.
func NewLeg(c *pbx.Call, l *pbx.Leg) Leg {
	leg := Leg{
		ID: l.ID, Channel: l.Channel, PBX: c.Exchange(l), Role: l.Role, Extension: l.Extension, Number: l.Number,
		OfferedAt: millis(l.OfferedAt), AnsweredAt: millisOrNil(at(l.AnsweredAt)), EndedAt: millisOrNil(at(l.EndedAt)),
		TalkMS: l.Talk.Milliseconds(), HoldMS: l.Hold.Milliseconds(), Spans: spansOf(l),
	}
	if l.End != "" {
		leg.End = &l.End
	}
	if l.Parent != "" {
		leg.Parent = &l.Parent
	}
	return leg
}

// spansOf are a leg's stretches as the log keeps them; never nil.
func spansOf(l *pbx.Leg) []Span {
	spans := make([]Span, len(l.Spans))
	for i, s := range l.Spans {
		spans[i] = Span{Kind: s.Kind, From: millis(s.From), To: millisOrNil(at(s.To))}
	}
	return spans
}

// Transfer is one change of hands.
type Transfer struct {
	Kind pbx.TransferKind `json:"kind"`
	At   time.Time        `json:"at"`
	By   string           `json:"by"`
	To   string           `json:"to"`
	PBX  string           `json:"pbx"` // that By is on
}

// Customer names a customer.
type Customer struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// Match tells by which rule the number named a customer, and whom else it could have named.
type Match struct {
	Rule       crm.Rule   `json:"rule"`
	Candidates []Customer `json:"candidates"`
}

// Recording is one recording of a call.
type Recording struct {
	ID         uuid.UUID `json:"id"`
	DurationMS int64     `json:"duration_ms"`
	State      string    `json:"state"`
}

// Disposition is how the agent said that the call ended.
type Disposition struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// FollowUpRef is a follow-up that came of a call.
type FollowUpRef struct {
	ID    uuid.UUID     `json:"id"`
	Kind  FollowUpKind  `json:"kind"`
	Title string        `json:"title"`
	State FollowUpState `json:"state"`
	DueAt time.Time     `json:"due_at"`
}

// PastCall is one line of a customer's history, as a desk shows it.
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

// Filter says which calls are wanted. The zero value of a field wants all. Its JSON is the query of GET /calls.
type Filter struct {
	From        time.Time     `json:"from,omitzero" doc:"started then or later"`
	To          time.Time     `json:"to,omitzero" doc:"started before"`
	Direction   pbx.Direction `json:"direction,omitzero"`
	State       pbx.State     `json:"state,omitzero"`
	Outcome     pbx.Outcome   `json:"outcome,omitzero"`
	Agent       uuid.UUID     `json:"agent,omitzero" doc:"took part or was rung"`
	Queue       string        `json:"queue,omitzero" maxLength:"100" doc:"its id, or the exchange's name: then of any exchange that has one"`
	Number      string        `json:"number,omitzero" maxLength:"255" doc:"the other party's, in any spelling"`
	Customer    uuid.UUID     `json:"customer,omitzero" doc:"the customer's history, with calls.read_customer also the calls of others"`
	Disposition uuid.UUID     `json:"disposition,omitzero" doc:"how the agent said that it ended"`
	Q           string        `json:"q,omitzero" maxLength:"200" doc:"words of names, numbers and notes; all must occur"`
	Cursor      string        `json:"-"` // Page.Next of the page before
	Limit       int           `json:"-"` // 1 to 200; 0: 50

	queues []uuid.UUID // those that Queue names, once resolved
	said   string      // the word of Disposition, once resolved
}

// Page is a part of a list. Next is the cursor of the next page, nil at the end.
type Page = crm.Page[Record]

// Patch is what people may write about a call. Fields left nil stay.
type Patch struct {
	Note *string // at most 10,000 characters
	// Customer chooses the customer of this call and remembers the choice for its number; uuid.Nil: nobody,
	// and forgets.
	Customer *uuid.UUID
	// Disposition is how the call ended, one of those that the call's queue offers; uuid.Nil: it is not said any more.
	Disposition *uuid.UUID
}
