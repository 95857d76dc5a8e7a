package screenpop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

var (
	teamA, teamB = uuid.UUID{0xa}, uuid.UUID{0xb}
	support      = crm.Queue{ID: crm.QueueID("main", "support"), PBX: "main", Name: "support", Label: "Support", TeamID: &teamA}
	sales        = crm.Queue{ID: crm.QueueID("main", "sales"), PBX: "main", Name: "sales", Label: "Sales", TeamID: &teamB}
)

// room is a running room of a board, of which a test says what the exchange tells of its queues.
func room(t *testing.T, b *Board, live func() []pbx.Queue) *Room {
	t.Helper()
	r := NewRoom(RoomConfig{Board: b, Queues: func() []crm.Queue { return []crm.Queue{support, sales} }, Live: live})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// pictured waits for the next picture.
func pictured(t *testing.T, w *RoomWatch) *Floor {
	t.Helper()
	select {
	case <-w.C():
		return w.room.Picture()
	case <-time.After(time.Minute):
		t.Fatal("no picture within a minute")
		return nil
	}
}

// until waits for a picture that is as wanted.
func until(t *testing.T, w *RoomWatch, what string, ok func(*Floor) bool) *Floor {
	t.Helper()
	for range 10 {
		if f := pictured(t, w); ok(f) {
			return f
		}
	}
	t.Fatalf("%s is in none of ten pictures", what)
	return nil
}

func callOf(t *testing.T, f *Floor, id uuid.UUID) FloorCall {
	t.Helper()
	for _, c := range f.Calls {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("the floor does not have the call")
	return FloorCall{}
}

// A caller waits, is rung for, is talked to and goes: each is in a picture, with the moments since which it is so.
func TestFloor_FollowsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		r := room(t, b, nil)
		w := r.Watch()
		defer w.Close()
		if f := pictured(t, w); len(f.Calls) != 0 || len(f.Queues) != 2 || len(f.Agents) != 3 {
			t.Fatalf("an empty room has %d calls, %d queues, %d agents", len(f.Calls), len(f.Queues), len(f.Agents))
		}
		time.Sleep(5 * time.Second)
		select {
		case <-w.C(): // that the picture was made which the watch has asked for already
		default:
		}
		call := ring("1001", "1002")
		b.Update(t.Context(), call)
		f := pictured(t, w)
		if late := f.At.Sub(call.StartedAt); late > 100*time.Millisecond {
			t.Errorf("the ring is pictured after %v, in a room in which nothing had happened for long", late)
		}
		c := callOf(t, f, call.ID)
		if c.Customer == nil || c.Customer.Name != "Sara" || !c.WaitsFrom.Equal(call.StartedAt) || len(c.Agents) != 2 {
			t.Errorf("the ringing call: %+v", c)
		}
		if q := f.Queues[0]; q.Queue.ID != support.ID || q.Waiting != 1 || !q.Longest.Equal(call.StartedAt) || q.Known {
			t.Errorf("its queue: %+v", q)
		}
		time.Sleep(20 * time.Second)
		talking := answer(call, "1001")
		b.Update(t.Context(), talking)
		f = until(t, w, "the answer", func(f *Floor) bool { return len(f.Calls) == 1 && f.Calls[0].State == pbx.StateTalking })
		c = callOf(t, f, call.ID)
		if !c.WaitsFrom.IsZero() || !c.Since.Equal(talking.AnsweredAt) || len(c.Agents) != 1 || c.Agents[0].Name != "Neda" || c.Agents[0].State != PopTalking {
			t.Errorf("the call talked on: %+v", c)
		}
		if f.Queues[0].Waiting+f.Queues[1].Waiting != 0 {
			t.Error("somebody still waits")
		}
		time.Sleep(20 * time.Second)
		b.Update(t.Context(), hangUp(talking))
		f = until(t, w, "the end", func(f *Floor) bool { return len(f.Calls) == 0 })
		i := slices.IndexFunc(f.Agents, func(p Present) bool { return p.Agent.ID == neda.ID })
		if f.Agents[i].State != crm.WrapUp {
			t.Errorf("the agent is %s", f.Agents[i].State)
		}
	})
}

