package calllog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
)

var (
	team      = uuid.MustParse("0193527f-0000-7000-8000-0000000000aa")
	sara      = uuid.MustParse("0193527f-0000-7000-8000-0000000000c1")
	company   = uuid.MustParse("0193527f-0000-7000-8000-0000000000c2")
	agentNeda = crm.Actor{AgentID: neda.ID, Username: "neda", Role: crm.RoleAgent, TeamID: &team}
	agentOmid = crm.Actor{AgentID: omid.ID, Username: "omid", Role: crm.RoleAgent}
	// leader supervises the team that Neda is in.
	leader = crm.Actor{AgentID: uuid.MustParse("0193527f-0000-7000-8000-000000000003"), Role: crm.RoleSupervisor, Teams: []uuid.UUID{team}}
	admin  = crm.Actor{AgentID: uuid.MustParse("0193527f-0000-7000-8000-000000000004"), Role: crm.RoleAdmin}
)

// callCentre is a database with two agents, a team and two customers.
func callCentre(t testing.TB) (*db.DB, *Store) {
	t.Helper()
	d := dbtest.New(t)
	for _, sql := range []string{
		`INSERT INTO team (id, name) VALUES ('` + team.String() + `', 'support')`,
		`INSERT INTO agent (id, username, name, role, team_id) VALUES ('` + neda.ID.String() + `', 'neda', 'Neda', 'agent', '` + team.String() + `')`,
		`INSERT INTO agent (id, username, name, role) VALUES ('` + omid.ID.String() + `', 'omid', 'Omid', 'agent')`,
		`INSERT INTO agent (id, username, name, role) VALUES ('` + leader.AgentID.String() + `', 'leader', 'Leader', 'supervisor')`,
		`INSERT INTO agent (id, username, name, role) VALUES ('` + admin.AgentID.String() + `', 'admin', 'Admin', 'admin')`,
		`INSERT INTO customer (id, kind, name, search) VALUES ('` + sara.String() + `', 'person', 'Sara Ahmadi', '')`,
		`INSERT INTO customer (id, kind, name, search) VALUES ('` + company.String() + `', 'organization', 'Pars', '')`,
	} {
		if _, err := d.Pool().Exec(deadline(t), sql); err != nil {
			t.Fatal(err)
		}
	}
	return d, NewStore(d, crm.NewStore(d, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}}))
}

func ids(page Page) (n []int) {
	for _, r := range page.Items {
		n = append(n, int(r.ID[14])<<8|int(r.ID[15]))
	}
	return n
}

