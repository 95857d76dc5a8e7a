package calllog

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"ringbook/crm"
	"ringbook/pbx"
)

// L14: pages neither repeat nor leave out a call while others arrive, over many months, however the list is looked up.
func TestStore_L14_PagesWhileCallsArrive(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	now := time.Now().Truncate(time.Second)
	const calls = 40
	n := 0
	call := func(at time.Time) {
		n++
		c := beganAt(ringing(n, "1001", "1002"), at)
		c.Caller.Name = "سارا"
		r.Update(ended(answered(c)))
	}
	for i := range calls { // 80 weeks, the oldest first, two at each moment
		call(now.AddDate(0, 0, -14*((calls-i)/2)).Add(-time.Hour))
	}
	settle(t, r)
	if err := NewMonths(d, 0, nil).Look(deadline(t), now); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		actor crm.Actor
		f     Filter
	}{
		"all":               {admin, Filter{}},
		"until now":         {admin, Filter{To: now}},
		"an agent's":        {agentNeda, Filter{}},
		"a team's":          {leader, Filter{}},
		"two things":        {admin, Filter{Queue: "support", Outcome: pbx.Answered}},
		"an agent's, two":   {admin, Filter{Agent: omid.ID, Direction: pbx.Inbound}},
		"a team's, words":   {leader, Filter{Q: "سارا"}},
		"words and a queue": {admin, Filter{Q: "سار", Queue: "support"}},
	} {
		t.Run(name, func(t *testing.T) {
			known := n
			want := make([]int, 0, known)
			c.f.Limit = 200
			for _, r := range list(t, s, c.actor, c.f).Items {
				want = append(want, int(r.ID[14])<<8|int(r.ID[15]))
			}
			if len(want) < calls {
				t.Fatalf("%d calls on one page, want at least %d", len(want), calls)
			}
			c.f.Limit = 7
			var got []int
			for {
				page := list(t, s, c.actor, c.f)
				got = append(got, ids(page)...)
				if page.Next == nil {
					break
				}
				c.f.Cursor = *page.Next
				call(time.Now()) // newer than all
				settle(t, r)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
		})
	}
}

// Every stretch begins where the one after it ends, and the last reaches to where the filter does.
func TestListing_StretchesAreAllTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, l := range map[string]listing{
		"all":         {},
		"a day":       {from: now.AddDate(-1, 0, 0), to: now.AddDate(-1, 0, 1)},
		"from":        {from: now.AddDate(-2, 0, 0)},
		"to":          {to: now.AddDate(0, -5, 0)},
		"in future":   {from: now.AddDate(1, 0, 0)},
		"next page":   {after: &cursor{at: now.AddDate(-1, 0, 0)}},
		"end of page": {after: &cursor{at: now.AddDate(-1, 0, 0)}, from: now.AddDate(-1, 0, 0)},
		"to, page":    {to: now.AddDate(-2, 0, 0), after: &cursor{at: now}},
	} {
		all := l.stretches(now)
		end := l.to
		if l.after != nil && (end.IsZero() || l.after.at.Before(end)) {
			end = l.after.at.Add(time.Microsecond)
		}
		for _, part := range all {
			if !part.to.Equal(end) || !part.from.IsZero() && !end.IsZero() && !part.from.Before(end) {
				t.Errorf("%s: %v, want one that ends at %s", name, all, end)
			}
			end = part.from
		}
		if !end.Equal(l.from) || len(all) > stretches {
			t.Errorf("%s: %v reach to %s, want to %s", name, all, end, l.from)
		}
	}
}

