package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
)

// leftWith sends a request that must leave a follow-up as it is, with a code, and say who has it.
func (c *client) leftWith(code, who, method, path string, body any) {
	c.t.Helper()
	res, answer := c.send(method, path, body)
	var p struct {
		Code      string
		Detail    string
		ClaimedBy *crm.AgentRef `json:"claimed_by"`
	}
	err := json.Unmarshal(answer, &p)
	if err != nil || res.StatusCode != http.StatusConflict || p.Code != code || p.Detail == "" || (p.ClaimedBy == nil) != (who == "") ||
		who != "" && p.ClaimedBy.Username != who || res.Header.Get("Content-Type") != "application/problem+json" {
		c.t.Errorf("%s %s: %d %s, want 409 %s by %q", method, path, res.StatusCode, answer, code, who)
	}
}

// S6, S7: a callback's way over the API: made from a call on the desk, given to the team, claimed by one, refused to the other,
// who is told who has it, and done; each step in its history.
func TestFollowUps_S6_OverTheAPI(t *testing.T) {
	h := newHouse(t)
	neda, omid := h.agent("neda", crm.RoleAgent, "1001"), h.agent("omid", crm.RoleAgent, "1002")
	maryam, outsider := h.agent("maryam", crm.RoleSupervisor), h.agent("sara", crm.RoleAgent, "1003")
	team := h.team("Day", maryam, neda, omid)
	customer := h.customer("Sara Ahmadi", "09121112233")
	first, second, third := h.program(neda), h.program(omid), h.program(outsider)

	call := h.ring("09121112233", "1001")
	h.follow(call) // while it rings, and the log may not have it
	tab := first.open()
	tab.until("the pop", showing(call.ID, "ringing"))
	var f calllog.FollowUp
	due := time.Now().Add(time.Hour).Truncate(time.Second)
	wish := object{
		"id": uuid.New(), "kind": "callback", "call_id": call.ID, "due_at": due, "team_id": team.ID, "note": "wants the price", "priority": "high",
	}
	for range 2 { // the answer of the first was lost
		first.want(http.StatusCreated, "POST", "/follow-ups", wish, &f)
	}
	var made crm.Page[calllog.FollowUp]
	if first.want(http.StatusOK, "GET", "/follow-ups", nil, &made); len(made.Items) != 1 || made.Items[0].ID != f.ID || f.ID != wish["id"] {
		t.Errorf("made: %+v", made.Items)
	}
	if f.Number != "+989121112233" || f.Customer == nil || f.Customer.ID != customer.ID || f.Team == nil || f.Team.Name != "Day" || f.Priority != calllog.PriorityHigh ||
		!f.DueAt.Equal(due) || f.State != calllog.FollowUpDue || f.CallID == nil || *f.CallID != call.ID || f.MadeBy.Username != "neda" {
		t.Errorf("made: %+v", f)
	}
	path := "/follow-ups/" + f.ID.String()
	if res, _ := third.send("GET", path, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("one of another team reads it: %d", res.StatusCode)
	}
	first.want(http.StatusOK, "POST", path+"/claim", nil, &f)
	second.leftWith("claimed", "neda", "POST", path+"/claim", nil)
	second.leftWith("claimed", "neda", "POST", path+"/dial", object{})
	second.leftWith("claimed", "neda", "POST", path+"/done", nil)
	second.leftWith("claimed", "neda", "POST", "/calls", object{"number": "09121112233", "follow_up_id": f.ID})
	first.leftWith("open", "neda", "POST", path+"/reopen", nil)
	first.refusedWith(pbx.PBXAway, http.StatusServiceUnavailable, "POST", path+"/dial", object{}) // there is no exchange here
	first.want(http.StatusOK, "GET", path, nil, &f)
	if f.State != calllog.FollowUpClaimed || f.ClaimedBy.Username != "neda" || f.Tries != 0 {
		t.Errorf("after a dial that was refused: %+v", f)
	}
	later := due.Add(24 * time.Hour)
	first.want(http.StatusOK, "PATCH", path, object{"due_at": later, "version": f.Version}, &f)
	if f.State != calllog.FollowUpRescheduled || !f.DueAt.Equal(later) || f.ClaimedBy != nil {
		t.Errorf("moved: %+v", f)
	}
	if res, _ := first.send("PATCH", path, object{"title": "x", "version": 1}); res.StatusCode != http.StatusConflict {
		t.Errorf("an old version: %d", res.StatusCode)
	}
	second.want(http.StatusOK, "POST", path+"/done", nil, &f)
	first.leftWith("closed", "omid", "POST", path+"/claim", nil)
	first.want(http.StatusOK, "POST", path+"/reopen", nil, &f)
	first.want(http.StatusOK, "POST", path+"/cancel", nil, &f)
	first.want(http.StatusOK, "GET", path, nil, &f)
	var steps []string
	for _, c := range f.Changes {
		steps = append(steps, c.By.Username+" "+c.What)
	}
	if got, want := strings.Join(steps, ", "), "neda made, neda claimed, neda dialled, neda refused, neda rescheduled, omid done, neda reopened, neda cancelled"; got != want {
		t.Errorf("the history is %s", got)
	}
	h.follow(h.hangup(call))
	h.sync()
	var record calllog.Record
	first.want(http.StatusOK, "GET", "/calls/"+call.ID.String(), nil, &record)
	if len(record.FollowUps) != 1 || record.FollowUps[0].ID != f.ID || record.FollowUps[0].State != calllog.FollowUpCancelled {
		t.Errorf("the call has %+v", record.FollowUps)
	}

	var ids []uuid.UUID
	for range 3 {
		second.want(http.StatusCreated, "POST", "/follow-ups", object{"title": "Send the offer", "due_at": due}, &f)
		ids = append(ids, f.ID)
	}
	if f.Assignee == nil || f.Assignee.Username != "omid" || f.Kind != calllog.FollowUpTask {
		t.Errorf("one's own: %+v", f)
	}
	var page crm.Page[calllog.FollowUp]
	second.want(http.StatusOK, "GET", "/follow-ups?owner=mine&limit=2&q=offer", nil, &page)
	if len(page.Items) != 2 || page.Next == nil || page.Items[0].Changes != nil {
		t.Errorf("the first page: %+v", page)
	}
	if res, answer := second.send("GET", "/follow-ups?owner=all&limit=2&q=offer&cursor="+*page.Next, nil); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), "query.cursor") {
		t.Errorf("a cursor of another list: %d %s", res.StatusCode, answer)
	}
	second.want(http.StatusOK, "GET", "/follow-ups?owner=mine&limit=2&q=offer&cursor="+*page.Next, nil, &page)
	if len(page.Items) != 1 || page.Next != nil {
		t.Errorf("the last page: %+v", page)
	}
	var counts calllog.FollowUpCounts
	second.want(http.StatusOK, "GET", "/follow-ups/counts?owner=mine", nil, &counts)
	if counts.Today+counts.Later != 3 || counts.Overdue != 0 || counts.DoneToday != 0 || counts.More {
		t.Errorf("counted %+v", counts)
	}
	var result FollowUpBulkResult
	h.program(maryam).want(http.StatusOK, "POST", "/follow-ups/bulk", object{"ids": append(ids, uuid.New()), "assignee_id": neda.ID}, &result)
	if result.Changed != 3 || len(result.Refused) != 1 || result.Refused[0].Code != "not_found" {
		t.Errorf("given to neda: %+v", result)
	}
	if res, _ := first.send("POST", "/follow-ups/bulk", object{"ids": ids, "assignee_id": omid.ID}); res.StatusCode != http.StatusForbidden {
		t.Errorf("an agent gives work to a colleague: %d", res.StatusCode)
	}
	first.want(http.StatusOK, "GET", "/follow-ups?owner=mine", nil, &page)
	if len(page.Items) != 3 {
		t.Errorf("neda has %d", len(page.Items))
	}
}

