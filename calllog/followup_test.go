package calllog

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
)

// newFollowUps is a call centre's follow-ups, without an exchange.
func newFollowUps(t testing.TB) (*db.DB, *FollowUps) {
	t.Helper()
	d, calls := callCentre(t)
	acts := NewActs(ActsConfig{DB: d, CRM: calls.crm, Calls: calls})
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent_extension (agent_id, extension, position) VALUES ($1, '1001', 0), ($2, '1002', 0)`,
		neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	if err := calls.crm.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	return d, NewFollowUps(FollowUpsConfig{DB: d, CRM: calls.crm, Calls: calls, Acts: acts})
}

// soon is a due time in d.
func soon(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Second) }

// callback is one of an owner, due in an hour.
func callback(owner FollowUpOwner) FollowUpInput {
	return FollowUpInput{Kind: FollowUpCallback, Title: "Call back", Number: "09121234567", DueAt: soon(time.Hour), Owner: owner}
}

func create(t testing.TB, s *FollowUps, a crm.Actor, in FollowUpInput) FollowUp {
	t.Helper()
	f, err := s.Create(deadline(t), a, in)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// refusedAs checks that a follow-up was left, and who is said to have it.
func refusedAs(t testing.TB, err error, code string, by *crm.AgentRef) {
	t.Helper()
	r, ok := errors.AsType[*FollowUpRefusal](err)
	if !ok || r.Code != code || (by == nil) != (r.By == nil) || by != nil && r.By.ID != by.ID {
		t.Errorf("error is %#v, want %s by %v", err, code, by)
	}
}

// story is what the history of a follow-up says.
func story(t testing.TB, s *FollowUps, id uuid.UUID) string {
	t.Helper()
	f, err := s.FollowUp(deadline(t), crm.System, id)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range f.Changes {
		who := "ringbook"
		if c.By != nil {
			who = c.By.Username
		}
		words = append(words, who+" "+c.What+" "+string(c.State))
	}
	return strings.Join(words, ", ")
}

func TestFollowUps_MakeAndList(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO customer_number (customer_id, position, key, raw, kind, label, extension, historic)
		VALUES ($1, 1, '+989120000009', '0912 000 0009', 'e164', '', '', true), ($1, 2, '+989120000001', '0912 000 0001', 'e164', '', '', false)`, sara); err != nil {
		t.Fatal(err)
	}
	whose := func(id uuid.UUID) FollowUpOwner { return FollowUpOwner{AssigneeID: &id} }
	mine := create(t, s, agentNeda, FollowUpInput{Title: "Send the offer", DueAt: soon(2 * time.Hour)})
	teams := create(t, s, agentNeda, FollowUpInput{Kind: FollowUpCallback, CustomerID: &sara, DueAt: soon(time.Hour), Owner: FollowUpOwner{TeamID: &team}})
	anyones := create(t, s, agentOmid, callback(FollowUpOwner{Anyone: true}))
	omids := create(t, s, admin, FollowUpInput{Title: "Ask Omid", DueAt: soon(3 * time.Hour), Owner: whose(omid.ID)})
	if mine.Assignee == nil || mine.Assignee.ID != neda.ID || mine.State != FollowUpDue || mine.Kind != FollowUpTask || mine.MadeBy.Username != "neda" || mine.Priority != PriorityNormal {
		t.Errorf("a task of one's own: %+v", mine)
	}
	if teams.Team == nil || teams.Team.Name != "support" || teams.Assignee != nil || teams.Number != "+989120000001" || teams.Customer == nil || teams.Customer.Name != "Sara Ahmadi" {
		t.Errorf("a team's callback has its customer's first number: %+v", teams)
	}
	if anyones.Number != "+989121234567" || anyones.NumberRaw != "09121234567" || anyones.Team != nil || anyones.Assignee != nil {
		t.Errorf("anyone's callback: %+v", anyones)
	}
	for _, x := range []struct {
		name   string
		who    crm.Actor
		filter FollowUpFilter
		want   []uuid.UUID
	}{
		{"an agent's: own, the team's and anyone's", agentNeda, FollowUpFilter{}, []uuid.UUID{teams.ID, anyones.ID, mine.ID}},
		{"mine", agentNeda, FollowUpFilter{Owner: FollowUpsMine}, []uuid.UUID{mine.ID}},
		{"my team's", agentNeda, FollowUpFilter{Owner: FollowUpsTeam}, []uuid.UUID{teams.ID}},
		{"anyone's", agentNeda, FollowUpFilter{Owner: FollowUpsAnyone}, []uuid.UUID{anyones.ID}},
		{"another's, who sees no team", agentOmid, FollowUpFilter{}, []uuid.UUID{anyones.ID, omids.ID}},
		{"another's are not to be seen", agentNeda, FollowUpFilter{Assignee: omid.ID}, nil},
		{"a supervisor's: the team's and its agents'", leader, FollowUpFilter{Owner: FollowUpsTeam}, []uuid.UUID{teams.ID, mine.ID}},
		{"all that a supervisor sees", leader, FollowUpFilter{}, []uuid.UUID{teams.ID, anyones.ID, mine.ID}},
		{"an agent of the team", leader, FollowUpFilter{Assignee: neda.ID}, []uuid.UUID{mine.ID}},
		{"all", admin, FollowUpFilter{}, []uuid.UUID{teams.ID, anyones.ID, mine.ID, omids.ID}},
		{"of a team", admin, FollowUpFilter{Team: team}, []uuid.UUID{teams.ID, mine.ID}},
		{"of a customer", agentNeda, FollowUpFilter{Customer: sara}, []uuid.UUID{teams.ID}},
		{"of a customer, mine", agentNeda, FollowUpFilter{Customer: sara, Owner: FollowUpsMine}, nil},
		{"by kind", admin, FollowUpFilter{Kind: FollowUpTask}, []uuid.UUID{mine.ID, omids.ID}},
		{"by words of the title", admin, FollowUpFilter{Q: "offer send"}, []uuid.UUID{mine.ID}},
		{"by part of the number", admin, FollowUpFilter{Q: "0912 123"}, []uuid.UUID{anyones.ID}},
		{"by time", admin, FollowUpFilter{From: mine.DueAt, To: omids.DueAt}, []uuid.UUID{mine.ID}},
		{"overdue", admin, FollowUpFilter{State: FollowUpsOverdue}, nil},
		{"closed", admin, FollowUpFilter{State: FollowUpsClosed}, nil},
	} {
		var got []uuid.UUID
		for f := x.filter; ; {
			f.Limit = 2 // two pages of most
			page, err := s.List(deadline(t), x.who, f)
			if err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			for _, item := range page.Items {
				got = append(got, item.ID)
			}
			if page.Next == nil {
				break
			}
			f.Cursor = *page.Next
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
	if _, err := s.FollowUp(deadline(t), agentOmid, mine.ID); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("another's: %v", err)
	}
}

