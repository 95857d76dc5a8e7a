package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/screenpop"
)

// A queue is there as soon as a call names it, says what is known of it, and takes what an administrator says.
func TestQueues_P13_LearnedNamedAndShown(t *testing.T) {
	h := newHouse(t)
	h.agent("root", crm.RoleAdmin)
	h.agent("neda", crm.RoleAgent, "1001")
	root, neda := h.login("root"), h.login("neda")
	var page crm.Page[Queue]
	root.want(http.StatusOK, "GET", "/queues", nil, &page)
	if page.Items == nil || len(page.Items) != 0 {
		t.Fatalf("no queue is an empty list: %+v", page)
	}
	desk := neda.open()
	call := h.ring("09121234567", "1001")
	h.follow(call)
	h.sync()
	desk.until("the pop", showing(call.ID, screenpop.PopRinging))
	root.want(http.StatusOK, "GET", "/queues", nil, &page)
	if len(page.Items) != 1 || page.Items[0].Label != "support" || !slices.Equal(page.Items[0].Numbers, []string{"+982191001234"}) ||
		page.Items[0].Known || page.Items[0].Unknown != pbx.AMINeeded || page.Items[0].Waiting != nil || page.Items[0].Members == nil {
		t.Fatalf("learned: %+v", page.Items)
	}
	one := "/queues/" + page.Items[0].ID.String()
	var q Queue
	root.want(http.StatusOK, "PATCH", one, object{"version": 1, "label": "پشتیبانی", "script": "سلام", "numbers": []string{"600"}}, &q)
	if q.Label != "پشتیبانی" || q.Script != "سلام" || !slices.Equal(q.Numbers, []string{"600"}) || len(q.Said) != 2 || q.Said[0].By != "root" {
		t.Errorf("said: %+v", q)
	}
	// At once, on the call that rings.
	desk.until("the queue's label and script", func(d Desk) bool {
		p := pop(d, call.ID)
		return p != nil && *p.Call.Queue == "support" && *p.Call.QueueLabel == "پشتیبانی" && p.QueueScript == "سلام" && *p.Call.QueueID == q.ID
	})
	var calls struct {
		Items []struct{ Queue, QueueLabel string }
	}
	neda.want(http.StatusOK, "GET", "/calls?queue="+q.ID.String(), nil, &page)
	neda.want(http.StatusOK, "GET", "/calls?queue=SUPPORT", nil, &calls)
	if len(page.Items) != 1 || len(calls.Items) != 1 {
		t.Errorf("by its id %d, by its name %d calls", len(page.Items), len(calls.Items))
	}
	root.want(http.StatusConflict, "PATCH", one, object{"version": 1, "label": "x"}, nil)
	root.want(http.StatusOK, "PATCH", one, object{"label": nil, "numbers": nil, "service_level_s": nil, "service_level_percent": nil, "wrap_up_s": nil, "team_id": nil}, &q)
	if q.Label != "support" || !slices.Equal(q.Numbers, []string{"+982191001234"}) || len(q.Said) != 0 || q.Script != "سلام" {
		t.Errorf("taken back: %+v", q)
	}
	root.want(http.StatusOK, "PATCH", one, object{"archived": true}, &q)
	root.want(http.StatusOK, "GET", "/queues?archived=true&q=supp", nil, &page)
	if len(page.Items) != 1 || page.Items[0].ArchivedAt == nil {
		t.Errorf("archived: %+v", page.Items)
	}
}

