package calllog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// missedCentre is a call centre whose list of missed calls goes back to the calls of these tests, and a recorder that knows its customers.
func missedCentre(t testing.TB) (*db.DB, *Store, *Recorder) {
	t.Helper()
	d, s := callCentre(t)
	if _, err := d.Pool().Exec(deadline(t), `UPDATE missed_state SET since = '2000-01-01'`); err != nil {
		t.Fatal(err)
	}
	c := config(t, d)
	c.Match = s.crm.Match
	r, _ := record(t, c)
	return d, s, r
}

// numbers gives a customer numbers.
func numbers(t testing.TB, s *Store, customer uuid.UUID, list ...string) {
	t.Helper()
	inputs := make([]crm.NumberInput, len(list))
	for i, n := range list {
		inputs[i].Number = n
	}
	if _, err := s.crm.UpdateCustomer(deadline(t), crm.System, customer, crm.CustomerPatch{Numbers: &inputs}); err != nil {
		t.Fatal(err)
	}
}

// by is a call from a number, or to it.
func by(c pbx.Call, number string) pbx.Call {
	c.Caller.Number = number
	return c
}

func to(c pbx.Call, number string) pbx.Call {
	c.Direction, c.Dialed, c.Queue = pbx.Outbound, number, ""
	return c
}

