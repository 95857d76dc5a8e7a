package web

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/screenpop"
)

// L3: the log and the desks tell the same call in the same words, member by member.
func TestCalls_L3_LogAndDeskTellTheSameCall(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent, "1001")
	h.agent("sara", crm.RoleAgent, "1002")
	h.customer("Sara Ahmadi", "09121234567")
	h.customer("One of two", "02188776655")
	h.customer("Two of two", "02188776655")
	c := h.login("neda")
	tab := c.open()
	for _, number := range []string{"09121234567", "02188776655", "09129990000", "", "anonymous", "alice@sip.example"} {
		call := h.ring(number, "1001", "1002")
		call.Caller.Withheld = number == ""
		h.follow(call)
		call = h.answer(call, "1001")
		h.follow(call)
		tab.until("the talk", showing(call.ID, screenpop.PopTalking))
		c.want(200, http.MethodPatch, "/calls/"+call.ID.String(), object{"note": "یادداشت of " + number}, nil)
		ended := h.hangup(call)
		h.follow(ended)
		h.sync()
		d := tab.until("the end with its note", func(d Desk) bool {
			p := pop(d, call.ID)
			return p != nil && p.State == "ended" && p.LookedUp && p.Call.Note != ""
		})
		onDesk, err := json.Marshal(pop(d, call.ID).Call)
		if err != nil {
			t.Fatal(err)
		}
		_, inLog := c.send(http.MethodGet, "/calls/"+call.ID.String(), nil)
		var a, b any
		if err := json.Unmarshal(onDesk, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(inLog, &b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, a); diff != "" {
			t.Errorf("a call from %q (- log, + desk):\n%s", number, diff)
		}
		var page struct{ Items []json.RawMessage }
		c.want(200, http.MethodGet, "/calls?limit=1", nil, &page)
		var first any
		if err := json.Unmarshal(page.Items[0], &first); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, first); diff != "" {
			t.Errorf("a call from %q (- alone, + in the list):\n%s", number, diff)
		}
	}
}

// A note is saved from the first ring on, before the recorder has had its turn, and a chosen customer shows at once.
func TestCalls_NoteAndCustomerWhileRinging(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent, "1001")
	h.agent("sara", crm.RoleAgent, "1002")
	h.customer("First", "02188776655")
	second := h.customer("Second", "02188776655")
	c := h.login("neda")
	tab := c.open()
	call := h.ring("02188776655", "1001")
	h.follow(call)
	d := tab.until("the pop", showing(call.ID, screenpop.PopRinging))
	if p := pop(d, call.ID); p.Rule != crm.RuleShared || p.Customer != nil || len(p.Candidates) != 2 {
		t.Errorf("shared: %+v", p)
	}
	path := "/calls/" + call.ID.String()
	var r calllog.Record
	c.want(200, http.MethodPatch, path, object{"note": "asks for the invoice"}, &r)
	if r.Note != "asks for the invoice" || r.State != "ringing" {
		t.Errorf("%+v", r)
	}
	c.want(200, http.MethodPatch, path, object{"customer_id": second.ID}, &r)
	if r.Customer == nil || r.Customer.ID != second.ID || r.Note != "asks for the invoice" {
		t.Errorf("%+v", r)
	}
	tab.until("the chosen customer and the note", func(d Desk) bool {
		p := pop(d, call.ID)
		return p != nil && p.Customer != nil && p.Customer.ID == second.ID && p.Call.Note == "asks for the invoice"
	})
	// Not hers, and on her desk never.
	h.login("sara").want(404, http.MethodPatch, path, object{"note": "mine now"}, nil)
	c.want(200, http.MethodGet, path, nil, &r)
	if r.Note != "asks for the invoice" {
		t.Errorf("%+v", r)
	}
	h.follow(h.hangup(h.answer(call, "1001")))
	tab.until("the end", showing(call.ID, screenpop.PopEnded))
	c.want(204, http.MethodPost, "/desk/dismiss", object{"call_id": call.ID}, nil)
	tab.until("an empty desk", func(d Desk) bool { return len(d.Calls) == 0 && d.State == "available" })
}
