package screenpop

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
)

const (
	agendaLength  = 20 // follow-ups on a desk's picture
	agendaBatch   = 50 // owners asked about in one question
	agendaTimeout = 5 * time.Second
	agendaCheck   = 30 * time.Second // how often is looked whether a day is over
	promises      = 5                // follow-ups on a pop
)

// FollowUps is what a Board asks about follow-ups. Its methods may block; Run's workers call them.
type FollowUps interface {
	// Agendas are what each owner has before them: an agent's id, a team's, or uuid.Nil for what is anyone's. Those of a
	// team and of anyone hold what nobody has claimed.
	Agendas(ctx context.Context, owners []uuid.UUID) ([]Agenda, error)
	// Promises are the open ones of any of the customers or of the number, soonest first.
	Promises(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]FollowUp, error)
}

// FollowUp is a follow-up that is open.
type FollowUp struct {
	ID       uuid.UUID
	Kind     string // task, callback
	State    string
	Priority string // low, normal, high
	Title    string
	Note     string // its beginning

	DueAt     time.Time
	Until     time.Time // zero: it does not expire
	OfferedAt time.Time // zero: it is not due yet

	Number, NumberRaw string    // of a callback
	Customer          uuid.UUID // uuid.Nil: none
	CustomerName      string
	Call              uuid.UUID // of which it came; uuid.Nil: none
	Assignee          uuid.UUID // uuid.Nil: a team's, or anyone's
	AssigneeName      string
	Team              uuid.UUID
	TeamName          string
	ClaimedBy         uuid.UUID
	ClaimedByName     string
	Tries             int
}

// Agenda is the open follow-ups of today, and of before. The zero value: it is not known yet.
type Agenda struct {
	// Items are due, or will be today, soonest first; of more than 20 the longest overdue, those that came due last, and the next.
	Items          []FollowUp
	Overdue, Today int       // all of them; at most 1000 are counted
	Ends           time.Time // the end of today
}

// agenda is one owner's as the board knows it. Guarded by Board.mu.
type agenda struct {
	Agenda
	stale bool // to be read anew
}

// want makes sure that a desk's agendas are known. Callers hold b.mu.
func (b *Board) want(agent uuid.UUID) {
	if b.cfg.FollowUps == nil {
		return
	}
	for _, owner := range b.owners(agent) {
		if b.agendas[owner] == nil {
			b.agendas[owner] = &agenda{stale: true}
			b.wakeAgendas()
		}
	}
}

// owners are those whose follow-ups may be on an agent's desk, the agent first.
func (b *Board) owners(agent uuid.UUID) []uuid.UUID {
	owners := append(make([]uuid.UUID, 0, 3), agent, uuid.Nil)
	if a, ok := b.cfg.Directory.Agent(agent); ok && a.TeamID != nil {
		owners = append(owners, *a.TeamID)
	}
	return owners
}

func (b *Board) wakeAgendas() {
	select {
	case b.planning <- struct{}{}:
	default: // it will look anyway
	}
}

// plan reads agendas until ctx ends.
func (b *Board) plan(ctx context.Context) {
	if b.cfg.FollowUps == nil {
		return
	}
	check := time.NewTicker(agendaCheck)
	defer check.Stop()
	var failed bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.planning:
		case now := <-check.C:
			b.endDays(now)
		}
		for ctx.Err() == nil {
			owners := b.stale()
			if len(owners) == 0 {
				break
			}
			agendas, err := b.askAgendas(ctx, owners)
			if err != nil {
				if !failed && ctx.Err() == nil {
					b.cfg.Log.WarnContext(ctx, "follow-ups cannot be read, and are tried again: desks show what they knew", "err", err)
				}
				failed = true
				b.put(owners, nil)
				wait := time.NewTimer(retryMost)
				select {
				case <-ctx.Done():
				case <-wait.C:
				}
				wait.Stop()
				continue
			}
			failed = false
			b.put(owners, agendas)
		}
	}
}

func (b *Board) askAgendas(ctx context.Context, owners []uuid.UUID) ([]Agenda, error) {
	ctx, cancel := context.WithTimeout(ctx, agendaTimeout)
	defer cancel()
	return b.cfg.FollowUps.Agendas(ctx, owners)
}

// stale takes some of the owners whose agendas are to be read.
func (b *Board) stale() []uuid.UUID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var owners []uuid.UUID
	for owner, a := range b.agendas {
		if a.stale && len(owners) < agendaBatch {
			a.stale = false
			owners = append(owners, owner)
		}
	}
	return owners
}

