package crm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ringbook/db"
)

func worker(t testing.TB, s *Store, name, extension string) Actor {
	t.Helper()
	a := must(s.CreateAgent(t.Context(), System, AgentInput{Username: name, Extensions: []string{extension}}))(t)
	return Actor{AgentID: a.ID, Username: name, Role: RoleAgent}
}

func lunch(t testing.TB, s *Store) *uuid.UUID {
	t.Helper()
	for _, r := range must(s.PauseReasons(t.Context(), System, false))(t) {
		if r.LabelEN == "Lunch" {
			return &r.ID
		}
	}
	t.Fatal("there is no reason to have lunch")
	return nil
}

// stretches are how an agent's choices follow one another, oldest first; each begins where the one before ends.
func stretches(t testing.TB, s *Store, agent uuid.UUID) (states []State) {
	t.Helper()
	rows, err := s.db.Pool().Query(t.Context(), `SELECT state, since_at, until_at FROM agent_choice WHERE agent_id = $1 ORDER BY since_at`, agent)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var end *time.Time
	for rows.Next() {
		var state State
		var since time.Time
		var until *time.Time
		if err := rows.Scan(&state, &since, &until); err != nil {
			t.Fatal(err)
		}
		if len(states) > 0 && (end == nil || !end.Equal(since)) {
			t.Errorf("%s begins at %v, the one before ended at %v", state, since, end)
		}
		if until != nil && !until.After(since) {
			t.Errorf("%s lasts from %v to %v", state, since, until)
		}
		states, end = append(states, state), until
	}
	if len(states) > 0 && end != nil {
		t.Errorf("the last one has ended, at %v", end)
	}
	return states
}

func TestState_ChosenAtTheDesk(t *testing.T) {
	s := newStore(t)
	neda, omid := worker(t, s, "neda", "1001"), worker(t, s, "omid", "1002")
	if c := s.States().Standing(neda.AgentID); c.State != Available || c.By != BySystem || !c.Since.IsZero() {
		t.Errorf("who never chose is %+v", c)
	}
	first := must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: Paused, ReasonID: lunch(t, s)}))(t)
	if first.ReasonEN != "Lunch" || first.Reason != "ناهار" || first.By != ByDesk || first.Since.IsZero() {
		t.Errorf("chose %+v", first)
	}
	if again := must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: Paused, ReasonID: lunch(t, s)}))(t); !again.Since.Equal(first.Since) {
		t.Error("to choose the same again began anew")
	}
	archived := true
	must(s.UpdatePauseReason(t.Context(), System, *first.ReasonID, PauseReasonPatch{Archived: &archived}))(t)
	if c := s.States().Standing(neda.AgentID); c.State != Paused || c.ReasonEN != "Lunch" {
		t.Errorf("with the reason archived she is %+v", c)
	}
	_, err := s.Choose(t.Context(), omid, omid.AgentID, StateInput{State: Paused, ReasonID: first.ReasonID})
	wantFields(t, err, "reason_id")
	_, err = s.Choose(t.Context(), omid, omid.AgentID, StateInput{State: Talking})
	wantFields(t, err, "state")
	_, err = s.Choose(t.Context(), omid, omid.AgentID, StateInput{State: Offline, ReasonID: first.ReasonID})
	wantFields(t, err, "reason_id")
	if _, err := s.Choose(t.Context(), omid, neda.AgentID, StateInput{State: Available}); !errors.Is(err, ErrForbidden) {
		t.Errorf("a colleague changes it: %v", err)
	}
	if n := len(must(s.Audit(t.Context(), System, EventState, neda.AgentID.String()))(t)); n != 0 {
		t.Errorf("what she chose herself is audited %d times", n)
	}
}

