package calllog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
)

func TestFollowUps_BadInput(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	gone := uuid.New()
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent (id, username, name, role, archived_at) VALUES ($1, 'gone', 'Gone', 'agent', now())`, gone); err != nil {
		t.Fatal(err)
	}
	nobody := uuid.New()
	for _, x := range []struct {
		name, field string
		change      func(*FollowUpInput)
	}{
		{"without a time", "due_at", func(f *FollowUpInput) { f.DueAt = time.Time{} }},
		{"in the past", "due_at", func(f *FollowUpInput) { f.DueAt = soon(-2 * time.Minute) }},
		{"in the year 1", "due_at", func(f *FollowUpInput) { f.DueAt = time.Time{}.Add(time.Hour) }},
		{"a hundred years on", "due_at", func(f *FollowUpInput) { f.DueAt = time.Now().AddDate(100, 0, 0) }},
		{"ten years and a day on", "due_at", func(f *FollowUpInput) { f.DueAt = time.Now().AddDate(10, 0, 1) }},
		{"a window that ends before it begins", "until", func(f *FollowUpInput) { f.Until = &f.DueAt }},
		{"a window of a task", "until", func(f *FollowUpInput) {
			until := f.DueAt.Add(time.Hour)
			f.Kind, f.Number, f.Until = FollowUpTask, "", &until
		}},
		{"a window of a hundred years", "until", func(f *FollowUpInput) { until := f.DueAt.AddDate(100, 0, 0); f.Until = &until }},
		{"a callback without a number", "number", func(f *FollowUpInput) { f.Number = "" }},
		{"a customer without a number", "number", func(f *FollowUpInput) { f.Number, f.CustomerID = "", &sara }},
		{"a colleague's extension", "number", func(f *FollowUpInput) { f.Number = "۱۰۰۲" }},
		{"letters", "number", func(f *FollowUpInput) { f.Number = "Sara" }},
		{"a number that is withheld", "number", func(f *FollowUpInput) { f.Number = "anonymous" }},
		{"a number of forty digits", "number", func(f *FollowUpInput) { f.Number = strings.Repeat("1", 40) }},
		{"a number for a task", "number", func(f *FollowUpInput) { f.Kind = FollowUpTask }},
		{"an archived agent", "assignee_id", func(f *FollowUpInput) { f.Owner = FollowUpOwner{AssigneeID: &gone} }},
		{"an agent who is not there", "assignee_id", func(f *FollowUpInput) { f.Owner = FollowUpOwner{AssigneeID: &nobody} }},
		{"a team that is not there", "team_id", func(f *FollowUpInput) { f.Owner = FollowUpOwner{TeamID: &nobody} }},
		{"two owners", "assignee_id", func(f *FollowUpInput) { f.Owner = FollowUpOwner{TeamID: &team, Anyone: true} }},
		{"a customer who is not there", "customer_id", func(f *FollowUpInput) { f.CustomerID = &nobody }},
		{"a call that is not there", "call_id", func(f *FollowUpInput) { f.CallID = &nobody }},
		{"no such kind", "kind", func(f *FollowUpInput) { f.Kind = "wish" }},
		{"no such priority", "priority", func(f *FollowUpInput) { f.Priority = "urgent" }},
		{"a task without a title", "title", func(f *FollowUpInput) { f.Kind, f.Number, f.Title = FollowUpTask, "", " \t" }},
		{"a long title", "title", func(f *FollowUpInput) { f.Title = strings.Repeat("ن", 201) }},
		{"a title of two lines", "title", func(f *FollowUpInput) { f.Title = "a\nb" }},
		{"a long note", "note", func(f *FollowUpInput) { f.Note = strings.Repeat("x", noteMost+1) }},
		{"a note that is no text", "note", func(f *FollowUpInput) { f.Note = "\xff\x00" }},
	} {
		in := callback(FollowUpOwner{})
		x.change(&in)
		_, err := s.Create(deadline(t), admin, in)
		t.Log(x.name)
		refused(t, err, x.field)
	}
	if n := count(t, d, `SELECT count(*) FROM follow_up`); n != 0 {
		t.Errorf("%d were made", n)
	}
	in := callback(FollowUpOwner{})
	in.DueAt = time.Now().Add(-30 * time.Second) // as long as one writes
	f := create(t, s, agentNeda, in)
	past, later, number := soon(-time.Hour), soon(time.Hour), "1001"
	_, err := s.Patch(deadline(t), agentNeda, f.ID, FollowUpPatch{DueAt: &past})
	refused(t, err, "due_at")
	_, err = s.Patch(deadline(t), agentNeda, f.ID, FollowUpPatch{Until: &past})
	refused(t, err, "until")
	_, err = s.Patch(deadline(t), agentNeda, f.ID, FollowUpPatch{Number: &number})
	refused(t, err, "number")
	version := 7
	if _, err := s.Patch(deadline(t), agentNeda, f.ID, FollowUpPatch{Version: &version}); !errors.Is(err, crm.ErrConflict) {
		t.Errorf("an old version: %v", err)
	}
	for _, x := range []struct {
		field  string
		filter FollowUpFilter
	}{
		{"owner", FollowUpFilter{Owner: "me"}},
		{"state", FollowUpFilter{State: "lovely"}},
		{"kind", FollowUpFilter{Kind: "wish"}},
		{"limit", FollowUpFilter{Limit: 1000}},
		{"from", FollowUpFilter{From: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"to", FollowUpFilter{From: later, To: past}},
		{"q", FollowUpFilter{Q: "\x00"}},
		{"cursor", FollowUpFilter{Cursor: "eyJ"}},
		{"cursor", FollowUpFilter{Cursor: cursor{at: past, id: f.ID}.encode(followUpFingerprint(agentNeda, FollowUpFilter{Owner: FollowUpsMine}))}},
		{"cursor", FollowUpFilter{Cursor: cursor{at: past, id: f.ID}.encode(followUpFingerprint(agentOmid, FollowUpFilter{}))}},
	} {
		_, err := s.List(deadline(t), agentNeda, x.filter)
		refused(t, err, x.field)
	}
}

// Whom an actor may give work to: an agent oneself, the own team and anyone; a supervisor also the team's agents; an admin all.
func TestFollowUps_WhoMayGiveThemToWhom(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	other := uuid.New()
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO team (id, name) VALUES ($1, 'other')`, other); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name  string
		who   crm.Actor
		owner FollowUpOwner
		may   bool
	}{
		{"an agent, oneself", agentNeda, FollowUpOwner{AssigneeID: &neda.ID}, true},
		{"an agent, the own team", agentNeda, FollowUpOwner{TeamID: &team}, true},
		{"an agent, anyone", agentOmid, FollowUpOwner{Anyone: true}, true},
		{"an agent, a colleague", agentNeda, FollowUpOwner{AssigneeID: &omid.ID}, false},
		{"an agent, another team", agentOmid, FollowUpOwner{TeamID: &team}, false},
		{"a supervisor, an agent of the team", leader, FollowUpOwner{AssigneeID: &neda.ID}, true},
		{"a supervisor, the team", leader, FollowUpOwner{TeamID: &team}, true},
		{"a supervisor, an agent of no team", leader, FollowUpOwner{AssigneeID: &omid.ID}, false},
		{"a supervisor, another team", leader, FollowUpOwner{TeamID: &other}, false},
		{"an admin, anybody", admin, FollowUpOwner{AssigneeID: &omid.ID}, true},
		{"an admin, any team", admin, FollowUpOwner{TeamID: &other}, true},
	} {
		if _, err := s.Create(deadline(t), x.who, callback(x.owner)); (err == nil) != x.may || !x.may && !errors.Is(err, crm.ErrForbidden) {
			t.Errorf("%s, making: %v", x.name, err)
		}
		f := create(t, s, x.who, callback(FollowUpOwner{Anyone: true}))
		if _, err := s.Patch(deadline(t), x.who, f.ID, FollowUpPatch{Owner: x.owner}); (err == nil) != x.may || !x.may && !errors.Is(err, crm.ErrForbidden) {
			t.Errorf("%s, changing: %v", x.name, err)
		}
	}
}

