package web

import (
	"context"
	"errors"
	"time"

	"ringbook/crm"
)

// When is a due time, read from what a person wrote.
type When struct {
	At      time.Time `json:"at"`
	DayOnly bool      `json:"day_only" doc:"a day was written and no time of it"`
	Moved   bool      `json:"moved" doc:"the clocks are set forward over the time that was written: at is as much later"`
}

type whenInput struct {
	Q    string `query:"q" required:"true" minLength:"1" maxLength:"200" doc:"as tomorrow 10:00, in 2 hours, Saturday afternoon, 15 Dey 16:30; in Persian or in English, in any digits"`
	Lang string `query:"lang" enum:"fa,en" default:"fa" doc:"whose calendar a day is of that is written 9/2"`
}

type whenOutput struct{ Body When }

// when reads a due time in the business time zone.
func (s *Server) when(_ context.Context, in *whenInput) (*whenOutput, error) {
	w, err := crm.ReadWhen(in.Q, in.Lang, time.Now().In(s.Zone))
	if fault, ok := errors.AsType[crm.WhenFault](err); ok {
		return nil, crm.FieldErrors{{Field: "q", Problem: fault.Error()}}
	}
	return &whenOutput{When{At: w.At.UTC(), DayOnly: w.DayOnly, Moved: w.Moved}}, nil
}
