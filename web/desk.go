package web

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// DeskFrame is what the push socket writes: the whole desk, every time something about it changed.
type DeskFrame struct {
	Type   string    `json:"type" enum:"desk"`
	Seq    uint64    `json:"seq" doc:"grows by one with every frame of this socket, beginning with 1"`
	SentAt time.Time `json:"sent_at" doc:"the server's clock"`
	Desk   Desk      `json:"desk"`
}

// SeenFrame is what the browser answers when a frame has been drawn.
type SeenFrame struct {
	Type string `json:"type" enum:"seen"`
	Seq  uint64 `json:"seq"`
}

// Desk is what an agent's desk shows right now.
type Desk struct {
	Agent AgentRef `json:"agent"`
	State string   `json:"state" doc:"available, ringing, talking or offline" enum:"available,ringing,talking,held,offline"`
	Calls []Pop    `json:"calls" doc:"live calls, and ended ones until they are dismissed or the next one is taken"`
}

// Pop is what a desk shows about a call.
type Pop struct {
	Call       Call          `json:"call"`
	Customer   *Customer     `json:"customer"`
	Rule       string        `json:"rule" enum:"ivr,linked,exact,shared,none,withheld"`
	LookedUp   bool          `json:"looked_up" doc:"false while the look-up is under way or the database is away: unchecked, not unknown"`
	Candidates []Customer    `json:"candidates" doc:"when several share the number"`
	History    []PastCall    `json:"history" doc:"the last five calls, newest first"`
	FollowUps  []FollowUpRef `json:"follow_ups"`

	OfferedAt     time.Time `json:"offered_at" doc:"when this desk was first rung"`
	WaitedMS      int64     `json:"waited_ms" doc:"how long the caller had waited by then"`
	AnsweredBy    *AgentRef `json:"answered_by" doc:"who answered, once somebody has"`
	TransferredBy *AgentRef `json:"transferred_by"`
}

// TransformSchema says which members may be null.
func (Pop) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return orNull(s, "customer", "answered_by", "transferred_by")
}

// PastCall is an earlier call with the same customer or number.
type PastCall struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Direction string    `json:"direction" enum:"inbound,outbound,internal"`
	Outcome   *string   `json:"outcome" enum:"answered,missed,abandoned,busy,failed,voicemail,cancelled"`
	StartedAt time.Time `json:"started_at"`
	TalkMS    int64     `json:"talk_ms"`
	Agent     string    `json:"agent" doc:"who talked; empty if nobody"`
	Note      string    `json:"note"`
}

// DismissInput puts an ended call off the desk.
type DismissInput struct {
	CallID uuid.UUID `json:"call_id" format:"uuid"`
}

type dismissInput struct{ Body DismissInput }
