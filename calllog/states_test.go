package calllog

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ringbook/crm"
)

// Whatever sources say, a line of states has no overlap, is newest first and says at every moment what counts most then.
func TestStates_PropertyOneLine(t *testing.T) {
	base := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Second) }
	rapid.Check(t, func(t *rapid.T) {
		from, to, now := rapid.IntRange(0, 40).Draw(t, "from"), rapid.IntRange(41, 100).Draw(t, "to"), rapid.IntRange(20, 100).Draw(t, "now")
		claims := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) claim {
			c := claim{from: at(rapid.IntRange(0, 99).Draw(t, "begins")), rank: rapid.IntRange(0, rankTalking).Draw(t, "rank")}
			if rapid.IntRange(0, 4).Draw(t, "open") > 0 {
				c.to = at(rapid.IntRange(0, 110).Draw(t, "ends"))
			}
			c.stretch.State = []crm.State{crm.Available, crm.WrapUp, crm.Offline, crm.Ringing, crm.Talking}[c.rank]
			return c
		}), 0, 12).Draw(t, "claims")
		list := settleClaims(slices.Clone(claims), at(from), at(to), at(now))
		for i, s := range list {
			end := at(now)
			if s.To != nil {
				end = *s.To
			}
			if s.DurationMS != end.Sub(s.From).Milliseconds() || s.DurationMS <= 0 {
				t.Fatalf("%v to %v lasts %d ms", s.From, end, s.DurationMS)
			}
			if s.From.Before(at(from)) || end.After(at(to)) || end.After(at(now)) {
				t.Fatalf("%v to %v lies outside of what was asked for", s.From, end)
			}
			if i > 0 && end.After(list[i-1].From) {
				t.Fatalf("%v overlaps the one after it", s)
			}
		}
		for n := from; n < min(to, now); n++ { // the second from n to n+1
			want := crm.State("")
			best := -1
			for _, c := range claims {
				ends := c.to
				if ends.IsZero() || ends.After(at(now)) {
					ends = at(now)
				}
				if !c.from.After(at(n)) && ends.After(at(n)) && c.rank > best {
					best, want = c.rank, c.stretch.State
				}
			}
			got := crm.State("")
			for _, s := range list {
				if !s.From.After(at(n)) && (s.To == nil || s.To.After(at(n))) {
					got = s.State
				}
			}
			if got != want {
				t.Fatalf("at second %d the state is %q, want %q", n, got, want)
			}
		}
	})
}

// An agent's day is told from what was chosen, from wrap-ups and from the legs of calls; in pages as at once; to those alone
// who may read it.
func TestStates_ADay(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	call := answered(ringing(1, "1001"))
	answered, over := call.AnsweredAt, ended(call)
	r.Update(over)
	missed := ended(ringing(2, "1001"))
	r.Update(missed)
	settle(t, r)
	begin := over.StartedAt.Add(-50 * time.Hour) // longer ago than is looked at first
	day := []struct {
		state       string
		after, till time.Time
	}{
		{"available", begin, missed.EndedAt.Add(time.Hour)},
		{"paused", missed.EndedAt.Add(60 * time.Minute), missed.EndedAt.Add(70 * time.Minute)},
		{"offline", missed.EndedAt.Add(70 * time.Minute), missed.EndedAt.Add(80 * time.Minute)},
		{"available", missed.EndedAt.Add(80 * time.Minute), time.Time{}},
	}
	for _, c := range day {
		var till *time.Time
		if !c.till.IsZero() {
			till = &c.till
		}
		if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent_choice (agent_id, since_at, until_at, state, set_by) VALUES ($1, $2, $3, $4, 'desk')`,
			neda.ID, c.after, till, c.state); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Pool().Exec(deadline(t), `INSERT INTO agent_wrap_up (agent_id, call_id, leg_id, from_at, until_at, ended_at) VALUES ($1, $2, 'x', $3, $4, $5)`,
		neda.ID, over.ID, over.EndedAt, over.EndedAt.Add(time.Hour), over.EndedAt.Add(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	filter := StateFilter{From: begin.Add(-time.Hour), To: missed.EndedAt.Add(90 * time.Minute), Limit: 200}
	page, err := s.States(deadline(t), agentNeda, neda.ID, filter)
	if err != nil || page.Next != nil {
		t.Fatalf("next %v: %v", page.Next, err)
	}
	var told []string
	for _, st := range page.Items {
		told = append(told, string(st.State))
	}
	slices.Reverse(told)
	// Both calls begin at the same time: the phone rings, she talks; what was missed rings on while she is busy with it.
	if !slices.Contains(told, "talking") || told[0] != "available" || told[1] != "ringing" || told[len(told)-1] != "available" || told[len(told)-2] != "offline" {
		t.Errorf("the day was %v", told)
	}
	i := slices.IndexFunc(page.Items, func(st Stretch) bool { return st.State == crm.Talking })
	if talk := page.Items[i]; !talk.From.Equal(answered) || *talk.CallID != over.ID || talk.By != nil {
		t.Errorf("she talked %+v, answered at %v", talk, answered)
	}
	for k := 1; k < len(page.Items); k++ {
		if !page.Items[k].To.Equal(page.Items[k-1].From) {
			t.Errorf("there is a gap between %v and %v", page.Items[k], page.Items[k-1])
		}
	}
	for _, limit := range []int{1, 2, 3} {
		var all []Stretch
		f := filter
		for f.Limit = limit; ; {
			p, err := s.States(deadline(t), leader, neda.ID, f)
			if err != nil {
				t.Fatal(err)
			}
			if all = append(all, p.Items...); p.Next == nil {
				break
			}
			f.Cursor = *p.Next
		}
		if diff := cmp.Diff(page.Items, all); diff != "" {
			t.Errorf("pages of %d (-at once +paged):\n%s", limit, diff)
		}
	}
	if _, err := s.States(deadline(t), agentOmid, neda.ID, filter); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("a colleague reads it: %v", err)
	}
	if _, err := s.States(deadline(t), leader, omid.ID, filter); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("another team's supervisor reads it: %v", err)
	}
	first, err := s.States(deadline(t), admin, neda.ID, StateFilter{From: filter.From, To: filter.To, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.States(deadline(t), admin, omid.ID, StateFilter{From: filter.From, To: filter.To, Cursor: *first.Next})
	refused(t, err, "cursor")
	_, err = s.States(deadline(t), admin, neda.ID, StateFilter{From: filter.To, To: filter.From})
	refused(t, err, "to")
	_, err = s.States(deadline(t), admin, neda.ID, StateFilter{From: filter.To.AddDate(-3, 0, 0), To: filter.To})
	refused(t, err, "from")
	_, err = s.States(deadline(t), admin, neda.ID, StateFilter{From: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), To: filter.To})
	refused(t, err, "from")
	if _, err := s.States(deadline(t), admin, uuid.New(), filter); !errors.Is(err, crm.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}
