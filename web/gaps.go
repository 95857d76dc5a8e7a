package web

import (
	"context"
	"time"

	"ringbook/calllog"
)

type listGapsInput struct {
	From  time.Time `query:"from" doc:"that lasted until then or later"`
	To    time.Time `query:"to" doc:"that began before"`
	PBX   string    `query:"pbx" maxLength:"100" doc:"of this exchange only"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"200"`
}

// Gaps are all that were asked for, or the newest of them.
type Gaps struct {
	Items []calllog.Gap `json:"items" doc:"newest first"`
}

type gapsOutput struct{ Body Gaps }

func (s *Server) listGaps(ctx context.Context, in *listGapsInput) (*gapsOutput, error) {
	gaps, err := s.Calls.Gaps(ctx, actorOf(ctx), calllog.GapFilter{
		From: in.From, To: in.To, PBX: s.exchangeNames(), Only: in.PBX, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &gapsOutput{Gaps{list(gaps)}}, nil
}
