package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// refusedWith sends a request that must be refused with a code.
func (c *client) refusedWith(code pbx.Code, status int, method, path string, body any) {
	c.t.Helper()
	res, answer := c.send(method, path, body)
	var p struct {
		Code   pbx.Code
		Detail string
	}
	if err := json.Unmarshal(answer, &p); err != nil || p.Code != code || res.StatusCode != status || p.Detail == "" {
		c.t.Errorf("%s %s: %d %s, want %d %s", method, path, res.StatusCode, answer, status, code)
	}
	if again := res.Header.Get("Retry-After") != ""; again != (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) {
		c.t.Errorf("%s %s: Retry-After is %v", method, path, again)
	}
}

// Who may act on whose call: the agent whose phone it is, the team's supervisor, an admin. To others it is not there.
func TestActing_WhoseCallItIs(t *testing.T) {
	h := newHouse(t)
	neda, sara := h.agent("neda", crm.RoleAgent, "1001"), h.agent("sara", crm.RoleAgent, "1002")
	maryam, hasan := h.agent("maryam", crm.RoleSupervisor, "1004"), h.agent("hasan", crm.RoleSupervisor, "1005")
	root := h.agent("root", crm.RoleAdmin)
	h.team("Day", maryam, neda)
	h.team("Night", hasan, sara)
	call := h.ring("09121112233", "1001")
	h.follow(call)
	call = h.answer(call, "1001")
	h.follow(call)
	h.sync()
	path := "/calls/" + call.ID.String()
	acts := []struct {
		method, path string
		body         any
	}{
		{"DELETE", path, nil},
		{"POST", path + "/hold", object{"held": true}},
		{"POST", path + "/transfer/cancel", nil},
		{"POST", path + "/transfer", object{"kind": "blind", "number": "1002"}},
		{"POST", path + "/transfer/complete", nil},
	}
	// The exchange of the call is none of this program's: whoever is let through is told so.
	for _, who := range []crm.Agent{neda, maryam, root} {
		c := h.program(who)
		for _, a := range acts {
			c.refusedWith(pbx.PBXAway, http.StatusServiceUnavailable, a.method, a.path, a.body)
		}
	}
	for _, who := range []crm.Agent{sara, hasan} {
		c := h.program(who)
		for _, a := range acts {
			if res, answer := c.send(a.method, a.path, a.body); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s by %s: %d %s", a.method, a.path, who.Username, res.StatusCode, answer)
			}
		}
	}
	h.follow(h.hangup(call))
	h.sync()
	for _, a := range acts {
		h.program(neda).refusedWith(pbx.CallEnded, http.StatusConflict, a.method, a.path, a.body)
		if res, _ := h.program(sara).send(a.method, a.path, a.body); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s of another's call that is over: %d", a.method, a.path, res.StatusCode)
		}
	}
}

// Who calls back at once does so from a call that the log has not had the time to write.
func TestActing_CallingBackAtOnce(t *testing.T) {
	h := newHouse(t)
	c := h.program(h.agent("neda", crm.RoleAgent, "1001"))
	for range 4 {
		call := h.ring("09121112233", "1001")
		h.follow(call)
		h.follow(h.hangup(call))
		// No exchange is this program's, which is what is in the way; not the call.
		c.refusedWith(pbx.PBXAway, http.StatusServiceUnavailable, http.MethodPost, "/calls", object{"number": "09121112233", "call_id": call.ID})
	}
	elsewhere := h.ring("09121112233", "1002")
	h.follow(elsewhere)
	c.want(http.StatusUnprocessableEntity, http.MethodPost, "/calls", object{"number": "09121112233", "call_id": elsewhere.ID}, nil)
}

// The desk says beforehand what cannot be done.
func TestActing_TheDeskSaysBeforehand(t *testing.T) {
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	tab := h.program(neda).open()
	tab.until("dialling is not possible without an exchange", func(d Desk) bool { return d.Abilities.Dial == pbx.NoPhone })
	call := h.ring("09121112233", "1001")
	h.follow(call)
	tab.until("neither is anything with a call", func(d Desk) bool {
		return len(d.Calls) == 1 && d.Calls[0].Abilities.HangUp == pbx.PBXAway && d.Calls[0].Abilities.Blind == pbx.PBXAway
	})
}

func TestActing_Destinations(t *testing.T) {
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	h.agent("omid", crm.RoleAgent, "1002")
	h.agent("sara", crm.RoleAgent, "1003")
	h.agent("office", crm.RoleAgent) // without a phone
	call := h.ring("09121112233", "1002")
	h.follow(call)
	h.follow(h.answer(call, "1002"))
	h.sync()
	c := h.program(neda)
	var all Destinations
	c.want(http.StatusOK, "GET", "/destinations", nil, &all)
	states := map[string]crm.State{}
	for _, a := range all.Agents {
		states[a.Agent.Username] = a.State
	}
	if len(all.Agents) != 2 || states["omid"] != crm.Talking {
		t.Errorf("agents are %+v", all.Agents)
	}
	if len(all.Queues) != 1 || all.Queues[0].Label != "support" || all.Queues[0].Waiting != nil {
		t.Errorf("queues are %+v", all.Queues)
	}
	c.want(http.StatusOK, "GET", "/destinations?q=sar+1003", nil, &all)
	if len(all.Agents) != 1 || all.Agents[0].Agent.Username != "sara" || len(all.Queues) != 0 {
		t.Errorf("found %+v", all)
	}
}

