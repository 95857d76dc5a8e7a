package screenpop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
)

// planner is a database of follow-ups of which a test decides what it says.
type planner struct {
	mu       sync.Mutex
	err      error
	agendas  map[uuid.UUID]Agenda
	promised []FollowUp
	asked    map[uuid.UUID]int
}

func (p *planner) set(f func(*planner)) { p.mu.Lock(); defer p.mu.Unlock(); f(p) }

func (p *planner) times(owner uuid.UUID) int { p.mu.Lock(); defer p.mu.Unlock(); return p.asked[owner] }

func (p *planner) Agendas(_ context.Context, owners []uuid.UUID) ([]Agenda, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	agendas := make([]Agenda, len(owners))
	for i, owner := range owners {
		p.asked[owner]++
		agendas[i] = p.agendas[owner]
		agendas[i].Items = slices.Clone(agendas[i].Items)
		agendas[i].Ends = time.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
	}
	return agendas, nil
}

func (p *planner) Promises(context.Context, []uuid.UUID, string, int) ([]FollowUp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.promised, p.err
}

var north = uuid.UUID{0x7e}

// plan is a running board with a planner, whose Neda and Omid are a team.
func plan(t *testing.T, p *planner) (*Board, chosen) {
	t.Helper()
	if p.agendas == nil {
		p.agendas = map[uuid.UUID]Agenda{}
	}
	p.asked = map[uuid.UUID]int{}
	team := house{}
	for ext, a := range staff {
		if a.ID != reza.ID {
			a.TeamID = &north
		}
		team[ext] = a
	}
	agents := chosen{}
	o := &backOffice{}
	b := NewBoard(BoardConfig{Match: o.Match, History: o, FollowUps: p, Directory: team, States: agents})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, agents
}

// todo is a follow-up that is due at a time, and was offered then if that is over.
func todo(title string, due time.Time) FollowUp {
	f := FollowUp{ID: uuid.NewSHA1(uuid.Nil, []byte(title)), Kind: "task", State: "due", Title: title, DueAt: due}
	if !due.After(time.Now()) {
		f.OfferedAt = due
	}
	return f
}

func titles(d Desk) []string {
	list := []string{}
	for _, f := range d.FollowUps.Items {
		list = append(list, f.Title)
	}
	return list
}

func TestBoard_AgendaIsTheAgentsOwnAndWhatIsDueForWhoIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		p := &planner{agendas: map[uuid.UUID]Agenda{
			neda.ID:  {Items: []FollowUp{todo("own", now.Add(-time.Hour)), todo("own, later", now.Add(time.Hour))}, Overdue: 1, Today: 1},
			north:    {Items: []FollowUp{todo("the team's", now.Add(-2*time.Hour)), todo("the team's, later", now.Add(time.Hour))}, Overdue: 7, Today: 7},
			uuid.Nil: {Items: []FollowUp{todo("anyone's", now.Add(-time.Minute))}},
		}}
		b, agents := plan(t, p)
		w := watch(t, b, neda.ID)
		is := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := titles(w.Desk()); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		is("free", "the team's", "own", "anyone's", "own, later")
		if d := w.Desk().FollowUps; d.Overdue != 1 || d.Today != 1 {
			t.Errorf("counted %d overdue, %d today: those of others, too", d.Overdue, d.Today)
		}
		agents.choose(neda.ID, crm.Paused)
		is("paused", "own", "own, later")
		agents.choose(neda.ID, crm.Available)
		b.Update(t.Context(), answer(ring("1001"), "1001"))
		is("talking", "own", "own, later")

		// Omid is free: what the team had is his, once it is claimed.
		v := watch(t, b, omid.ID)
		synctest.Wait()
		nudged(v)
		p.set(func(p *planner) {
			p.agendas[north] = Agenda{}
			claimed := todo("the team's", now.Add(-2*time.Hour))
			claimed.ClaimedBy = omid.ID
			p.agendas[omid.ID] = Agenda{Items: []FollowUp{claimed}, Overdue: 1}
		})
		nudged(w)
		b.RefreshAgenda(north)
		b.RefreshAgenda(omid.ID)
		if !nudged(v) {
			t.Error("nobody told the desk that claimed it")
		}
		if got := titles(v.Desk()); !slices.Equal(got, []string{"the team's", "anyone's"}) {
			t.Errorf("who has claimed it sees %q", got)
		}
		if nudged(w) {
			t.Error("a desk that talks is told of what it does not show")
		}
	})
}