// A client that never had the answer asks again, also at the same time: one is made, however it fares meanwhile.
func TestFollowUps_AskedForAgainIsMadeOnce(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	in := callback(FollowUpOwner{TeamID: &team})
	in.ID = uuid.New()
	var asked sync.WaitGroup
	for range 8 {
		asked.Go(func() {
			if f, err := s.Create(deadline(t), agentNeda, in); err != nil || f.ID != in.ID || f.Number != "+989121234567" {
				t.Errorf("%+v, %v", f, err)
			}
		})
	}
	asked.Wait()
	if n := count(t, d, `SELECT count(*) FROM follow_up`); n != 1 {
		t.Errorf("%d were made", n)
	}
	if got := story(t, s, in.ID); got != "neda made due" {
		t.Errorf("its history is %s", got)
	}
	if _, err := s.Done(deadline(t), agentNeda, in.ID); err != nil {
		t.Fatal(err)
	}
	again := in
	again.DueAt = soon(-time.Hour) // which passes
	if f, err := s.Create(deadline(t), agentNeda, again); err != nil || f.State != FollowUpDone {
		t.Errorf("asked for when it is done: %+v, %v", f, err)
	}
	_, err := s.Create(deadline(t), agentOmid, in)
	refused(t, err, "id")
	_, err = s.Create(deadline(t), crm.System, in)
	refused(t, err, "id")
}
