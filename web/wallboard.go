package web

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/screenpop"
)

// WallboardInput makes a wallboard.
type WallboardInput struct {
	Name   string      `json:"name" minLength:"1" maxLength:"200" doc:"where it hangs"`
	TeamID *uuid.UUID  `json:"team_id,omitempty" doc:"only this team's; all that its maker sees, when left out"`
	Queues []uuid.UUID `json:"queues,omitempty" maxItems:"200" doc:"only these; all, when left out"`
	Names  bool        `json:"names,omitempty" doc:"it shows the names of those who wait"`
}

// NewWallboard is a wallboard with its secret.
type NewWallboard struct {
	Wallboard crm.Wallboard `json:"wallboard"`
	Secret    string        `json:"secret" doc:"shown this once: it is what follows # in the address of the page /wallboard"`
}

// Wallboard is what a screen on the wall shows: figures of queues, and the names of callers only if its maker said so.
type Wallboard struct {
	Name    string           `json:"name"`
	Now     time.Time        `json:"now" doc:"the server's clock"`
	Zone    string           `json:"time_zone" doc:"the business time zone, as Asia/Tehran"`
	PBX     []FloorPBX       `json:"pbx"`
	Day     *FloorDay        `json:"day" doc:"null: the figures of the day are not known yet"`
	Queues  []WallboardQueue `json:"queues" doc:"where somebody has waited longest first"`
	Waiting int              `json:"waiting" doc:"in all of them"`
	Oldest  *time.Time       `json:"longest_since"`
	Talking int              `json:"talking" doc:"calls that are talked on"`
	Agents  FloorCounts      `json:"agents" doc:"those of the teams that it shows; of certain queues, who takes their calls"`
	Today   *QueueToday      `json:"today" doc:"of all of them"`
}

// WallboardQueue is a queue on the wall.
type WallboardQueue struct {
	FloorQueue
	Callers []WallboardCaller `json:"callers" doc:"who wait, the longest first; none unless names are shown"`
}

// WallboardCaller is somebody who waits.
type WallboardCaller struct {
	Name  string    `json:"name" doc:"empty: not known"`
	Since time.Time `json:"since"`
}

// wallboardCallers is how many are shown by name for each queue.
const wallboardCallers = 5

type wallboardPageOutput struct{ Body crm.Page[crm.Wallboard] }

func (s *Server) listWallboards(ctx context.Context, _ *struct{}) (*wallboardPageOutput, error) {
	all, err := s.Store.Wallboards(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &wallboardPageOutput{crm.Page[crm.Wallboard]{Items: list(all)}}, nil
}

type createWallboardInput struct{ Body WallboardInput }

type newWallboardOutput struct{ Body NewWallboard }

func (s *Server) createWallboard(ctx context.Context, in *createWallboardInput) (*newWallboardOutput, error) {
	secret, w, err := s.Store.CreateWallboard(ctx, actorOf(ctx), crm.WallboardInput(in.Body))
	if err != nil {
		return nil, err
	}
	return &newWallboardOutput{NewWallboard{w, secret}}, nil
}

func (s *Server) endWallboard(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.Store.EndWallboard(ctx, actorOf(ctx), in.ID)
}

type wallboardOutput struct{ Body Wallboard }

// getWallboard is public to huma: a wallboard's key is no session and no token, and opens this and nothing else.
func (s *Server) getWallboard(ctx context.Context, _ *struct{}) (*wallboardOutput, error) {
	scheme, secret, _ := strings.Cut(requestOf(ctx).Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return nil, errNoSession
	}
	maker, w, err := s.Store.WallboardMaker(ctx, secret)
	if err != nil {
		return nil, noSession(err)
	}
	if s.Room == nil {
		return nil, crm.ErrNotFound
	}
	return &wallboardOutput{s.wallboard(maker, w)}, nil
}

// wallboard is what a wallboard shows now.
func (s *Server) wallboard(maker crm.Actor, w crm.Wallboard) Wallboard {
	v := viewOf(maker)
	if v.Self = uuid.Nil; w.TeamID != nil { // the maker does not hang on the wall
		v.Team = *w.TeamID
	}
	if len(w.Queues) > 0 {
		v.Queues = w.Queues
	}
	whole := s.Room.Picture()
	cut, day, states := whole.Cut(v), s.today(), statesOf(whole)
	out := Wallboard{Name: w.Name, Now: millis(time.Now()), Zone: s.Zone.String(), PBX: s.floorPBX(), Queues: make([]WallboardQueue, len(cut.Queues))}
	if day != nil {
		out.Day = &FloorDay{millis(day.From), millis(day.At)}
	}
	at := make(map[uuid.UUID]int, len(cut.Queues))
	members := map[uuid.UUID]bool{}
	for i := range cut.Queues {
		q := &cut.Queues[i]
		at[q.Queue.ID] = i
		out.Queues[i] = WallboardQueue{floorQueue(q, states, day), []WallboardCaller{}}
		if out.Waiting += q.Waiting; out.Oldest == nil {
			out.Oldest = timeOrNil(q.Longest) // the worst is first
		}
		for _, id := range q.Members {
			members[id] = true
		}
	}
	for i := range cut.Calls {
		c := &cut.Calls[i]
		if c.WaitsFrom.IsZero() {
			if len(c.Agents) > 0 && (c.State == pbx.StateTalking || c.State == pbx.StateHeld) {
				out.Talking++
			}
		} else if n, ok := at[c.Queue]; ok && w.Names && len(out.Queues[n].Callers) < wallboardCallers {
			out.Queues[n].Callers = append(out.Queues[n].Callers, WallboardCaller{nameOf(c), millis(c.WaitsFrom)})
		}
	}
	if v.Queues != nil {
		for id := range members {
			out.Agents.count(states[id])
		}
	} else {
		for i := range cut.Agents {
			out.Agents.count(cut.Agents[i].State)
		}
	}
	if day != nil {
		out.Today = queueToday(sumOf(cut.Queues, day))
	}
	return out
}

// nameOf is what a caller is called on the wall; a number never is.
func nameOf(c *screenpop.FloorCall) string {
	switch {
	case c.Customer != nil:
		return c.Customer.Name
	case c.Withheld || strings.Trim(c.Name, "+0123456789 -()") == "":
		return ""
	}
	return c.Name
}

// sumOf is the figures of several queues' day together.
func sumOf(queues []screenpop.FloorQueue, day *calllog.Day) (sum calllog.QueueDay) {
	for i := range queues {
		d := day.Queues[queues[i].Queue.ID]
		sum.Offered += d.Offered
		sum.Answered += d.Answered
		sum.Abandoned += d.Abandoned
		sum.InTime += d.InTime
		sum.Decided += d.Decided
		sum.Wait += d.Wait
	}
	return sum
}
