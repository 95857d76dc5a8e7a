package web

import (
	"time"

	"github.com/google/uuid"
)

// CallPage is one page of the call log, newest first.
type CallPage struct {
	Items []Call  `json:"items"`
	Next  *string `json:"next" doc:"cursor of the next page; null on the last"`
}

// CallPatch changes what it names and leaves the rest. It works from the first ring on.
type CallPatch struct {
	Note       *string             `json:"note,omitempty" maxLength:"20000"`
	CustomerID Optional[uuid.UUID] `json:"customer_id,omitempty" required:"false" doc:"whom the call was with; remembered for its number. null: nobody known"`
}

type listCallsInput struct {
	From      time.Time `query:"from" doc:"started at or after"`
	To        time.Time `query:"to" doc:"started before"`
	Direction string    `query:"direction" enum:"inbound,outbound,internal"`
	Outcome   string    `query:"outcome" enum:"answered,missed,abandoned,busy,failed,voicemail,cancelled"`
	Agent     uuid.UUID `query:"agent" format:"uuid" doc:"who took part or was rung"`
	Queue     string    `query:"queue" maxLength:"100"`
	Number    string    `query:"number" maxLength:"100" doc:"the outside number, in any spelling"`
	Customer  uuid.UUID `query:"customer" format:"uuid"`
	Q         string    `query:"q" maxLength:"200" doc:"customer, number or note"`
	Cursor    string    `query:"cursor" maxLength:"1000"`
	Limit     int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type callPageOutput struct{ Body CallPage }

type callOutput struct{ Body Call }

type patchCallInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body CallPatch
}
