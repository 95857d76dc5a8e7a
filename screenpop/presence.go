package screenpop

import (
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
)

// States is what a Board must know of agents beside their calls. *crm.States is one. Its methods must not block.
type States interface {
	// Standing is what an agent chose, and the last wrap-up.
	Standing(agent uuid.UUID) crm.Standing
	// BeginWrapUp is told that an answered call of an agent has ended, and how long the wrap-up lasts; 0: nobody says.
	BeginWrapUp(w crm.AfterCall, lasts time.Duration)
	// EndWrapUp is told that an agent has put the call away.
	EndWrapUp(agent, call uuid.UUID)
}

// Presence is what an agent is doing now. It asks no database.
func (b *Board) Presence(agent uuid.UUID) Presence {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.presence(agent)
}

// Present is an agent, and what the agent is doing.
type Present struct {
	Agent crm.AgentRef
	Presence
}

// Presences are all live agents, by name, with what each is doing now. It asks no database.
func (b *Board) Presences() []Present {
	agents := b.cfg.Directory.Agents()
	list := make([]Present, len(agents))
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, a := range agents {
		list[i] = Present{a, b.presence(a.ID)}
	}
	return list
}

// presence works out a state. Callers hold b.mu.
func (b *Board) presence(agent uuid.UUID) Presence {
	standing := b.cfg.States.Standing(agent)
	p := Presence{Choice: standing.Choice}
	if b.cfg.Synced != nil {
		p.Synced = b.cfg.Synced(agent)
	}
	if d := b.desks[agent]; d != nil {
		for _, pop := range d.pops {
			state := pop.state.means()
			if state == crm.Talking && p.State != crm.Talking || state == crm.Ringing && p.State == "" {
				p.State, p.Since = state, pop.since
			} else if state == p.State && state != "" && pop.since.Before(p.Since) {
				p.Since = pop.since
			}
		}
	}
	if p.State == "" {
		p.State, p.Since = standing.At(time.Now())
		if free := b.free[agent]; p.State != crm.WrapUp && free.After(p.Since) {
			p.Since = free
		}
	}
	return p
}

// means is the state of an agent on whose desk a pop is; empty: it says nothing.
func (s PopState) means() crm.State {
	switch s {
	case PopTalking, PopHeld, PopDialing:
		return crm.Talking
	case PopRinging:
		return crm.Ringing
	}
	return ""
}

// RefreshState shows an agent's state anew; uuid.Nil: everybody's. It does not block.
func (b *Board) RefreshState(agent uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.changed()
	if d := b.desks[agent]; d != nil {
		d.nudge(time.Time{})
	}
	if agent == uuid.Nil {
		for _, d := range b.desks {
			d.nudge(time.Time{})
		}
	}
}

// count tells how many agents are in which state.
func (b *Board) count() map[crm.State]int64 {
	states := map[crm.State]int64{
		crm.Available: 0, crm.Ringing: 0, crm.Talking: 0, crm.WrapUp: 0, crm.Paused: 0, crm.Offline: 0,
	}
	for _, p := range b.Presences() {
		states[p.State]++
	}
	return states
}
