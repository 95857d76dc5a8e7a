package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ringbook/crm"
)

func (c *client) views() (views []SavedView) {
	c.t.Helper()
	var page crm.Page[SavedView]
	c.want(http.StatusOK, http.MethodGet, "/views?page=calls", nil, &page)
	return page.Items
}

func (c *client) save(body object) (v SavedView) {
	c.t.Helper()
	c.want(http.StatusCreated, http.MethodPost, "/views", body, &v)
	return v
}

func viewNames(views []SavedView) (names []string) {
	for _, v := range views {
		name := v.Name
		if v.Default {
			name += "*"
		}
		if !v.Writable {
			name += " (read)"
		}
		names = append(names, name)
	}
	return names
}

// Own views and the team's: who sees which, who writes which, in which order, and with which a page opens for whom.
func TestViews_OwnAndTheTeams(t *testing.T) {
	h := newHouse(t)
	neda, sara := h.agent("neda", crm.RoleAgent, "1001"), h.agent("sara", crm.RoleAgent, "1002")
	maryam, root := h.agent("maryam", crm.RoleSupervisor), h.agent("root", crm.RoleAdmin)
	day := h.team("Day", maryam, neda)
	night := h.team("Night", root, sara)
	nedas, saras, maryams, roots := h.program(neda), h.program(sara), h.program(maryam), h.program(root)

	own := nedas.save(object{"page": "calls", "name": " Missed ", "query": "outcome=missed&q=%D8%B3%D8%A7%D8%B1%D8%A7"})
	if own.Name != "Missed" || own.TeamID != nil || !own.Writable || own.Version != 1 || own.Gone == nil {
		t.Errorf("%+v", own)
	}
	nedas.save(object{"page": "calls", "name": "All", "query": ""})
	teams := maryams.save(object{"page": "calls", "name": "Busy", "query": "outcome=busy", "team_id": day.ID})
	roots.save(object{"page": "calls", "name": "Failed", "query": "outcome=failed", "team_id": night.ID})
	for name, c := range map[string]*client{"an agent, for the team": nedas, "another": saras} {
		if res, _ := c.send(http.MethodPost, "/views", object{"page": "calls", "name": "No", "query": "", "team_id": day.ID}); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
		if res, _ := c.send(http.MethodPatch, "/views/"+teams.ID.String(), object{"name": "No"}); res.StatusCode != map[*client]int{nedas: 403, saras: 404}[c] {
			t.Errorf("%s writes the team's: %d", name, res.StatusCode)
		}
	}
	maryams.want(http.StatusForbidden, http.MethodPost, "/views", object{"page": "calls", "name": "No", "query": "", "team_id": night.ID}, nil)
	saras.want(http.StatusNotFound, http.MethodPatch, "/views/"+own.ID.String(), object{"name": "No"}, nil)
	roots.want(http.StatusNotFound, http.MethodDelete, "/views/"+own.ID.String(), nil, nil)

	// The default is everybody's own choice, also of what they may not write.
	nedas.want(http.StatusOK, http.MethodPatch, "/views/"+teams.ID.String(), object{"default": true}, nil)
	var changed int
	const changes = `SELECT count(*) FROM audit WHERE entity = 'view' AND action = 'update' AND entity_id = $1`
	if err := h.db.Pool().QueryRow(t.Context(), changes, teams.ID.String()).Scan(&changed); err != nil || changed != 0 {
		t.Errorf("the audit says %d times that the team's view was changed, by who only opens the page with it; %v", changed, err)
	}
	maryams.want(http.StatusOK, http.MethodPatch, "/views/"+teams.ID.String(), object{"name": "Engaged", "version": 1}, nil)
	if err := h.db.Pool().QueryRow(t.Context(), changes, teams.ID.String()).Scan(&changed); err != nil || changed != 1 {
		t.Errorf("the audit says %d times that it was changed, want once; %v", changed, err)
	}
	maryams.want(http.StatusConflict, http.MethodPatch, "/views/"+teams.ID.String(), object{"name": "Late", "version": 1}, nil)
	for who, want := range map[*client][]string{
		nedas: {"Missed", "All", "Engaged* (read)"}, saras: {"Failed (read)"}, maryams: {"Engaged"}, roots: {"Engaged", "Failed"},
	} {
		if got := viewNames(who.views()); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	nedas.want(http.StatusOK, http.MethodPatch, "/views/"+own.ID.String(), object{"position": 1, "default": true}, nil)
	if got := viewNames(nedas.views()); !slices.Equal(got, []string{"All", "Missed*", "Engaged (read)"}) {
		t.Errorf("after moving: %q", got)
	}

	// Deleted, and brought back to its place.
	nedas.want(http.StatusOK, http.MethodDelete, "/views/"+own.ID.String(), nil, nil)
	if got := viewNames(nedas.views()); !slices.Equal(got, []string{"All", "Engaged (read)"}) {
		t.Errorf("after deleting: %q", got)
	}
	nedas.want(http.StatusOK, http.MethodPost, "/views/"+own.ID.String()+"/restore", nil, nil)
	if got := viewNames(nedas.views()); !slices.Equal(got, []string{"All", "Missed*", "Engaged (read)"}) {
		t.Errorf("after restoring: %q", got)
	}
}

func TestViews_BadQueriesAndGoneFilters(t *testing.T) {
	h := newHouse(t)
	neda, root := h.agent("neda", crm.RoleAgent, "1001"), h.agent("root", crm.RoleAdmin)
	c := h.program(root)
	for _, query := range []string{
		"outcome=fine", "cursor=x", "agent=1", "agent=" + strings.Repeat("0", 36), "from=yesterday", "from=2026-02-30", "from=2026-02-02&to=2026-02-01",
		"from=6d", "from=-0d", "from=-1000d", "from=-06d", "from=-1d&to=-6d", "from=-6",
		"outcome=busy&outcome=missed", "%zz", "q=" + strings.Repeat("x", 201), "q=%00", "q=%ff", "queue=", strings.Repeat("q=x&", 600),
	} {
		if res, answer := c.send(http.MethodPost, "/views", object{"page": "calls", "name": "Bad", "query": query}); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "body.query") {
			t.Errorf("%.60q: %d %s", query, res.StatusCode, answer)
		}
	}
	for _, body := range []object{
		{"page": "desk", "name": "x", "query": ""},
		{"page": "calls", "name": "  ", "query": ""},
		{"page": "calls", "name": "a\nb", "query": ""},
		{"page": "calls", "name": "x", "query": "", "team_id": uuid.NewString()},
	} {
		c.want(http.StatusUnprocessableEntity, http.MethodPost, "/views", body, nil)
	}
	for query, location := range map[string]string{
		"outcome=fine": "body.query.outcome", "to=-6d&from=-1d": "body.query.to", "from=yesterday": "body.query.from", "sort=name": "body.query",
	} {
		var problem struct{ Errors []struct{ Location string } }
		c.want(http.StatusUnprocessableEntity, http.MethodPost, "/views", object{"page": "calls", "name": "Bad", "query": query}, &problem)
		if len(problem.Errors) != 1 || problem.Errors[0].Location != location {
			t.Errorf("%s: the fault is at %+v, want %s", query, problem.Errors, location)
		}
	}
	for _, query := range []string{"from=-6d", "from=0d", "from=-1d&to=-1d", "from=-29d&to=0d", "from=2026-01-01&to=-1d"} {
		if v := c.save(object{"page": "calls", "name": query, "query": query}); v.Query != query {
			t.Errorf("%q is kept as %q", query, v.Query)
		}
	}
	for _, v := range c.views() {
		c.want(http.StatusOK, http.MethodDelete, "/views/"+v.ID.String(), nil, nil)
	}

	customer := h.customer("Sara", "09121112233")
	v := c.save(object{"page": "calls", "name": "Neda", "query": "agent=" + neda.ID.String() + "&customer=" + customer.ID.String() + "&queue=support&outcome=missed"})
	c.want(http.StatusUnprocessableEntity, http.MethodPost, "/views", object{"page": "calls", "name": "NEDA", "query": ""}, nil)
	c.want(http.StatusUnprocessableEntity, http.MethodPatch, "/views/"+v.ID.String(), object{"query": "sort=name"}, nil)
	if !slices.Equal(v.Gone, []string{"queue"}) {
		t.Errorf("gone before anybody is: %q", v.Gone)
	}
	call := h.ring("09121112233", "1001") // to the queue support
	h.follow(h.hangup(call))
	h.sync()
	c.want(http.StatusOK, http.MethodDelete, "/agents/"+neda.ID.String(), nil, nil)
	if views := c.views(); len(views) != 1 || !slices.Equal(views[0].Gone, []string{"agent"}) || views[0].Query != v.Query {
		t.Errorf("the view is %+v", views)
	}
}