func TestState_ASupervisorsTeam(t *testing.T) {
	s := newStore(t)
	neda, omid := worker(t, s, "neda", "1001"), worker(t, s, "omid", "1002")
	lead := must(s.CreateAgent(t.Context(), System, AgentInput{Username: "lead", Role: RoleSupervisor}))(t)
	team := must(s.CreateTeam(t.Context(), System, TeamInput{Name: "A", Supervisors: []uuid.UUID{lead.ID}}))(t)
	must(s.UpdateAgent(t.Context(), System, neda.AgentID, AgentPatch{TeamID: &team.ID}))(t)
	actor := Actor{AgentID: lead.ID, Username: "lead", Role: RoleSupervisor, Teams: []uuid.UUID{team.ID}}
	if c := must(s.Choose(t.Context(), actor, neda.AgentID, StateInput{State: Offline}))(t); c.By != BySupervisor {
		t.Errorf("chosen by %s", c.By)
	}
	if _, err := s.Choose(t.Context(), actor, omid.AgentID, StateInput{State: Offline}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of another team: %v", err)
	}
	if said := must(s.Audit(t.Context(), System, EventState, neda.AgentID.String()))(t); len(said) != 1 || said[0].Actor != "lead" {
		t.Errorf("audited %+v", said)
	}
}

// Logging in and out: see the package comment.
func TestState_P9_OnlyTheButtonMakesOffline(t *testing.T) {
	s := newStore(t)
	neda := worker(t, s, "neda", "1001")
	state := func() State { return s.States().Standing(neda.AgentID).State }
	if err := s.Arrive(t.Context(), neda); err != nil || state() != Available {
		t.Fatalf("%s, %v", state(), err)
	}
	must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: Paused}))(t)
	if err := s.Arrive(t.Context(), neda); err != nil || state() != Paused {
		t.Errorf("a second log-in made her %s, %v", state(), err)
	}
	if err := s.Depart(t.Context(), neda); err != nil || state() != Offline {
		t.Errorf("logged out she is %s, %v", state(), err)
	}
	if err := s.Arrive(t.Context(), neda); err != nil || state() != Available {
		t.Errorf("logged in again she is %s, %v", state(), err)
	}
	if got := fmt.Sprint(stretches(t, s, neda.AgentID)); got != "[available paused offline available]" {
		t.Errorf("the day was %s", got)
	}
}

// runStates runs a store's States until the test ends.
func runStates(t *testing.T, s *Store) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.States().Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

// await waits for a state.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came true: %s", what)
		}
	}
}

// Both nodes see a call end; the wrap-up is there once, outlives a restart, and ends when the call is put away, when a state is
// chosen, or when its time is over, whichever node is told.
func TestState_P9_WrapUp(t *testing.T) {
	s := newStore(t)
	neda := worker(t, s, "neda", "1001")
	other := NewStore(s.db, Config{})
	for _, node := range []*Store{s, other} {
		if err := node.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		runStates(t, node)
	}
	at := func(node *Store) State { st, _ := node.States().Standing(neda.AgentID).At(time.Now()); return st }
	rows := func() (n int) {
		if err := s.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM agent_wrap_up`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	end := func(lasts time.Duration, nodes ...*Store) AfterCall {
		w := AfterCall{AgentID: neda.AgentID, Call: uuid.New(), Leg: "1.1", From: time.Now().Truncate(time.Millisecond)}
		for _, node := range nodes {
			node.States().BeginWrapUp(w, lasts)
			if at(node) != WrapUp {
				t.Error("a wrap-up does not count at once")
			}
		}
		return w
	}
	w := end(0, s, other)
	await(t, "it is written", func() bool { return rows() == 1 })
	restarted := NewStore(s.db, Config{})
	if err := restarted.Refresh(t.Context()); err != nil || at(restarted) != WrapUp {
		t.Errorf("after a restart she is %s, %v", at(restarted), err)
	}
	s.States().EndWrapUp(neda.AgentID, w.Call)
	if err := s.PutAway(t.Context(), neda, w.Call); err != nil || at(s) != Available {
		t.Errorf("with the call put away she is %s, %v", at(s), err)
	}
	other.Heed(t.Context(), []db.Event{{Kind: EventState, ID: neda.AgentID.String()}})
	if at(other) != Available {
		t.Errorf("at the other node she is %s", at(other))
	}
	end(0, s)
	await(t, "the second is written", func() bool { return rows() == 2 })
	must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: Available}))(t)
	if at(s) != Available {
		t.Errorf("with a state chosen she is %s", at(s))
	}
	told := make(chan uuid.UUID, 100)
	defer s.States().OnChange(func(agent uuid.UUID) { told <- agent })()
	end(50*time.Millisecond, s)
	await(t, "its time is over", func() bool { return at(s) == Available && rows() == 3 })
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Error("nobody is told that a wrap-up's time is over")
	}
	end(0, s)
	first := end(0, s)
	await(t, "both are written", func() bool { return rows() == 5 })
	var open int
	if err := s.db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM agent_wrap_up WHERE ended_at IS NULL AND until_at > clock_timestamp()`).Scan(&open); err != nil || open != 1 {
		t.Errorf("%d wrap-ups go on, %v", open, err)
	}
	if _, since := s.States().Standing(neda.AgentID).At(time.Now()); !since.Equal(first.From) {
		t.Errorf("it began at %v, want %v", since, first.From)
	}
	must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: Offline}))(t)
	s.States().BeginWrapUp(AfterCall{AgentID: neda.AgentID, Call: uuid.New(), Leg: "1"}, 0)
	if at(s) != Offline {
		t.Errorf("who is offline is %s after a call", at(s))
	}
}

