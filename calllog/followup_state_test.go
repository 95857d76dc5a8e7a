package calllog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ringbook/crm"
)

// as is a move that ringbook makes by itself, as when a call has ended.
func as(t testing.TB, s *FollowUps, id uuid.UUID, from FollowUpState, m followUpMove) (moved bool) {
	t.Helper()
	err := s.cfg.DB.InTx(deadline(t), func(tx pgx.Tx) (err error) {
		moved, err = moveFollowUp(deadline(t), tx, id, []FollowUpState{from}, m)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// S7: every state that a callback can be in is one of its own, and its history tells how it came there.
func TestFollowUps_S7_EveryOutcomeIsAState(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	anyone := FollowUpOwner{Anyone: true}
	ctx := deadline(t)
	act := func(f FollowUp, err error) FollowUp {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	want := func(id uuid.UUID, state FollowUpState, told string) FollowUp {
		t.Helper()
		f := act(s.FollowUp(ctx, crm.System, id))
		if got := story(t, s, id); f.State != state || got != told {
			t.Errorf("%s by %q, want %s by %q", f.State, got, state, told)
		}
		if (f.ClosedAt != nil) != state.Closed() || (f.ClaimedBy != nil) != state.held() {
			t.Errorf("%s: closed at %v, claimed by %v", state, f.ClosedAt, f.ClaimedBy)
		}
		return f
	}
	dial := func(f FollowUp) uuid.UUID {
		attempt := uuid.New()
		if !as(t, s, f.ID, f.State, followUpMove{To: FollowUpDialling, By: neda.ID, What: "dialled", Attempt: attempt, Tries: 1}) {
			t.Fatal("not dialled")
		}
		return attempt
	}

	// Dialled in vain, then reached: whoever dialled has done it.
	f := create(t, s, agentNeda, callback(anyone))
	dial(f)
	again := soon(30 * time.Minute)
	as(t, s, f.ID, FollowUpDialling, followUpMove{To: FollowUpNoAnswer, What: "no_answer", Due: again, Call: callID(1)})
	f = want(f.ID, FollowUpNoAnswer, "neda made due, neda dialled dialling, ringbook no_answer no_answer")
	if !f.DueAt.Equal(again) || f.Tries != 1 || f.LastCallID == nil || *f.LastCallID != callID(1) || f.OfferedAt != nil {
		t.Errorf("the next try: %+v", f)
	}
	dial(f)
	as(t, s, f.ID, FollowUpDialling, followUpMove{To: FollowUpReached, What: "reached", Call: callID(2)})
	f = want(f.ID, FollowUpReached, "neda made due, neda dialled dialling, ringbook no_answer no_answer, neda dialled dialling, ringbook reached reached")
	if f.ClosedBy == nil || f.ClosedBy.ID != neda.ID || f.Tries != 2 || *f.LastCallID != callID(2) {
		t.Errorf("reached: %+v", f)
	}
	if _, err := s.Done(ctx, agentNeda, f.ID); err == nil {
		t.Error("what is closed was closed otherwise")
	} else {
		refusedAs(t, err, FollowUpIsClosed, f.ClosedBy)
	}

	// Moved by a person: out of the hands it was in, with its window along.
	in := callback(anyone)
	until := in.DueAt.Add(2 * time.Hour)
	in.Until = &until
	f = create(t, s, agentOmid, in)
	act(s.Claim(ctx, agentOmid, f.ID))
	tomorrow := in.DueAt.Add(24 * time.Hour)
	act(s.Patch(ctx, agentOmid, f.ID, FollowUpPatch{DueAt: &tomorrow}))
	f = want(f.ID, FollowUpRescheduled, "omid made due, omid claimed claimed, omid changed claimed, omid rescheduled rescheduled")
	if !f.DueAt.Equal(tomorrow) || f.Until == nil || !f.Until.Equal(until.Add(24*time.Hour)) {
		t.Errorf("moved to %v until %v", f.DueAt, f.Until)
	}
	as(t, s, f.ID, FollowUpRescheduled, followUpMove{To: FollowUpExpired, What: "expired"})
	if f = want(f.ID, FollowUpExpired, "omid made due, omid claimed claimed, omid changed claimed, omid rescheduled rescheduled, ringbook expired expired"); f.ClosedBy != nil {
		t.Errorf("expired by %v", f.ClosedBy)
	}

	if _, err := s.cfg.DB.Pool().Exec(ctx, `UPDATE follow_up SET due_at = now() - interval '2 hours', until = now() - interval '1 hour' WHERE id = $1`, f.ID); err != nil {
		t.Fatal(err)
	}
	if f = act(s.Reopen(ctx, agentOmid, f.ID)); f.State != FollowUpDue || f.Until != nil {
		t.Errorf("reopened, it would expire again: %s until %v", f.State, f.Until)
	}

	// Cancelled by ringbook; undone, and done.
	f = create(t, s, agentNeda, callback(anyone))
	as(t, s, f.ID, FollowUpDue, followUpMove{To: FollowUpCancelled, What: "called_again", Call: callID(3)})
	if _, err := s.Claim(ctx, agentNeda, f.ID); err == nil {
		t.Error("a closed one was claimed")
	}
	act(s.Reopen(ctx, agentNeda, f.ID))
	_, err := s.Reopen(ctx, agentNeda, f.ID)
	refusedAs(t, err, FollowUpIsOpen, nil)
	act(s.Done(ctx, agentNeda, f.ID))
	act(s.Done(ctx, agentNeda, f.ID)) // said twice
	want(f.ID, FollowUpDone, "neda made due, ringbook called_again cancelled, neda reopened due, neda done done")
	title := "x"
	act(s.Patch(ctx, agentNeda, f.ID, FollowUpPatch{Title: &title}))
	_, err = s.Patch(ctx, agentNeda, f.ID, FollowUpPatch{DueAt: &tomorrow})
	refusedAs(t, err, FollowUpIsClosed, &neda)

	// A supervisor takes it out of the hands of an agent of the team, and gives it to another.
	f = create(t, s, agentNeda, callback(FollowUpOwner{TeamID: &team}))
	act(s.Claim(ctx, agentNeda, f.ID))
	_, err = s.Claim(ctx, leader, f.ID)
	refusedAs(t, err, FollowUpIsClaimed, &neda)
	act(s.Patch(ctx, leader, f.ID, FollowUpPatch{Owner: FollowUpOwner{AssigneeID: &leader.AgentID}}))
	want(f.ID, FollowUpDue, "neda made due, neda claimed claimed, leader changed claimed, leader released due")
	if _, err := s.FollowUp(ctx, agentNeda, f.ID); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("it is another's by now: %v", err)
	}
	// All nodes hear of every step.
	steps := count(t, d, `SELECT count(*) FROM follow_up_change`)
	if told := count(t, d, `SELECT count(*) FROM event WHERE kind = $1`, EventFollowUp); told != steps {
		t.Errorf("of %d steps %d were told to other nodes", steps, told)
	}
}

// No move is possible but those of the table: the function refuses to try.
func TestFollowUps_S7_OnlyMovesOfTheTable(t *testing.T) {
	t.Parallel()
	_, s := newFollowUps(t)
	f := create(t, s, agentNeda, callback(FollowUpOwner{}))
	for _, from := range FollowUpStates() {
		for _, to := range FollowUpStates() {
			if slices.Contains(followUpMoves[from], to) {
				if from.Closed() && to != FollowUpDue {
					t.Errorf("%s moves to %s", from, to)
				}
				continue
			}
			err := s.cfg.DB.InTx(deadline(t), func(tx pgx.Tx) error {
				_, err := moveFollowUp(deadline(t), tx, f.ID, []FollowUpState{from}, followUpMove{To: to, By: neda.ID, What: "x"})
				return err
			})
			if err == nil {
				t.Errorf("%s moves to %s", from, to)
			}
		}
	}
}

// Whatever is done in whatever order: what is closed opens by reopening only, nobody takes it out of another's hands, what is
// refused changes nothing, and the history tells every step, each a move of the table.
func TestFollowUps_S7_PropertyOfAnyMoves(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	ctx := context.Background()
	actors := map[string]crm.Actor{"neda": agentNeda, "omid": agentOmid, "leader": leader, "admin": admin}
	names := slices.Sorted(maps.Keys(actors))
	owners := []FollowUpOwner{{Anyone: true}, {TeamID: &team}, {AssigneeID: &neda.ID}, {AssigneeID: &leader.AgentID}}
	system := func(to FollowUpState, from ...FollowUpState) func(crm.Actor, uuid.UUID) error {
		return func(_ crm.Actor, id uuid.UUID) error {
			return d.InTx(ctx, func(tx pgx.Tx) error {
				moved, err := moveFollowUp(ctx, tx, id, from, followUpMove{To: to, What: string(to)})
				if err == nil && !moved {
					err = errors.New("not moved")
				}
				return err
			})
		}
	}
	whole := func(_ FollowUp, err error) error { return err }
	acts := map[string]func(crm.Actor, uuid.UUID) error{
		"claim":   func(a crm.Actor, id uuid.UUID) error { return whole(s.Claim(ctx, a, id)) },
		"release": func(a crm.Actor, id uuid.UUID) error { return whole(s.Release(ctx, a, id)) },
		"done":    func(a crm.Actor, id uuid.UUID) error { return whole(s.Done(ctx, a, id)) },
		"cancel":  func(a crm.Actor, id uuid.UUID) error { return whole(s.Cancel(ctx, a, id)) },
		"reopen":  func(a crm.Actor, id uuid.UUID) error { return whole(s.Reopen(ctx, a, id)) },
		"move": func(a crm.Actor, id uuid.UUID) error {
			due := time.Now().Add(time.Hour)
			return whole(s.Patch(ctx, a, id, FollowUpPatch{DueAt: &due}))
		},
		"dial": func(a crm.Actor, id uuid.UUID) error {
			return whole(s.act(ctx, a, id, func(tx pgx.Tx, f FollowUp) error {
				return s.take(ctx, tx, f, followUpMove{To: FollowUpDialling, By: a.AgentID, Attempt: uuid.New(), Tries: 1, What: "dialled"})
			}))
		},
		"reached":   system(FollowUpReached, FollowUpDialling),
		"no_answer": system(FollowUpNoAnswer, FollowUpDialling),
		"expired":   system(FollowUpExpired, FollowUpDue, FollowUpNoAnswer, FollowUpRescheduled, FollowUpClaimed),
	}
	for i, o := range owners {
		acts[fmt.Sprintf("give %d", i)] = func(a crm.Actor, id uuid.UUID) error { return whole(s.Patch(ctx, a, id, FollowUpPatch{Owner: o})) }
	}
	kinds := slices.Sorted(maps.Keys(acts))
	rapid.Check(t, func(rt *rapid.T) {
		in := callback(rapid.SampledFrom(owners).Draw(rt, "owner"))
		before, err := s.Create(ctx, admin, in)
		if err != nil {
			rt.Fatal(err)
		}
		id := before.ID
		for range rapid.IntRange(1, 8).Draw(rt, "acts") {
			kind, who := rapid.SampledFrom(kinds).Draw(rt, "act"), rapid.SampledFrom(names).Draw(rt, "by")
			failed := acts[kind](actors[who], id)
			after, err := s.one(ctx, d.Pool(), crm.System, crm.FollowUpsRead, id, "")
			if err != nil {
				rt.Fatal(err)
			}
			switch {
			case failed != nil && after.Version != before.Version:
				rt.Fatalf("%s by %s failed with %v and changed it", kind, who, failed)
			case before.State.Closed() && !after.State.Closed() && kind != "reopen":
				rt.Fatalf("%s by %s opened what was %s", kind, who, before.State)
			case before.ClaimedBy != nil && after.ClaimedBy != nil && before.ClaimedBy.ID != after.ClaimedBy.ID:
				rt.Fatalf("%s by %s took it from %s's hands into %s's", kind, who, before.ClaimedBy.Username, after.ClaimedBy.Username)
			case before.State == FollowUpDialling && after.State != FollowUpDialling && after.AttemptID != nil:
				rt.Fatalf("%s by %s left an attempt", kind, who)
			}
			before = after
		}
		f, err := s.FollowUp(ctx, crm.System, id)
		if err != nil {
			rt.Fatal(err)
		}
		state := FollowUpDue
		for i, c := range f.Changes {
			if i > 0 && c.What != "changed" && !slices.Contains(followUpMoves[state], c.State) || c.What == "changed" && c.State != state {
				rt.Fatalf("the history goes from %s to %s by %s", state, c.State, c.What)
			}
			if c.By == nil && !strings.Contains("reached no_answer expired", c.What) {
				rt.Fatalf("the history does not tell who: %+v", c)
			}
			state = c.State
		}
		if state != f.State || len(f.Changes) != f.Version {
			rt.Fatalf("it is %s, version %d; the history has %d steps and ends with %s", f.State, f.Version, len(f.Changes), state)
		}
	})
}
