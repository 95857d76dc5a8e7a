package screenpop

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// Watch is one browser's view of a desk.
type Watch struct {
	board *Board
	agent uuid.UUID
	c     chan struct{}
}

// Watch begins to follow an agent's desk. A nudge is waiting already, so that connecting and connecting again are
// the same. Close the Watch when it is no longer read.
func (b *Board) Watch(agent uuid.UUID) *Watch {
	w := &Watch{board: b, agent: agent, c: make(chan struct{}, 1)}
	w.c <- struct{}{}
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.desk(agent)
	d.watches = append(d.watches, w)
	b.met.watches.Add(b.met.ctx, 1)
	b.want(agent)
	return w
}

// C receives when the desk has changed since it was last received from. It is never closed.
func (w *Watch) C() <-chan struct{} { return w.c }

// Desk is the whole picture now.
func (w *Watch) Desk() Desk { return w.board.Desk(w.agent) }

// Close ends the watch; it may be called again.
func (w *Watch) Close() {
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	d := w.board.desks[w.agent]
	if d == nil {
		return
	}
	if i := slices.Index(d.watches, w); i >= 0 {
		d.watches = slices.Delete(d.watches, i, i+1)
		w.board.met.watches.Add(w.board.met.ctx, -1)
		if len(d.watches) == 0 {
			delete(w.board.agendas, w.agent)
		}
		w.board.tidy(w.agent)
	}
}

// Again has every desk drawn anew: something has changed that is none of the board's, such as a phone that came or went. It
// does not block.
func (b *Board) Again() {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.changed()
	for _, d := range b.desks {
		d.nudge(time.Time{})
	}
}

// nudge wakes those who watch the desk. Callers hold Board.mu.
func (d *desk) nudge(event time.Time) {
	d.receivedAt = event
	for _, w := range d.watches {
		select {
		case w.c <- struct{}{}:
		default: // one is waiting already, and will find this change too
		}
	}
}

// Desk is the whole picture of an agent's desk now.
func (b *Board) Desk(agent uuid.UUID) Desk {
	ref, known := b.cfg.Directory.Agent(agent)
	if !known {
		ref.ID = agent
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	picture := Desk{Agent: ref, Presence: b.presence(agent), Calls: []Pop{}}
	picture.FollowUps = b.agendaOf(agent, picture.State)
	d := b.desks[agent]
	if d == nil {
		return picture
	}
	picture.ReceivedAt = d.receivedAt
	picture.Calls = make([]Pop, 0, len(d.pops))
	for _, live := range [...]bool{true, false} {
		for _, p := range d.pops {
			if p.state.live() == live {
				picture.Calls = append(picture.Calls, b.picture(p))
			}
		}
	}
	return picture
}

// picture is a pop as it is now. Callers hold b.mu.
func (b *Board) picture(p *pop) Pop {
	c := p.card
	v := Pop{
		State: p.state, Call: c.call, Caller: c.caller, Dialed: c.dialed, Extension: p.extension,
		LookedUp: c.lookedUp, Rule: c.match.Rule, Customer: c.match.Customer, Candidates: c.match.Candidates,
		History: c.history, FollowUps: c.promises, Note: c.note.Note, Disposition: Disposition{c.note.DispositionID, c.note.Disposition}, OfferedAt: p.offeredAt,
	}
	if c.chosen != nil {
		v.Rule, v.Customer = c.chosen.Rule, c.chosen.Customer
	}
	if p.state == PopElsewhere {
		v.AnsweredBy = b.answeredBy(p)
	}
	v.TransferredBy = b.transferredBy(p)
	return v
}

// answeredBy is the first agent who answered the call that the pop shows; nil if that is not known.
func (b *Board) answeredBy(p *pop) *Person {
	call := &p.card.call
	var first *pbx.Leg
	for i := range call.Legs {
		l := &call.Legs[i]
		if l.Role == pbx.RoleAgent && !l.AnsweredAt.IsZero() && (first == nil || l.AnsweredAt.Before(first.AnsweredAt)) &&
			!isCallers(call, l) {
			first = l
		}
	}
	if first == nil {
		return nil
	}
	return b.person(call.Exchange(first), first.Extension)
}

// isCallers says that the leg is the calling agent's own, in a call that an agent began.
func isCallers(call *pbx.Call, l *pbx.Leg) bool {
	return call.Direction != pbx.Inbound && l.Extension == call.Caller.Number && l == &call.Legs[0]
}

// transferredBy is who handed the call to the pop's desk last; nil if nobody did.
func (b *Board) transferredBy(p *pop) *Person {
	call := &p.card.call
	for i := len(call.Transfers) - 1; i >= 0; i-- {
		t := &call.Transfers[i]
		exchange := cmp.Or(t.PBX, call.PBX)
		if (t.By != p.extension || exchange != p.exchange) && (t.To == p.extension || !t.At.After(p.legAt)) {
			return b.person(exchange, t.By)
		}
	}
	return nil
}

func (b *Board) person(exchange, extension string) *Person {
	who := &Person{Extension: extension}
	if a, ok := b.cfg.Directory.ByExtension(exchange, extension); ok {
		who.AgentID, who.Name = a.ID, a.Name
	}
	return who
}