// A wrap-up that the database will never take is given up, and holds up nobody else's.
func TestState_P9_AWrapUpThatIsRefusedHoldsUpNone(t *testing.T) {
	s := newStore(t)
	neda, sara := worker(t, s, "neda", "1001"), worker(t, s, "sara", "1002")
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.States().BeginWrapUp(AfterCall{AgentID: neda.AgentID, Call: uuid.New(), Leg: "1\x002", From: time.Now()}, 0)
	s.States().BeginWrapUp(AfterCall{AgentID: sara.AgentID, Call: uuid.New(), Leg: "1.1", From: time.Now()}, 0)
	runStates(t, s)
	var whose uuid.UUID
	await(t, "the other's is written", func() bool {
		return s.db.Pool().QueryRow(t.Context(), `SELECT agent_id FROM agent_wrap_up`).Scan(&whose) == nil
	})
	if whose != sara.AgentID {
		t.Errorf("the wrap-up of %s is written", whose)
	}
}

// A clock that is set back makes no stretch negative, and loses none.
func TestState_ClockSteps(t *testing.T) {
	s := newStore(t)
	neda := worker(t, s, "neda", "1001")
	must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: Paused}))(t)
	// What was written before the clock was set back by an hour lies in the future.
	if _, err := s.db.Pool().Exec(t.Context(), `UPDATE agent_choice SET since_at = since_at + interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	for _, state := range []State{Available, Paused, Offline} {
		if c := must(s.Choose(t.Context(), neda, neda.AgentID, StateInput{State: state}))(t); c.State != state {
			t.Errorf("she is %s, not %s", c.State, state)
		}
	}
	if got := fmt.Sprint(stretches(t, s, neda.AgentID)); got != "[paused available paused offline]" {
		t.Errorf("the day was %s", got)
	}
}

// What the phone says is the state if it is what is known to have changed, under the epoch of who leads.
func TestState_HeardFromThePhone(t *testing.T) {
	s := newStore(t)
	neda := worker(t, s, "neda", "1001")
	if _, err := s.db.Pool().Exec(t.Context(), `
		INSERT INTO lease (name, owner, node, epoch, renewed_at, expires_at, standby, standby_at) VALUES ('main', 'x', 'x', 7, now(), now() + interval '1 day', '', now())`); err != nil {
		t.Fatal(err)
	}
	known := s.States().Standing(neda.AgentID).Choice
	in := PhoneInput{Agent: neda.AgentID, PBX: "main", Epoch: 7, Paused: true, Reason: "LUNCH", Choice: known, Changes: true, Joined: time.Unix(1795000000, 0)}
	old := in
	old.Epoch = 6
	if err := s.Heard(t.Context(), old); !errors.Is(err, db.ErrFenced) {
		t.Errorf("who led before is not kept out: %v", err)
	}
	if err := s.Heard(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	c := s.States().Standing(neda.AgentID).Choice
	if c.State != Paused || c.By != ByPhone || c.ReasonEN != "Lunch" {
		t.Errorf("she is %+v", c)
	}
	if f, ok := s.States().Follow(neda.AgentID, "main"); !ok || !f.Paused || f.Reason != "LUNCH" || !f.Joined.Equal(in.Joined) {
		t.Errorf("agreed on %+v", f)
	}
	if err := s.Heard(t.Context(), in); !errors.Is(err, ErrConflict) {
		t.Errorf("another choice meanwhile is not noticed: %v", err)
	}
	agreed := in
	agreed.Changes, agreed.Choice = false, Choice{}
	if err := s.Heard(t.Context(), agreed); err != nil {
		t.Errorf("what the queues were told is not kept when another choice follows at once: %v", err)
	}
	in.Choice, in.Reason = c, "coffee\x00 machine"
	if err := s.Heard(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if c = s.States().Standing(neda.AgentID).Choice; c.ReasonID != nil || c.Reason != "coffee machine" {
		t.Errorf("for a reason that is none of ours she is %+v", c)
	}
	in.Choice, in.Paused, in.Reason = c, false, ""
	if err := s.Heard(t.Context(), in); err != nil || s.States().Standing(neda.AgentID).State != Available {
		t.Errorf("unpaused she is %+v, %v", s.States().Standing(neda.AgentID), err)
	}
}

// Whatever two nodes choose, and whenever each is told of it, the stretches follow one another and both end up knowing the last.
func TestState_PropertyTwoNodes(t *testing.T) {
	s := newStore(t)
	other := NewStore(s.db, Config{})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		if n > 12 {
			return // each costs some transactions
		}
		neda := worker(t, s, fmt.Sprintf("agent%d", n), fmt.Sprint(1000+n))
		nodes := []*Store{s, other}
		var last State
		for range rapid.IntRange(1, 8).Draw(rt, "changes") {
			node := rapid.SampledFrom(nodes).Draw(rt, "node")
			state := rapid.SampledFrom([]State{Available, Paused, Offline}).Draw(rt, "state")
			switch rapid.IntRange(0, 3).Draw(rt, "how") {
			case 0:
				if err := node.Depart(t.Context(), neda); err != nil {
					rt.Fatal(err)
				}
				last = Offline
			case 1:
				if err := node.Arrive(t.Context(), neda); err != nil {
					rt.Fatal(err)
				}
				if last == Offline || last == "" {
					last = Available
				}
			default:
				if _, err := node.Choose(t.Context(), neda, neda.AgentID, StateInput{State: state}); err != nil {
					rt.Fatal(err)
				}
				last = state
			}
		}
		for _, node := range nodes {
			node.Heed(t.Context(), []db.Event{{Kind: EventState, ID: neda.AgentID.String()}})
			if got := node.States().Standing(neda.AgentID).State; got != last {
				rt.Fatalf("a node takes the agent for %s, want %s", got, last)
			}
		}
		if all := stretches(t, s, neda.AgentID); all[len(all)-1] != last {
			rt.Fatalf("the last of %v is not %s", all, last)
		}
	})
}

func TestPauseReasons(t *testing.T) {
	s := newStore(t)
	neda := worker(t, s, "neda", "1001")
	if n := len(must(s.PauseReasons(t.Context(), neda, false))(t)); n != 5 {
		t.Errorf("an agent is offered %d reasons", n)
	}
	if _, err := s.CreatePauseReason(t.Context(), neda, PauseReasonInput{Label: "x"}); !errors.Is(err, ErrForbidden) {
		t.Errorf("an agent makes one: %v", err)
	}
	r := must(s.CreatePauseReason(t.Context(), System, PauseReasonInput{Label: " نماز ", LabelEN: "Prayer"}))(t)
	if r.Label != "نماز" || r.Version != 1 {
		t.Errorf("made %+v", r)
	}
	_, err := s.CreatePauseReason(t.Context(), System, PauseReasonInput{Label: "نماز"})
	wantFields(t, err, "label")
	_, err = s.CreatePauseReason(t.Context(), System, PauseReasonInput{Label: " "})
	wantFields(t, err, "label")
	archived := true
	gone := must(s.UpdatePauseReason(t.Context(), System, r.ID, PauseReasonPatch{Archived: &archived, Version: &r.Version}))(t)
	if gone.ArchivedAt == nil || gone.Version != 2 {
		t.Errorf("archived %+v", gone)
	}
	if _, err := s.UpdatePauseReason(t.Context(), System, r.ID, PauseReasonPatch{Version: &r.Version}); !errors.Is(err, ErrConflict) {
		t.Errorf("an older version: %v", err)
	}
	must(s.CreatePauseReason(t.Context(), System, PauseReasonInput{Label: "نماز"}))(t)
	archived = false
	_, err = s.UpdatePauseReason(t.Context(), System, r.ID, PauseReasonPatch{Archived: &archived})
	wantFields(t, err, "label")
	if _, err := s.UpdatePauseReason(t.Context(), System, uuid.New(), PauseReasonPatch{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}