// However much happens, there is one picture a second, and the last one is right; while nobody looks there is none.
func TestFloor_OnePictureASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		r := room(t, b, nil)
		b.Update(t.Context(), ring("1001"))
		synctest.Wait()
		time.Sleep(10 * time.Second)
		if r.seq != 0 {
			t.Fatalf("%d pictures for nobody", r.seq)
		}
		one, other := r.Watch(), r.Watch()
		defer one.Close()
		defer other.Close()
		var at []time.Time
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for range 100 {
				call := ring("1002")
				b.Update(context.Background(), call)
				time.Sleep(100 * time.Millisecond)
				b.Update(context.Background(), hangUp(call))
			}
		}()
		for done := false; !done; {
			select {
			case <-one.C():
				at = append(at, one.room.Picture().At)
			case <-stop:
				done = true
			}
		}
		at = slices.Compact(at) // the nudge of a new watch, and that of the picture made for it
		for i := 1; i < len(at); i++ {
			if at[i].Sub(at[i-1]) < Pace {
				t.Errorf("two pictures within %v", at[i].Sub(at[i-1]))
			}
		}
		if len(at) < 9 || len(at) > 12 {
			t.Errorf("%d pictures in 10 s", len(at))
		}
		time.Sleep(2 * time.Second)
		<-other.C() // who did not look in between finds the last one
		if f := other.room.Picture(); len(f.Calls) != 1 {
			t.Errorf("the last picture has %d calls, want the one that goes on", len(f.Calls))
		}
	})
}

// What the exchange tells of a queue counts: who is told to wait has a place; who talks, or has left, does not wait.
func TestFloor_QueueAsTheExchangeTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		first, second, third, fourth := ring(), ring("1001"), ring("1002"), ring("1003")
		first.State = pbx.StateQueued
		talks := answer(third, "1002")
		fourth.Queue = "sales" // it rings, but not for the queue any more
		for _, c := range []pbx.Call{first, second, talks, fourth} {
			b.Update(t.Context(), c)
		}
		since := time.Now().Add(-42 * time.Second)
		live := []pbx.Queue{{
			PBX: "main", Name: "support", Known: true, Members: []pbx.Member{{Extension: "1001"}, {Extension: "2001"}, {Extension: "77"}, {}},
			Callers: []pbx.Waiting{
				{CallID: second.ID, Position: 1, Since: since},
				{CallID: third.ID, Position: 2, Since: since},
				{CallID: uuid.New(), Position: 3, Since: since},
				{Position: 4, Since: since.Add(time.Second)},
				{Position: 5, Since: since.Add(2 * time.Second)},
			},
		}, {PBX: "main", Name: "sales", Known: true}}
		f := room(t, b, func() []pbx.Queue { return live }).Picture()
		if c := callOf(t, f, second.ID); c.Position != 1 || c.WaitsFrom.Before(second.StartedAt) {
			t.Errorf("the one who is told to be first: %+v", c)
		}
		if c := callOf(t, f, third.ID); !c.WaitsFrom.IsZero() {
			t.Error("one who talks waits")
		}
		if c := callOf(t, f, fourth.ID); !c.WaitsFrom.IsZero() {
			t.Error("one who has left the queue waits in it")
		}
		if c := callOf(t, f, first.ID); c.Position == 0 || c.WaitsFrom.IsZero() {
			t.Errorf("one who is in Queue() has no place: %+v", c)
		}
		unknown := 0
		for _, c := range f.Calls {
			if c.ID == uuid.Nil {
				unknown++
			}
		}
		i := slices.IndexFunc(f.Queues, func(q FloorQueue) bool { return q.Queue.ID == support.ID })
		if q := f.Queues[i]; !q.Known || !slices.Equal(q.Members, []uuid.UUID{neda.ID}) || q.Waiting != 4 || unknown != 2 {
			t.Errorf("the queue: %d waiting, %d of them unknown, members %v", q.Waiting, unknown, q.Members)
		}
	})
}

// crowdHouse is 30 agents in three teams, or none.
func crowdHouse() (house, []uuid.UUID) {
	teams := []uuid.UUID{{1}, {2}, {3}}
	h := house{}
	for i := range 30 {
		a := crm.AgentRef{ID: uuid.UUID{7, byte(i)}, Name: fmt.Sprintf("Agent %d", i), Extensions: []string{fmt.Sprint(2000 + i)}}
		if i%4 < 3 {
			a.TeamID = &teams[i%4]
		}
		h[a.Extensions[0]] = a
	}
	return h, teams
}

