package screenpop

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// Floor is the picture of the whole room at one moment: what supervisors see. It holds moments and no durations, so that whoever
// draws it lets them tick. Nobody changes it any more.
type Floor struct {
	Seq    uint64       // grows with every picture that this node makes
	At     time.Time    // when it was made
	Queues []FloorQueue // those that are not archived; where somebody has waited longest first
	Calls  []FloorCall  // all that go on, with those who wait: these first, and the longest first
	Agents []Present    // whoever needs a look first: see worse
}

// FloorQueue is a queue with who is in it.
type FloorQueue struct {
	Queue *crm.Queue // as it is known; nobody changes it
	// Known says that the exchange tells who waits and who takes the calls. Else Waiting is what the calls themselves tell, which
	// leaves out nobody but may be late by some seconds at an overflow, and Members is empty.
	Known   bool
	Waiting int
	Longest time.Time   // since when the one waits who has waited longest; zero: nobody does
	Members []uuid.UUID // agents, each once
}

// FloorCall is a call that goes on.
type FloorCall struct {
	ID        uuid.UUID // uuid.Nil: somebody waits of whose call nothing else is known
	PBX       string
	Direction pbx.Direction
	State     pbx.State
	Queue     uuid.UUID // the last one it came to; uuid.Nil: none
	QueueName string    // as the exchange has it
	Number    crm.Number
	Name      string // of the caller, as the exchange was told
	Withheld  bool
	// Customer is who it is, nil: nobody knows, yet (LookedUp is false) or at all.
	Customer  *crm.Customer
	LookedUp  bool
	Agents    []FloorAgent // on whose desks it rings or is talked on, in the order in which it came there
	StartedAt time.Time
	Since     time.Time // in this state; of a conversation its beginning
	WaitsFrom time.Time // in the queue; zero: does not wait
	Position  int       // in the queue; 0: not known, or does not wait
}

// FloorAgent is an agent's part in a call.
type FloorAgent struct {
	ID    uuid.UUID
	Name  string
	State PopState
	Since time.Time
}

// waits says that the caller of a live call waits in its queue, as far as the call itself tells.
func waits(c *pbx.Call) bool {
	return c.State == pbx.StateQueued || c.State == pbx.StateRinging && c.Queue != "" && c.Direction != pbx.Outbound && c.AnsweredAt.IsZero()
}

// floor makes a picture of all cards, presences and queues. live are the queues that exchanges tell of.
func (b *Board) floor(queues []crm.Queue, live []pbx.Queue, now time.Time) *Floor {
	agents := b.cfg.Directory.Agents()
	f := &Floor{At: now, Agents: make([]Present, len(agents))}
	b.mu.Lock()
	for i, a := range agents { // at the same moment as the calls
		f.Agents[i] = Present{a, b.presence(a.ID)}
	}
	f.Calls = make([]FloorCall, 0, len(b.cards))
	for _, c := range b.cards {
		if c.call.State != pbx.StateEnded && c.call.MergedInto == uuid.Nil {
			f.Calls = append(f.Calls, b.floorCall(c))
		}
	}
	b.mu.Unlock()

	told := make(map[uuid.UUID]*pbx.Queue, len(live))
	for i := range live {
		told[crm.QueueID(live[i].PBX, live[i].Name)] = &live[i]
	}
	f.seat(told)
	at := make(map[uuid.UUID]int, len(queues))
	for i := range queues {
		q := &queues[i]
		if q.ArchivedAt != nil {
			continue
		}
		at[q.ID] = len(f.Queues)
		fq := FloorQueue{Queue: q, Members: []uuid.UUID{}}
		if t := told[q.ID]; t != nil {
			fq.Known, fq.Members = true, b.membersOf(t)
		}
		f.Queues = append(f.Queues, fq)
	}
	for i := range f.Calls {
		c := &f.Calls[i]
		n, ok := at[c.Queue]
		if !ok || c.WaitsFrom.IsZero() {
			continue
		}
		q := &f.Queues[n]
		if q.Waiting++; q.Longest.IsZero() || c.WaitsFrom.Before(q.Longest) {
			q.Longest = c.WaitsFrom
		}
	}
	f.sort()
	return f
}