// A follow-up of a call has its other party and customer; the log's call tells of it.
func TestFollowUps_OfACall(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	r, _ := record(t, config(t, d))
	r.Update(ended(answered(ringing(1, "1001"))))
	settle(t, r)
	if _, err := s.cfg.Calls.Annotate(deadline(t), agentNeda, callID(1), Patch{Customer: &sara}, false); err != nil {
		t.Fatal(err)
	}
	call := callID(1)
	f := create(t, s, agentNeda, FollowUpInput{Kind: FollowUpCallback, CallID: &call, DueAt: soon(time.Hour)})
	if f.Number != "+989120000001" || f.Customer == nil || f.Customer.ID != sara || f.CallID == nil || *f.CallID != call {
		t.Errorf("%+v", f)
	}
	_, err := s.Create(deadline(t), agentOmid, FollowUpInput{Title: "x", CallID: &call, DueAt: soon(time.Hour)})
	if err != nil {
		t.Errorf("a customer's call is to be seen by all: %v", err)
	}
	c, err := s.cfg.Calls.Call(deadline(t), agentNeda, call)
	if err != nil || len(c.FollowUps) != 2 || c.FollowUps[0].ID != f.ID || c.FollowUps[0].State != FollowUpDue || !c.FollowUps[0].DueAt.Equal(f.DueAt) {
		t.Errorf("the call has %+v, %v", c.FollowUps, err)
	}
	page, err := s.List(deadline(t), agentNeda, FollowUpFilter{Call: call})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != f.ID {
		t.Errorf("of the call: %+v, %v", page.Items, err)
	}
}
