package web

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/screenpop"
)

// Floor is what supervisors see: the room at one moment. It holds moments and no durations, which the browser lets tick by the
// server's clock.
type Floor struct {
	At     time.Time    `json:"at" doc:"when the picture was made, by the server's clock"`
	PBX    []FloorPBX   `json:"pbx" doc:"the exchanges, and whether they are heard"`
	Day    *FloorDay    `json:"day" doc:"of what the queues' figures of the day are; null: they are not known yet"`
	Queues []FloorQueue `json:"queues" doc:"where somebody has waited longest first"`
	Calls  []FloorCall  `json:"calls" doc:"that go on: those who wait first, then by state, the longest first"`
	Agents []FloorAgent `json:"agents" doc:"whoever needs a look first"`
}

// FloorPBX is an exchange as the floor depends on it.
type FloorPBX struct {
	Name  string     `json:"name"`
	Live  bool       `json:"live" doc:"false: what is told of its calls is as it was when it was last heard"`
	Since *time.Time `json:"since" doc:"since when it has been so"`
}

// FloorDay says of which time the figures of the day are.
type FloorDay struct {
	From time.Time `json:"from" doc:"midnight, where the business is"`
	At   time.Time `json:"at" doc:"when they were read from the log"`
}

// FloorQueue is a queue with who waits, who takes its calls, and what has become of those of today.
type FloorQueue struct {
	ID     uuid.UUID    `json:"id"`
	Label  string       `json:"label"`
	PBX    string       `json:"pbx"`
	TeamID *uuid.UUID   `json:"team_id"`
	Known  bool         `json:"known" doc:"whether the exchange tells who waits and who takes the calls; else who waits is read from the calls"`
	Target FloorTarget  `json:"target"`
	Wait   int          `json:"waiting" doc:"callers who wait"`
	Oldest *time.Time   `json:"longest_since" doc:"since when the one waits who has waited longest; null: nobody does"`
	Agents *FloorCounts `json:"agents" doc:"who takes its calls, by state; null: not known"`
	Today  *QueueToday  `json:"today" doc:"null: not known yet"`
}

// FloorTarget is what a queue promises.
type FloorTarget struct {
	Seconds int `json:"seconds" doc:"within which calls are to be answered"`
	Percent int `json:"percent" doc:"of the calls"`
}

// FloorCounts are agents by what they do.
type FloorCounts struct {
	Free    int `json:"free"`
	Busy    int `json:"busy" doc:"it rings, they talk, or they are in wrap-up"`
	Paused  int `json:"paused"`
	Offline int `json:"offline"`
}

// QueueToday is what has become of the calls that came to a queue today.
type QueueToday struct {
	Offered       int   `json:"offered" doc:"came, also those who wait now"`
	Answered      int   `json:"answered"`
	Abandoned     int   `json:"abandoned" doc:"hung up while they waited"`
	ServiceLevel  *int  `json:"service_level" doc:"percent of those answered or over that were answered within the target; null: none was"`
	AverageWaitMS int64 `json:"average_wait_ms" doc:"from the call's beginning until the answer, or its end without one"`
}

// FloorCall is a call that goes on.
type FloorCall struct {
	ID        *uuid.UUID       `json:"id" doc:"null: somebody waits of whose call nothing else is known"`
	PBX       string           `json:"pbx"`
	Direction pbx.Direction    `json:"direction"`
	State     pbx.State        `json:"state"`
	QueueID   *uuid.UUID       `json:"queue_id"`
	Queue     *string          `json:"queue" doc:"what people call it; null: it came to none"`
	Number    string           `json:"number" doc:"of the other party; empty: withheld or not known"`
	Name      string           `json:"name" doc:"as the exchange was told; empty: not"`
	Withheld  bool             `json:"withheld"`
	Customer  *FloorCustomer   `json:"customer" doc:"null: nobody, or not known yet"`
	Agents    []FloorCallAgent `json:"agents" doc:"at whose desks it rings or is talked on"`
	StartedAt time.Time        `json:"started_at"`
	Since     time.Time        `json:"since" doc:"in this state; of a conversation its beginning"`
	WaitsFrom *time.Time       `json:"waits_from" doc:"null: does not wait in the queue"`
	Position  *int             `json:"position" doc:"in the queue; null: not known"`
}

// FloorCustomer is who is on the line.
type FloorCustomer struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

// FloorCallAgent is an agent's part in a call.
type FloorCallAgent struct {
	ID    uuid.UUID `json:"id"`
	Name  string    `json:"name"`
	State string    `json:"state" enum:"ringing,dialing,talking,held"`
	Since time.Time `json:"since"`
}

// FloorAgent is an agent and what the agent is doing.
type FloorAgent struct {
	ID     uuid.UUID  `json:"id"`
	Name   string     `json:"name"`
	TeamID *uuid.UUID `json:"team_id"`
	AgentState
}

// FloorFrame is what the push socket writes to those who asked for the floor: the whole picture, at most once a second.
type FloorFrame struct {
	Type   string    `json:"type" enum:"floor"`
	Seq    uint64    `json:"seq" doc:"grows with every picture that the node makes; those that nothing new was in for this browser, or that came too fast for it, are left out"`
	SentAt time.Time `json:"sent_at" doc:"the server's clock"`
	Floor  *Floor    `json:"floor" doc:"null: it may not be seen any more"`
}

// FloorWish is what the browser sends to be shown the floor, or another part of it.
type FloorWish struct {
	Type  string     `json:"type" enum:"floor"`
	On    bool       `json:"on" doc:"false: no more"`
	Team  *uuid.UUID `json:"team,omitempty"`
	Queue *uuid.UUID `json:"queue,omitempty"`
}