// floorCall is a card as the floor shows it. Callers hold b.mu.
func (b *Board) floorCall(c *card) FloorCall {
	call := &c.call
	f := FloorCall{
		ID: call.ID, PBX: call.PBX, Direction: call.Direction, State: call.State, Number: c.caller, Name: call.Caller.Name,
		Withheld: call.Caller.Withheld, Customer: c.match.Customer, LookedUp: c.lookedUp, Agents: []FloorAgent{},
		StartedAt: call.StartedAt, Since: call.StartedAt,
	}
	if call.Queue != "" {
		f.Queue, f.QueueName = crm.QueueID(call.QueueExchange(), call.Queue), call.Queue
	}
	if call.Direction != pbx.Inbound {
		f.Number, f.Name, f.Withheld = c.dialed, "", false
	}
	if c.chosen != nil {
		f.Customer = c.chosen.Customer
	}
	if !call.AnsweredAt.IsZero() {
		f.Since = call.AnsweredAt
	}
	for _, p := range c.pops {
		if !p.state.live() {
			continue
		}
		a := FloorAgent{ID: p.agent, State: p.state, Since: p.since}
		if ref, ok := b.cfg.Directory.Agent(p.agent); ok {
			a.Name = ref.Name
		}
		f.Agents = append(f.Agents, a)
		if call.State == pbx.StateHeld && p.state == PopHeld {
			f.Since = p.since
		}
	}
	if waits(call) {
		f.WaitsFrom = call.StartedAt
		if n := len(call.Transfers); n > 0 && !call.AnsweredAt.IsZero() {
			f.WaitsFrom = call.Transfers[n-1].At // sent back to a queue after a conversation
		}
		f.Since = f.WaitsFrom
	}
	return f
}

// seat gives the calls the places that the exchanges tell, and takes those for waiting, and only those, who are told to be. The
// exchange tells of calls and of queues on two ways, so that each may know a moment more than the other: a call that is in
// Queue() and not told yet waits, one that is told and talks does not any more.
func (f *Floor) seat(told map[uuid.UUID]*pbx.Queue) {
	byID := make(map[uuid.UUID]*FloorCall, len(f.Calls))
	for i := range f.Calls {
		byID[f.Calls[i].ID] = &f.Calls[i]
	}
	placed := map[uuid.UUID]bool{}
	others := map[uuid.UUID][]pbx.Waiting{} // by queue: callers of whom no call is on the board
	for id, q := range told {
		for _, w := range q.Callers {
			c := byID[w.CallID]
			switch {
			case w.CallID == uuid.Nil || c == nil:
				others[id] = append(others[id], w)
			case c.State == pbx.StateTalking || c.State == pbx.StateHeld:
			default:
				placed[c.ID] = true
				c.Queue, c.QueueName = id, q.Name
				c.place(w)
			}
		}
	}
	// Where several exchanges make one call of two, the board knows it by another id: the one who waits longest is the first.
	waiting := map[uuid.UUID][]*FloorCall{}
	for i := range f.Calls {
		if c := &f.Calls[i]; !c.WaitsFrom.IsZero() && !placed[c.ID] && told[c.Queue] != nil {
			waiting[c.Queue] = append(waiting[c.Queue], c)
		}
	}
	for id, list := range waiting {
		slices.SortFunc(list, func(a, b *FloorCall) int { return cmp.Or(a.WaitsFrom.Compare(b.WaitsFrom), byBytes(a.ID, b.ID)) })
		for _, c := range list {
			switch {
			case len(others[id]) > 0:
				c.place(others[id][0])
				others[id] = others[id][1:]
			case c.State != pbx.StateQueued: // it rings, and not for the queue any more
				c.WaitsFrom, c.Since = time.Time{}, c.StartedAt
			}
		}
	}
	for id, list := range others {
		for _, w := range list {
			if w.CallID != uuid.Nil {
				continue // the call is over, and the queue does not know yet
			}
			c := FloorCall{
				PBX: told[id].PBX, Direction: pbx.Inbound, State: pbx.StateQueued, Queue: id, QueueName: told[id].Name,
				Agents: []FloorAgent{}, StartedAt: w.Since,
			}
			c.place(w)
			f.Calls = append(f.Calls, c)
		}
	}
}

// place gives a call its place in a queue.
func (c *FloorCall) place(w pbx.Waiting) {
	c.WaitsFrom, c.Since, c.Position = w.Since, w.Since, w.Position
	if c.WaitsFrom.Before(c.StartedAt) { // told to the second
		c.WaitsFrom, c.Since = c.StartedAt, c.StartedAt
	}
}

// membersOf are the agents among a queue's members.
func (b *Board) membersOf(q *pbx.Queue) []uuid.UUID {
	members := make([]uuid.UUID, 0, len(q.Members))
	for i := range q.Members {
		if q.Members[i].Extension == "" {
			continue
		}
		if a, ok := b.cfg.Directory.ByExtension(q.PBX, q.Members[i].Extension); ok && !slices.Contains(members, a.ID) {
			members = append(members, a.ID)
		}
	}
	return members
}

// sort puts the worst first.
func (f *Floor) sort() {
	slices.SortFunc(f.Queues, func(a, b FloorQueue) int {
		return cmp.Or(earlier(a.Longest, b.Longest), cmp.Compare(a.Queue.Label, b.Queue.Label), byBytes(a.Queue.ID, b.Queue.ID))
	})
	slices.SortFunc(f.Calls, func(a, b FloorCall) int {
		return cmp.Or(earlier(a.WaitsFrom, b.WaitsFrom), cmp.Compare(callRank[a.State], callRank[b.State]), a.Since.Compare(b.Since),
			byBytes(a.ID, b.ID), cmp.Compare(a.Position, b.Position))
	})
	slices.SortFunc(f.Agents, func(a, b Present) int {
		return cmp.Or(cmp.Compare(worse[a.State], worse[b.State]), a.Since.Compare(b.Since), cmp.Compare(a.Agent.Name, b.Agent.Name),
			byBytes(a.Agent.ID, b.Agent.ID))
	})
}

