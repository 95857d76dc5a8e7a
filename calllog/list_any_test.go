package calllog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
)

// anyCall is a call of a log made by chance, as far as filters go.
type anyCall struct {
	at              time.Time
	id              uuid.UUID
	direction       pbx.Direction
	state           pbx.State
	outcome         pbx.Outcome
	exchange, queue string
	number, own     string
	name, note      string
	customer        uuid.UUID
	agents          []uuid.UUID
	merged          bool
	caller, dialed  string
}

func pickOf[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// anyLog makes calls of 14 months, most of them of late, several at a moment, some of which began days before or after their id
// was given; with ties, months that have none, and a few of clocks that were wrong.
func anyLog(t testing.TB, d *db.DB, r *rand.Rand, now time.Time, n int) []*anyCall {
	t.Helper()
	var all []*anyCall
	at := now.Add(-time.Hour)
	for i := range n {
		if r.IntN(3) > 0 {
			at = at.Add(-time.Duration(r.IntN(1+i*i/4)) * time.Minute).Truncate(time.Second)
		}
		c := &anyCall{
			at: at, direction: pickOf(r, pbx.Inbound, pbx.Inbound, pbx.Outbound, pbx.Internal), state: pbx.StateEnded,
			outcome: pickOf(r, pbx.Answered, pbx.Answered, pbx.Answered, pbx.Missed, pbx.Busy), exchange: pickOf(r, "main", "main", "east"),
			number: pickOf(r, "+989121234567", "+989121234567", "+982188776655", "1001", "", "+98912765432109876543210"), own: "+982191001234",
			name: pickOf(r, "sara ahmadi", "sara", "علی", ""), note: pickOf(r, "", "", "قرارداد 12345", "late order", "of 98"),
			merged: r.IntN(12) == 0,
		}
		if r.IntN(10) == 0 {
			c.state, c.outcome = pickOf(r, pbx.StateRinging, pbx.StateTalking), ""
		}
		if c.direction == pbx.Inbound {
			c.queue = pickOf(r, "support", "sales", "")
		}
		if c.caller, c.dialed = c.number, c.own; c.direction == pbx.Outbound {
			c.caller, c.dialed = "1002", c.number
		}
		c.customer = pickOf(r, uuid.Nil, uuid.Nil, sara, company)
		c.agents = pickOf(r, []uuid.UUID{}, []uuid.UUID{neda.ID}, []uuid.UUID{omid.ID}, []uuid.UUID{neda.ID, omid.ID})
		made := c.at
		switch r.IntN(20) {
		case 0:
			made = made.Add(-astray)
		case 1:
			made = made.Add(astray)
		case 2:
			if r.IntN(4) == 0 {
				c.at = pickOf(r, time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC), time.Date(2093, 2, 3, 0, 0, 0, 0, time.UTC))
				made = c.at
			}
		}
		c.id = idAt(made)
		c.id[6], c.id[8], c.id[14], c.id[15] = 0x70, 0x80, byte(i>>8), byte(i)
		all = append(all, c)
	}
	put := &pgx.Batch{}
	put.Queue(`INSERT INTO queue (id, pbx, name, team_id) SELECT DISTINCT q.id, p, 'support', CASE p WHEN 'east' THEN $2::uuid END FROM unnest($1::uuid[], ARRAY['main', 'east']) q (id, p)`,
		[]uuid.UUID{crm.QueueID("main", "support"), crm.QueueID("east", "support")}, team)
	put.Queue(`INSERT INTO queue (id, pbx, name) SELECT q.id, p, 'sales' FROM unnest($1::uuid[], ARRAY['main', 'east']) q (id, p)`,
		[]uuid.UUID{crm.QueueID("main", "sales"), crm.QueueID("east", "sales")})
	for _, c := range all {
		var into *uuid.UUID
		if c.merged {
			into = &all[0].id
		}
		matched := &c.customer
		if c.customer == uuid.Nil {
			matched = nil
		}
		put.Queue(`INSERT INTO call (id, agents, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld,
				dialed_raw, dialed_number, number, trunk, queue, customer_ref, started_at, wait_ms, talk_ms, hold_ms, hangup_by,
				hangup_cause, hangup_text, transfers, partial, reconstructed, whole, search, note_search, match_rule, matched_id, candidates, merged_into)
			VALUES ($1, $2, $3, 1, $4, $5, $6, '', $7, '', false, '', $8, $9, '', $10, '', $11, 0, 0, 0, '', 16, '', '[]', false, false, true, $12, $13, 'none', $14, '{}', $15)`,
			c.id, c.agents, c.exchange, c.direction, c.state, c.outcome, c.caller, c.dialed, c.number, c.queue, c.at, c.name, c.note, matched, into)
		for _, a := range c.agents {
			put.Queue(`INSERT INTO call_agent (call_id, agent_id, started_at) VALUES ($1, $2, $3)`, c.id, a, c.at)
		}
	}
	if err := d.Pool().SendBatch(deadline(t), put).Close(); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b *anyCall) int {
		if d := b.at.Compare(a.at); d != 0 {
			return d
		}
		return slices.Compare(b.id[:], a.id[:])
	})
	return all
}

