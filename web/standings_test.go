package web

import (
	"net/http"
	"testing"

	"ringbook/crm"
)

func TestStandings_AreOfThoseInScope(t *testing.T) {
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	h.agent("amir", crm.RoleAgent, "1002")
	leader := h.agent("leader", crm.RoleSupervisor, "1003")
	h.agent("root", crm.RoleAdmin)
	h.team("Support", leader, neda)
	h.login("neda").want(http.StatusOK, http.MethodPut, "/me/state", object{"state": "paused"}, nil)

	for username, want := range map[string][]string{
		"neda":   {"neda paused"},
		"leader": {"leader available", "neda paused"},
		"root":   {"amir available", "leader available", "neda paused", "root available"},
	} {
		var page crm.Page[struct {
			Agent crm.AgentRef
			State crm.State
		}]
		h.login(username).want(http.StatusOK, http.MethodGet, "/states", nil, &page)
		got := []string{}
		for _, s := range page.Items {
			got = append(got, s.Agent.Username+" "+string(s.State))
		}
		if len(got) != len(want) {
			t.Fatalf("%s sees %v, not %v", username, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s sees %v, not %v", username, got, want)
			}
		}
	}
}
