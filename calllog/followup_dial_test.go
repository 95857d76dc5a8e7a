package calllog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// callbackNodes are two nodes, each with stores of its own, that share a database, an exchange that is no real one, and agents
// with a phone each.
type callbackNodes struct {
	db     *db.DB
	fake   *pbxtest.Fake
	agents []crm.Actor
	nodes  [2]struct {
		*FollowUps
		exchange *pbx.Exchange
	}
}

func newCallbackNodes(t *testing.T, agents int) *callbackNodes {
	t.Helper()
	h := &callbackNodes{}
	var endpoints []string
	for i := range agents {
		endpoints = append(endpoints, fmt.Sprintf("PJSIP/%d", 2000+i))
	}
	h.fake = pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: endpoints})
	t.Cleanup(h.fake.Close)
	h.db, _ = callCentre(t)
	for i := range agents {
		a := crm.Actor{AgentID: uuid.New(), Username: fmt.Sprintf("agent%d", i), Role: crm.RoleAgent}
		h.agents = append(h.agents, a)
		if _, err := h.db.Pool().Exec(deadline(t), `WITH made AS (INSERT INTO agent (id, username, name, role) VALUES ($1, $2, $2, 'agent'))
			INSERT INTO agent_extension (agent_id, extension, position) VALUES ($1, $3, 0)`, a.AgentID, a.Username, fmt.Sprint(2000+i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range h.nodes {
		store := crm.NewStore(h.db, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}})
		if err := store.Refresh(deadline(t)); err != nil {
			t.Fatal(err)
		}
		calls := NewStore(h.db, store)
		client, err := ari.New(ari.Config{Name: "main", URL: h.fake.URL(), DialContext: h.fake.Dial, RequestTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		x := pbx.NewExchange(client, pbx.Config{Name: "main"}, testLog(t))
		acts := NewActs(ActsConfig{DB: h.db, CRM: store, Calls: calls, Exchanges: []*pbx.Exchange{x}, Log: testLog(t)})
		h.nodes[i].FollowUps = NewFollowUps(FollowUpsConfig{DB: h.db, CRM: store, Calls: calls, Acts: acts, Log: testLog(t)})
		h.nodes[i].exchange = x
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { _ = x.Run(ctx, func(context.Context, pbx.Call) {}) })
		t.Cleanup(func() { cancel(); running.Wait() })
		await(t, "the exchange is followed", func() bool { return x.Health().Live && x.CanDial("9999") == pbx.NoPhone })
	}
	if _, err := h.nodes[0].cfg.CRM.SaveDialling(deadline(t), admin, crm.DiallingInput{Otherwise: true, PerMinute: 120, PerMinutePBX: 6000}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *callbackNodes) placed() int { return h.fake.Seen().Requests["POST channels"] }

// hangUp ends the calls of attempts, and waits until the phones are free.
func (h *callbackNodes) hangUp(t *testing.T, attempts ...uuid.UUID) {
	t.Helper()
	for _, id := range attempts {
		if err := h.nodes[0].exchange.HangUp(deadline(t), "dial-"+id.String()); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the calls have ended", func() bool { return len(h.nodes[0].exchange.Live()) == 0 && len(h.nodes[1].exchange.Live()) == 0 })
}

// state reads where a follow-up stands.
func (h *callbackNodes) state(t *testing.T, id uuid.UUID) FollowUp {
	t.Helper()
	f, err := h.nodes[0].FollowUp(deadline(t), crm.System, id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// S6: fifty agents on two nodes go for two hundred callbacks, five at each at the same moment, and browsers send what they sent
// once more: each is dialled once, and whoever comes second is told who has it.
func TestFollowUps_S6_ClaimRaceOnTwoNodes(t *testing.T) {
	t.Parallel()
	const agents, callbacks, abreast = 50, 200, 10
	h := newCallbackNodes(t, agents)
	list := make([]uuid.UUID, callbacks)
	for i := range list {
		in := callback(FollowUpOwner{Anyone: true})
		in.Number = fmt.Sprintf("0912%07d", i)
		list[i] = create(t, h.nodes[0].FollowUps, crm.System, in).ID
	}
	var losers atomic.Int64
	for round := 0; round < callbacks; round += abreast {
		var mu sync.Mutex
		winners, attempts := map[uuid.UUID]uuid.UUID{}, []uuid.UUID{} // by callback, guarded by mu
		lost := map[uuid.UUID][]uuid.UUID{}                           // who losers were told has it, by callback; guarded by mu
		start := make(chan struct{})
		var all sync.WaitGroup
		for i, who := range h.agents {
			all.Go(func() {
				id := list[round+i%abreast]
				d := FollowUpDial{ID: uuid.New()}
				node := h.nodes[i/abreast%2]
				<-start
				first, err := node.Dial(deadline(t), who, id, d)
				if r, ok := errors.AsType[*FollowUpRefusal](err); ok && r.Code == FollowUpIsClaimed && r.By != nil {
					losers.Add(1)
					mu.Lock()
					lost[id] = append(lost[id], r.By.ID)
					mu.Unlock()
					return
				}
				if err != nil {
					t.Errorf("neither had it nor was told who has: %v", err)
					return
				}
				again, err := h.nodes[1-i/abreast%2].Dial(deadline(t), who, id, d)
				if err != nil || again != first {
					t.Errorf("sent once more, to the other node: %+v, %v; want %+v", again, err, first)
				}
				mu.Lock()
				defer mu.Unlock()
				if other, ok := winners[id]; ok {
					t.Errorf("%s and %s both had %s", other, who.AgentID, id)
				}
				winners[id], attempts = who.AgentID, append(attempts, d.ID)
			})
		}
		close(start)
		all.Wait()
		for _, id := range list[round : round+abreast] {
			for _, told := range lost[id] {
				if told != winners[id] {
					t.Errorf("a loser was told that %s has it, not %s", told, winners[id])
				}
			}
		}
		h.hangUp(t, attempts...)
	}
	if n := h.placed(); n != callbacks {
		t.Errorf("the exchange was asked for %d calls, want %d", n, callbacks)
	}
	if n := losers.Load(); n != callbacks*(agents/abreast-1) {
		t.Errorf("%d were told who has it", n)
	}
	if n := count(t, h.db, `SELECT count(*) FROM dial_attempt a JOIN follow_up f ON f.id = a.follow_up_id AND f.attempt_id = a.id AND f.last_call_id = a.call_id
		WHERE a.state = 'placed' AND f.state = 'dialling' AND f.tries = 1`); n != callbacks {
		t.Errorf("%d follow-ups have the one attempt that was placed", n)
	}
	if n := count(t, h.db, `SELECT count(*) FROM follow_up_change WHERE what = 'dialled'`); n != callbacks {
		t.Errorf("%d dials in the history", n)
	}
}

// S6: two agents who claim in the same millisecond: one has it, the other is told who; the first says it again, and still has it.
func TestFollowUps_S6_ClaimIsOnes(t *testing.T) {
	t.Parallel()
	_, s := newFollowUps(t)
	f := create(t, s, agentNeda, callback(FollowUpOwner{Anyone: true}))
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i, who := range []crm.Actor{agentNeda, agentOmid} {
		both.Go(func() { _, errs[i] = s.Claim(deadline(t), who, f.ID) })
	}
	both.Wait()
	winner, loser := 0, 1
	if errs[0] != nil {
		winner, loser = 1, 0
	}
	who := []crm.Actor{agentNeda, agentOmid}
	if errs[winner] != nil {
		t.Fatalf("nobody has it: %v", errs)
	}
	refusedAs(t, errs[loser], FollowUpIsClaimed, &crm.AgentRef{ID: who[winner].AgentID})
	if again, err := s.Claim(deadline(t), who[winner], f.ID); err != nil || again.Version != 2 || again.ClaimedBy.ID != who[winner].AgentID || again.ClaimedAt == nil {
		t.Errorf("claimed again: %+v, %v", again, err)
	}
	for name, act := range map[string]func() error{
		"dial":    func() error { _, err := s.Dial(deadline(t), who[loser], f.ID, FollowUpDial{}); return err },
		"done":    func() error { _, err := s.Done(deadline(t), who[loser], f.ID); return err },
		"cancel":  func() error { _, err := s.Cancel(deadline(t), who[loser], f.ID); return err },
		"release": func() error { _, err := s.Release(deadline(t), who[loser], f.ID); return err },
		"patch": func() error {
			note := "mine"
			_, err := s.Patch(deadline(t), who[loser], f.ID, FollowUpPatch{Note: &note})
			return err
		},
	} {
		t.Log(name)
		refusedAs(t, act(), FollowUpIsClaimed, &crm.AgentRef{ID: who[winner].AgentID})
	}
	if _, err := s.Claim(deadline(t), crm.System, f.ID); !errors.Is(err, crm.ErrForbidden) {
		t.Errorf("claimed by nobody: %v", err)
	}
	if _, err := s.Release(deadline(t), who[winner], f.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.Claim(deadline(t), who[loser], f.ID); err != nil {
		t.Errorf("claimed after it was released: %v", err)
	}
}

// A dial that is refused puts the follow-up back where it was, with the reason in its history; the next try is free.
func TestFollowUps_S7_ARefusedDialPutsItBack(t *testing.T) {
	t.Parallel()
	h := newCallbackNodes(t, 2)
	s, neda := h.nodes[0], h.agents[0]
	f := create(t, s.FollowUps, neda, callback(FollowUpOwner{Anyone: true}))
	offline := func(f *pbxtest.Faults) { f.Offline = []string{"PJSIP/2000"} }
	h.fake.Set(offline)
	if _, err := s.Dial(deadline(t), neda, f.ID, FollowUpDial{}); pbx.Refused(err) != pbx.PhoneOffline {
		t.Errorf("a phone that is off: %v", err)
	}
	if now := h.state(t, f.ID); now.State != FollowUpDue || now.ClaimedBy != nil || now.AttemptID != nil || now.Tries != 0 {
		t.Errorf("it is not back: %+v", now)
	}
	if _, err := s.Claim(deadline(t), neda, f.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Dial(deadline(t), neda, f.ID, FollowUpDial{Extension: "2001"}); err == nil {
		t.Error("another's phone was taken")
	}
	h.fake.Set(func(f *pbxtest.Faults) {
		f.Offline = nil
		f.Answer = func(r *http.Request) int {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/channels") {
				return http.StatusServiceUnavailable
			}
			return 0
		}
	})
	await(t, "the phone is back", func() bool { return s.exchange.CanDial("2000") == "" })
	if _, err := s.Dial(deadline(t), neda, f.ID, FollowUpDial{}); pbx.Refused(err) == "" {
		t.Errorf("an exchange that places nothing: %v", err)
	}
	now := h.state(t, f.ID)
	if now.State != FollowUpClaimed || now.ClaimedBy.ID != neda.AgentID || now.Tries != 0 {
		t.Errorf("it is not back in the hands it was in: %+v", now)
	}
	want := "agent0 made due, agent0 dialled dialling, agent0 refused due, agent0 claimed claimed, agent0 dialled dialling, agent0 refused claimed, " +
		"agent0 dialled dialling, agent0 refused claimed"
	if got := story(t, s.FollowUps, f.ID); got != want {
		t.Errorf("its history is %s", got)
	}
	if code := now.Changes[2].Detail["code"]; code != string(pbx.PhoneOffline) {
		t.Errorf("the reason is %v", code)
	}
	h.fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
	id := uuid.New()
	if a, err := s.Dial(deadline(t), neda, f.ID, FollowUpDial{ID: id}); err != nil || a.ID != id || a.Number != "09121234567" {
		t.Fatalf("%+v, %v", a, err)
	}
	if now = h.state(t, f.ID); now.State != FollowUpDialling || now.AttemptID == nil || *now.AttemptID != id || now.Tries != 1 || now.LastCallID == nil {
		t.Errorf("it is not being dialled: %+v", now)
	}
	// The other agent is told; the same one cannot begin another dial, nor put it back while it rings.
	_, err := h.nodes[1].Dial(deadline(t), h.agents[1], f.ID, FollowUpDial{})
	refusedAs(t, err, FollowUpIsClaimed, &crm.AgentRef{ID: neda.AgentID})
	_, err = h.nodes[1].Dial(deadline(t), neda, f.ID, FollowUpDial{})
	refusedAs(t, err, FollowUpIsDialling, &crm.AgentRef{ID: neda.AgentID})
	_, err = s.Release(deadline(t), neda, f.ID)
	refusedAs(t, err, FollowUpIsDialling, &crm.AgentRef{ID: neda.AgentID})
	h.hangUp(t, id)
	if n, err := s.FreeDials(deadline(t)); n != 0 || err != nil {
		t.Errorf("freed a dial that was placed: %d, %v", n, err)
	}
	// Talking, the agent may decide what becomes of it.
	if done, err := s.Done(deadline(t), neda, f.ID); err != nil || done.State != FollowUpDone || done.AttemptID != nil || done.ClosedBy.ID != neda.AgentID {
		t.Errorf("done: %+v, %v", done, err)
	}
	// Long after, the same request comes again: it has its answer, and the follow-up stays closed.
	if a, err := h.nodes[1].Dial(deadline(t), neda, f.ID, FollowUpDial{ID: id}); err != nil || a.ID != id {
		t.Errorf("asked for once more: %+v, %v", a, err)
	}
	if now = h.state(t, f.ID); now.State != FollowUpDone || h.placed() != 1 {
		t.Errorf("%s after %d calls", now.State, h.placed())
	}
}

// S6: what a node that ended has left dialling is free again after the attempt's patience, and the attempt can place nothing any
// more, even if its node wakes up with it.
func TestFollowUps_S6_ANodeEndsWhileItDials(t *testing.T) {
	t.Parallel()
	h := newCallbackNodes(t, 3)
	s := h.nodes[0]
	left := map[string]FollowUp{}
	for i, name := range []string{"before the attempt was written", "while it was placed", "after it was placed"} {
		f := create(t, s.FollowUps, crm.System, callback(FollowUpOwner{Anyone: true}))
		attempt := uuid.New()
		if _, err := h.db.Pool().Exec(deadline(t), `UPDATE follow_up SET state = 'dialling', attempt_id = $2, claimed_by = $3, claimed_at = now(), tries = 1,
			updated_at = now() - interval '21 seconds' WHERE id = $1`, f.ID, attempt, h.agents[i].AgentID); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if _, err := h.db.Pool().Exec(deadline(t), `INSERT INTO dial_attempt (id, agent_id, pbx, extension, number, dialled, follow_up_id, state, created_at)
				VALUES ($1, $2, 'main', '2000', '+989121234567', '09121234567', $3, $4, now() - interval '21 seconds')`,
				attempt, h.agents[i].AgentID, f.ID, []string{"", "placing", "placed"}[i]); err != nil {
				t.Fatal(err)
			}
		}
		left[name] = h.state(t, f.ID)
	}
	var freed atomic.Int64
	var both sync.WaitGroup
	for _, node := range h.nodes { // both look at once
		both.Go(func() {
			n, err := node.FreeDials(deadline(t))
			if err != nil {
				t.Error(err)
			}
			freed.Add(int64(n))
		})
	}
	both.Wait()
	if freed.Load() != 2 {
		t.Errorf("%d were freed", freed.Load())
	}
	for name, f := range left {
		now := h.state(t, f.ID)
		if name == "after it was placed" {
			if now.State != FollowUpDialling {
				t.Errorf("%s: %s", name, now.State)
			}
			continue
		}
		if now.State != FollowUpDue || now.ClaimedBy != nil || now.Tries != 0 {
			t.Errorf("%s: %+v", name, now)
		}
		if c := now.Changes[len(now.Changes)-1]; c.What != "refused" || c.By != nil || c.Detail["code"] != string(pbx.NotPlaced) {
			t.Errorf("%s: the history says %+v", name, c)
		}
		owner := crm.Actor{AgentID: f.ClaimedBy.ID, Username: f.ClaimedBy.Username, Role: crm.RoleAgent}
		if _, err := h.nodes[1].cfg.Acts.Dial(deadline(t), owner, Dial{ID: *f.AttemptID, Number: f.Number, FollowUpID: &f.ID}); pbx.Refused(err) != pbx.NotPlaced {
			t.Errorf("%s: a node that wakes up: %v", name, err)
		}
	}
	if h.placed() != 0 {
		t.Errorf("the exchange was asked for %d calls", h.placed())
	}
}
