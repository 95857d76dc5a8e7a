package screenpop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"ringbook/crm"
	"ringbook/pbx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a directory of fixed agents.
type house map[string]crm.AgentRef

func (h house) ByExtension(_, ext string) (crm.AgentRef, bool) { a, ok := h[ext]; return a, ok }

func (h house) Agents() (all []crm.AgentRef) {
	for a := range maps.Values(h) {
		if !slices.ContainsFunc(all, func(b crm.AgentRef) bool { return a.ID == b.ID }) {
			all = append(all, a)
		}
	}
	return all
}

// states are those of agents who have chosen nothing, and whose wrap-ups nobody writes.
func states() *crm.States { return crm.NewStore(nil, crm.Config{}).States() }

func (h house) Agent(id uuid.UUID) (crm.AgentRef, bool) {
	for _, a := range h {
		if a.ID == id {
			return a, true
		}
	}
	return crm.AgentRef{}, false
}

var (
	neda  = crm.AgentRef{ID: uuid.UUID{1}, Name: "Neda", Extensions: []string{"1001", "2001"}}
	omid  = crm.AgentRef{ID: uuid.UUID{2}, Name: "Omid", Extensions: []string{"1002"}}
	reza  = crm.AgentRef{ID: uuid.UUID{3}, Name: "Reza", Extensions: []string{"1003"}}
	staff = house{"1001": neda, "2001": neda, "1002": omid, "1003": reza}
	sara  = crm.Customer{ID: uuid.UUID{9}, Name: "Sara"}
)

// backOffice is a customer database and call log of which a test decides how long they take and what they say.
type backOffice struct {
	mu    sync.Mutex
	delay time.Duration
	err   error
	asked []crm.Query
	note  Annotation
	past  []PastCall
}

func (o *backOffice) set(f func(*backOffice)) { o.mu.Lock(); defer o.mu.Unlock(); f(o) }

func (o *backOffice) questions() int { o.mu.Lock(); defer o.mu.Unlock(); return len(o.asked) }

func (o *backOffice) Match(ctx context.Context, q crm.Query) (crm.Match, error) {
	o.mu.Lock()
	o.asked = append(o.asked, q)
	delay, err := o.delay, o.err
	o.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return crm.Match{}, ctx.Err()
	}
	n := crm.Number{Raw: q.Raw, Plain: q.Raw}
	if (q.Withheld || q.Raw == "") && q.CustomerRef == "" { // nobody is asked
		return crm.Match{Number: n, Rule: crm.RuleWithheld, Candidates: []crm.Customer{}}, nil
	}
	if err != nil {
		return crm.Match{}, err
	}
	rule := crm.RuleExact
	if q.CustomerRef != "" {
		rule = crm.RuleIVR
	}
	return crm.Match{Number: n, Rule: rule, Customer: &sara, Candidates: []crm.Customer{sara}}, nil
}

func (o *backOffice) LastCalls(_ context.Context, _ []uuid.UUID, _ string, limit int) ([]PastCall, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.past[:min(limit, len(o.past))], nil
}

func (o *backOffice) Annotation(context.Context, uuid.UUID) (Annotation, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.note, nil
}

// open is a running board inside a synctest bubble; it is shut down at the end of the test.
func open(t *testing.T, o *backOffice) *Board {
	t.Helper()
	b := NewBoard(BoardConfig{Match: o.Match, History: o, Directory: staff, States: states()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

var numbered byte

// ring is a call from Sara to a queue that rings at the extensions now.
func ring(extensions ...string) pbx.Call {
	numbered++
	now := time.Now()
	c := pbx.Call{
		ID: uuid.UUID{0xca, numbered}, PBX: "main", Version: 1, Direction: pbx.Inbound, State: pbx.StateRinging,
		Caller: pbx.Party{Number: fmt.Sprint("0912", numbered)}, Dialed: "91001234", Queue: "support", StartedAt: now, ReceivedAt: now,
		Legs: []pbx.Leg{{ID: "0", Role: pbx.RoleCustomer, OfferedAt: now, AnsweredAt: now}},
	}
	for i, ext := range extensions {
		c.Legs = append(c.Legs, pbx.Leg{ID: fmt.Sprint(i + 1), Role: pbx.RoleAgent, Extension: ext, OfferedAt: now})
	}
	return c
}

func later(c pbx.Call) pbx.Call {
	c.Version++
	c.ReceivedAt = time.Now()
	c.Legs = append([]pbx.Leg{}, c.Legs...)
	return c
}

// answer is the picture after the agent leg of ext has answered and the others were stopped.
func answer(c pbx.Call, ext string) pbx.Call {
	c = later(c)
	c.State, c.AnsweredAt = pbx.StateTalking, time.Now()
	for i := range c.Legs {
		switch l := &c.Legs[i]; {
		case l.Role != pbx.RoleAgent:
		case l.Extension == ext:
			l.AnsweredAt = time.Now()
		default:
			l.EndedAt, l.End = time.Now(), pbx.EndAnsweredElsewhere
		}
	}
	return c
}

func hangUp(c pbx.Call) pbx.Call {
	c = later(c)
	c.State, c.EndedAt, c.Outcome = pbx.StateEnded, time.Now(), pbx.Answered
	if c.AnsweredAt.IsZero() {
		c.Outcome = pbx.Abandoned
	}
	for i := range c.Legs {
		if l := &c.Legs[i]; l.EndedAt.IsZero() {
			l.EndedAt, l.End = time.Now(), pbx.EndHungUp
		}
	}
	return c
}

func nudged(w *Watch) bool {
	synctest.Wait()
	select {
	case <-w.C():
		return true
	default:
		return false
	}
}

// watch is a Watch whose first nudge is taken.
func watch(t *testing.T, b *Board, agent uuid.UUID) *Watch {
	t.Helper()
	w := b.Watch(agent)
	t.Cleanup(w.Close)
	if !nudged(w) {
		t.Fatal("a new watch has no nudge")
	}
	return w
}

// only is the one pop of a desk.
func only(t *testing.T, d Desk) Pop {
	t.Helper()
	if len(d.Calls) != 1 {
		t.Fatalf("desk of %s has %d calls, want 1", d.Agent.Name, len(d.Calls))
	}
	return d.Calls[0]
}