func missed(t testing.TB, s *Store, a crm.Actor) []Missed {
	t.Helper()
	page, err := s.Missed(deadline(t), a, MissedFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// whoMissed are the customers' names or the numbers, and how many calls.
func whoMissed(t testing.TB, s *Store, a crm.Actor) string {
	t.Helper()
	list := []string{}
	for _, m := range missed(t, s, a) {
		who := m.Number
		if m.Customer != nil {
			who = m.Customer.Name
		}
		list = append(list, fmt.Sprintf("%s %d", who, m.Calls))
	}
	return strings.Join(list, ", ")
}

// S4: what nobody answered stays until somebody has dealt with it, however long ago it was; oldest first, one row for each customer.
func TestMissed_S4_PersistsUntilHandled(t *testing.T) {
	_, s, r := missedCentre(t)
	numbers(t, s, sara, "09120000001", "02188776655")
	friday := ended(by(ringing(1, "1001"), "09120000001")) // by now a day ago, and longer with every day that this test is run
	again := ended(by(ringing(40, "1001"), "02188776655"))
	again.Outcome, again.Wait = pbx.Abandoned, 90*time.Second
	unknown := ended(by(ringing(20, "1002"), "09129999999"))
	unknown.Queue = ""
	hidden := ended(ringing(30, "1001"))
	hidden.Caller = pbx.Party{Number: "anonymous", Withheld: true}
	for _, c := range []pbx.Call{again, unknown, hidden, friday} {
		r.Update(c)
	}
	settle(t, r)
	if got := whoMissed(t, s, admin); got != "Sara Ahmadi 2, +989129999999 1" {
		t.Fatalf("missed: %s", got)
	}
	row := missed(t, s, admin)[0]
	if row.Customer.ID != sara || !row.FirstAt.Equal(friday.StartedAt) || !row.LastAt.Equal(again.StartedAt) || row.LastCallID != again.ID ||
		row.LongestWaitMS != 90_000 || row.Number != "+982188776655" || row.QueueLabel == nil || *row.QueueLabel != "support" {
		t.Errorf("the row is %+v", row)
	}
	n, err := s.CountMissed(deadline(t), admin)
	if err != nil || n != (MissedCount{Count: 2}) {
		t.Errorf("%+v missed, %v", n, err)
	}
	// A call back to another of her numbers, and an answer, end it.
	back := to(ringing(600, "1001"), "09120000001")
	r.Update(back)
	settle(t, r)
	if got := whoMissed(t, s, admin); !strings.HasPrefix(got, "Sara Ahmadi 2") {
		t.Errorf("while it rings: %s", got)
	}
	r.Update(answered(back))
	settle(t, r)
	if got := whoMissed(t, s, admin); got != "+989129999999 1" {
		t.Errorf("once she has answered: %s", got)
	}
	// Who calls again is heard.
	r.Update(ended(answered(by(ringing(700, "1002"), "09129999999"))))
	settle(t, r)
	if got := whoMissed(t, s, admin); got != "" {
		t.Errorf("in the end: %s", got)
	}
}

// The list is also right when it is learned later whose a number is.
func TestMissed_NumbersThatAreLinkedLater(t *testing.T) {
	_, s, r := missedCentre(t)
	lost := ended(by(ringing(1, "1001"), "09120000001"))
	talked := ended(answered(by(ringing(2, "1001"), "09120000002")))
	last := ended(by(ringing(30, "1001"), "09120000003"))
	for _, c := range []pbx.Call{last, talked, lost} {
		r.Update(c)
	}
	settle(t, r)
	check := func(what, want string) {
		t.Helper()
		if got := whoMissed(t, s, admin); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("of three numbers", "+989120000001 1, +989120000003 1")
	if _, err := s.ClaimMissed(deadline(t), agentNeda, missed(t, s, admin)[1].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Annotate(deadline(t), admin, last.ID, Patch{Customer: &sara}, false); err != nil {
		t.Fatal(err)
	}
	check("linked to a call", "+989120000001 1, Sara Ahmadi 1")
	if m := missed(t, s, admin)[1]; m.ClaimedBy == nil || m.ClaimedBy.ID != neda.ID {
		t.Errorf("who had the number has not the customer: %+v", m.ClaimedBy)
	}
	numbers(t, s, sara, "09120000001")
	check("one of her numbers", "Sara Ahmadi 2")
	numbers(t, s, sara, "09120000001", "09120000002")
	check("of which one was answered", "Sara Ahmadi 1")
	name := "Sara Karimi"
	if _, err := s.crm.UpdateCustomer(deadline(t), crm.System, sara, crm.CustomerPatch{Name: &name}); err != nil {
		t.Fatal(err)
	}
	check("renamed", "Sara Karimi 1")
	nobody := uuid.Nil
	if _, err := s.Annotate(deadline(t), admin, last.ID, Patch{Customer: &nobody}, false); err != nil {
		t.Fatal(err)
	}
	check("unlinked", "+989120000003 1")
	if _, err := s.crm.ArchiveCustomer(deadline(t), crm.System, sara); err != nil {
		t.Fatal(err)
	}
	check("archived, so that her numbers are nobody's", "+989120000001 1, +989120000003 1")
}

func TestMissed_ClaimAndDone(t *testing.T) {
	_, s, r := missedCentre(t)
	r.Update(ended(by(ringing(1, "1001"), "09120000001")))
	settle(t, r)
	id := missed(t, s, admin)[0].ID
	// Both may see it; one has it, the other is told who.
	var refusals, claims int
	var mu sync.Mutex
	var racing sync.WaitGroup
	for i := range 20 {
		who := []crm.Actor{agentNeda, agentOmid}[i%2]
		racing.Go(func() {
			m, err := s.ClaimMissed(deadline(t), who, id)
			mu.Lock()
			defer mu.Unlock()
			var other *MissedRefusal
			switch {
			case errors.As(err, &other) && other.By.ID != who.AgentID:
				refusals++
			case err == nil && m.ClaimedBy.ID == who.AgentID:
				claims++
			default:
				t.Errorf("%s: %+v, %v", who.Username, m.ClaimedBy, err)
			}
		})
	}
	racing.Wait()
	if claims != 10 || refusals != 10 {
		t.Errorf("%d claims and %d refusals", claims, refusals)
	}
	winner, loser := agentNeda, agentOmid
	if missed(t, s, admin)[0].ClaimedBy.ID == omid.ID {
		winner, loser = loser, winner
	}
	var other *MissedRefusal
	if _, err := s.ReleaseMissed(deadline(t), loser, id); !errors.As(err, &other) {
		t.Errorf("released by another: %v", err)
	}
	if _, err := s.FinishMissed(deadline(t), loser, id); !errors.As(err, &other) {
		t.Errorf("finished by another: %v", err)
	}
	if m, err := s.FinishMissed(deadline(t), winner, id); err != nil || m.Calls != 0 {
		t.Errorf("finished: %+v, %v", m, err)
	}
	if got := whoMissed(t, s, admin); got != "" {
		t.Errorf("finished, and still there: %s", got)
	}
	if m, err := s.ReopenMissed(deadline(t), winner, id); err != nil || m.Calls != 1 || m.ClaimedBy != nil {
		t.Errorf("reopened: %+v, %v", m, err)
	}
	// The next call begins anew.
	if _, err := s.FinishMissed(deadline(t), admin, id); err != nil {
		t.Fatal(err)
	}
	r.Update(ended(by(ringing(50, "1002"), "09120000001")))
	settle(t, r)
	if got := whoMissed(t, s, admin); got != "+989120000001 1" {
		t.Errorf("after another call: %s", got)
	}
	if _, err := s.ClaimMissed(deadline(t), agentNeda, uuid.New()); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

// S4: whoever works in no team, or is not there, does not hide what came in.
func TestMissed_S4_WhoSeesWhat(t *testing.T) {
	d, s, r := missedCentre(t)
	sales := uuid.MustParse("0193527f-0000-7000-8000-0000000000ab")
	for _, sql := range []string{
		`INSERT INTO team (id, name) VALUES ('` + sales.String() + `', 'sales')`,
		`INSERT INTO queue (id, pbx, name, team_id) VALUES ('` + crm.QueueID("main", "orders").String() + `', 'main', 'orders', '` + sales.String() + `')`,
	} {
		if _, err := d.Pool().Exec(deadline(t), sql); err != nil {
			t.Fatal(err)
		}
	}
	call := func(n int, queue string, extensions ...string) {
		c := ended(ringing(n, extensions...))
		c.Queue = queue
		r.Update(c)
	}
	call(1, "support")        // a queue of no team, in the night
	call(2, "orders")         // one of the sales team, in the night
	call(3, "", "1001")       // Neda's phone, who is in the support team
	call(4, "", "1002")       // Omid's, who is in none
	call(5, "orders", "1002") // rang Omid
	settle(t, r)
	omidOfSales := agentOmid
	omidOfSales.TeamID = &sales
	leaderOfSales := leader
	leaderOfSales.Teams = []uuid.UUID{sales}
	colleague := crm.Actor{AgentID: uuid.New(), Role: crm.RoleAgent, TeamID: &team}
	for _, c := range []struct {
		who  crm.Actor
		want []int
	}{
		{admin, []int{1, 2, 3, 4, 5}},
		{agentNeda, []int{1, 3}},
		{colleague, []int{1, 3}},
		{agentOmid, []int{1, 4, 5}},
		{omidOfSales, []int{1, 2, 4, 5}},
		{leader, []int{1, 3}},
		{leaderOfSales, []int{1, 2, 5}},
	} {
		var got []int
		for _, m := range missed(t, s, c.who) {
			got = append(got, int(m.Number[len(m.Number)-1]-'0'))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s of %v %v sees %v, want %v", c.who.Username, c.who.TeamID, c.who.Teams, got, c.want)
		}
		if n, err := s.CountMissed(deadline(t), c.who); err != nil || n.Count != len(c.want) {
			t.Errorf("%s counts %+v, %v", c.who.Username, n, err)
		}
		for _, m := range missed(t, s, admin) {
			sees := slices.Contains(c.want, int(m.Number[len(m.Number)-1]-'0'))
			concern, err := s.MissedConcerns(deadline(t), []uuid.UUID{m.ID})
			// Omid's team is the database's to know, here as in the list: he is in none.
			if err != nil || concern.Of(c.who) != sees {
				t.Errorf("%s is told of %s: %t, want %t (%v)", c.who.Username, m.Number, !sees, sees, err)
			}
			if _, err := s.ReleaseMissed(deadline(t), c.who, m.ID); (err == nil) != sees {
				t.Errorf("%s reaches %s: %v", c.who.Username, m.Number, err)
			}
		}
	}
	// The filters, and pages.
	yes := true
	for _, c := range []struct {
		f    MissedFilter
		want int
	}{{MissedFilter{Queue: crm.QueueID("main", "orders")}, 2}, {MissedFilter{Team: sales}, 2}, {MissedFilter{Team: team}, 1}, {MissedFilter{Claimed: &yes}, 0}} {
		if page, err := s.Missed(deadline(t), admin, c.f); err != nil || len(page.Items) != c.want {
			t.Errorf("%+v: %d, %v", c.f, len(page.Items), err)
		}
	}
	var paged []uuid.UUID
	for f := (MissedFilter{Limit: 2}); ; {
		page, err := s.Missed(deadline(t), admin, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			paged = append(paged, m.ID)
		}
		if page.Next == nil {
			break
		}
		f.Cursor = *page.Next
		_, err = s.Missed(deadline(t), agentNeda, f)
		refused(t, err, "cursor")
	}
	if len(paged) != 5 || len(slices.Compact(slices.Sorted(slices.Values(uuidStrings(paged))))) != 5 {
		t.Errorf("pages: %v", paged)
	}
}

func uuidStrings(ids []uuid.UUID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}

// Calls of before there was a list are looked through, and what the log does not keep is forgotten.
func TestMissed_CallsOfBefore(t *testing.T) {
	d, s, r := missedCentre(t)
	for n := range 6 {
		r.Update(ended(ringing(n+1, "1001")))
	}
	settle(t, r)
	if _, err := d.Pool().Exec(deadline(t), `TRUNCATE missed, missed_call`); err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		var err error
		if done, err = fillMissed(deadline(t), d); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(missed(t, s, admin)); n != 6 {
		t.Errorf("%d of 6 are found", n)
	}
	if err := forgetMissed(deadline(t), d, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := len(missed(t, s, admin)); n != 0 {
		t.Errorf("%d are left", n)
	}
	if n := count(t, d, `SELECT count(*) FROM missed`); n != 0 {
		t.Errorf("the numbers of %d are kept", n)
	}
}

// Whatever happens in whatever order, the list is what one would make of the log by reading it from the beginning.
func TestMissed_AnyOrderGivesTheSameList(t *testing.T) {
	d, s, r := missedCentre(t)
	c := config(t, d) // another node, whose pictures meet those of the first in the database only
	c.Match = s.crm.Match
	other, _ := record(t, c)
	lines := []string{"09120000001", "09120000002", "09120000003", "09120000004"}
	rounds := 0
	rapid.Check(t, func(rt *rapid.T) {
		if rounds++; rounds > 25 {
			return // the rest would be the same again, and a database is slow
		}
		for _, sql := range []string{`TRUNCATE missed, missed_call, number_link`, `DELETE FROM call`, `DELETE FROM customer_number`, `UPDATE customer SET archived_at = NULL`} {
			if _, err := d.Pool().Exec(deadline(t), sql); err != nil {
				rt.Fatal(err)
			}
		}
		numbers(t, s, sara, lines[0], lines[1])
		numbers(t, s, company, lines[1])
		var pictures []pbx.Call
		var calls []uuid.UUID
		for n := range rapid.IntRange(2, 8).Draw(rt, "calls") {
			c := by(ringing(10*n+1, "1001"), rapid.SampledFrom(lines).Draw(rt, "number"))
			if rapid.IntRange(0, 3).Draw(rt, "outbound") == 0 {
				c = to(c, c.Caller.Number)
			}
			calls = append(calls, c.ID)
			pictures = append(pictures, c)
			if rapid.Bool().Draw(rt, "answered") {
				c = answered(c)
				pictures = append(pictures, c)
			}
			c = ended(c)
			if rapid.IntRange(0, 5).Draw(rt, "merged") == 0 && n > 0 {
				c.MergedInto = calls[0]
			}
			pictures = append(pictures, c)
			if rapid.Bool().Draw(rt, "again") {
				pictures = append(pictures, c)
			}
		}
		acts := []func(){
			func() { numbers(t, s, company, lines[1], lines[3]) },
			func() { numbers(t, s, sara, lines[0], lines[1], lines[2]) },
			func() { _, _ = s.crm.ArchiveCustomer(deadline(t), crm.System, company) },
			func() { _, _ = s.Annotate(deadline(t), admin, calls[0], Patch{Customer: &sara}, true) },
			func() { _, _ = s.Annotate(deadline(t), admin, calls[len(calls)-1], Patch{Customer: &company}, true) },
			func() { _, _ = s.Annotate(deadline(t), admin, calls[0], Patch{Customer: new(uuid.Nil)}, true) },
		}
		for _, p := range rapid.Permutation(pictures).Draw(rt, "order") {
			node := rapid.SampledFrom([]*Recorder{r, other}).Draw(rt, "node")
			node.Update(p)
			if rapid.Bool().Draw(rt, "batch ends") {
				settle(t, node)
			}
			if rapid.IntRange(0, 3).Draw(rt, "somebody acts") == 0 {
				settle(t, node)
				rapid.SampledFrom(acts).Draw(rt, "act")()
			}
		}
		settle(t, r)
		settle(t, other)
		if diff := cmp.Diff(naiveMissed(t, d), keptMissed(t, d)); diff != "" {
			rt.Fatalf("the list (-want +got):\n%s", diff)
		}
	})
}

// missedRow is what the property looks at.
type missedRow struct {
	Customer    uuid.UUID
	Number      string
	Calls       int
	First, Last time.Time
	WaitMS      int64
}

func keptMissed(t testing.TB, d *db.DB) map[string]missedRow {
	t.Helper()
	found, err := d.Pool().Query(deadline(t), `SELECT party, coalesce(customer_id, '00000000-0000-0000-0000-000000000000'), number, calls, first_at, last_at, wait_ms FROM missed WHERE calls > 0`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]missedRow{}
	var party string
	var m missedRow
	if _, err := pgx.ForEachRow(found, []any{&party, &m.Customer, &m.Number, &m.Calls, &m.First, &m.Last, &m.WaitMS}, func() error {
		m.First, m.Last = m.First.UTC(), m.Last.UTC()
		all[party] = m
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// naiveMissed reads the whole log.
func naiveMissed(t testing.TB, d *db.DB) map[string]missedRow {
	t.Helper()
	type call struct {
		customer          *uuid.UUID
		number, direction string
		ended, merged     bool
		outcome           string
		at                time.Time
		answered          *time.Time
		wait              int64
		owner             uuid.UUID
	}
	has, live := map[string][]uuid.UUID{}, map[uuid.UUID]bool{}
	rows, err := d.Pool().Query(deadline(t), `SELECT n.key, n.customer_id, c.archived_at IS NULL FROM customer_number n JOIN customer c ON c.id = n.customer_id`)
	if err != nil {
		t.Fatal(err)
	}
	var key string
	var id uuid.UUID
	var is bool
	if _, err := pgx.ForEachRow(rows, []any{&key, &id, &is}, func() error {
		has[key] = append(has[key], id)
		live[id] = is
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	rows, err = d.Pool().Query(deadline(t), `SELECT customer_id, number, direction, state = 'ended', merged_into IS NOT NULL, outcome, started_at, answered_at, wait_ms FROM call ORDER BY started_at`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c call, err error) {
		return c, row.Scan(&c.customer, &c.number, &c.direction, &c.ended, &c.merged, &c.outcome, &c.at, &c.answered, &c.wait)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if c := &all[i]; c.customer != nil {
			c.owner = *c.customer
		} else if owners := slices.DeleteFunc(slices.Clone(has[c.number]), func(id uuid.UUID) bool { return !live[id] }); len(owners) == 1 {
			c.owner = owners[0]
		}
	}
	answers := func(m, a call) bool {
		switch {
		case a.answered == nil || !a.answered.After(m.at) || a.merged || a.direction == "internal":
			return false
		case m.owner != uuid.Nil && a.owner != uuid.Nil:
			return m.owner == a.owner
		}
		return m.number == a.number || slices.Contains(has[a.number], m.owner) || slices.Contains(has[m.number], a.owner)
	}
	kept := map[string]missedRow{}
	for _, m := range all {
		if m.direction != "inbound" || !m.ended || m.merged || m.outcome == "answered" || m.answered != nil ||
			slices.ContainsFunc(all, func(a call) bool { return answers(m, a) }) {
			continue
		}
		party := m.number
		if m.owner != uuid.Nil {
			party = m.owner.String()
		}
		row, ok := kept[party]
		if !ok {
			row = missedRow{Customer: m.owner, First: m.at.UTC()}
		}
		row.Calls++
		row.Number, row.Last, row.WaitMS = m.number, m.at.UTC(), max(row.WaitMS, m.wait)
		kept[party] = row
	}
	return kept
}