// anySearches are searches and what they find in a call.
var anySearches = map[string]func(c *anyCall) bool{
	"sar": func(c *anyCall) bool { return strings.HasPrefix(c.name, "sara") },
	"of":  func(c *anyCall) bool { return strings.HasPrefix(c.note, "of") },
	"o":   func(*anyCall) bool { return false },
	"قرار sara": func(c *anyCall) bool {
		return strings.HasPrefix(c.note, "قرار") && strings.HasPrefix(c.name, "sara")
	},
	"765":            func(c *anyCall) bool { return c.hasDigits("765") },
	"1234":           func(c *anyCall) bool { return c.hasDigits("1234") || strings.Contains(c.note, " 1234") },
	"12345":          func(c *anyCall) bool { return c.hasDigits("12345") || strings.Contains(c.note, " 12345") },
	"0912 123 4567":  func(c *anyCall) bool { return c.hasDigits("9121234567") },
	"2188776655":     func(c *anyCall) bool { return c.hasDigits("2188776655") },
	"6543210987":     func(c *anyCall) bool { return c.hasDigits("6543210987") },
	"98":             func(c *anyCall) bool { return strings.HasSuffix(c.note, " 98") },
	"000":            func(*anyCall) bool { return false },
	"late 1234567":   func(c *anyCall) bool { return strings.HasPrefix(c.note, "late") && c.hasDigits("1234567") },
	"la\u200cte 123": func(c *anyCall) bool { return strings.HasPrefix(c.note, "late") && c.hasDigits("123") },
}

func (c *anyCall) hasDigits(s string) bool { return strings.Contains(c.caller+" "+c.dialed, s) }

// fits tells whether a call is on an actor's list, without any index.
func (c *anyCall) fits(a crm.Actor, f Filter) bool {
	may := true
	switch a.Role {
	case crm.RoleAgent:
		may = slices.Contains(c.agents, a.AgentID)
	case crm.RoleSupervisor:
		may = slices.Contains(c.agents, neda.ID) || c.queue == "support" && c.exchange == "east"
	}
	if f.Customer != uuid.Nil && a.Scope(crm.CallsReadHistory) == crm.ScopeAll {
		may = true
	}
	return may && !c.merged && (f.From.IsZero() || !c.at.Before(f.From)) && (f.To.IsZero() || c.at.Before(f.To)) &&
		(f.Direction == "" || c.direction == f.Direction) && (f.State == "" || c.state == f.State) && (f.Outcome == "" || c.outcome == f.Outcome) &&
		(f.Agent == uuid.Nil || slices.Contains(c.agents, f.Agent)) && (f.Customer == uuid.Nil || c.customer == f.Customer) &&
		(f.Number == "" || c.number == f.Number) && (f.Q == "" || anySearches[f.Q](c)) &&
		(f.Queue == "" || c.queue != "" && (c.queue == f.Queue || f.Queue == crm.QueueID(c.exchange, c.queue).String()))
}

// anyFilter is none, one, two or three things at once.
func anyFilter(r *rand.Rand, now time.Time) (f Filter) {
	for range r.IntN(4) {
		switch r.IntN(9) {
		case 0:
			f.From, f.To = now.Add(-time.Duration(r.IntN(400*24))*time.Hour), time.Time{}
			if r.IntN(2) == 0 {
				f.To = f.From.Add(time.Duration(r.IntN(60*24)) * time.Hour)
			}
		case 1:
			f.Direction = pickOf(r, pbx.Inbound, pbx.Outbound, pbx.Internal)
		case 2:
			f.Outcome = pickOf(r, pbx.Answered, pbx.Missed, pbx.Busy, pbx.Voicemail)
		case 3:
			f.State = pickOf(r, pbx.StateEnded, pbx.StateRinging, pbx.StateTalking)
		case 4:
			f.Queue = pickOf(r, "support", "sales", crm.QueueID("east", "support").String(), crm.QueueID("main", "sales").String(), "nowhere")
		case 5:
			f.Agent = pickOf(r, neda.ID, omid.ID, uuid.Max)
		case 6:
			f.Number = pickOf(r, "+989121234567", "+982188776655", "+989999999999")
		case 7:
			f.Customer = pickOf(r, sara, company, uuid.Max)
		default:
			f.Q = pickOf(r, searchNames...)
		}
	}
	return f
}

var searchNames = func() (all []string) {
	for q := range anySearches {
		all = append(all, q)
	}
	slices.Sort(all)
	return all
}()

