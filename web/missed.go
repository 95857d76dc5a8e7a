package web

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
)

type listMissedInput struct {
	Queue   uuid.UUID `query:"queue" format:"uuid" doc:"some call came to it"`
	Team    uuid.UUID `query:"team" format:"uuid" doc:"some call came to a queue of its, or rang an agent of its"`
	Claimed string    `query:"claimed" enum:"true,false" doc:"whether somebody has it in hand"`
	Cursor  string    `query:"cursor" maxLength:"1000"`
	Limit   int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type missedPageOutput struct{ Body crm.Page[calllog.Missed] }

func (s *Server) listMissed(ctx context.Context, in *listMissedInput) (*missedPageOutput, error) {
	filter := calllog.MissedFilter{Queue: in.Queue, Team: in.Team, Cursor: in.Cursor, Limit: in.Limit}
	if in.Claimed != "" {
		claimed := in.Claimed == "true"
		filter.Claimed = &claimed
	}
	page, err := s.Calls.Missed(ctx, actorOf(ctx), filter)
	if err != nil {
		return nil, err
	}
	page.Items = list(page.Items)
	return &missedPageOutput{page}, nil
}

type missedCountOutput struct{ Body calllog.MissedCount }

func (s *Server) countMissed(ctx context.Context, _ *struct{}) (*missedCountOutput, error) {
	n, err := s.Calls.CountMissed(ctx, actorOf(ctx))
	return &missedCountOutput{n}, err
}

type missedOutput struct{ Body calllog.Missed }

// onMissed is an operation on one of the missed.
func onMissed(act func(context.Context, crm.Actor, uuid.UUID) (calllog.Missed, error)) func(context.Context, *idInput) (*missedOutput, error) {
	return func(ctx context.Context, in *idInput) (*missedOutput, error) {
		m, err := act(ctx, actorOf(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &missedOutput{m}, nil
	}
}

func missedRefusal(r *calllog.MissedRefusal) *codedProblem {
	return &codedProblem{
		ErrorModel: newProblem(http.StatusConflict, "Somebody else has this missed call in hand."), Code: calllog.FollowUpIsClaimed, ClaimedBy: &r.By,
	}
}

// MissedFrame is what the push socket writes when the list of missed calls may have changed for its reader.
type MissedFrame struct {
	Type   string    `json:"type" enum:"missed"`
	SentAt time.Time `json:"sent_at" doc:"the server's clock"`
}

// MissedChanged tells the browsers of those whom the changes of rows concern to look anew; no ids: of everybody. It reads the
// database for at most a second.
func (s *Server) MissedChanged(ctx context.Context, ids []uuid.UUID) {
	concern := calllog.MissedConcern{Everybody: true}
	if len(ids) > 0 {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		found, err := s.Calls.MissedConcerns(ctx, ids)
		if err != nil {
			s.Log.WarnContext(ctx, "whom missed calls concern is not known: all are told", "err", err)
		} else {
			concern = found
		}
	}
	s.sockets.tellMissed(func(agent uuid.UUID) bool {
		actor, live := s.Store.Directory().Actor(agent)
		return live && concern.Of(actor)
	})
}

// tellMissed nudges the sockets of those whom it concerns. It does not block.
func (s *sockets) tellMissed(concerns func(agent uuid.UUID) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if concerns(c.agent) {
			select {
			case c.missed <- struct{}{}:
			default: // it has been told
			}
		}
	}
}