// Whatever goes on, the picture and every cut of it are what a naive reckoning says.
func TestFloor_IsWhatItShouldBe(t *testing.T) {
	h, teams := crowdHouse()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 6))
		b := NewBoard(BoardConfig{Match: (&backOffice{}).Match, Directory: h, States: states()})
		var queues []crm.Queue
		for i := range 5 {
			q := crm.Queue{PBX: "main", Name: fmt.Sprint("q", i), Label: fmt.Sprint("Queue ", i)}
			q.ID = crm.QueueID(q.PBX, q.Name)
			if i < 4 {
				q.TeamID = &teams[i%3]
			}
			queues = append(queues, q)
		}
		calls := map[uuid.UUID]pbx.Call{}
		for range 80 {
			var rung []string
			for range r.IntN(3) {
				rung = append(rung, fmt.Sprint(2000+r.IntN(30)))
			}
			slices.Sort(rung)
			c := ring(slices.Compact(rung)...)
			c.ID = uuid.UUID{0xcb, byte(len(calls))}
			c.StartedAt = c.StartedAt.Add(-time.Duration(r.IntN(600)) * time.Second)
			if c.Queue = ""; r.IntN(3) > 0 {
				c.Queue = queues[r.IntN(5)].Name
			}
			b.Update(t.Context(), c)
			if len(rung) > 0 && r.IntN(2) == 0 {
				c = answer(c, rung[0])
				b.Update(t.Context(), c)
			}
			if r.IntN(4) == 0 {
				c = hangUp(c)
				b.Update(t.Context(), c)
			}
			calls[c.ID] = c
		}
		f := b.floor(queues, nil, time.Now())
		var views []View
		for range 12 {
			v := View{All: r.IntN(3) == 0, Self: uuid.UUID{7, byte(r.IntN(30))}, Teams: teams[:r.IntN(3)]}
			if r.IntN(2) == 0 {
				v.Team = teams[r.IntN(3)]
			}
			if r.IntN(3) == 0 {
				v.Queue = queues[r.IntN(5)].ID
			}
			views = append(views, v)
		}
		for _, v := range append(views, View{All: true}) {
			compare(t, f.Cut(v), v, h, queues, calls)
		}
		for i := 1; i < len(f.Calls); i++ {
			a, b := f.Calls[i-1], f.Calls[i]
			if a.WaitsFrom.IsZero() && !b.WaitsFrom.IsZero() || !a.WaitsFrom.IsZero() && !b.WaitsFrom.IsZero() && b.WaitsFrom.Before(a.WaitsFrom) {
				t.Fatal("one who waits longer is not before the others")
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// compare holds a cut against what the calls themselves say.
func compare(t *testing.T, cut *Floor, v View, h house, queues []crm.Queue, calls map[uuid.UUID]pbx.Call) {
	t.Helper()
	may := func(team *uuid.UUID) bool { return v.All || team != nil && slices.Contains(v.Teams, *team) }
	looked := func(team *uuid.UUID) bool { return v.Team == uuid.Nil || team != nil && *team == v.Team }
	waiting := map[uuid.UUID]int{}
	for _, c := range calls {
		var q *crm.Queue
		for i := range queues {
			if queues[i].Name == c.Queue {
				q = &queues[i]
			}
		}
		if q != nil && c.State != pbx.StateEnded && c.AnsweredAt.IsZero() {
			waiting[q.ID]++
		}
		want := c.State != pbx.StateEnded
		seen, inTeam := v.All || q != nil && may(q.TeamID), v.Team == uuid.Nil || q != nil && may(q.TeamID) && looked(q.TeamID)
		for _, l := range c.Legs {
			if a, ok := h[l.Extension]; ok && l.EndedAt.IsZero() && (may(a.TeamID) || a.ID == v.Self) {
				seen, inTeam = true, inTeam || looked(a.TeamID)
			}
		}
		want = want && seen && inTeam && (v.Queue == uuid.Nil || q != nil && q.ID == v.Queue)
		if got := slices.ContainsFunc(cut.Calls, func(f FloorCall) bool { return f.ID == c.ID }); got != want {
			t.Errorf("view %+v: the call in %q is shown: %v, want %v", v, c.Queue, got, want)
		}
	}
	for i := range queues {
		q := &queues[i]
		n := slices.IndexFunc(cut.Queues, func(f FloorQueue) bool { return f.Queue.ID == q.ID })
		if want := may(q.TeamID) && looked(q.TeamID) && (v.Queue == uuid.Nil || v.Queue == q.ID); n >= 0 != want {
			t.Errorf("view %+v: queue %s is shown: %v", v, q.Name, n >= 0)
		} else if want && cut.Queues[n].Waiting != waiting[q.ID] {
			t.Errorf("queue %s: %d wait, want %d", q.Name, cut.Queues[n].Waiting, waiting[q.ID])
		}
	}
	for _, a := range h {
		got := slices.ContainsFunc(cut.Agents, func(p Present) bool { return p.Agent.ID == a.ID })
		if want := (may(a.TeamID) || a.ID == v.Self) && looked(a.TeamID); v.Queue == uuid.Nil && got != want || got && !want {
			t.Errorf("view %+v: %s is shown: %v", v, a.Name, got)
		}
	}
}