// With two exchanges, what a call could be sent to is what its own exchange knows: the exchange would refuse the rest.
func TestActing_DestinationsOfTheCallsExchange(t *testing.T) {
	h := newHouse(t, func(s *Server) {
		s.Acts = calllog.NewActs(calllog.ActsConfig{
			CRM: s.Store, Calls: s.Calls, Exchanges: []*pbx.Exchange{exchange(t, "main"), exchange(t, "branch")},
		})
	})
	neda := h.agent("neda", crm.RoleAgent, "1001@main", "2001@branch")
	h.agent("omid", crm.RoleAgent, "1002@main")
	h.agent("sara", crm.RoleAgent, "2003@branch")
	h.queue("800", uuid.Nil)
	h.queueOn("branch", "900", uuid.Nil)
	call := h.ring("09121112233", "1001")
	h.follow(call)
	call = into(h.answer(call, "1001"), "800")
	h.follow(call)
	c := h.program(neda)
	see := func(query string) string {
		t.Helper()
		var found Destinations
		c.want(http.StatusOK, http.MethodGet, "/destinations"+query, nil, &found)
		var list []string
		for _, a := range found.Agents {
			list = append(list, a.Agent.Username+" "+string(a.Away))
		}
		for _, q := range found.Queues {
			list = append(list, q.Name)
		}
		return strings.Join(list, ", ")
	}
	if got := see("?call=" + call.ID.String()); got != "omid pbx_away, sara no_destination, 800" { // neither exchange runs
		t.Errorf("the call could be sent to %s", got)
	}
	if got := see(""); got != "omid pbx_away, sara pbx_away, 800, 900" {
		t.Errorf("of no call: %s", got)
	}
	other := h.ring("09121112233", "1002")
	h.follow(other)
	if got := see("?call=" + other.ID.String()); got != "omid pbx_away, sara pbx_away, 800, 900" {
		t.Errorf("of another's call: %s", got)
	}
}

// exchange is one that does not run.
func exchange(t *testing.T, name string) *pbx.Exchange {
	t.Helper()
	client, err := ari.New(ari.Config{Name: name, URL: "http://user:secret@" + name + ".invalid/ari"})
	if err != nil {
		t.Fatal(err)
	}
	return pbx.NewExchange(client, pbx.Config{Name: name}, slog.New(slog.DiscardHandler))
}

func TestActing_BadInput(t *testing.T) {
	h := newHouse(t)
	h.agent("root", crm.RoleAdmin, "1001")
	c := h.login("root")
	call := h.ring("09121112233", "1001")
	h.follow(call)
	path := "/calls/" + call.ID.String() + "/transfer"
	for _, x := range []struct {
		name, method, path string
		body               any
		field              string
	}{
		{"no number", "POST", "/calls", `{}`, "body.number"},
		{"an empty number", "POST", "/calls", `{"number":""}`, "body.number"},
		{"letters", "POST", "/calls", `{"number":"Sara"}`, "body.number"},
		{"a feature code", "POST", "/calls", `{"number":"*72"}`, "body.number"},
		{"a long number", "POST", "/calls", object{"number": strings.Repeat("1", 65)}, "body.number"},
		{"not an id", "POST", "/calls", `{"number":"1002","id":"7"}`, "body.id"},
		{"another's phone", "POST", "/calls", `{"number":"1002","extension":"1009"}`, "body.extension"},
		{"unknown kind", "POST", path, `{"kind":"sideways","number":"1002"}`, "body.kind"},
		{"no kind", "POST", path, `{"number":"1002"}`, "body.kind"},
		{"hold what", "POST", strings.TrimSuffix(path, "transfer") + "hold", `{}`, "body.held"},
		{"no rules", "PUT", "/dialling", `{"otherwise":true,"per_minute":5,"per_minute_pbx":60}`, "body.rules"},
		{"no limit", "PUT", "/dialling", `{"rules":[],"otherwise":true,"per_minute":0,"per_minute_pbx":60}`, "body.per_minute"},
		{"a rule without anything", "PUT", "/dialling", `{"rules":[{"roles":[],"allow":true}],"otherwise":true,"per_minute":5,"per_minute_pbx":60}`, "body.rules[0].class"},
		{"test what", "GET", "/dialling/test?role=agent", nil, "query.number"},
		{"test for whom", "GET", "/dialling/test?number=1&role=king", nil, "query.role"},
	} {
		res, answer := c.send(x.method, x.path, x.body)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"`+x.field+`"`) {
			t.Errorf("%s: %d %s, want 422 of %s", x.name, res.StatusCode, answer, x.field)
		}
	}
	if res, _ := c.send("DELETE", "/calls/"+uuid.NewString(), nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("no such call: %d", res.StatusCode)
	}
}