func list(t testing.TB, s *Store, a crm.Actor, f Filter) Page {
	t.Helper()
	page, err := s.Calls(deadline(t), a, f)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func refused(t *testing.T, err error, field string) {
	t.Helper()
	var faults crm.FieldErrors
	if !errors.As(err, &faults) || !slices.ContainsFunc(faults, func(f crm.FieldError) bool { return f.Field == field }) {
		t.Errorf("error is %v, want one of field %s", err, field)
	}
}

func TestStore_RecordIsTheContractsCall(t *testing.T) {
	d, s := callCentre(t)
	c := config(t, d)
	c.Match = func(_ context.Context, q crm.Query) (crm.Match, error) {
		customer := crm.Customer{ID: sara, Name: "Sara Ahmadi"}
		return crm.Match{Rule: crm.RuleExact, Customer: &customer, Candidates: []crm.Customer{customer}}, nil
	}
	r, _ := record(t, c)
	r.Update(ended(answered(ringing(1, "1001", "1002"))))
	settle(t, r)
	got, err := s.Call(deadline(t), admin, callID(1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	number := normalise("", "", "09120000001").Key()
	dialed := normalise("", "", "02191001234").Key()
	want := `{"id":"` + callID(1).String() + `","pbx":"main","direction":"inbound","state":"ended","outcome":"answered",
	"caller":{"number":"` + number + `","raw":"09120000001","name":"Sara","withheld":false},
	"dialed":{"number":"` + dialed + `","raw":"02191001234"},
	"queue":"support","queue_id":"` + crm.QueueID("main", "support").String() + `","queue_label":"support","started_at":"2026-11-22T08:30:01Z","answered_at":"2026-11-22T08:30:05Z","ended_at":"2026-11-22T08:30:15Z",
	"wait_ms":4000,"talk_ms":10000,"hold_ms":0,"hangup":{"by":"caller","cause":16,"text":"Normal Clearing"},
	"legs":[
	{"id":"1.0","channel":"PJSIP/trunk-0","pbx":"main","role":"customer","extension":"","number":"09120000001","agent_id":null,"agent":"",
	 "offered_at":"2026-11-22T08:30:01Z","answered_at":"2026-11-22T08:30:01Z","ended_at":"2026-11-22T08:30:15Z","end":"hung_up","talk_ms":0,"hold_ms":0,"parent":null,"spans":[]},
	{"id":"1.1","channel":"PJSIP/1001-1","pbx":"main","role":"agent","extension":"1001","number":"","agent_id":"` + neda.ID.String() + `","agent":"Neda",
	 "offered_at":"2026-11-22T08:30:02Z","answered_at":"2026-11-22T08:30:05Z","ended_at":"2026-11-22T08:30:15Z","end":"hung_up","talk_ms":10000,
	 "hold_ms":0,"parent":null,"spans":[{"kind":"talk","from":"2026-11-22T08:30:05Z","to":"2026-11-22T08:30:15Z"}]},
	{"id":"1.2","channel":"PJSIP/1002-1","pbx":"main","role":"agent","extension":"1002","number":"","agent_id":"` + omid.ID.String() + `","agent":"Omid",
	 "offered_at":"2026-11-22T08:30:02Z","answered_at":null,"ended_at":"2026-11-22T08:30:05Z","end":"answered_elsewhere","talk_ms":0,
	 "hold_ms":0,"parent":null,"spans":[]}],
	"transfers":[],"customer":{"id":"` + sara.String() + `","name":"Sara Ahmadi"},
	"match":{"rule":"exact","candidates":[{"id":"` + sara.String() + `","name":"Sara Ahmadi"}]},
	"started_from":null,"recordings":[],"disposition":null,"note":"","follow_ups":[],"partial":false,"reconstructed":false,"ended_before":null,"source":"live"}`
	var g, w any
	if err := errors.Join(json.Unmarshal(b, &g), json.Unmarshal([]byte(want), &w)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}

	live := ringing(2)
	live.Queue, live.Legs = "", nil
	r.Update(live)
	settle(t, r)
	got, err = s.Call(deadline(t), admin, callID(2))
	if err != nil {
		t.Fatal(err)
	}
	b, err = json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"outcome":null`, `"queue":null`, `"hangup":null`, `"legs":[]`, `"answered_at":null`, `"ended_at":null`} {
		if !strings.Contains(string(b), part) {
			t.Errorf("live record has no %s: %s", part, b)
		}
	}
}

// L3: whoever asks, a call is one record.
func TestStore_L5_LegsTellWhenTheyTalkedAndThroughWhom(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	c := next(answered(ringing(1, "1001")), 3*time.Second)
	span(&c.Legs[1], pbx.SpanHold, when(c))
	held := c
	c = next(c, 2*time.Second)
	first := &c.Legs[1]
	first.EndedAt, first.End, first.Talk, first.Hold = when(c), pbx.EndTransferred, 5*time.Second, 2*time.Second
	span(first, "", when(c))
	c.Transfers = []pbx.Transfer{{Kind: pbx.Blind, At: when(c), By: "1001", To: "1002"}}
	c.Legs = append(c.Legs, pbx.Leg{ID: "1.2", Role: pbx.RoleAgent, Extension: "1002", OfferedAt: when(c), Parent: "1.1"})

	read := func(p pbx.Call) []Leg {
		r.Update(p)
		settle(t, r)
		got, err := s.Call(deadline(t), admin, callID(1))
		if err != nil {
			t.Fatal(err)
		}
		if page := list(t, s, admin, Filter{}); !reflect.DeepEqual(page.Items[0].Legs, got.Legs) {
			t.Errorf("the list says %+v, the call %+v", page.Items[0].Legs, got.Legs)
		}
		return got.Legs
	}
	from := c.AnsweredAt
	until := func(s int) *time.Time { return new(from.Add(time.Duration(s) * time.Second)) }
	want := []Span{{Kind: pbx.SpanTalk, From: from, To: until(3)}, {Kind: pbx.SpanHold, From: *until(3)}}
	if diff := cmp.Diff(want, read(held)[1].Spans); diff != "" {
		t.Errorf("while the customer is on hold (-want +got):\n%s", diff)
	}
	want[1].To = until(5)
	legs := read(c)
	if diff := cmp.Diff(want, legs[1].Spans); diff != "" {
		t.Errorf("after it (-want +got):\n%s", diff)
	}
	if l := legs[1]; l.TalkMS != 5000 || l.HoldMS != 2000 || l.Parent != nil {
		t.Errorf("the first agent's leg is %+v", l)
	}
	if l := legs[2]; l.Parent == nil || *l.Parent != "1.1" || l.TalkMS != 0 || l.Spans == nil || len(l.Spans) != 0 {
		t.Errorf("the second agent's leg is %+v", l)
	}
}

func TestStore_L3_EveryoneReadsTheSame(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	c := ringing(1, "1001", "1002")
	for _, p := range []pbx.Call{c, answered(c), ended(answered(c))} {
		r.Update(p)
		settle(t, r)
		var first Record
		for i, a := range []crm.Actor{admin, leader, agentNeda, agentOmid} {
			page := list(t, s, a, Filter{})
			one, err := s.Call(deadline(t), a, p.ID)
			if err != nil || len(page.Items) != 1 {
				t.Fatalf("actor %d: %d calls, %v", i, len(page.Items), err)
			}
			if i == 0 {
				first = one
			}
			if !reflect.DeepEqual(one, first) || !reflect.DeepEqual(page.Items[0], first) {
				t.Errorf("actor %d reads something else:\n%s", i, cmp.Diff(first, one))
			}
		}
	}
}

func TestStore_L9_OutboundIsOneRowFromTheAgentToTheCustomer(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	c := ringing(1, "1001")
	c.Direction, c.Caller, c.Dialed, c.Queue = pbx.Outbound, pbx.Party{Number: "1001"}, "09121234567", ""
	c.Legs[0], c.Legs[1] = c.Legs[1], c.Legs[0]
	r.Update(c)
	r.Update(ended(answered(c)))
	settle(t, r)
	page := list(t, s, agentNeda, Filter{Direction: pbx.Outbound})
	if len(page.Items) != 1 || page.Items[0].Caller.Raw != "1001" || page.Items[0].Dialed.Raw != "09121234567" {
		t.Fatalf("outbound calls: %+v", page.Items)
	}
	if n := len(list(t, s, admin, Filter{Direction: pbx.Inbound}).Items); n != 0 {
		t.Errorf("%d inbound calls", n)
	}
	if n := len(list(t, s, admin, Filter{Number: "0912 123 4567"}).Items); n != 1 {
		t.Errorf("%d calls with the customer's number", n)
	}
}

// M9: several customers share a number: one row, all candidates, and one chosen customer.
func TestStore_M9_SharedNumberIsOneRow(t *testing.T) {
	d, s := callCentre(t)
	c := config(t, d)
	c.Match = func(context.Context, crm.Query) (crm.Match, error) {
		return crm.Match{Rule: crm.RuleShared, Candidates: []crm.Customer{{ID: sara}, {ID: company}}}, nil
	}
	r, _ := record(t, c)
	r.Update(ended(answered(ringing(1, "1001"))))
	settle(t, r)
	page := list(t, s, admin, Filter{})
	if len(page.Items) != 1 || page.Items[0].Customer != nil || page.Items[0].Match.Rule != crm.RuleShared || len(page.Items[0].Match.Candidates) != 2 {
		t.Fatalf("calls: %+v", page.Items)
	}
	got, err := s.Annotate(deadline(t), agentNeda, callID(1), Patch{Customer: &company}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Customer == nil || got.Customer.ID != company || got.Match.Rule != crm.RuleLinked || len(got.Match.Candidates) != 2 {
		t.Errorf("after the choice: %+v", got)
	}
}

// M15: linking a number gives its past calls the customer, and taking the link back takes it from them.
func TestStore_M15_LinkUpdatesPastCalls(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	now := time.Now()
	same := func(n int) pbx.Call {
		c := ringing(n, "1001")
		c.Caller.Number = "09121234567"
		return ended(beganAt(c, now.Add(time.Duration(n-10)*time.Hour)))
	}
	for n := range 6 {
		r.Update(same(n))
	}
	r.Update(beganAt(same(6), now.AddDate(-2, 0, 0)))
	r.Update(ended(ringing(7, "1001"))) // another number
	settle(t, r)
	if _, err := s.Annotate(deadline(t), agentNeda, same(3).ID, Patch{Customer: &company}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Annotate(deadline(t), agentNeda, same(5).ID, Patch{Customer: &sara}, false); err != nil {
		t.Fatal(err)
	}
	late := same(4) // looked up again, by the recorder: it knows no link
	late.Version++
	r.Update(late)
	settle(t, r)
	if got := ids(list(t, s, admin, Filter{Customer: sara})); !slices.Equal(got, []int{5, 4, 2, 1, 0}) {
		t.Errorf("Sara's calls are %v", got)
	}
	if got := ids(list(t, s, admin, Filter{Customer: company})); !slices.Equal(got, []int{3}) {
		t.Errorf("the company's calls are %v: a person's choice was undone", got)
	}
	if n := count(t, d, "SELECT count(*) FROM audit WHERE entity = 'call' AND action = 'link' AND agent_id = $1", neda.ID); n != 2 {
		t.Errorf("%d links in the audit, want 2", n)
	}

	got, err := s.Annotate(deadline(t), agentNeda, same(5).ID, Patch{Customer: &uuid.Nil}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Customer != nil {
		t.Errorf("customer is still %v", got.Customer)
	}
	if got := ids(list(t, s, admin, Filter{Customer: sara})); len(got) != 0 {
		t.Errorf("Sara still has calls %v", got)
	}
}

func TestStore_M13_WithheldCallerCanBeAnnotated(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	c := ended(ringing(1, "1001"))
	c.Caller = pbx.Party{Number: "anonymous", Withheld: true}
	r.Update(c)
	settle(t, r)
	note := "did not say who"
	got, err := s.Annotate(deadline(t), agentNeda, c.ID, Patch{Note: &note, Customer: &sara}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Note != note || got.Customer == nil || got.Customer.ID != sara {
		t.Errorf("got %+v", got)
	}
	if a, err := s.Annotation(deadline(t), c.ID); err != nil || a != (Annotation{Note: note, CustomerID: sara}) {
		t.Errorf("annotation is %v, %v", a, err)
	}
	if n := count(t, d, "SELECT count(*) FROM number_link"); n != 0 {
		t.Error("a number was linked")
	}
}

func TestStore_NothingTypedIsLost(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	c := ringing(1, "1001")
	r.Update(c)
	settle(t, r)
	for _, note := range []string{"first", "second", "second", ""} {
		if _, err := s.Annotate(deadline(t), agentNeda, c.ID, Patch{Note: &note}, false); err != nil {
			t.Fatal(err)
		}
		r.Update(next(c, time.Second))
		r.Update(ended(c))
		settle(t, r)
		got, err := s.Call(deadline(t), agentNeda, c.ID)
		if err != nil || got.Note != note {
			t.Errorf("note is %q, want %q (%v)", got.Note, note, err)
		}
	}
	if n := count(t, d, "SELECT count(*) FROM call_note"); n != 3 {
		t.Errorf("%d versions of the note, want 3", n)
	}
	long, nul := strings.Repeat("ن", noteMost+1), "a\x00b"
	for _, note := range []*string{&long, &nul} {
		_, err := s.Annotate(deadline(t), agentNeda, c.ID, Patch{Note: note}, false)
		refused(t, err, "note")
	}
	nowhere := uuid.New()
	_, err := s.Annotate(deadline(t), agentNeda, c.ID, Patch{Customer: &nowhere}, false)
	refused(t, err, "customer_id")
	if _, err := s.Annotate(deadline(t), agentNeda, nowhere, Patch{}, true); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("unknown call: %v", err)
	}
}

func TestStore_ScopesDecideWhatIsReadAndWritten(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	r.Update(ended(ringing(1, "1001"))) // Neda's
	r.Update(ended(ringing(2, "1002"))) // Omid's
	r.Update(ended(ringing(3, "1001", "1002")))
	r.Update(ended(ringing(4))) // nobody's
	settle(t, r)
	for _, c := range []struct {
		name  string
		actor crm.Actor
		want  []int
	}{
		{"admin", admin, []int{4, 3, 2, 1}},
		{"leader", leader, []int{3, 1}},
		{"neda", agentNeda, []int{3, 1}},
		{"omid", agentOmid, []int{3, 2}},
	} {
		if got := ids(list(t, s, c.actor, Filter{})); !slices.Equal(got, c.want) {
			t.Errorf("%s reads %v, want %v", c.name, got, c.want)
		}
		for n := 1; n <= 4; n++ {
			may := slices.Contains(c.want, n)
			_, err := s.Call(deadline(t), c.actor, callID(n))
			if may != (err == nil) || err != nil && !errors.Is(err, crm.ErrNotFound) {
				t.Errorf("%s reads call %d: %v", c.name, n, err)
			}
			note := c.name
			_, err = s.Annotate(deadline(t), c.actor, callID(n), Patch{Note: &note}, false)
			if may != (err == nil) || err != nil && !errors.Is(err, crm.ErrNotFound) {
				t.Errorf("%s annotates call %d: %v", c.name, n, err)
			}
		}
	}
	if _, err := s.Annotate(deadline(t), agentNeda, callID(2), Patch{}, true); err != nil {
		t.Errorf("a call on the desk: %v", err)
	}
	nobody := crm.Actor{AgentID: neda.ID}
	if _, err := s.Calls(deadline(t), nobody, Filter{}); !errors.Is(err, crm.ErrForbidden) {
		t.Errorf("without a role: %v", err)
	}
	// A customer's history is everybody's who may read it.
	if _, err := s.Annotate(deadline(t), admin, callID(2), Patch{Customer: &sara}, false); err != nil {
		t.Fatal(err)
	}
	if got := ids(list(t, s, agentNeda, Filter{Customer: sara})); !slices.Equal(got, []int{2}) {
		t.Errorf("Neda reads of Sara %v", got)
	}
	if got := ids(list(t, s, agentNeda, Filter{Agent: omid.ID})); !slices.Equal(got, []int{3}) {
		t.Errorf("Neda reads of Omid %v, want what they shared", got)
	}
	if got := ids(list(t, s, admin, Filter{Agent: omid.ID})); !slices.Equal(got, []int{3, 2}) {
		t.Errorf("admin reads of Omid %v", got)
	}
}

// An agent's question to a colleague who then takes the customer over is one row with the customer's call, whatever was
// written about either; asked for by its own id, it is the customer's.
func TestStore_L4_MergedCallsAreOne(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	customers := answered(ringing(1, "1001"))
	question := answered(ringing(2, "1001", "1002"))
	question.Direction, question.Queue, question.Legs = pbx.Internal, "", question.Legs[1:]
	r.Update(customers)
	r.Update(question)
	settle(t, r)
	if got := list(t, s, admin, Filter{}); len(got.Items) != 2 {
		t.Fatalf("%d calls while Neda asks Omid, want 2", len(got.Items))
	}
	note := func(a crm.Actor, id uuid.UUID, text string) Record {
		t.Helper()
		got, err := s.Annotate(deadline(t), a, id, Patch{Note: &text}, true)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	note(agentNeda, customers.ID, "wants to cancel")
	note(agentOmid, question.ID, "asked for the contract")

	question = next(question, time.Second)
	question.State, question.Outcome, question.EndedAt, question.MergedInto = pbx.StateEnded, pbx.Answered, when(question), customers.ID
	customers = next(customers, 3*time.Second)
	moved := question.Legs[1]
	moved.ID = "2.2"
	customers.Legs = append(customers.Legs, moved)
	for range 2 { // as after a crash
		r.Update(customers)
		r.Update(question)
		settle(t, r)
		customers, question = next(customers, time.Second), next(question, time.Second)
	}
	for _, a := range []crm.Actor{admin, agentNeda, agentOmid} {
		if got := list(t, s, a, Filter{}); len(got.Items) != 1 || got.Items[0].ID != customers.ID || len(got.Items[0].Legs) != 3 {
			t.Errorf("%s sees %d calls", a.Username, len(got.Items))
		}
	}
	got, err := s.Call(deadline(t), agentOmid, question.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := "wants to cancel\nasked for the contract"; got.ID != customers.ID || got.Note != want {
		t.Errorf("the question is call %s with note %q, want %q", got.ID, got.Note, want)
	}
	if got := list(t, s, admin, Filter{Q: "contract"}); len(got.Items) != 1 {
		t.Errorf("what Omid wrote is found %d times", len(got.Items))
	}
	// Omid's desk still had the question when he went on writing.
	if got := note(agentOmid, question.ID, "will call back"); got.Note != "wants to cancel\nasked for the contract\nwill call back" {
		t.Errorf("note is %q", got.Note)
	}
	past, err := s.LastCalls(deadline(t), nil, got.Caller.Number, 5)
	if err != nil || len(past) != 1 || past[0].Number != got.Caller.Number {
		t.Errorf("the number's last calls: %+v, %v", past, err)
	}
}

func TestStore_Filters(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	a := ended(answered(ringing(1, "1001")))
	a.Caller.Name, a.Queue = "علي كريمى", "sales"
	b := ended(ringing(2, "1001"))
	live := ringing(3, "1002")
	live.Caller.Number, live.Caller.Name = "02188776655", "100%_\\"
	for _, c := range []pbx.Call{a, b, live} {
		r.Update(c)
	}
	settle(t, r)
	note := "پیگیری قرارداد"
	if _, err := s.Annotate(deadline(t), admin, b.ID, Patch{Note: &note}, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    Filter
		want []int
	}{
		{"all", Filter{}, []int{3, 2, 1}},
		{"from", Filter{From: b.StartedAt}, []int{3, 2}},
		{"to", Filter{To: b.StartedAt}, []int{1}},
		{"inbound", Filter{Direction: pbx.Inbound}, []int{3, 2, 1}},
		{"outbound", Filter{Direction: pbx.Outbound}, nil},
		{"live", Filter{State: pbx.StateRinging}, []int{3}},
		{"ended", Filter{State: pbx.StateEnded}, []int{2, 1}},
		{"answered", Filter{Outcome: pbx.Answered}, []int{1}},
		{"queue", Filter{Queue: "sales"}, []int{1}},
		{"agent", Filter{Agent: omid.ID}, []int{3}},
		{"number", Filter{Number: "021 8877 6655"}, []int{3}},
		{"name in Persian letters", Filter{Q: "علی کریمی"}, []int{1}},
		{"words in any order", Filter{Q: "کریمی علی"}, []int{1}},
		{"note", Filter{Q: "قرارداد"}, []int{2}},
		{"part of a number", Filter{Q: "8877"}, []int{3}},
		{"Persian digits", Filter{Q: "۸۸۷۷"}, []int{3}},
		{"number with spaces", Filter{Q: "0912 0000 001"}, []int{1}},
		{"no word at all", Filter{Q: "%_\\"}, []int{3, 2, 1}},
		{"agent and outcome", Filter{Agent: neda.ID, Outcome: pbx.Missed}, []int{2}},
		{"nothing", Filter{Q: "no such words"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ids(list(t, s, admin, c.f)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	for field, f := range map[string]Filter{
		"limit": {Limit: 201}, "to": {From: start, To: start.Add(-1)}, "direction": {Direction: "up"}, "outcome": {Outcome: "?"},
		"state": {State: "x"}, "number": {Number: "anonymous"}, "q": {Q: strings.Repeat("a", 201)}, "cursor": {Cursor: "AAAA"},
	} {
		_, err := s.Calls(deadline(t), admin, f)
		refused(t, err, field)
	}
}

// L14: pages neither repeat nor leave out, also when calls come meanwhile; a day's bounds are exact.
func TestStore_L14_PagesAreExact(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	tehran, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 21, 0, 0, 0, 0, tehran) // Nowruz 1405
	var want []int
	for n := range 57 {
		c := ringing(n, "1001", "1002")
		c = beganAt(c, day.Add(time.Duration(n/3-2)*time.Hour)) // three at a time
		r.Update(ended(c))
		if !c.StartedAt.Before(day) {
			want = append(want, n)
		}
	}
	before := beganAt(ringing(90, "1001"), day.Add(-time.Microsecond))
	after := beganAt(ringing(91, "1001"), day.AddDate(0, 0, 1))
	r.Update(before)
	r.Update(after)
	settle(t, r)
	slices.Reverse(want)
	for name, a := range map[string]crm.Actor{"admin": admin, "leader": leader, "neda": agentNeda} {
		t.Run(name, func(t *testing.T) {
			f := Filter{From: day, To: day.AddDate(0, 0, 1), Limit: 7}
			var got []int
			for n := 0; ; n++ {
				page := list(t, s, a, f)
				got = append(got, ids(page)...)
				if page.Next == nil {
					break
				}
				f.Cursor = *page.Next
				other := f
				other.Direction = pbx.Inbound
				_, err := s.Calls(deadline(t), a, other)
				refused(t, err, "cursor")
			}
			// Calls of one moment are ordered by id, newest first, as want is.
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

// manyCalls makes $1 calls, one each $2 until now, every twentieth of the customer $3, each of the agent $4 or $5.
const manyCalls = `
WITH made AS (
	INSERT INTO call (id, agents, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld,
		dialed_raw, dialed_number, number, trunk, queue, customer_ref, started_at, wait_ms, talk_ms, hold_ms, hangup_by,
		hangup_cause, hangup_text, transfers, partial, reconstructed, whole, search, match_rule, matched_id, candidates)
	SELECT overlay(gen_random_uuid()::text placing substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' from 1 for 15)::uuid,
		ARRAY[CASE WHEN 'q' || n % 40 < 'q2' THEN $4::uuid ELSE $5::uuid END], 'main', 1, CASE WHEN n % 4 = 0 THEN 'outbound' ELSE 'inbound' END, 'ended',
		CASE WHEN n % 50 = 0 THEN 'busy' ELSE 'answered' END, '', '', '', false, '', '', '+98912' || n % 3000, '', 'q' || n % 40, '',
		at, 0, 0, 0, '', 16, '', '[]', false, false, true, 'caller ' || n, 'exact', CASE WHEN n % 20 = 0 THEN $3::uuid END, '{}'
	FROM generate_series(1, $1::int) n, LATERAL (SELECT now() - n * $2::interval AS at) a,
		LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS h) b
	RETURNING id, queue, started_at)
INSERT INTO call_agent (call_id, agent_id, started_at) SELECT id, CASE WHEN queue < 'q2' THEN $4::uuid ELSE $5::uuid END, started_at FROM made`

// P8: what a pop and a first page read does not grow with the log.
func TestStore_P8_ReadsAlongAnIndex(t *testing.T) {
	d, s := callCentre(t)
	if _, err := d.Pool().Exec(deadline(t), manyCalls, 50_000, time.Minute, sara, neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `
		INSERT INTO queue (id, pbx, name, team_id) SELECT DISTINCT queue_id, pbx, queue, CASE queue WHEN 'q7' THEN $1::uuid END
		FROM call WHERE queue <> ''`, team); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), "VACUUM ANALYZE call, call_agent, queue"); err != nil {
		t.Fatal(err)
	}
	plans := map[string]askedQuery{
		"history of a customer": {sql: lastCalls(lastByCustomer), args: []any{[]uuid.UUID{sara}, 8, uuid.Nil}},
		"history of a number":   {sql: lastCalls(lastByNumber), args: []any{"+98912777", 8, uuid.Nil}},
	}
	for name, c := range map[string]struct {
		actor crm.Actor
		f     Filter
	}{
		"all": {admin, Filter{}}, "own": {agentNeda, Filter{}}, "team": {leader, Filter{}}, "outcome": {admin, Filter{Outcome: pbx.Busy}},
		"queue": {admin, Filter{Queue: "q7"}}, "customer": {admin, Filter{Customer: sara}}, "number": {admin, Filter{Number: "+98912777"}},
		"agent": {admin, Filter{Agent: omid.ID}}, "from": {admin, Filter{From: time.Now().AddDate(0, 0, -3)}},
		"rare words": {admin, Filter{Q: "49731"}}, "frequent words": {admin, Filter{Q: "caller"}},
		"next page": {admin, Filter{Outcome: pbx.Busy, Cursor: cursor{time.Now().AddDate(0, 0, -20), uuid.New()}.encode(fingerprint(admin, Filter{Outcome: pbx.Busy}))}},
	} {
		l, err := s.list(deadline(t), c.actor, c.actor.Scope(crm.CallsRead), c.f)
		if err != nil {
			t.Fatal(err)
		}
		asked := &asking{pooled: pooled{d.Pool()}}
		if _, err := l.keys(deadline(t), asked, l.limit+1); err != nil {
			t.Fatal(err)
		}
		for i, q := range asked.queries {
			plans[fmt.Sprintf("%s, %d", name, i+1)] = q
		}
	}
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			told, err := p.explain(deadline(t), d, "FORMAT JSON")
			if err != nil {
				t.Fatal(err)
			}
			var plan []struct {
				Plan node
			}
			if err := json.Unmarshal([]byte(told), &plan); err != nil {
				t.Fatal(err)
			}
			if at, n := plan[0].Plan.worst(); n > 2000 {
				t.Errorf("%s reads %d rows of 50,000", at, n)
			}
		})
	}
}

// asking keeps the queries that it is asked.
type asking struct {
	pooled
	queries []askedQuery
}

type askedQuery struct {
	sql  string
	args []any
	kept bool // with its plan
}

func (a *asking) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	a.queries = append(a.queries, askedQuery{sql: sql, args: args[1:]}) // the first says how it is planned
	return a.pooled.Query(ctx, sql, args...)
}

func (a *asking) inSnapshot(ctx context.Context, do func(pgx.Tx) error) error {
	return a.pooled.inSnapshot(ctx, func(tx pgx.Tx) error { return do(askingTx{tx, a}) })
}

type askingTx struct {
	pgx.Tx
	to *asking
}

func (t askingTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		t.to.queries = append(t.to.queries, askedQuery{q.SQL, q.Arguments, true})
	}
	return t.Tx.SendBatch(ctx, b)
}

// explain runs a query as it was run, and tells its plan.
func (q askedQuery) explain(ctx context.Context, d *db.DB, how string) (plan string, err error) {
	err = pooled{d.Pool()}.inSnapshot(ctx, func(tx pgx.Tx) error {
		if !q.kept {
			if _, err := tx.Exec(ctx, `RESET plan_cache_mode; RESET enable_seqscan; RESET max_parallel_workers_per_gather`); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `EXPLAIN (ANALYZE, BUFFERS, `+how+`) `+q.sql, append([]any{pgx.QueryExecModeCacheDescribe}, q.args...)...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	return plan, err
}

// node is a part of PostgreSQL's plan.
type node struct {
	Type    string  `json:"Node Type"`
	Table   string  `json:"Relation Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Plans   []node
}

// worst is the part that reads most rows of a table that grows.
func (n node) worst() (string, int) {
	at, most := fmt.Sprintf("%s on %s", n.Type, n.Table), 0
	if strings.HasPrefix(n.Table, "call") || n.Table == "follow_up" {
		most = int((n.Rows + n.Removed) * n.Loops)
	}
	for _, p := range n.Plans {
		if a, m := p.worst(); m > most {
			at, most = a, m
		}
	}
	return at, most
}