func TestQueues_BadInput(t *testing.T) {
	h := newHouse(t)
	h.agent("root", crm.RoleAdmin)
	c := h.login("root")
	h.follow(h.ring("09121234567"))
	h.sync()
	one := "/queues/" + crm.QueueID("main", "support").String()
	for _, x := range []struct {
		name, method, path string
		body               any
		status             int
		field              string
	}{
		{"unknown field", "PATCH", one, `{"lable":"x"}`, 422, "body.lable"},
		{"blank label", "PATCH", one, `{"label":"  "}`, 422, "body.label"},
		{"long label", "PATCH", one, object{"label": strings.Repeat("ن", 101)}, 422, "body.label"},
		{"a NUL", "PATCH", one, `{"script":"\u0000"}`, 422, "body.script"},
		{"long script", "PATCH", one, object{"script": strings.Repeat("ن", 10_001)}, 422, "body.script"},
		{"no number", "PATCH", one, `{"numbers":["600","abc"]}`, 422, "body.numbers[1]"},
		{"too many numbers", "PATCH", one, object{"numbers": strings.Split(strings.Repeat("600,", 10_000), ",")}, 422, "body.numbers"},
		{"numbers that are one", "PATCH", one, `{"numbers":"600"}`, 422, "body.numbers"},
		{"no percent", "PATCH", one, `{"service_level_percent":101}`, 422, "body.service_level_percent"},
		{"negative", "PATCH", one, `{"wrap_up_s":-1}`, 422, "body.wrap_up_s"},
		{"a fraction", "PATCH", one, `{"wrap_up_s":1.5}`, 422, "body.wrap_up_s"},
		{"beyond all bounds", "PATCH", one, `{"service_level_s":1e18}`, 422, "body"},
		{"no team", "PATCH", one, `{"team_id":"01890000-0000-7000-8000-000000000000"}`, 422, "body.team_id"},
		{"not an id", "GET", "/queues/support", nil, 422, "path.id"},
		{"not there", "GET", "/queues/01890000-0000-7000-8000-000000000000", nil, 404, ""},
		{"not there, patched", "PATCH", "/queues/01890000-0000-7000-8000-000000000000", `{"label":"x"}`, 404, ""},
		{"unknown parameter", "GET", "/queues?limit=5", nil, 422, "query.limit"},
		{"long search", "GET", "/queues?q=" + strings.Repeat("x", 201), nil, 422, "query.q"},
		{"ten thousand queues", "GET", "/calls?queue=" + strings.Repeat("a,", 10_000), nil, 422, "query.queue"},
		{"a hundred times a queue", "GET", "/calls?" + strings.Repeat("queue=a&", 100), nil, 422, "query.queue"},
	} {
		res, answer := c.send(x.method, x.path, x.body)
		if res.StatusCode != x.status || x.field != "" && !strings.Contains(string(answer), `"`+x.field+`"`) {
			t.Errorf("%s: %d %.300s", x.name, res.StatusCode, answer)
		}
	}
}

// What goes on in a queue is told where the exchange tells it, and else why not.
func TestQueues_Live(t *testing.T) {
	now := []LiveQueues{
		{PBX: "main", Queues: []pbx.Queue{{
			PBX: "main", Name: "Support", Strategy: "rrmemory", Callers: make([]pbx.Waiting, 3), Known: true,
			Members: []pbx.Member{
				{Interface: "PJSIP/1001", Extension: "1001", Name: "desk 1", Status: pbx.MemberFree, Paused: true, Reason: "lunch", Penalty: 2, Dynamic: true},
				{Interface: "Local/200@from-queue/n", Extension: "200", Name: "Warehouse", Status: pbx.MemberUnavailable},
				{Interface: "PJSIP/mobile", Name: "", Status: pbx.MemberUnknown},
			},
		}}},
		{PBX: "branch", Unknown: pbx.AMIAway},
	}
	h := newHouse(t, func(s *Server) { s.Queues = func() []LiveQueues { return now } })
	neda := h.agent("neda", crm.RoleAgent, "1001")
	c := h.login("neda")
	calls := []pbx.Call{h.ring("09121234567"), h.ring("09121234567"), h.ring("09121234567"), h.ring("09121234567")}
	calls[1].PBX, calls[2].PBX, calls[3].Queue = "branch", "gone", "other"
	for _, call := range calls {
		h.follow(call)
	}
	h.sync()
	get := func(exchange, name string) (q Queue) {
		t.Helper()
		c.want(http.StatusOK, "GET", "/queues/"+crm.QueueID(exchange, name).String(), nil, &q)
		return q
	}
	q := get("main", "support")
	if !q.Known || q.Unknown != "" || q.Waiting == nil || *q.Waiting != 3 || q.Strategy != "rrmemory" || len(q.Members) != 3 {
		t.Fatalf("%+v", q)
	}
	if m := q.Members[0]; m.Name != "Neda" || m.AgentID == nil || *m.AgentID != neda.ID || !m.Paused || m.Reason != "lunch" || m.Status != pbx.MemberFree || m.Penalty != 2 || !m.Dynamic {
		t.Errorf("an agent: %+v", m)
	}
	if m := q.Members[1]; m.Name != "Warehouse" || m.AgentID != nil || m.Extension != "200" {
		t.Errorf("nobody's phone: %+v", m)
	}
	for _, x := range []struct {
		exchange, name string
		unknown        pbx.Code
	}{{"branch", "support", pbx.AMIAway}, {"gone", "support", pbx.AMINeeded}, {"main", "other", ""}} {
		if q := get(x.exchange, x.name); q.Known || q.Unknown != x.unknown || q.Waiting != nil || len(q.Members) != 0 {
			t.Errorf("%s on %s: %+v", x.name, x.exchange, q)
		}
	}
}
