package screenpop

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// chosen are agents' states as somebody else keeps them.
type chosen map[uuid.UUID]crm.Standing

func (c chosen) Standing(agent uuid.UUID) crm.Standing {
	s, ok := c[agent]
	if !ok {
		s.State = crm.Available
	}
	return s
}

func (c chosen) BeginWrapUp(w crm.AfterCall, lasts time.Duration) {
	s := c.Standing(w.AgentID)
	if lasts == 0 {
		lasts = crm.WrapUpMost
	}
	w.Until = time.Now().Add(lasts)
	s.After = w
	c[w.AgentID] = s
}

func (c chosen) EndWrapUp(agent, _ uuid.UUID) {
	s := c[agent]
	s.After.EndedAt = time.Now()
	c[agent] = s
}

func (c chosen) choose(agent uuid.UUID, state crm.State) {
	s := c.Standing(agent)
	s.State, s.Since = state, time.Now()
	c[agent] = s
}

// P5: calls decide what an agent is, then the wrap-up, then what was chosen; the state lasts since it began without interruption. A
// phone of somebody paused or offline that rings all the same is shown, and nobody else's desk is.
func TestPresence_P5_CallsThenWrapUpThenChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		agents := chosen{}
		b.cfg.States = agents
		b.cfg.WrapUp = func(exchange, queue string) time.Duration {
			if exchange != "main" || queue != "support" {
				t.Errorf("asked for the wrap-up of %s on %s", queue, exchange)
			}
			return 20 * time.Second
		}
		is := func(what string, state crm.State, since time.Time) {
			t.Helper()
			if p := b.Presence(neda.ID); p.State != state || !p.Since.Equal(since) {
				t.Errorf("%s: %s since %v, want %s since %v", what, p.State, p.Since, state, since)
			}
		}
		is("who never chose", crm.Available, time.Time{})
		for _, state := range []crm.State{crm.Paused, crm.Offline} {
			agents.choose(neda.ID, state)
			began := time.Now()
			time.Sleep(time.Minute)
			is("chosen", state, began)
			if len(b.Desk(neda.ID).Calls) != 0 {
				t.Errorf("who is %s has a pop of a call that rings elsewhere", state)
			}
			c := ring("1001")
			c.Queue = "support"
			b.Update(t.Context(), c)
			is("a phone that rings all the same", crm.Ringing, c.Legs[1].OfferedAt)
			if len(b.Desk(neda.ID).Calls) != 1 || len(b.Desk(omid.ID).Calls) != 0 {
				t.Error("the pop is not on the desk that rings, or on another")
			}
			time.Sleep(time.Second)
			c = answer(c, "1001")
			b.Update(t.Context(), c)
			is("a call", crm.Talking, c.AnsweredAt)
			if p := b.Presence(neda.ID); p.Choice.State != state {
				t.Errorf("what she chose is %s", p.Choice.State)
			}
			time.Sleep(time.Minute)
			c = hangUp(c)
			b.Update(t.Context(), c)
			if state == crm.Paused {
				is("after the call", crm.WrapUp, c.EndedAt)
				time.Sleep(20 * time.Second)
				is("after the wrap-up", state, time.Now())
				if len(b.Desk(neda.ID).Calls) != 1 {
					t.Error("the call has gone with its wrap-up: its note cannot be written")
				}
			} else {
				is("after the call", state, c.EndedAt)
			}
			if !b.Dismiss(neda.ID, c.ID) {
				t.Error("the call cannot be put away")
			}
		}
		missed := ring("1001")
		b.Update(t.Context(), missed)
		time.Sleep(10 * time.Second)
		missed = hangUp(missed)
		b.Update(t.Context(), missed)
		is("after a call that was missed", crm.Offline, missed.EndedAt)
		agents.choose(omid.ID, crm.Paused)
		if n := b.count(); n[crm.Offline] != 1 || n[crm.Paused] != 1 || n[crm.Available] != 1 {
			t.Errorf("counted %v", n)
		}
		for _, p := range b.Presences() {
			if p.Agent.ID == omid.ID && p.State != crm.Paused {
				t.Errorf("Omid is %s", p.State)
			}
		}
	})
}

// Two calls at once: the state lasts since the first of them, and dialling is talking.
func TestPresence_TwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, &backOffice{})
		one := answer(ring("1001"), "1001")
		b.Update(t.Context(), one)
		time.Sleep(time.Minute)
		two := ring("1001")
		b.Update(t.Context(), two)
		if p := b.Presence(neda.ID); p.State != crm.Talking || !p.Since.Equal(one.AnsweredAt) {
			t.Errorf("while another rings she is %s since %v", p.State, p.Since)
		}
		two = answer(two, "1001")
		b.Update(t.Context(), two)
		if p := b.Presence(neda.ID); !p.Since.Equal(one.AnsweredAt) {
			t.Errorf("with two calls she talks since %v", p.Since)
		}
		b.Update(t.Context(), hangUp(one))
		if p := b.Presence(neda.ID); p.State != crm.Talking || !p.Since.Equal(two.AnsweredAt) {
			t.Errorf("with the second she is %s since %v", p.State, p.Since)
		}
		out := pbx.Call{
			ID: uuid.New(), PBX: "main", Version: 1, Direction: pbx.Outbound, State: pbx.StateRinging, StartedAt: time.Now(),
			Legs: []pbx.Leg{{ID: "1", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: time.Now()}},
		}
		b.Update(t.Context(), out)
		if p := b.Presence(omid.ID); p.State != crm.Talking || !p.Since.Equal(out.Legs[0].OfferedAt) {
			t.Errorf("who dials is %s since %v", p.State, p.Since)
		}
	})
}
