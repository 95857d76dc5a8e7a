package calllog

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/db"
)

// manyFollowUps are $1 open ones of the agent $2, each due a minute before the one before it, beginning a minute ago; half as many
// of the agent $3 and of anyone, due as long from now; and as many closed ones, and half as many.
const manyFollowUps = `
INSERT INTO follow_up (id, kind, title, state, assignee_id, customer_id, due_at, search, made_by, created_at, closed_at, closed_by)
SELECT gen_random_uuid(), 'task', 'Task ' || n, s.state, s.agent, s.customer, now() + n * s.apart, ' task ' || n || CASE WHEN n = 777 THEN ' saffron' ELSE '' END, s.agent,
	now() - interval '1 year', CASE WHEN s.state = 'done' THEN now() - n * interval '1 minute' END, CASE WHEN s.state = 'done' THEN s.agent END
FROM (VALUES
	($2::uuid, NULL::uuid, 'due', interval '-1 minute', $1),
	($3::uuid, NULL, 'due', interval '1 minute', $1 / 2),
	(NULL, $4::uuid, 'due', interval '1 minute', $1 / 2),
	($2, NULL, 'done', interval '-1 minute', $1),
	($3, NULL, 'done', interval '-1 minute', $1 / 2)) s (agent, customer, state, apart, many), generate_series(1, s.many) n`