// L14: whatever is asked for, the pages are together what a look at every call finds, in the same order.
func TestStore_L14_AnyListIsWhatALookAtEveryCallFinds(t *testing.T) {
	d, s := callCentre(t)
	r := rand.New(rand.NewPCG(14, 28))
	now := time.Now()
	all := anyLog(t, d, r, now, 250)
	if err := NewMonths(d, 0, nil).Look(deadline(t), now); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `ANALYZE call`); err != nil { // so that a stretch is as long as it should be
		t.Fatal(err)
	}
	pairs := []Filter{
		{Agent: neda.ID, Queue: "support"},
		{Agent: omid.ID, Queue: crm.QueueID("main", "sales").String()},
		{Agent: neda.ID, Outcome: pbx.Answered},
		{Agent: omid.ID, Outcome: pbx.Missed},
		{Agent: neda.ID, Direction: pbx.Inbound},
		{Queue: "sales", Outcome: pbx.Missed},
	}
	for i := range 70 {
		f, a := anyFilter(r, now), pickOf(r, admin, admin, leader, agentNeda)
		if i < 3*len(pairs) { // what has words of its own, for everybody
			f, a = pairs[i/3], []crm.Actor{admin, leader, agentNeda}[i%3]
		}
		f.Limit = pickOf(r, 1, 7, 50, 200)
		name := fmt.Sprintf("%s: %+v", a.Role, f)
		var want, got []string
		for _, c := range all {
			if c.fits(a, f) {
				want = append(want, c.at.Format(time.RFC3339)+" "+c.id.String())
			}
		}
		want = want[:min(len(want), 5*f.Limit)]
		for len(got) < 5*f.Limit {
			page := list(t, s, a, f)
			for _, c := range page.Items {
				got = append(got, c.StartedAt.Format(time.RFC3339)+" "+c.ID.String())
			}
			if page.Next == nil {
				break
			}
			if len(page.Items) != f.Limit {
				t.Errorf("%s: a page of %d, and there are more", name, len(page.Items))
			}
			f.Cursor = *page.Next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}

		// The same without the newest, by words in stretches of a few calls.
		f.Cursor = ""
		scope, err := listScope(a, f)
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.list(deadline(t), a, scope, f)
		if err != nil {
			t.Fatal(err)
		}
		if l.words == "" {
			continue
		}
		keys, err := l.gather(context.Background(), pooled{d.Pool()}, f.To, 3, f.Limit)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, k := range keys {
			got = append(got, k.at.UTC().Format(time.RFC3339)+" "+k.id.String())
		}
		if diff := cmp.Diff(want[:min(len(want), f.Limit)], got); diff != "" {
			t.Errorf("%s, by words (-want +got):\n%s", name, diff)
		}
	}
}

// A list that was about to look into a month while it is dropped is the list without it.
func TestStore_L14_AMonthIsDroppedMeanwhile(t *testing.T) {
	d, s := callCentre(t)
	r := rand.New(rand.NewPCG(5, 6))
	now := time.Now()
	anyLog(t, d, r, now, 300)
	months := NewMonths(d, 3, nil)
	if err := NewMonths(d, 0, nil).Look(deadline(t), now); err != nil {
		t.Fatal(err)
	}
	l, err := s.list(deadline(t), admin, crm.ScopeAll, Filter{Direction: pbx.Inbound})
	if err != nil {
		t.Fatal(err)
	}
	before, err := l.gather(deadline(t), pooled{d.Pool()}, time.Time{}, gatherFirst, 200)
	if err != nil {
		t.Fatal(err)
	}
	on := &meanwhile{pooled: pooled{d.Pool()}, do: func() {
		if err := months.Look(deadline(t), now); err != nil {
			t.Error(err)
		}
	}}
	after, err := l.gather(deadline(t), on, time.Time{}, gatherFirst, 200)
	if err != nil {
		t.Fatal(err)
	}
	first := idAt(monthOf(now).AddDate(0, -3, 0))
	want := slices.DeleteFunc(before, func(c cursor) bool {
		return slices.Compare(c.id[:], first[:]) < 0 && idTime(c.id).Year() >= monthsFirst
	})
	if len(want) == 0 || on.snapshots != 2 || !slices.Equal(after, want) {
		t.Errorf("%d calls in %d snapshots, want %d in 2", len(after), on.snapshots, len(want))
	}
}

// meanwhile does something once, between the look at which months there are and that into them.
type meanwhile struct {
	pooled
	do        func()
	snapshots int
}

func (m *meanwhile) inSnapshot(ctx context.Context, do func(pgx.Tx) error) error {
	m.snapshots++
	return m.pooled.inSnapshot(ctx, func(tx pgx.Tx) error { return do(meanwhileTx{tx, m}) })
}

type meanwhileTx struct {
	pgx.Tx
	to *meanwhile
}

func (t meanwhileTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if t.to.snapshots == 1 {
		t.to.do()
	}
	return t.Tx.SendBatch(ctx, b)
}