// put shows what was read; nil: it could not be.
func (b *Board) put(owners []uuid.UUID, read []Agenda) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, owner := range owners {
		a := b.agendas[owner]
		if a == nil { // nobody looks any more
			continue
		}
		if i >= len(read) {
			a.stale = true
			continue
		}
		fresh := read[i]
		fresh.Items = shortlist(fresh.Items)
		_, agents := b.cfg.Directory.Agent(owner)
		if !agents { // others are shown of it what is due, and no more
			fresh.Items = slices.DeleteFunc(fresh.Items, func(f FollowUp) bool { return f.OfferedAt.IsZero() })
			fresh.Overdue, fresh.Today = 0, 0
		}
		if same := reflect.DeepEqual(a.Items, fresh.Items) && a.Overdue == fresh.Overdue && a.Today == fresh.Today; same {
			a.Ends = fresh.Ends
			continue
		}
		a.Agenda = fresh
		if agents {
			b.desk(owner).nudge(time.Time{})
		} else {
			b.nudgeFree(owner)
		}
	}
}

// nudgeFree wakes the desks that may show what is a team's, or anyone's. Callers hold b.mu.
func (b *Board) nudgeFree(owner uuid.UUID) {
	for agent, d := range b.desks {
		if len(d.watches) > 0 && slices.Contains(b.owners(agent), owner) && b.presence(agent).State == crm.Available {
			d.nudge(time.Time{})
		}
	}
}

// endDays has those agendas read anew whose day is over.
func (b *Board) endDays(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.agendas {
		a.stale = a.stale || now.After(a.Ends)
	}
}

// RefreshAgenda reads an owner's follow-ups anew: an agent's, a team's, or (uuid.Nil) anyone's. It does not block.
func (b *Board) RefreshAgenda(owner uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.agendas[owner]; a != nil && !a.stale {
		a.stale = true
		b.wakeAgendas()
	}
}

// RefreshPromises looks anew for every call whose pop may show what was promised to a customer, or to a number (its key). It does
// not block.
func (b *Board) RefreshPromises(customer uuid.UUID, number string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.cards {
		if c.lookedUp && (customer != uuid.Nil && c.shows(customer) || number != "" && number == c.match.Number.Key()) {
			b.refresh(c)
		}
	}
}

// shows says whether a customer is one of the card's.
func (c *card) shows(customer uuid.UUID) bool {
	is := func(m crm.Customer) bool { return m.ID == customer }
	return c.match.Customer != nil && is(*c.match.Customer) || slices.ContainsFunc(c.match.Candidates, is) || c.note.CustomerID == customer
}

// refreshAgendas has all agendas read anew. Callers hold b.mu.
func (b *Board) refreshAgendas() {
	for _, a := range b.agendas {
		a.stale = true
	}
	b.wakeAgendas()
}

// agendaOf is what an agent's desk shows of follow-ups now: the agent's own, and, while nothing keeps the agent from them, those
// of the team and of anyone that are due. Callers hold b.mu.
func (b *Board) agendaOf(agent uuid.UUID, state crm.State) Agenda {
	own := b.agendas[agent]
	if own == nil {
		return Agenda{}
	}
	shown := own.Agenda
	if state != crm.Available {
		return shown
	}
	for _, owner := range b.owners(agent)[1:] {
		if a := b.agendas[owner]; a != nil {
			for _, f := range a.Items {
				if !f.OfferedAt.IsZero() {
					shown.Items = append(slices.Clip(shown.Items), f)
				}
			}
		}
	}
	if len(shown.Items) > len(own.Items) {
		shown.Items = shortlist(shown.Items)
	}
	return shown
}

// shortlist is as many of the follow-ups as a desk shows, soonest first. Of more, some are those that came due last, so that who
// has hundreds overdue is told of the one that is due now, and some are those that come next. It may change items.
func shortlist(items []FollowUp) []FollowUp {
	slices.SortFunc(items, soonest)
	if len(items) <= agendaLength {
		return items
	}
	due := slices.IndexFunc(items, func(f FollowUp) bool { return f.OfferedAt.IsZero() })
	if due < 0 {
		due = len(items)
	}
	coming := items[due:min(len(items), due+agendaLength/4)]
	last := slices.SortedFunc(slices.Values(items[:due]), func(x, y FollowUp) int { return y.OfferedAt.Compare(x.OfferedAt) })
	last = last[:min(len(last), agendaLength/4)]
	list := slices.Concat(last, coming)
	for _, f := range items {
		if len(list) < agendaLength && !slices.ContainsFunc(list, func(l FollowUp) bool { return l.ID == f.ID }) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, soonest)
	return list
}

func soonest(x, y FollowUp) int {
	if d := x.DueAt.Compare(y.DueAt); d != 0 {
		return d
	}
	return slices.Compare(x.ID[:], y.ID[:])
}
