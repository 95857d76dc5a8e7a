package calllog

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// dialNode is one of several that share a database and an exchange.
type dialNode struct {
	*Acts
	exchange *pbx.Exchange
	recorder *Recorder
}

// dialling is a call centre with an exchange that is no real one, and two nodes.
type dialling struct {
	db    *db.DB
	store *Store
	fake  *pbxtest.Fake
	nodes [2]dialNode
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func newDialling(t *testing.T) *dialling {
	t.Helper()
	h := &dialling{fake: pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001", "PJSIP/1002", "PJSIP/trunk"}})}
	t.Cleanup(h.fake.Close)
	h.db, h.store = callCentre(t)
	if _, err := h.db.Pool().Exec(deadline(t), `INSERT INTO agent_extension (agent_id, extension, position) VALUES ($1, '1001', 0), ($2, '1002', 0)`,
		neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.store.crm.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	for i := range h.nodes {
		client, err := ari.New(ari.Config{Name: "main", URL: h.fake.URL(), DialContext: h.fake.Dial, RequestTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		x := pbx.NewExchange(client, pbx.Config{Name: "main"}, testLog(t))
		c := config(t, h.db)
		recorder, _ := record(t, c)
		h.nodes[i] = dialNode{NewActs(ActsConfig{
			DB: h.db, CRM: h.store.crm, Calls: h.store, Exchanges: []*pbx.Exchange{x}, Log: testLog(t),
		}), x, recorder}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = x.Run(ctx, func(_ context.Context, c pbx.Call) { recorder.Update(c) }) })
		t.Cleanup(func() { cancel(); running.Wait() })
		await(t, "the exchange is followed", func() bool { return x.Health().Live && x.CanDial("9999") == pbx.NoPhone })
	}
	return h
}

// await waits for a state.
func await(t *testing.T, what string, state func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !state() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("has not come about: %s", what)
		}
	}
}

// placed counts what the exchange was asked to dial.
func (h *dialling) placed() int { return h.fake.Seen().Requests["POST channels"] }

// free hangs up what there is, so that phones are free.
func (h *dialling) free(t *testing.T, id uuid.UUID) {
	t.Helper()
	if err := h.nodes[0].exchange.HangUp(deadline(t), "dial-"+id.String()); err != nil {
		t.Fatal(err)
	}
	await(t, "the call has ended", func() bool { return len(h.nodes[0].exchange.Live()) == 0 && len(h.nodes[1].exchange.Live()) == 0 })
}

// S6: however often and wherever an attempt is asked for, the exchange is asked once, and all get the same answer.
func TestActs_S6_OneOriginateForEachAttempt(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	want := Dial{ID: uuid.New(), Number: "۰۹۱۲ ۱۲۳ ۴۵۶۷"}
	answers := make([]Attempt, 8)
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() {
			var err error
			if answers[i], err = h.nodes[i%2].Dial(deadline(t), agentNeda, want); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	for _, a := range answers {
		if a != answers[0] || a.ID != want.ID || a.CallID == uuid.Nil || a.Extension != "1001" || a.Number != "09121234567" {
			t.Errorf("answers are %+v and %+v", answers[0], a)
		}
	}
	if n := h.placed(); n != 1 {
		t.Errorf("the exchange was asked %d times", n)
	}
	// Another attempt while the first rings, from either node: not twice from one phone.
	for _, n := range h.nodes {
		if _, err := n.Dial(deadline(t), agentNeda, Dial{Number: "09121234567"}); pbx.Refused(err) != pbx.AlreadyDialing {
			t.Errorf("a second attempt: %v", err)
		}
	}
	if n := h.placed(); n != 1 {
		t.Errorf("the exchange was asked %d times", n)
	}
	h.free(t, want.ID)
	// Long over, the attempt still has its answer.
	if a, err := h.nodes[1].Dial(deadline(t), agentNeda, want); err != nil || a != answers[0] {
		t.Errorf("asked for once more: %+v, %v", a, err)
	}
	if _, err := h.nodes[1].Dial(deadline(t), agentOmid, want); err == nil {
		t.Error("the attempt of another agent was answered")
	}
}

// S6: the exchange places the call, and its answer is lost.
func TestActs_S6_TheAnswerIsLost(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	h.fake.Set(func(f *pbxtest.Faults) {
		f.Lost = func(r *http.Request) bool {
			return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/channels")
		}
	})
	a, err := h.nodes[0].Dial(deadline(t), agentNeda, Dial{Number: "09121234567"})
	if err != nil || a.CallID == uuid.Nil {
		t.Fatalf("%+v, %v", a, err)
	}
	if channels, _ := h.fake.Live(); channels != 1 || h.placed() != 1 {
		t.Errorf("%d channels, asked %d times", channels, h.placed())
	}
	await(t, "the call is followed under the id that was answered", func() bool {
		live := h.nodes[0].exchange.Live()
		return len(live) == 1 && live[0].ID == a.CallID
	})
}

// An exchange that is so slow that nobody waits any more, and places the call in the end: it is hung up.
func TestActs_S6_WhatComesTooLateIsHungUp(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	slow := make(chan struct{})
	h.fake.Set(func(f *pbxtest.Faults) {
		f.Answer = func(r *http.Request) int {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/channels") {
				<-slow
			}
			return 0
		}
	})
	want := Dial{ID: uuid.New(), Number: "09121234567"}
	if _, err := h.nodes[0].Dial(deadline(t), agentNeda, want); pbx.Refused(err) != pbx.PBXAway {
		t.Fatalf("a slow exchange: %v", err)
	}
	close(slow)
	await(t, "the call that came too late is hung up", func() bool {
		channels, _ := h.fake.Live()
		return h.placed() == 1 && channels == 0 && h.fake.Seen().Requests["DELETE channels"] > 1
	})
	if _, err := h.nodes[1].Dial(deadline(t), agentNeda, want); pbx.Refused(err) != pbx.PBXAway {
		t.Errorf("asked for once more: %v", err)
	}
	if h.placed() != 1 {
		t.Errorf("the exchange was asked %d times", h.placed())
	}
}

// A node that ended in the middle leaves an attempt of which nothing is known; after a while the agent may dial again.
func TestActs_S6_ANodeEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	id := uuid.New()
	if _, err := h.db.Pool().Exec(deadline(t), `INSERT INTO dial_attempt (id, agent_id, pbx, extension, number, dialled, state, created_at)
		VALUES ($1, $2, 'main', '1001', '+989121234567', '09121234567', 'placing', now() - interval '1 hour')`, id, neda.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.nodes[0].Dial(deadline(t), agentNeda, Dial{ID: id, Number: "09121234567"}); pbx.Refused(err) != pbx.NotPlaced {
		t.Errorf("the attempt that was left: %v", err)
	}
	if _, err := h.nodes[0].Dial(deadline(t), agentNeda, Dial{Number: "09121234567"}); err != nil {
		t.Errorf("the next: %v", err)
	}
}

func TestActs_RefusedBeforeAnythingRings(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	acts := h.nodes[0]
	supervisor := leader
	supervisor.Role = crm.RoleSupervisor
	for _, v := range []struct {
		name, number string
		who          crm.Actor
		code         pbx.Code
	}{
		{"oneself", "۱۰۰۱", agentNeda, pbx.ToYourself},
		{"a voice service at a premium", "0909 230 0000", agentNeda, pbx.Forbidden},
		{"the same in another spelling", "+98 909 2300000", agentNeda, pbx.Forbidden},
		{"abroad", "+49 30 901820", agentNeda, pbx.Forbidden},
		{"abroad, as it is dialled", "0049 30 901820", agentNeda, pbx.Forbidden},
		{"without a phone", "09121234567", supervisor, pbx.NoPhone},
	} {
		id := uuid.New()
		for range 2 { // the second gets the answer of the first
			if _, err := acts.Dial(deadline(t), v.who, Dial{ID: id, Number: v.number}); pbx.Refused(err) != v.code {
				t.Errorf("%s: %v", v.name, err)
			}
		}
	}
	for _, number := range []string{"", "x", "09121234567890123456789012345678901234", "*97", "anonymous", "sip:neda@example.org", "0000"} {
		_, err := acts.Dial(deadline(t), agentNeda, Dial{Number: number})
		refused(t, err, "number")
	}
	_, err := acts.Dial(deadline(t), agentNeda, Dial{Number: "09121234567", Extension: "1002"})
	refused(t, err, "extension")
	nobody := uuid.New()
	_, err = acts.Dial(deadline(t), agentNeda, Dial{Number: "09121234567", CustomerID: &nobody})
	refused(t, err, "customer_id")
	_, err = acts.Dial(deadline(t), agentNeda, Dial{Number: "09121234567", CallID: &nobody})
	refused(t, err, "call_id")

	h.fake.Set(func(f *pbxtest.Faults) { f.Offline = []string{"PJSIP/1001"} })
	if _, err := acts.Dial(deadline(t), agentNeda, Dial{Number: "09121234567"}); pbx.Refused(err) != pbx.PhoneOffline {
		t.Errorf("a phone that is off: %v", err)
	}
	h.fake.Set(func(f *pbxtest.Faults) { f.Offline = nil })
	if h.placed() != 0 {
		t.Errorf("the exchange was asked %d times", h.placed())
	}
	h.fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return http.StatusServiceUnavailable } })
	if _, err := acts.Dial(deadline(t), agentNeda, Dial{Number: "09121234567"}); pbx.Refused(err) != pbx.PBXAway {
		t.Errorf("an exchange that is down: %v", err)
	}
}

