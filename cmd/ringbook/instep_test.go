package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// stepModel is an agent's state and the exchange's queues, with whoever keeps them in step, without any time or network.
type stepModel struct {
	t       *rapid.T
	choice  crm.Choice
	members []modelMember
	base    side // as kept
	agreed  int  // when the newest member had joined then
	clock   int
	pushes  int

	differed bool      // before this step, the queues did
	before   crm.State // and the agent was that
}

type modelMember struct {
	side
	since int
}

func (m *stepModel) heard() heard {
	h := heard{members: len(m.members)}
	first := true
	for _, f := range m.members {
		if !f.paused {
			if f.since > m.agreed {
				h.newer++
			}
			continue
		}
		if first {
			h.reason = f.reason
		} else if h.reason != f.reason {
			h.reason = ""
		}
		first = false
		h.paused++
	}
	return h
}

func (m *stepModel) want() side {
	want := wanted(m.choice)
	if m.choice.By == crm.ByPhone && want.paused && m.base.paused {
		want.reason = m.base.reason
	}
	return want
}

// settle does what is to be done until nothing is. forgets says that it ends between telling the queues and keeping that.
func (m *stepModel) settle(forgets bool) {
	for round := 0; ; round++ {
		if round > 3 {
			m.t.Fatalf("it does not come to rest: %+v wants %+v, agreed on %+v, queues %+v", m.choice, m.want(), m.base, m.members)
		}
		h := m.heard()
		have, _ := h.side()
		m.clock++
		switch decide(m.base, m.want(), m.choice.State == crm.Offline, h) {
		case leave:
			return
		case agree:
			if m.base == m.want() && (!m.base.paused || m.agreed == m.newest()) {
				return
			}
			m.base, m.agreed = m.want(), m.newest()
		case adopt:
			m.choice = crm.Choice{State: crm.Available, By: crm.ByPhone}
			if have.paused {
				m.choice.State, m.choice.Reason = crm.Paused, have.reason
			}
			m.base, m.agreed = have, m.newest()
		case push:
			m.pushes++
			want := m.want()
			for i := range m.members {
				m.members[i].side = want
			}
			if forgets {
				return
			}
			m.base, m.agreed = want, m.newest()
		}
	}
}

// newest is when the newest member joined.
func (m *stepModel) newest() (at int) {
	for _, f := range m.members {
		at = max(at, f.since)
	}
	return at
}

func (m *stepModel) desk(state crm.State, reason string) {
	if state != crm.Paused {
		reason = ""
	}
	m.choice = crm.Choice{State: state, Reason: reason, By: crm.ByDesk}
}

func (m *stepModel) phone(paused bool, reason string, some bool) {
	if !paused {
		reason = ""
	}
	for i := range m.members {
		m.members[i].side = side{paused, reason}
		if some {
			return
		}
	}
}

// restart is an exchange that starts anew and has forgotten who is paused.
func (m *stepModel) restart() {
	m.clock++
	for i := range m.members {
		m.members[i] = modelMember{since: m.clock}
	}
}

// alike fails unless the queues do what the agent's state says. Where they said different things already, and the agent has
// chosen nothing new, they still may.
func (m *stepModel) alike(what string) {
	if m.differed && m.choice.State == m.before {
		return
	}
	for _, f := range m.members {
		if f.paused != (m.choice.State != crm.Available) {
			m.t.Fatalf("after %s the agent is %s, and the queues are %+v", what, m.choice.State, m.members)
		}
	}
}