// A desk that nobody looks at costs nothing, and a day that is over is not shown as today.
func TestBoard_AgendasAreOfOpenDesksAndOfToday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &planner{}
		b, _ := plan(t, p)
		b.RefreshAgenda(neda.ID)
		synctest.Wait()
		if n := p.times(neda.ID); n != 0 {
			t.Errorf("asked %d times for a desk without a browser", n)
		}
		w := b.Watch(neda.ID)
		second := b.Watch(neda.ID)
		synctest.Wait()
		if n := p.times(neda.ID); n != 1 {
			t.Errorf("asked %d times for one desk", n)
		}
		b.RefreshAgenda(neda.ID)
		synctest.Wait()
		if n := p.times(neda.ID); n != 2 {
			t.Errorf("asked %d times after a change", n)
		}
		time.Sleep(25 * time.Hour) // in the bubble's time
		synctest.Wait()
		if n := p.times(neda.ID); n != 3 {
			t.Errorf("asked %d times on the next day", n)
		}
		second.Close()
		w.Close()
		b.RefreshAgenda(neda.ID)
		synctest.Wait()
		if n := p.times(neda.ID); n != 3 {
			t.Errorf("asked %d times after the last browser had gone", n)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.agendas[neda.ID] != nil {
			t.Error("the agenda of a closed desk stays")
		}
	})
}

func TestBoard_AgendasComeWhenTheDatabaseIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &planner{err: errors.New("away")}
		b, _ := plan(t, p)
		w := watch(t, b, neda.ID)
		time.Sleep(time.Minute)
		p.set(func(p *planner) {
			p.err = nil
			p.agendas[neda.ID] = Agenda{Items: []FollowUp{todo("own", time.Now())}}
		})
		time.Sleep(retryMost)
		if !nudged(w) { // which waits for the try of this very moment
			t.Error("nobody told the desk")
		}
		if got := titles(w.Desk()); !slices.Equal(got, []string{"own"}) {
			t.Errorf("the desk shows %q", got)
		}
	})
}

// P8: who has ten thousand overdue sees twenty, the one that is due just now among them, and a call does not wait for them.
func TestBoard_P8_TenThousandOverdueAreTwentyOnTheDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		var many []FollowUp
		for i := range 10_000 {
			many = append(many, todo(fmt.Sprint("overdue ", i), now.Add(-time.Hour-time.Duration(i)*time.Minute)))
		}
		for i := range 30 {
			many = append(many, todo(fmt.Sprint("later ", i), now.Add(time.Duration(i+1)*time.Minute)))
		}
		many = append(many, todo("due now", now))
		p := &planner{agendas: map[uuid.UUID]Agenda{neda.ID: {Items: many, Overdue: 1000, Today: 30}}}
		b, _ := plan(t, p)
		w := watch(t, b, neda.ID)
		synctest.Wait()
		got := titles(w.Desk())
		if len(got) != agendaLength {
			t.Fatalf("%d follow-ups on the desk", len(got))
		}
		for _, title := range []string{"due now", "overdue 9999", "overdue 9998", "later 0"} {
			if !slices.Contains(got, title) {
				t.Errorf("%q is not on the desk: %q", title, got)
			}
		}
		if !slices.IsSortedFunc(w.Desk().FollowUps.Items, soonest) {
			t.Errorf("not in the order in which they are due: %q", got)
		}
		nudged(w)
		b.Update(t.Context(), ring("1001"))
		if !nudged(w) || len(w.Desk().Calls) != 1 {
			t.Error("the call waits")
		}
	})
}

// The caller rings by himself: the pop shows what was promised, and what becomes of it.
func TestBoard_PromiseIsOnThePop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		promise := todo("call back about the offer", time.Now().Add(time.Hour))
		p := &planner{promised: []FollowUp{promise}}
		b, _ := plan(t, p)
		w := watch(t, b, neda.ID)
		c := ring("1001")
		b.Update(t.Context(), c)
		synctest.Wait()
		if got := only(t, w.Desk()).FollowUps; len(got) != 1 || got[0].ID != promise.ID {
			t.Errorf("the pop shows %v", got)
		}
		p.set(func(p *planner) { p.promised = nil })
		nudged(w)
		b.RefreshPromises(uuid.UUID{0xff}, "") // another customer's
		if nudged(w) {
			t.Error("told of what is another customer's")
		}
		b.RefreshPromises(uuid.Nil, c.Caller.Number)
		if !nudged(w) || len(only(t, w.Desk()).FollowUps) != 0 {
			t.Errorf("the pop still shows %v", only(t, w.Desk()).FollowUps)
		}
		p.set(func(p *planner) { p.promised = []FollowUp{promise} })
		b.RefreshPromises(sara.ID, "")
		if !nudged(w) || len(only(t, w.Desk()).FollowUps) != 1 {
			t.Error("the pop does not show a new one")
		}
	})
}