// The limits of a minute hold over all nodes: an agent's own, and the exchange's.
func TestActs_LimitsOfAMinute(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	if _, err := h.store.crm.SaveDialling(deadline(t), admin, crm.DiallingInput{Otherwise: true, PerMinute: 3, PerMinutePBX: 4}); err != nil {
		t.Fatal(err)
	}
	dial := func(n int, who crm.Actor) error {
		a, err := h.nodes[n%2].Dial(deadline(t), who, Dial{Number: "09121234567"})
		if err == nil {
			h.free(t, a.ID)
		}
		return err
	}
	for n := range 3 {
		if err := dial(n, agentNeda); err != nil {
			t.Fatal(err)
		}
	}
	if err := dial(3, agentNeda); pbx.Refused(err) != pbx.TooMany {
		t.Errorf("the fourth of an agent: %v", err)
	}
	if err := dial(0, agentOmid); err != nil {
		t.Errorf("another agent's first: %v", err)
	}
	if err := dial(1, agentOmid); pbx.Refused(err) != pbx.TooMany {
		t.Errorf("the fifth on the exchange: %v", err)
	}
}

// A call that was dialled for a customer, from an earlier call, is that customer's in the log, and audited.
func TestActs_L9_TheCallIsLinkedToItsOrigin(t *testing.T) {
	t.Parallel()
	h := newDialling(t)
	number := "09120000001"
	h.nodes[0].recorder.Update(ended(answered(ringing(1, "1001"))))
	settle(t, h.nodes[0].recorder)
	origin, customer := callID(1), sara
	a, err := h.nodes[0].Dial(deadline(t), agentNeda, Dial{Number: number, CustomerID: &customer, CallID: &origin})
	if err != nil {
		t.Fatal(err)
	}
	h.free(t, a.ID)
	for _, n := range h.nodes {
		settle(t, n.recorder)
	}
	var r Record
	await(t, "the call is in the log", func() bool {
		r, err = h.store.Call(deadline(t), agentNeda, a.CallID)
		return err == nil && r.State == pbx.StateEnded
	})
	if r.Customer == nil || r.Customer.ID != sara || r.Match.Rule != crm.RuleLinked || r.Caller.Number != "1001" {
		t.Errorf("%+v", r)
	}
	if r.StartedFrom == nil || *r.StartedFrom != origin {
		t.Errorf("started from %v, want %s", r.StartedFrom, origin)
	}
	entries, err := h.store.crm.Audit(deadline(t), admin, EventCall, a.CallID.String())
	if err != nil || len(entries) != 1 || entries[0].Action != "dial" || entries[0].Actor != "neda" {
		t.Errorf("audit is %+v, %v", entries, err)
	}
}