// overloaded is a desk with ten thousand overdue follow-ups, beside twenty-five thousand others.
func overloaded(t *testing.T) (*db.DB, *FollowUps) {
	t.Helper()
	d, s := newFollowUps(t)
	if _, err := d.Pool().Exec(deadline(t), manyFollowUps, 10_000, neda.ID, omid.ID, sara); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET customer_id = NULL WHERE customer_id IS NOT NULL AND random() > 0.002`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `VACUUM ANALYZE follow_up`); err != nil {
		t.Fatal(err)
	}
	return d, s
}

// Ten thousand overdue on one desk: pages and counts read as many rows as they show, whoever asks, and the pages together have
// each once.
func TestFollowUps_P8_TenThousandOverdueOnOneDesk(t *testing.T) {
	t.Parallel()
	d, s := overloaded(t)
	deep := FollowUpFilter{Owner: FollowUpsMine}
	deep.Cursor = cursor{time.Now().Add(-5000 * time.Minute), uuid.New()}.encode(followUpFingerprint(agentNeda, deep))
	for name, x := range map[string]struct {
		who    crm.Actor
		filter FollowUpFilter
	}{
		"mine":                     {agentNeda, FollowUpFilter{Owner: FollowUpsMine}},
		"deep in mine":             {agentNeda, deep},
		"mine, the team's, anyone": {agentNeda, FollowUpFilter{}},
		"overdue":                  {agentNeda, FollowUpFilter{State: FollowUpsOverdue}},
		"later":                    {agentNeda, FollowUpFilter{State: FollowUpsLater}},
		"in a state that is rare":  {admin, FollowUpFilter{State: string(FollowUpNoAnswer)}},
		"closed":                   {agentNeda, FollowUpFilter{State: FollowUpsClosed}},
		"expired":                  {admin, FollowUpFilter{State: string(FollowUpExpired)}},
		"of a team":                {leader, FollowUpFilter{Owner: FollowUpsTeam}},
		"all of a supervisor":      {leader, FollowUpFilter{}},
		"all":                      {admin, FollowUpFilter{}},
		"all that are closed":      {admin, FollowUpFilter{State: FollowUpsClosed}},
		"of an agent":              {admin, FollowUpFilter{Assignee: neda.ID}},
		"of a customer":            {admin, FollowUpFilter{Customer: sara}},
		"by a rare word":           {admin, FollowUpFilter{Q: "saffron"}},
		"by a frequent word":       {admin, FollowUpFilter{Q: "task"}},
	} {
		for what, most := range map[string]int{"listing": 500, "counting": 1100} {
			l, err := s.compile(x.who, x.filter)
			if err != nil {
				t.Fatal(err)
			}
			query := l.query
			if what == "counting" {
				query = l.countQuery
			}
			sql := query(map[string]int{"listing": limitDefault, "counting": followUpCountMost}[what] + 1)
			var plan []struct{ Plan node }
			if err := d.Pool().QueryRow(deadline(t), "EXPLAIN (ANALYZE, FORMAT JSON) "+sql, l.args...).Scan(&plan); err != nil {
				t.Fatal(err)
			}
			if at, n := plan[0].Plan.worst(); n > most {
				t.Errorf("%s %s: %s reads %d rows", what, name, at, n)
			}
		}
	}
	for _, x := range []struct {
		who  crm.Actor
		f    FollowUpFilter
		want FollowUpCounts
	}{
		{agentNeda, FollowUpFilter{Owner: FollowUpsMine}, FollowUpCounts{Overdue: 1000, More: true}},
		{agentNeda, FollowUpFilter{Owner: FollowUpsMine, State: FollowUpsClosed}, FollowUpCounts{Overdue: 1000, More: true}},
		{agentNeda, FollowUpFilter{Owner: FollowUpsMine, Q: "saffron"}, FollowUpCounts{Overdue: 1}},
		{agentNeda, FollowUpFilter{Owner: FollowUpsTeam}, FollowUpCounts{}},
	} {
		got, err := s.Counts(deadline(t), x.who, x.f)
		got.DoneToday = 0 // as much of the day as is over: see TestFollowUps_Counts
		if err != nil || got != x.want {
			t.Errorf("%+v: %+v, %v; want %+v", x.f, got, err, x.want)
		}
	}
	seen := map[uuid.UUID]bool{}
	f := FollowUpFilter{Owner: FollowUpsMine, Limit: 200}
	last := time.Time{}
	for pages := 1; ; pages++ {
		page, err := s.List(deadline(t), agentNeda, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if seen[item.ID] || item.DueAt.Before(last) {
				t.Fatalf("%s is on two pages, or not in order", item.ID)
			}
			seen[item.ID], last = true, item.DueAt
		}
		if page.Next == nil {
			if len(seen) != 10_000 || pages != 50 {
				t.Errorf("%d on %d pages", len(seen), pages)
			}
			return
		}
		f.Cursor = *page.Next
	}
}

// The numbers of a day: what is overdue, due later today, due later, and done today, each counted once.
func TestFollowUps_Counts(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	var noon time.Time // of a day on which it is noon now
	if err := d.Pool().QueryRow(deadline(t), `SELECT now()`).Scan(&noon); err != nil {
		t.Fatal(err)
	}
	s.cfg.Zone = time.FixedZone("noon", (12-noon.UTC().Hour())*3600-noon.UTC().Minute()*60-noon.UTC().Second())
	make := func(in ...time.Duration) (made []FollowUp) {
		for _, due := range in {
			f := create(t, s, agentNeda, FollowUpInput{Title: "x", DueAt: soon(time.Minute)})
			if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET due_at = $2 WHERE id = $1`, f.ID, noon.Add(due)); err != nil {
				t.Fatal(err)
			}
			made = append(made, f)
		}
		return made
	}
	make(-48*time.Hour, -2*time.Hour, 2*time.Hour, 11*time.Hour, 13*time.Hour, 400*time.Hour)
	closed := make(-time.Hour, time.Hour, 2*time.Hour, 3*time.Hour)
	for _, f := range closed[:2] {
		if _, err := s.Done(deadline(t), agentNeda, f.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Cancel(deadline(t), agentNeda, closed[2].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Done(deadline(t), agentNeda, closed[3].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET closed_at = now() - interval '1 day' WHERE id = $1`, closed[3].ID); err != nil {
		t.Fatal(err)
	}
	teams := create(t, s, agentNeda, callback(FollowUpOwner{TeamID: &team}))
	if _, err := s.Done(deadline(t), agentNeda, teams.ID); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		f    FollowUpFilter
		want FollowUpCounts
	}{
		"mine":              {FollowUpFilter{Owner: FollowUpsMine}, FollowUpCounts{Overdue: 2, Today: 2, Later: 2, DoneToday: 3}},
		"the team's":        {FollowUpFilter{Owner: FollowUpsTeam}, FollowUpCounts{DoneToday: 1}},
		"until in an hour":  {FollowUpFilter{Owner: FollowUpsMine, To: noon.Add(time.Hour)}, FollowUpCounts{Overdue: 2, DoneToday: 3}},
		"whatever is shown": {FollowUpFilter{Owner: FollowUpsMine, State: string(FollowUpExpired)}, FollowUpCounts{Overdue: 2, Today: 2, Later: 2, DoneToday: 3}},
		"callbacks":         {FollowUpFilter{Kind: FollowUpCallback}, FollowUpCounts{DoneToday: 1}},
	} {
		if got, err := s.Counts(deadline(t), agentNeda, x.f); err != nil || got != x.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, x.want)
		}
	}
	for state, n := range map[string]int{FollowUpsOpen: 6, FollowUpsOverdue: 2, FollowUpsToday: 2, FollowUpsLater: 2, FollowUpsClosed: 5, string(FollowUpCancelled): 1} {
		page, err := s.List(deadline(t), agentNeda, FollowUpFilter{Owner: FollowUpsMine, State: state})
		if err != nil || len(page.Items) != n {
			t.Errorf("%s: %d, %v; want %d", state, len(page.Items), err, n)
		}
	}
}

// Many at once: what can be changed is, what cannot is named, and all of it is in the histories.
func TestFollowUps_Bulk(t *testing.T) {
	t.Parallel()
	d, s := newFollowUps(t)
	open := func() uuid.UUID { return create(t, s, agentNeda, callback(FollowUpOwner{TeamID: &team})).ID }
	fresh, claimed, closed, omids, overdue := open(), open(), open(), create(t, s, agentOmid, callback(FollowUpOwner{})).ID, open()
	if _, err := s.Claim(deadline(t), agentNeda, claimed); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Done(deadline(t), agentNeda, closed); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE follow_up SET due_at = now() - interval '3 days' WHERE id = $1`, overdue); err != nil {
		t.Fatal(err)
	}
	colleague := crm.Actor{AgentID: leader.AgentID, Username: "colleague", Role: crm.RoleAgent, TeamID: &team}
	all := []uuid.UUID{fresh, claimed, closed, omids, overdue, uuid.Nil, fresh}
	bulk := func(a crm.Actor, b FollowUpBulk, changed int, left map[uuid.UUID]string) {
		t.Helper()
		b.IDs = all
		n, refused, err := s.Bulk(deadline(t), a, b)
		codes := map[uuid.UUID]string{}
		for _, r := range refused {
			codes[r.ID] = r.Code
		}
		if err != nil || n != changed || fmt.Sprint(codes) != fmt.Sprint(left) {
			t.Errorf("%d changed, left %v, %v; want %d, %v", n, codes, err, changed, left)
		}
	}
	bulk(colleague, FollowUpBulk{Later: 24 * time.Hour}, 2,
		map[uuid.UUID]string{claimed: "claimed", closed: "closed", omids: "not_found", uuid.Nil: "not_found"})
	for _, id := range []uuid.UUID{fresh, overdue} {
		f, err := s.FollowUp(deadline(t), admin, id)
		if err != nil || f.State != FollowUpRescheduled || f.DueAt.Before(time.Now().Add(23*time.Hour)) || f.DueAt.After(time.Now().Add(26*time.Hour)) {
			t.Errorf("moved to %v, %s, %v", f.DueAt, f.State, err)
		}
	}
	bulk(leader, FollowUpBulk{Owner: FollowUpOwner{AssigneeID: &neda.ID}}, 3,
		map[uuid.UUID]string{closed: "closed", omids: "not_found", uuid.Nil: "not_found"})
	if f, err := s.FollowUp(deadline(t), admin, claimed); err != nil || f.State != FollowUpClaimed || f.Assignee.ID != neda.ID {
		t.Errorf("given to whoever had claimed it: %+v, %v", f, err)
	}
	bulk(admin, FollowUpBulk{Cancel: true}, 4, map[uuid.UUID]string{closed: "closed", uuid.Nil: "not_found"})
	want := "neda made due, neda claimed claimed, leader changed claimed, admin cancelled cancelled"
	if got := story(t, s, claimed); got != want {
		t.Errorf("the history is %s", got)
	}
	for field, b := range map[string]FollowUpBulk{
		"ids":         {IDs: all, Cancel: true, Later: time.Hour},
		"later_ms":    {IDs: all, Later: time.Second},
		"due_at":      {IDs: []uuid.UUID{open()}, DueAt: &time.Time{}},
		"assignee_id": {IDs: []uuid.UUID{open()}, Owner: FollowUpOwner{AssigneeID: &uuid.Max}},
	} {
		_, _, err := s.Bulk(deadline(t), admin, b)
		refused(t, err, field)
	}
	_, _, err := s.Bulk(deadline(t), admin, FollowUpBulk{IDs: make([]uuid.UUID, 501), Cancel: true})
	refused(t, err, "ids")
}