// viewOf is the part of the floor that an actor may see.
func viewOf(a crm.Actor) screenpop.View {
	v := screenpop.View{All: a.Scope(crm.FloorRead) == crm.ScopeAll}
	if !v.All && a.Scope(crm.FloorRead) >= crm.ScopeOwn {
		v.Self = a.AgentID
	}
	if a.Scope(crm.FloorRead) == crm.ScopeTeam {
		v.Teams = a.Teams
	}
	return v
}

type floorInput struct {
	Team  uuid.UUID `query:"team" format:"uuid" doc:"only its agents, queues and their calls"`
	Queue uuid.UUID `query:"queue" format:"uuid" doc:"only it, its calls, and who takes them"`
}

type floorOutput struct{ Body Floor }

func (s *Server) getFloor(ctx context.Context, in *floorInput) (*floorOutput, error) {
	if s.Room == nil {
		return nil, crm.ErrNotFound
	}
	v := viewOf(actorOf(ctx))
	v.Team, v.Queue = in.Team, in.Queue
	p := s.Room.Picture()
	return &floorOutput{s.floor(p, p.Cut(v), s.today())}, nil
}

// today is the figures of the day; nil: not known.
func (s *Server) today() *calllog.Day {
	if s.Days == nil {
		return nil
	}
	return s.Days.Today()
}

// floor is a cut of a picture as the browser gets it.
func (s *Server) floor(whole, cut *screenpop.Floor, day *calllog.Day) Floor {
	out := Floor{
		At: millis(cut.At), PBX: s.floorPBX(),
		Queues: make([]FloorQueue, len(cut.Queues)), Calls: make([]FloorCall, len(cut.Calls)), Agents: make([]FloorAgent, len(cut.Agents)),
	}
	if day != nil {
		out.Day = &FloorDay{millis(day.From), millis(day.At)}
	}
	states := statesOf(whole)
	for i := range cut.Queues {
		out.Queues[i] = floorQueue(&cut.Queues[i], states, day)
	}
	for i := range cut.Calls {
		out.Calls[i] = s.floorCall(&cut.Calls[i])
	}
	for i := range cut.Agents {
		a := &cut.Agents[i]
		out.Agents[i] = FloorAgent{a.Agent.ID, a.Agent.Name, a.Agent.TeamID, agentState(a.Presence)}
	}
	return out
}

func (s *Server) floorPBX() []FloorPBX {
	parts := s.Exchanges()
	out := make([]FloorPBX, len(parts))
	for i, p := range parts {
		out[i] = FloorPBX{p.Name, p.Live, timeOrNil(p.Since)}
	}
	return out
}

// statesOf are what all agents of a picture do.
func statesOf(f *screenpop.Floor) map[uuid.UUID]crm.State {
	states := make(map[uuid.UUID]crm.State, len(f.Agents))
	for i := range f.Agents {
		states[f.Agents[i].Agent.ID] = f.Agents[i].State
	}
	return states
}

func floorQueue(q *screenpop.FloorQueue, states map[uuid.UUID]crm.State, day *calllog.Day) FloorQueue {
	out := FloorQueue{
		ID: q.Queue.ID, Label: q.Queue.Label, PBX: q.Queue.PBX, TeamID: q.Queue.TeamID, Known: q.Known,
		Target: FloorTarget{q.Queue.ServiceLevelS, q.Queue.ServiceLevelPercent}, Wait: q.Waiting, Oldest: timeOrNil(q.Longest),
	}
	if q.Known {
		out.Agents = &FloorCounts{}
		for _, id := range q.Members {
			out.Agents.count(states[id])
		}
	}
	if day != nil {
		out.Today = queueToday(day.Queues[q.Queue.ID])
	}
	return out
}

func queueToday(d calllog.QueueDay) *QueueToday {
	t := &QueueToday{Offered: d.Offered, Answered: d.Answered, Abandoned: d.Abandoned, AverageWaitMS: d.AverageWait().Milliseconds()}
	if d.Decided > 0 {
		share := d.InTime * 100 / d.Decided
		t.ServiceLevel = &share
	}
	return t
}

// count adds an agent; one of whom nothing is known does not count.
func (c *FloorCounts) count(s crm.State) {
	switch s {
	case crm.Available:
		c.Free++
	case crm.Ringing, crm.Talking, crm.WrapUp:
		c.Busy++
	case crm.Paused:
		c.Paused++
	case crm.Offline:
		c.Offline++
	}
}

func (s *Server) floorCall(c *screenpop.FloorCall) FloorCall {
	out := FloorCall{
		ID: idOrNil(c.ID), PBX: c.PBX, Direction: c.Direction, State: c.State, QueueID: idOrNil(c.Queue), Number: c.Number.Key(),
		Name: c.Name, Withheld: c.Withheld, Agents: make([]FloorCallAgent, len(c.Agents)), StartedAt: millis(c.StartedAt),
		Since: millis(c.Since), WaitsFrom: timeOrNil(c.WaitsFrom), Position: orNil(c.Position),
	}
	if c.Withheld {
		out.Number, out.Name = "", ""
	}
	if c.Queue != uuid.Nil {
		label := s.Store.Directory().QueueLabel(c.Queue, c.QueueName)
		out.Queue = &label
	}
	if c.Customer != nil {
		out.Customer = &FloorCustomer{c.Customer.ID, c.Customer.Name}
	}
	for i, a := range c.Agents {
		out.Agents[i] = FloorCallAgent{a.ID, a.Name, string(a.State), millis(a.Since)}
	}
	return out
}

// floorCuts are the frames of one picture, each made once for all who look at the same part of it.
type floorCuts struct {
	mu   sync.Mutex // held while one is made: who else wants it waits, as it is nearly there
	seq  uint64     // of the picture
	cuts map[string]*floorCut
}