func TestStore_SearchIsOfWords(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	note := func(n int, note string) {
		c := ended(ringing(n, "1001"))
		c.Caller.Name, c.Caller.Number = "", "02188776655"
		r.Update(c)
		settle(t, r)
		if _, err := s.Annotate(deadline(t), admin, c.ID, Patch{Note: &note}, false); err != nil {
			t.Fatal(err)
		}
	}
	note(1, "می‌خواهد قرارداد را ببیند")    // with a half-space
	note(2, "مي خواهد كتاب‌ها را بخرد")     // Arabic letters, a space
	note(3, "Order ۱۲۳۴۵ is late, call Of") // Persian digits
	note(4, strings.Repeat("آ", 9000))      // one word
	for _, c := range []struct {
		q    string
		want []int
	}{
		{"می‌خواهد", []int{2, 1}},
		{"میخواهد", []int{1}},
		{"مي خواهد", []int{2, 1}},
		{"کتاب", []int{2}},
		{"كتابها", []int{2}},
		{"کتاب‌های", nil},
		{"قرار", []int{1}}, // the beginning of a word
		{"رارداد", nil},    // not its end
		{"را", []int{2, 1}},
		{"ر", nil}, // no word
		{"of", []int{3}},
		{"o", nil},
		{"ORD lat", []int{3}},
		{"12345", []int{3}},
		{"۱۲۳۴۵", []int{3}},
		{"2345", nil},
		{"7766", []int{4, 3, 2, 1}},
		{"021 8877", []int{4, 3, 2, 1}},
		{"late 8877", []int{3}},
		{strings.Repeat("آ", 100), []int{4}},
		{"'late' & !x | <->:*", []int{}},
		{"d=inbound", []int{}},
		{"\u200c", []int{4, 3, 2, 1}},
	} {
		if got := ids(list(t, s, admin, Filter{Q: c.q})); !slices.Equal(got, c.want) {
			t.Errorf("%q finds %v, want %v", c.q, got, c.want)
		}
	}
}

// Nothing that a filter can hold is an error of the database.
func TestStore_FiltersOfAnythingAreAnswered(t *testing.T) {
	_, s := callCentre(t)
	for _, q := range []string{"", "سارا", "'", `\`, `a\'b:*`, "a & | ! <-> (b)", "\x00\xff", "می‌خواهد", "\u200c", "0912 123", "000", "۱۲۳ abc", "%_", "?", "$1"} {
		for _, which := range []int{0, 1, 2, 5, 8, 19, 30} {
			filter := Filter{Q: q, Queue: q}
			if which&1 > 0 {
				filter.Outcome = pbx.Missed
			}
			if which&2 > 0 {
				filter.Agent = neda.ID
			}
			if which&4 > 0 {
				filter.Customer = sara
			}
			if which&8 > 0 {
				filter.Number = "0912" + q
			}
			if which&16 > 0 {
				filter.State = pbx.StateRinging
			}
			for _, a := range []crm.Actor{admin, leader, agentNeda, {AgentID: uuid.New(), Role: crm.RoleSupervisor}} {
				if _, err := s.Calls(deadline(t), a, filter); err != nil && !ofFields(err) {
					t.Errorf("%+v: %v", filter, err)
				}
			}
			if _, err := s.Estimate(deadline(t), leader, filter); err != nil && !ofFields(err) {
				t.Errorf("estimate of %+v: %v", filter, err)
			}
		}
	}
}

func ofFields(err error) bool {
	_, ok := errors.AsType[crm.FieldErrors](err)
	return ok
}

// An agent's page is full however many of the agent's calls turned out to be parts of others.
func TestStore_L4_L14_MergedCallsLeaveNoHoles(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	for n := range 60 {
		c := ended(answered(ringing(n+1, "1001")))
		if n > 10 && n < 50 {
			c.MergedInto = callID(1)
		}
		r.Update(c)
	}
	settle(t, r)
	for name, a := range map[string]crm.Actor{"own": agentNeda, "team": leader} {
		f := Filter{Limit: 8}
		var got []int
		for {
			page := list(t, s, a, f)
			got = append(got, ids(page)...)
			if page.Next == nil {
				break
			}
			if len(page.Items) != f.Limit {
				t.Errorf("%s: a page of %d calls, and there are more", name, len(page.Items))
			}
			f.Cursor = *page.Next
		}
		if want := []int{60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