var callRank = map[pbx.State]int{pbx.StateQueued: 0, pbx.StateRinging: 1, pbx.StateHeld: 2, pbx.StateTalking: 3}

// worse orders the states of agents by how soon a supervisor should look: a phone that rings on, a wrap-up or a pause that lasts,
// then those who work, those who could, and those who are not there. Among equals it is the one who has been so for longest.
var worse = map[crm.State]int{crm.Ringing: 0, crm.WrapUp: 1, crm.Paused: 2, crm.Talking: 3, crm.Available: 4, crm.Offline: 5}

// earlier compares two moments; one that is zero has not come, and is later than any.
func earlier(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return b.Compare(a)
	}
	return a.Compare(b)
}

func byBytes(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

// View is the part of the floor that somebody sees, and the part of it that they look at.
type View struct {
	All    bool        // everything may be seen
	Self   uuid.UUID   // else this agent, whatever the team,
	Teams  []uuid.UUID // and the agents and queues of these teams
	Queues []uuid.UUID // not nil: none but these of the queues, and none but their calls

	Team  uuid.UUID // looked at: only this team's; uuid.Nil: any
	Queue uuid.UUID // only what belongs to this queue; uuid.Nil: any
}

// Cut is the part of the floor that the view shows, in the same order. What a viewer may see are the agents and queues of the
// view's teams, and the calls that came to one of these queues or in which one of these agents has part. A call that is seen is
// seen whole, as in the call log.
func (f *Floor) Cut(v View) *Floor {
	cut := &Floor{Seq: f.Seq, At: f.At, Queues: []FloorQueue{}, Calls: []FloorCall{}, Agents: []Present{}}
	queues := map[uuid.UUID]*FloorQueue{} // that may be seen
	for i := range f.Queues {
		q := &f.Queues[i]
		if !v.sees(q.Queue.TeamID) || v.Queues != nil && !slices.Contains(v.Queues, q.Queue.ID) {
			continue
		}
		queues[q.Queue.ID] = q
		if v.inTeam(q.Queue.TeamID) && (v.Queue == uuid.Nil || v.Queue == q.Queue.ID) {
			cut.Queues = append(cut.Queues, *q)
		}
	}
	agents := map[uuid.UUID]*Present{}
	for i := range f.Agents {
		if a := &f.Agents[i]; v.sees(a.Agent.TeamID) || a.Agent.ID == v.Self {
			agents[a.Agent.ID] = a
		}
	}
	busy := map[uuid.UUID]bool{} // agents with a call of the queue that is looked at
	for i := range f.Calls {
		c := &f.Calls[i]
		q := queues[c.Queue]
		seen, inTeam := v.All && v.Queues == nil || q != nil, v.Team == uuid.Nil || q != nil && v.inTeam(q.Queue.TeamID)
		for _, part := range c.Agents {
			if a := agents[part.ID]; a != nil && v.Queues == nil {
				seen, inTeam = true, inTeam || v.inTeam(a.Agent.TeamID)
			}
		}
		if !seen || !inTeam || v.Queue != uuid.Nil && c.Queue != v.Queue {
			continue
		}
		cut.Calls = append(cut.Calls, *c)
		for _, part := range c.Agents {
			busy[part.ID] = true
		}
	}
	var looked *FloorQueue
	if v.Queue != uuid.Nil {
		looked = queues[v.Queue]
	}
	for i := range f.Agents {
		a := &f.Agents[i]
		if agents[a.Agent.ID] == nil || !v.inTeam(a.Agent.TeamID) || v.Queue != uuid.Nil && !busy[a.Agent.ID] && !looked.takes(a) {
			continue
		}
		cut.Agents = append(cut.Agents, *a)
	}
	return cut
}

// sees says whether the view may show what belongs to a team; nil: to none.
func (v *View) sees(team *uuid.UUID) bool {
	return v.All || team != nil && slices.Contains(v.Teams, *team)
}

// inTeam says whether what belongs to a team is looked at.
func (v *View) inTeam(team *uuid.UUID) bool {
	return v.Team == uuid.Nil || team != nil && *team == v.Team
}

// takes says whether an agent takes the queue's calls, as far as that is known: where the exchange does not tell, the agents of
// the queue's team do.
func (q *FloorQueue) takes(a *Present) bool {
	switch {
	case q == nil:
		return false
	case q.Known:
		return slices.Contains(q.Members, a.Agent.ID)
	}
	return q.Queue.TeamID != nil && a.Agent.TeamID != nil && *q.Queue.TeamID == *a.Agent.TeamID
}