// Whichever side changed later is right, whatever comes between: a lost connection, a restart of the exchange, an end of the
// leading node at the worst moment. It always comes to rest, and nothing is told twice.
func TestInStep_PropertyTheLaterChangeWins(t *testing.T) {
	states := []crm.State{crm.Available, crm.Paused, crm.Offline}
	reasons := []string{"", "Lunch", "Break"}
	rapid.Check(t, func(t *rapid.T) {
		m := &stepModel{t: t, choice: crm.Choice{State: crm.Available, By: crm.BySystem}, members: make([]modelMember, rapid.IntRange(1, 3).Draw(t, "queues"))}
		m.settle(false)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			m.clock++
			before, was := m.choice, m.pushes
			m.differed, m.before = !m.oneSide(), m.choice.State
			state, reason := rapid.SampledFrom(states).Draw(t, "state"), rapid.SampledFrom(reasons).Draw(t, "reason")
			paused := rapid.Bool().Draw(t, "paused")
			switch rapid.SampledFrom([]string{"desk", "desk and end", "phone", "phone in one queue", "restart", "desk while away", "both while away", "joins"}).Draw(t, "what") {
			case "desk":
				m.desk(state, reason)
				m.settle(false)
				if m.choice.State != state || m.choice.By != crm.ByDesk {
					t.Fatalf("chose %s, is %+v", state, m.choice)
				}
				m.alike("a choice")
			case "desk and end":
				m.desk(state, reason)
				m.settle(true)
				m.settle(false) // the other node
				if m.choice.State != state {
					t.Fatalf("chose %s, is %+v", state, m.choice)
				}
				m.alike("a choice and the end of the node")
			case "phone":
				m.phone(paused, reason, false)
				m.settle(false)
				if got := m.choice.State != crm.Available; got != paused {
					t.Fatalf("the phone was paused: %v, and the agent is %s", paused, m.choice.State)
				}
				if before.State == crm.Offline && paused && m.choice.State != crm.Offline {
					t.Fatalf("to pause the phone of one who is offline made the agent %s", m.choice.State)
				}
				if m.pushes > was+1 {
					t.Fatalf("the queues were told %d times what they said", m.pushes-was)
				}
				m.alike("a change at the phone")
			case "phone in one queue":
				m.phone(paused, reason, true)
				m.settle(false)
				if len(m.members) > 1 && m.choice.State != before.State && !m.oneSide() {
					t.Fatalf("a pause in one queue made of %s %s", before.State, m.choice.State)
				}
			case "restart":
				m.restart()
				m.settle(false)
				if m.choice.State != before.State {
					t.Fatalf("a restart of the exchange made of %s %s", before.State, m.choice.State)
				}
				m.alike("a restart of the exchange")
			case "desk while away":
				m.desk(states[0], "")
				m.desk(state, reason)
				m.settle(false)
				m.alike("changes while the exchange was away")
			case "both while away":
				m.phone(paused, reason, false)
				m.desk(state, reason)
				changed := (state != crm.Available) != m.base.paused
				m.settle(false)
				if changed && m.choice.State != state {
					t.Fatalf("both changed, the agent chose %s and is %s", state, m.choice.State)
				}
				m.alike("changes of both")
			case "joins": // another queue, by the phone
				if len(m.members) < 5 {
					m.members = append(m.members, modelMember{since: m.clock})
				}
				one := m.oneSide()
				m.settle(false)
				if m.choice.State != before.State && !one {
					t.Fatalf("joining a queue made of %s %s", before.State, m.choice.State)
				}
			}
			was = m.pushes
			m.settle(false)
			if m.pushes != was {
				t.Fatal("the queues are told again, although nothing has changed")
			}
		}
	})
}

// oneSide tells whether the queues say one thing.
func (m *stepModel) oneSide() bool { _, one := m.heard().side(); return one }

// The queues have been told another reason once they show it: what they said until then is no change at the phone.
func TestInStep_AnotherReasonIsToldOnceItIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := pbxtest.NewAMI(pbxtest.AMIConfig{})
		manager.AddQueue("support", "ringall", "PJSIP/1001")
		manager.SetMember("PJSIP/1001", "Paused", "1", false)
		manager.SetMember("PJSIP/1001", "PausedReason", "Lunch", false)
		fake := pbxtest.NewFake(pbxtest.FakeConfig{})
		log := slog.New(slog.DiscardHandler)
		stream, err := ari.New(ari.Config{Name: "main", URL: fake.URL(), DialContext: fake.Dial, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		client, err := ami.New(ami.Config{Name: "main", URL: manager.URL(), DialContext: manager.Dial, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		exchange := pbx.NewExchange(stream, pbx.Config{Name: "main"}, log)
		exchange.UseAMI(client)
		steps := newInStep(exchange, crm.NewStore(nil, crm.Config{}), nil, log)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = exchange.Run(ctx, func(context.Context, pbx.Call) {})
		}()
		defer func() { cancel(); <-done; fake.Close(); manager.Close() }()
		time.Sleep(time.Second) // of the bubble's clock

		// The exchange says yes, and tells of it later.
		manager.Answer("QueuePause", func(ami.Action) string { return "Response: Success\r\nMessage: Interface paused successfully\r\n" })
		told := make(chan error, 1)
		go func() { told <- steps.push(ctx, []string{"1001"}, side{true, "Break"}, client.Health().Rights) }()
		synctest.Wait()
		select {
		case err := <-told:
			t.Fatalf("told before it is shown: %v", err)
		default:
		}
		manager.SetMember("PJSIP/1001", "PausedReason", "Break", true)
		if err := <-told; err != nil {
			t.Error(err)
		}
		// One that keeps reasons in words of its own is not waited for for long, and follows.
		began := time.Now()
		if err := steps.push(ctx, []string{"1001"}, side{true, "Prayer"}, client.Health().Rights); err != nil || time.Since(began) > echoTime {
			t.Errorf("%v, after %v", err, time.Since(began))
		}
	})
}
