package calllog

import (
	"errors"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/pbx"
)

func TestStore_EstimateCountsWhatIsFew(t *testing.T) {
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))
	for n := range 12 {
		c := ringing(n+1, "1001")
		if n%3 == 0 {
			c = answered(c)
		}
		r.Update(ended(c))
	}
	settle(t, r)
	for _, c := range []struct {
		name  string
		actor crm.Actor
		f     Filter
		want  int64
	}{
		{"all", admin, Filter{}, 12},
		{"whatever the page", admin, Filter{Limit: 3, Cursor: "elsewhere"}, 12},
		{"an outcome", admin, Filter{Outcome: pbx.Answered}, 4},
		{"one's own", agentNeda, Filter{}, 12},
		{"not one's own", agentOmid, Filter{}, 0},
	} {
		var e Estimate
		until(t, c.name+": counted in time, on a busy machine too", func() (counted bool) {
			var err error
			if e, err = s.Estimate(deadline(t), c.actor, c.f); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return e.Exact
		})
		if e.Rows != c.want {
			t.Errorf("%s: %d, want %d", c.name, e.Rows, c.want)
		}
	}
	_, err := s.Estimate(deadline(t), admin, Filter{From: start, To: start.Add(-1)})
	refused(t, err, "to")
	if _, err := s.Estimate(deadline(t), crm.Actor{}, Filter{}); !errors.Is(err, crm.ErrForbidden) {
		t.Errorf("for nobody: %v", err)
	}
}

func TestStore_EstimateSaysThatItGuesses(t *testing.T) {
	d, s := callCentre(t)
	if _, err := d.Pool().Exec(deadline(t), manyCalls, 20_000, time.Minute, sara, neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `ANALYZE call`); err != nil {
		t.Fatal(err)
	}
	e, err := s.Estimate(deadline(t), admin, Filter{})
	if err != nil || e.Exact || e.Rows < 10_000 || e.Rows > 40_000 {
		t.Errorf("of 20,000: %+v, %v", e, err)
	}
}
