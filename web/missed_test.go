package web

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
)

// S4: somebody who was not answered is in the list until called back or dealt with; of two who take the row in hand one has it, and
// the other is told who.
func TestMissed_S4_OverTheAPI(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	neda, omid := h.agent("neda", crm.RoleAgent, "1001"), h.agent("omid", crm.RoleAgent, "1002")
	h.team("Day", h.agent("maryam", crm.RoleSupervisor), neda, omid)
	customer := h.customer("Sara Ahmadi", "09121112233")
	h.follow(h.hangup(h.ring("09121112233", "1001")))
	h.sync()
	first, second := h.program(neda), h.program(omid)

	var page crm.Page[calllog.Missed]
	second.want(http.StatusOK, http.MethodGet, "/missed", nil, &page)
	if len(page.Items) != 1 || page.Items[0].Customer == nil || page.Items[0].Customer.ID != customer.ID || page.Items[0].Calls != 1 {
		t.Fatalf("missed: %+v", page.Items)
	}
	path := "/missed/" + page.Items[0].ID.String()
	var m calllog.Missed
	first.want(http.StatusOK, http.MethodPost, path+"/claim", nil, &m)
	if m.ClaimedBy == nil || m.ClaimedBy.Username != "neda" {
		t.Errorf("claimed by %+v", m.ClaimedBy)
	}
	second.leftWith("claimed", "neda", http.MethodPost, path+"/claim", nil)
	second.leftWith("claimed", "neda", http.MethodPost, path+"/release", nil)
	second.leftWith("claimed", "neda", http.MethodPost, path+"/done", nil)
	second.want(http.StatusOK, http.MethodGet, "/missed?claimed=false", nil, &page)
	if len(page.Items) != 0 {
		t.Errorf("nobody has %+v in hand", page.Items)
	}
	first.want(http.StatusOK, http.MethodPost, path+"/done", nil, nil)
	var count calllog.MissedCount
	second.want(http.StatusOK, http.MethodGet, "/missed/count", nil, &count)
	if count.Count != 0 {
		t.Errorf("dealt with, and %d wait", count.Count)
	}
}

// Whoever comes to lead a team is told of its missed calls on the socket that was open before.
func TestMissed_S4_WhoIsToldFollowsTheTeams(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	maryam, hasan := h.agent("maryam", crm.RoleSupervisor), h.agent("hasan", crm.RoleSupervisor)
	team := h.team("Day", maryam, h.agent("neda", crm.RoleAgent, "1001"))
	h.queue("dayq", team.ID)
	tab := h.program(hasan).open()
	tab.next()
	leads := []uuid.UUID{hasan.ID}
	if _, err := h.store.UpdateTeam(t.Context(), crm.System, team.ID, crm.TeamPatch{Supervisors: &leads}); err != nil {
		t.Fatal(err)
	}
	h.follow(h.hangup(into(h.ring("09121112233", "1001"), "dayq")))
	_ = tab.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var f struct{ Type string }
		if err := tab.conn.ReadJSON(&f); err != nil {
			t.Fatalf("waiting to be told: %v", err)
		}
		if f.Type == "missed" {
			return
		}
	}
}
