package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// phoneList is a page of GET /phones.
type phoneList struct {
	Items []calllog.Phone
	Next  *string
}

func (l phoneList) endpoints() []string {
	names := []string{}
	for _, p := range l.Items {
		names = append(names, p.Endpoint)
	}
	return names
}

// phoneHouse has Neda at 1001 and an administrator; the phone 1009, which is nobody's, rang twice, the second time after
// 1001, and the line twice.
func phoneHouse(t *testing.T) (h *house, neda crm.Agent, admin *client) {
	h = newHouse(t, func(s *Server) {
		s.Devices = func(context.Context) []pbx.Device {
			return []pbx.Device{{PBX: "main", Endpoint: "PJSIP/1009", State: pbx.DeviceOnline}, {PBX: "main", Endpoint: "PJSIP/1010", State: pbx.DeviceOffline}}
		}
	})
	neda = h.agent("neda", crm.RoleAgent, "1001")
	h.agent("amir", crm.RoleAgent, "1002")
	h.agent("root", crm.RoleAdmin)
	for _, extensions := range [][]string{{"1009"}, {"1001", "1009"}} {
		call := h.ring("09121112233", extensions...)
		h.follow(call)
		h.follow(h.hangup(call))
	}
	h.sync()
	return h, neda, h.login("root")
}

func TestPhones_ListPagesAndFilters(t *testing.T) {
	_, neda, admin := phoneHouse(t)
	var all phoneList
	admin.want(http.StatusOK, http.MethodGet, "/phones", nil, &all)
	want := []string{"PJSIP/1009", "PJSIP/1001", "PJSIP/trunk", "PJSIP/1010"}
	if !slices.Equal(all.endpoints(), want) || all.Next != nil {
		t.Fatalf("%v, next %v; want %v", all.endpoints(), all.Next, want)
	}
	if p := all.Items[0]; p.Kind != calllog.PhoneNobody || p.Calls != 2 || len(p.Recent) != 2 || p.Recent[0].Number != "+989121112233" || *p.State != pbx.DeviceOnline {
		t.Errorf("%+v", p)
	}
	if p := all.Items[1]; p.Kind != calllog.PhoneAgent || *p.AgentID != neda.ID || p.Calls != 1 || p.State != nil {
		t.Errorf("%+v", p)
	}
	if p := all.Items[2]; p.Kind != calllog.PhoneLine || p.Correction != nil {
		t.Errorf("%+v", p)
	}
	paged := []string{}
	for cursor := ""; ; {
		var page phoneList
		admin.want(http.StatusOK, http.MethodGet, "/phones?limit=1"+cursor, nil, &page)
		if paged = append(paged, page.endpoints()...); page.Next == nil || len(paged) > len(want) {
			break
		}
		cursor = "&cursor=" + *page.Next
	}
	if !slices.Equal(paged, want) {
		t.Errorf("in pages %v", paged)
	}
	for query, want := range map[string][]string{
		"needy=true": {"PJSIP/1009"}, "q=neda": {"PJSIP/1001"}, "q=pjsip+%DB%B9": {"PJSIP/1009"}, "q=nothing": {}, "needy=true&q=1001": {},
	} {
		var some phoneList
		if admin.want(http.StatusOK, http.MethodGet, "/phones?"+query, nil, &some); !slices.Equal(some.endpoints(), want) {
			t.Errorf("%s: %v, want %v", query, some.endpoints(), want)
		}
	}
	for _, query := range []string{"cursor=x", "limit=201", "limit=0", "needy=perhaps"} {
		admin.want(http.StatusUnprocessableEntity, http.MethodGet, "/phones?"+query, nil, nil)
	}
}