func TestFollowUps_BadInputOverTheAPI(t *testing.T) {
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	h.agent("omid", crm.RoleAgent, "1002")
	c := h.program(neda)
	due := time.Now().Add(time.Hour)
	var f calllog.FollowUp
	c.want(http.StatusCreated, "POST", "/follow-ups", object{"title": "x", "due_at": due}, &f)
	one := "/follow-ups/" + f.ID.String()
	for _, x := range []struct {
		name, method, path string
		body               any
		field              string
	}{
		{"no time", "POST", "/follow-ups", object{"title": "x"}, "body.due_at"},
		{"not a time", "POST", "/follow-ups", object{"title": "x", "due_at": "tomorrow"}, "body.due_at"},
		{"in the past", "POST", "/follow-ups", object{"title": "x", "due_at": due.AddDate(0, 0, -1)}, "body.due_at"},
		{"a hundred years on", "POST", "/follow-ups", object{"title": "x", "due_at": due.AddDate(100, 0, 0)}, "body.due_at"},
		{"a callback without a number", "POST", "/follow-ups", object{"kind": "callback", "due_at": due}, "body.number"},
		{"a callback to an extension", "POST", "/follow-ups", object{"kind": "callback", "number": "1002", "due_at": due}, "body.number"},
		{"no such kind", "POST", "/follow-ups", object{"kind": "wish", "title": "x", "due_at": due}, "body.kind"},
		{"no such priority", "POST", "/follow-ups", object{"title": "x", "due_at": due, "priority": "urgent"}, "body.priority"},
		{"a NUL", "POST", "/follow-ups", object{"title": "a\x00b", "due_at": due}, "body.title"},
		{"a long title", "POST", "/follow-ups", object{"title": strings.Repeat("ن", 201), "due_at": due}, "body.title"},
		{"an unknown field", "POST", "/follow-ups", object{"title": "x", "due_at": due, "state": "done"}, "body.state"},
		{"no such agent", "POST", "/follow-ups", object{"title": "x", "due_at": due, "assignee_id": uuid.New()}, "body.assignee_id"},
		{"no such call", "POST", "/follow-ups", object{"title": "x", "due_at": due, "call_id": uuid.New()}, "body.call_id"},
		{"moved into the past", "PATCH", one, object{"due_at": due.AddDate(0, 0, -1)}, "body.due_at"},
		{"a state by hand", "PATCH", one, object{"state": "reached"}, "body.state"},
		{"none", "POST", "/follow-ups/bulk", object{"ids": []string{}, "cancel": true}, "body.ids"},
		{"501", "POST", "/follow-ups/bulk", object{"ids": make([]uuid.UUID, 501), "cancel": true}, "body.ids"},
		{"nothing to do", "POST", "/follow-ups/bulk", object{"ids": []uuid.UUID{f.ID}}, "body.ids"},
		{"dialled as no id", "POST", one + "/dial", object{"id": "7"}, "body.id"},
		{"a task is not dialled", "POST", one + "/dial", object{}, "body.number"},
		{"no such owner", "GET", "/follow-ups?owner=me", nil, "query.owner"},
		{"no such state", "GET", "/follow-ups?state=lovely", nil, "query.state"},
		{"two states", "GET", "/follow-ups/counts?state=open&state=closed", nil, "query.state"},
		{"the first moment of all", "GET", "/follow-ups?from=0001-01-01T00:00:00Z", nil, "query.from"},
		{"no cursor of ours", "GET", "/follow-ups?cursor=x", nil, "query.cursor"},
		{"an unknown parameter", "GET", "/follow-ups?colour=red", nil, "query.colour"},
		{"not an id", "GET", "/follow-ups/7", nil, "path.id"},
	} {
		res, answer := c.send(x.method, x.path, x.body)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"`+x.field+`"`) {
			t.Errorf("%s: %d %s, want 422 of %s", x.name, res.StatusCode, answer, x.field)
		}
	}
	for _, what := range []string{"", "/claim", "/dial"} {
		method, body := "GET", any(nil)
		if what != "" {
			method, body = "POST", object{}
		}
		if res, _ := c.send(method, "/follow-ups/"+uuid.NewString()+what, body); res.StatusCode != http.StatusNotFound {
			t.Errorf("one that is not there%s: %d", what, res.StatusCode)
		}
	}
}

// A dial of a follow-up may be for another of its family, and from another call: what POST /calls says is what the log has.
func TestFollowUps_DialledForWhomItIsSaid(t *testing.T) {
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	mother, call := h.customer("Mother", "09121112233"), h.ring("09121112233", "1001")
	h.follow(h.hangup(call))
	h.sync()
	c := h.program(neda)
	var f calllog.FollowUp
	c.want(http.StatusCreated, "POST", "/follow-ups", object{"kind": "callback", "number": "09129998877", "due_at": time.Now().Add(time.Hour)}, &f)
	for field, value := range map[string]uuid.UUID{"customer_id": uuid.New(), "call_id": uuid.New()} {
		body := object{"number": "09121112233", "follow_up_id": f.ID, "customer_id": mother.ID, "call_id": call.ID}
		body[field] = value
		res, answer := c.send("POST", "/calls", body)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"body.`+field+`"`) {
			t.Errorf("of a %s that is not there: %d %s", field, res.StatusCode, answer)
		}
	}
	c.refusedWith(pbx.PBXAway, http.StatusServiceUnavailable, "POST", "/calls", object{
		"number": "09121112233", "follow_up_id": f.ID, "customer_id": mother.ID, "call_id": call.ID,
	})
}
