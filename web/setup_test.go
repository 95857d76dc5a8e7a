package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ringbook/crm"
	"ringbook/pbx"
)

// What an administrator is to do is told step by step, and no more once it is done.
func TestSetup(t *testing.T) {
	live := false
	h := newHouse(t, func(s *Server) {
		s.Exchanges = func() []Part { return []Part{{Name: "main", Live: live, AMI: &AMI{Live: true}}} }
		s.Devices = func(context.Context) []pbx.Device {
			t.Error("a page that looks every five seconds asks the exchanges for all their phones")
			return nil
		}
	})
	admin := h.program(h.agent("boss", crm.RoleAdmin))
	left := func(want string, done bool) {
		t.Helper()
		var s Setup
		admin.want(http.StatusOK, "GET", "/setup", nil, &s)
		var open []string
		for _, one := range s.Steps {
			if !one.Done {
				open = append(open, fmt.Sprintf("%s %d/%d %s", one.Key, one.Open, one.There, strings.Join(one.Names, " ")))
			}
		}
		if got := strings.Join(open, ", "); got != want || s.Done != done {
			t.Errorf("left is %q, done %t; want %q, %t", got, s.Done, want, done)
		}
	}
	left("pbx 1/1 main, agents 0/0 , teams 0/0 , dispositions 0/0 , customers 0/0 , call 0/0 ", false)
	live = true
	neda := h.agent("neda", crm.RoleAgent)
	h.customer("Sara Ahmadi")
	left("agents 1/1 , teams 1/0 , dispositions 0/0 , call 0/0 ", false)
	admin.want(http.StatusOK, "PATCH", "/agents/"+neda.ID.String(), object{"extensions": []string{"1001"}}, nil)
	h.follow(h.hangup(h.answer(h.ring("09121112233", "1001"), "1001")))
	h.sync()
	h.follow(h.hangup(h.ring("09121112233", "1009"))) // nobody's phone
	h.sync()
	left("phones 1/1 , teams 1/0 , queues 1/1 , dispositions 0/0 ", false)
	admin.want(http.StatusOK, "PATCH", "/agents/"+neda.ID.String(), object{"extensions": []string{"1001", "1009"}}, nil)
	left("teams 1/0 , queues 1/1 , dispositions 0/0 ", true)
	var queues crm.Page[crm.Queue]
	admin.want(http.StatusOK, "GET", "/queues", nil, &queues)
	admin.want(http.StatusOK, "PATCH", "/queues/"+queues.Items[0].ID.String(), object{"label": "Technical support"}, nil)
	var team crm.Team
	admin.want(http.StatusCreated, "POST", "/teams", object{"name": "Support"}, &team)
	admin.want(http.StatusOK, "PATCH", "/agents/"+neda.ID.String(), object{"team_id": team.ID}, nil)
	admin.want(http.StatusCreated, "POST", "/dispositions", object{"name": "Solved"}, nil)
	left("teams 1/1 ", true)
	lead := h.agent("lead", crm.RoleSupervisor)
	admin.want(http.StatusOK, "PATCH", "/teams/"+team.ID.String(), object{"supervisors": []any{lead.ID}}, nil)
	left("", true)
}