func TestPhones_CorrectedAndTakenBack(t *testing.T) {
	h, neda, admin := phoneHouse(t)
	const phone = "/phones/main/PJSIP/1009"
	// Whose an extension is is said to who wants it for another.
	res, answer := admin.send(http.MethodPatch, "/phones/main/PJSIP/1002", object{"agent_id": neda.ID})
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "belongs to amir") {
		t.Errorf("%d %s", res.StatusCode, answer)
	}
	for _, c := range []struct {
		status int
		path   string
		body   object
	}{
		{http.StatusNotFound, "/phones/other/PJSIP/1009", object{"extension": ""}},
		{http.StatusUnprocessableEntity, phone, object{"extension": "10 09"}},
		{http.StatusUnprocessableEntity, phone, object{"extension": "", "agent_id": neda.ID}},
		{http.StatusUnprocessableEntity, phone, object{"agent_id": "00000000-0000-4000-8000-000000000001"}},
		{http.StatusUnprocessableEntity, phone, object{"owner": "neda"}},
	} {
		admin.want(c.status, http.MethodPatch, c.path, c.body, nil)
	}

	var change PhoneChange
	step := func(body object, kind calllog.PhoneKind, extension, agent string, corrected bool) {
		t.Helper()
		change = PhoneChange{}
		admin.want(http.StatusOK, http.MethodPatch, phone, body, &change)
		if p := change.Phone; p.Kind != kind || p.Extension != extension || p.Agent != agent || (p.Correction != nil) != corrected {
			t.Errorf("after %v: %+v", body, p)
		}
	}
	step(object{"extension": "۱۰۰۱"}, calllog.PhoneAgent, "1001", "Neda", true)
	if change.Nameless != 2 || change.Phone.Correction.By != "root" {
		t.Errorf("%+v", change)
	}
	step(object{"extension": ""}, calllog.PhoneLine, "", "", true)
	step(object{"extension": nil}, calllog.PhoneNobody, "1009", "", false)
	step(object{"agent_id": neda.ID}, calllog.PhoneAgent, "1009", "Neda", false)
	step(object{}, calllog.PhoneAgent, "1009", "Neda", false)
	step(object{"agent_id": nil}, calllog.PhoneNobody, "1009", "", false)
	if a, err := h.store.Agent(t.Context(), crm.System, neda.ID); err != nil || !slices.Equal(a.Extensions, []string{"1001"}) {
		t.Errorf("Neda has %v, %v", a.Extensions, err)
	}
	if log, err := h.store.Audit(t.Context(), crm.System, "phone", "main PJSIP/1009"); err != nil || len(log) == 0 || log[0].Actor != "root" {
		t.Errorf("%+v, %v", log, err)
	}
}

func TestPhones_PastCallsAreNamedWithinBounds(t *testing.T) {
	h, neda, admin := phoneHouse(t)
	const phone, calls = "/phones/main/PJSIP/1009", "/phones/main/PJSIP/1009/calls"
	admin.want(http.StatusUnprocessableEntity, http.MethodPost, calls, object{"days": 30}, nil) // nobody's: to whom?
	admin.want(http.StatusOK, http.MethodPatch, phone, object{"agent_id": neda.ID}, nil)
	for _, days := range []int{-1, 366} {
		admin.want(http.StatusUnprocessableEntity, http.MethodPost, calls, object{"days": days}, nil)
	}
	if _, err := h.db.Pool().Exec(t.Context(), `UPDATE call_leg SET offered_at = offered_at - interval '8 days'
		WHERE endpoint = 'PJSIP/1009' AND call_id IN (SELECT call_id FROM call_leg WHERE endpoint = 'PJSIP/1001')`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ days, named int }{{7, 1}, {7, 0}, {30, 1}, {30, 0}} {
		var named NamedCalls
		if admin.want(http.StatusOK, http.MethodPost, calls, object{"days": c.days}, &named); named.Calls != c.named {
			t.Errorf("%d calls of %d days were named, want %d", named.Calls, c.days, c.named)
		}
	}
}

func TestPhones_OnlyForAdministrators(t *testing.T) {
	h, neda, _ := phoneHouse(t)
	boss := h.agent("maryam", crm.RoleSupervisor)
	h.team("Day", boss, neda)
	for _, name := range []string{"neda", "maryam"} {
		c := h.login(name)
		c.want(http.StatusForbidden, http.MethodGet, "/phones", nil, nil)
		c.want(http.StatusForbidden, http.MethodPatch, "/phones/main/PJSIP/1009", object{"agent_id": neda.ID}, nil)
		c.want(http.StatusForbidden, http.MethodPost, "/phones/main/PJSIP/1009/calls", object{"days": 7}, nil)
	}
	if id := h.store.Directory().Identify("main", "PJSIP/1009"); id.Agent != nil {
		t.Errorf("the phone is %+v", id)
	}
}
