package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/calllog"
	"ringbook/crm"
)

// everybody who may try an operation. "none" has neither session nor token.
var everybody = []string{"none", "agent", "sales", "supervisor", "admin"}

// cast is the house with one agent of each role, all of whom took part in one call.
type cast struct {
	*house
	agents  map[string]crm.Agent
	clients map[string]*client
	call    uuid.UUID
	n       int
}

func newCast(t *testing.T) *cast {
	c := &cast{house: newHouse(t), agents: map[string]crm.Agent{}, clients: map[string]*client{}}
	for i, role := range everybody[1:] {
		a := c.agent(role, crm.Role(role), fmt.Sprintf("100%d", i+1))
		c.agents[role], c.clients[role] = a, c.program(a)
	}
	call := c.ring("09121112233", "1001", "1002", "1003", "1004")
	c.follow(call)
	c.follow(c.hangup(c.answer(call, "1001")))
	c.sync()
	c.call = call.ID
	return c
}

// name is one that was not used before.
func (c *cast) name(kind string) string { c.n++; return fmt.Sprintf("%s%d", kind, c.n) }

func (c *cast) spareCustomer() string { return c.house.customer(c.name("Customer ")).ID.String() }

func (c *cast) archivedCustomer() string {
	id := uuid.MustParse(c.spareCustomer())
	if _, err := c.store.ArchiveCustomer(context.Background(), crm.System, id); err != nil {
		c.t.Fatal(err)
	}
	return id.String()
}

func (c *cast) spareAgent() string { return c.house.agent(c.name("spare"), crm.RoleAgent).ID.String() }

func (c *cast) archivedAgent() string {
	id := uuid.MustParse(c.spareAgent())
	if _, err := c.store.ArchiveAgent(context.Background(), crm.System, id); err != nil {
		c.t.Fatal(err)
	}
	return id.String()
}

func (c *cast) spareTeam() string {
	t, err := c.store.CreateTeam(context.Background(), crm.System, crm.TeamInput{Name: c.name("Team ")})
	if err != nil {
		c.t.Fatal(err)
	}
	return t.ID.String()
}

// spareQueue is one that a call came to.
func (c *cast) spareQueue() string {
	name := c.name("queue")
	err := c.db.InTx(context.Background(), func(tx pgx.Tx) error {
		return c.store.LearnQueues(context.Background(), tx, []crm.QueueSeen{{PBX: "main", Name: name}})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return crm.QueueID("main", name).String()
}

// actor is the one of a role; of "none" nobody.
func (c *cast) actor(role string) crm.Actor {
	return crm.Actor{AgentID: c.agents[role].ID, Username: role, Role: crm.Role(role)}
}

// export is a new one of the role's; those before are cancelled, so that they are not too many.
func (c *cast) export(role string) string {
	if role == "none" {
		return uuid.NewString()
	}
	ctx := context.Background()
	before, err := c.server.Calls.Exports(ctx, c.actor(role), false)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range before {
		if _, err := c.server.Calls.CancelExport(ctx, c.actor(role), e.ID); err != nil {
			c.t.Fatal(err)
		}
	}
	e, err := c.server.Calls.CreateExport(ctx, c.actor(role), calllog.ExportInput{
		Format: calllog.ExportCSV, Language: "en", Calendar: calllog.CalendarGregorian,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return e.ID.String()
}

func (c *cast) view(role string) string {
	if role == "none" {
		return uuid.NewString()
	}
	v, err := c.store.CreateView(context.Background(), c.actor(role), crm.ViewInput{Page: "calls", Name: c.name("Spare ")})
	if err != nil {
		c.t.Fatal(err)
	}
	return v.ID.String()
}

// followUp is anyone's callback.
func (c *cast) followUp() string {
	f, err := c.server.FollowUps.Create(context.Background(), crm.System, calllog.FollowUpInput{
		Kind: calllog.FollowUpCallback, Number: "09121112233", DueAt: time.Now(), Owner: calllog.FollowUpOwner{Anyone: true},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return "/follow-ups/" + f.ID.String()
}

// wallboard is a new one of the role's; of who may make none, the administrator's.
func (c *cast) wallboard(role string) string {
	if role != "supervisor" {
		role = "admin"
	}
	_, w, err := c.store.CreateWallboard(context.Background(), c.actor(role), crm.WallboardInput{Name: c.name("Hall ")})
	if err != nil {
		c.t.Fatal(err)
	}
	return w.ID.String()
}

func (c *cast) spareReason() string {
	r, err := c.store.CreatePauseReason(context.Background(), crm.System, crm.PauseReasonInput{Label: c.name("Reason ")})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.ID.String()
}

// missed is a call to nobody in particular that nobody answered.
func (c *cast) missed() string {
	c.n++
	number := fmt.Sprintf("0912555%04d", c.n)
	c.follow(c.hangup(c.ring(number)))
	c.sync()
	page, err := c.server.Calls.Missed(context.Background(), crm.System, calllog.MissedFilter{Limit: 200})
	if err != nil || len(page.Items) == 0 {
		c.t.Fatal(err)
	}
	return page.Items[len(page.Items)-1].ID.String()
}

func (c *cast) spareDisposition() string {
	d, err := c.store.CreateDisposition(context.Background(), crm.System, crm.DispositionInput{Name: c.name("Disposition ")})
	if err != nil {
		c.t.Fatal(err)
	}
	return d.ID.String()
}

// may is who an operation lets through (i for each of everybody: x lets through), and a request that must succeed
// for them.
type may struct {
	who     string
	request func(c *cast, role string) (path string, body any)
}

func at(path string) func(*cast, string) (string, any) {
	return func(*cast, string) (string, any) { return path, nil }
}

type object = map[string]any

// table is who may do what; its columns are none, agent, sales, supervisor, admin. It is written down a second time
// here, on purpose: a change of crm's grants or of an operation's permission must be meant.
var table = map[string]may{
	"login": {"xxxxx", func(c *cast, role string) (string, any) {
		if role == "none" {
			role = "agent"
		}
		return "/session", object{"username": role, "password": password}
	}},
	"logout":   {"-xxxx", at("/session")},
	"me":       {"-xxxx", at("/me")},
	"updateMe": {"-xxxx", func(*cast, string) (string, any) { return "/me", object{"language": "en"} }},
	"changePassword": {"-xxxx", func(*cast, string) (string, any) {
		return "/me/password", object{"current": password, "new": password}
	}},
	"listSessions": {"-xxxx", at("/sessions")},
	"endSession": {"-xxxx", func(c *cast, role string) (string, any) {
		if role == "none" {
			return "/sessions/" + uuid.NewString(), nil
		}
		_, s, _, err := c.store.Login(context.Background(), role, password, crm.Device{Address: "192.0.2.1"})
		if err != nil {
			c.t.Fatal(err)
		}
		return "/sessions/" + s.ID.String(), nil
	}},
	"listTokens":  {"-xxxx", at("/tokens")},
	"createToken": {"-xxxx", func(c *cast, _ string) (string, any) { return "/tokens", object{"name": "script"} }},
	"endToken": {"-xxxx", func(c *cast, role string) (string, any) {
		if role == "none" {
			return "/tokens/" + uuid.NewString(), nil
		}
		_, t, err := c.store.CreateToken(context.Background(), crm.System, c.agents[role].ID, c.name("token"), time.Hour)
		if err != nil {
			c.t.Fatal(err)
		}
		return "/tokens/" + t.ID.String(), nil
	}},

	"listCalls":     {"-xxxx", at("/calls?limit=1")},
	"estimateCalls": {"-xxxx", at("/calls/estimate")},
	"listGaps":      {"-xxxx", at("/gaps?limit=1")},
	"getCall":       {"-xxxx", func(c *cast, _ string) (string, any) { return "/calls/" + c.call.String(), nil }},
	"updateCall": {"-xxxx", func(c *cast, _ string) (string, any) {
		return "/calls/" + c.call.String(), object{"note": "said hello"}
	}},

	"createCall": {"-xxxx", func(*cast, string) (string, any) { return "/calls", object{"number": "1009"} }},
	"hangUp":     {"-xxxx", func(c *cast, _ string) (string, any) { return "/calls/" + c.call.String(), nil }},
	"transferCall": {"-xxxx", func(c *cast, _ string) (string, any) {
		return "/calls/" + c.call.String() + "/transfer", object{"kind": "blind", "number": "1002"}
	}},
	"completeTransfer": {"-xxxx", func(c *cast, _ string) (string, any) { return "/calls/" + c.call.String() + "/transfer/complete", nil }},
	"cancelTransfer":   {"-xxxx", func(c *cast, _ string) (string, any) { return "/calls/" + c.call.String() + "/transfer/cancel", nil }},
	"holdCall": {"-xxxx", func(c *cast, _ string) (string, any) {
		return "/calls/" + c.call.String() + "/hold", object{"held": true}
	}},
	"listDestinations": {"-xxxx", at("/destinations?q=a")},
	"getDialling":      {"-xxxx", at("/dialling")},
	"saveDialling": {"----x", func(*cast, string) (string, any) {
		return "/dialling", object{"rules": []object{}, "otherwise": true, "per_minute": 5, "per_minute_pbx": 60}
	}},
	"testDialling": {"----x", at("/dialling/test?number=0909123&role=agent")},

	"createExport": {"-xxxx", func(c *cast, role string) (string, any) { c.export(role); return "/exports", object{"format": "csv"} }},
	"listExports":  {"-xxxx", at("/exports")},
	"getExport":    {"-xxxx", func(c *cast, role string) (string, any) { return "/exports/" + c.export(role), nil }},
	"cancelExport": {"-xxxx", func(c *cast, role string) (string, any) { return "/exports/" + c.export(role), nil }},
	"fetchExport":  {"-xxxx", func(c *cast, role string) (string, any) { return "/exports/" + c.export(role) + "/file", nil }},

	"listViews": {"-xxxx", at("/views")},
	"createView": {"-xxxx", func(c *cast, _ string) (string, any) {
		return "/views", object{"page": "calls", "name": c.name("View "), "query": "outcome=missed"}
	}},
	"updateView": {"-xxxx", func(c *cast, role string) (string, any) {
		return "/views/" + c.view(role), object{"name": c.name("Other ")}
	}},
	"archiveView": {"-xxxx", func(c *cast, role string) (string, any) { return "/views/" + c.view(role), nil }},
	"restoreView": {"-xxxx", func(c *cast, role string) (string, any) { return "/views/" + c.view(role) + "/restore", nil }},

	"listFollowUps":  {"-xxxx", at("/follow-ups?limit=1")},
	"countFollowUps": {"-xxxx", at("/follow-ups/counts")},
	"createFollowUp": {"-xxxx", func(*cast, string) (string, any) {
		return "/follow-ups", object{"title": "Call", "due_at": time.Now().Add(time.Hour)}
	}},
	"bulkFollowUps": {"-xxxx", func(c *cast, _ string) (string, any) {
		return "/follow-ups/bulk", object{"ids": []string{uuid.NewString()}, "later_ms": 3_600_000}
	}},
	"getFollowUp":     {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp(), nil }},
	"updateFollowUp":  {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp(), object{"note": "x"} }},
	"claimFollowUp":   {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp() + "/claim", nil }},
	"releaseFollowUp": {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp() + "/release", nil }},
	"doFollowUp":      {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp() + "/done", nil }},
	"cancelFollowUp":  {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp() + "/cancel", nil }},
	"reopenFollowUp":  {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp() + "/reopen", nil }},
	"dialFollowUp":    {"-xxxx", func(c *cast, _ string) (string, any) { return c.followUp() + "/dial", object{} }},

	"listCustomers":   {"-xxxx", at("/customers?q=a")},
	"createCustomer":  {"-xxxx", func(c *cast, _ string) (string, any) { return "/customers", object{"name": c.name("New ")} }},
	"lookupCustomer":  {"-xxxx", at("/customers/lookup?number=09121234567")},
	"getCustomer":     {"-xxxx", func(c *cast, _ string) (string, any) { return "/customers/" + c.spareCustomer(), nil }},
	"updateCustomer":  {"-xxxx", func(c *cast, _ string) (string, any) { return "/customers/" + c.spareCustomer(), object{"note": "x"} }},
	"archiveCustomer": {"---xx", func(c *cast, _ string) (string, any) { return "/customers/" + c.spareCustomer(), nil }},
	"restoreCustomer": {"---xx", func(c *cast, _ string) (string, any) {
		return "/customers/" + c.archivedCustomer() + "/restore", nil
	}},

	"listAgents": {"-xxxx", at("/agents")},
	"createAgent": {"----x", func(c *cast, _ string) (string, any) {
		return "/agents", object{"username": c.name("new"), "name": "New"}
	}},
	"getAgent":     {"-xxxx", func(c *cast, _ string) (string, any) { return "/agents/" + c.agents["sales"].ID.String(), nil }},
	"updateAgent":  {"----x", func(c *cast, _ string) (string, any) { return "/agents/" + c.spareAgent(), object{"name": "Other"} }},
	"archiveAgent": {"----x", func(c *cast, _ string) (string, any) { return "/agents/" + c.spareAgent(), nil }},
	"restoreAgent": {"----x", func(c *cast, _ string) (string, any) { return "/agents/" + c.archivedAgent() + "/restore", nil }},

	"setMyState": {"-xxxx", func(*cast, string) (string, any) { return "/me/state", object{"state": "paused"} }},
	"setAgentState": {"-xxxx", func(c *cast, role string) (string, any) {
		if role == "none" {
			role = "agent"
		}
		return "/agents/" + c.agents[role].ID.String() + "/state", object{"state": "available"} // others': see TestState_
	}},
	"listAgentStates": {"-xxxx", func(c *cast, role string) (string, any) {
		if role == "none" {
			role = "agent"
		}
		return "/agents/" + c.agents[role].ID.String() + "/states", nil
	}},
	"listStates":       {"-xxxx", at("/states")},
	"listPauseReasons": {"-xxxx", at("/pause-reasons")},
	"createPauseReason": {"----x", func(c *cast, _ string) (string, any) {
		return "/pause-reasons", object{"label": c.name("reason "), "label_en": "Reason"}
	}},
	"updatePauseReason": {"----x", func(c *cast, _ string) (string, any) {
		return "/pause-reasons/" + c.spareReason(), object{"label_en": "Other"}
	}},
	"archivePauseReason": {"----x", func(c *cast, _ string) (string, any) { return "/pause-reasons/" + c.spareReason(), nil }},

	"listMissed":    {"-xxxx", at("/missed")},
	"countMissed":   {"-xxxx", at("/missed/count")},
	"claimMissed":   {"-xxxx", func(c *cast, _ string) (string, any) { return "/missed/" + c.missed() + "/claim", nil }},
	"releaseMissed": {"-xxxx", func(c *cast, _ string) (string, any) { return "/missed/" + c.missed() + "/release", nil }},
	"finishMissed":  {"-xxxx", func(c *cast, _ string) (string, any) { return "/missed/" + c.missed() + "/done", nil }},
	"reopenMissed":  {"-xxxx", func(c *cast, _ string) (string, any) { return "/missed/" + c.missed() + "/reopen", nil }},

	"listDispositions": {"-xxxx", at("/dispositions")},
	"createDisposition": {"----x", func(c *cast, _ string) (string, any) {
		return "/dispositions", object{"name": c.name("Sold ")}
	}},
	"updateDisposition": {"----x", func(c *cast, _ string) (string, any) {
		return "/dispositions/" + c.spareDisposition(), object{"name": c.name("Lost ")}
	}},
	"archiveDisposition": {"----x", func(c *cast, _ string) (string, any) { return "/dispositions/" + c.spareDisposition(), nil }},

	"listPhones": {"----x", at("/phones?needy=true")},
	"correctPhone": {"----x", func(c *cast, _ string) (string, any) {
		return "/phones/main/PJSIP/" + c.name("desk"), object{"extension": ""}
	}},
	"namePhoneCalls": {"----x", func(c *cast, _ string) (string, any) { return "/phones/main/PJSIP/1001/calls", object{"days": 7} }},

	"listQueues": {"-xxxx", at("/queues")},
	"getQueue":   {"-xxxx", func(c *cast, _ string) (string, any) { return "/queues/" + c.spareQueue(), nil }},
	"updateQueue": {"----x", func(c *cast, _ string) (string, any) {
		return "/queues/" + c.spareQueue(), object{"label": c.name("Queue ")}
	}},
	"listTeams":  {"-xxxx", at("/teams")},
	"createTeam": {"----x", func(c *cast, _ string) (string, any) { return "/teams", object{"name": c.name("Night ")} }},
	"getTeam":    {"-xxxx", func(c *cast, _ string) (string, any) { return "/teams/" + c.spareTeam(), nil }},
	"updateTeam": {"----x", func(c *cast, _ string) (string, any) {
		return "/teams/" + c.spareTeam(), object{"name": c.name("Day ")}
	}},
	"archiveTeam": {"----x", func(c *cast, _ string) (string, any) { return "/teams/" + c.spareTeam(), nil }},

	"getFloor":       {"---xx", at("/floor")},
	"getSetup":       {"----x", at("/setup")},
	"listWallboards": {"---xx", at("/wallboards")},
	"createWallboard": {"---xx", func(c *cast, _ string) (string, any) {
		return "/wallboards", object{"name": c.name("Hall ")}
	}},
	"endWallboard": {"---xx", func(c *cast, role string) (string, any) { return "/wallboards/" + c.wallboard(role), nil }},
	"getWallboard": {"-----", at("/wallboard")}, // its own keys, and nobody else's: see TestWallboard_

	"dismissCall": {"-xxxx", func(c *cast, role string) (string, any) {
		call := c.ring("09121112233", "1001", "1002", "1003", "1004")
		c.follow(call)
		c.follow(c.hangup(call)) // missed by all: on every desk, and not live
		return "/desk/dismiss", object{"call_id": call.ID}
	}},
	"status": {"-xxxx", at("/status")},
	"when":   {"-xxxx", at("/when?q=tomorrow")},
	"push":   {"-xxxx", at("/push")},
}

// Every operation of the document, tried by everybody: let through exactly as the table says, and no operation is
// without a permission or a row.
func TestPermissions_EveryOperationByEveryRole(t *testing.T) {
	c := newCast(t)
	doc := (&Server{}).newAPI(chi.NewMux()).OpenAPI()
	tried := map[string]bool{}
	for path, item := range doc.Paths {
		for method, o := range map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete, http.MethodPut: item.Put,
		} {
			if o == nil {
				continue
			}
			tried[o.OperationID] = true
			if p, _ := o.Metadata[permissionKey].(crm.Permission); p != public && p != anySession && !slices.Contains(crm.Permissions(), p) {
				t.Errorf("%s %s: unknown permission %q", method, path, p)
			}
			row, ok := table[o.OperationID]
			if !ok {
				t.Errorf("%s %s (%s) has no row in the table", method, path, o.OperationID)
				continue
			}
			for i, role := range everybody {
				status, answer := c.try(o.OperationID, method, row, role)
				want := "2xx"
				if row.who[i] != 'x' {
					want = "403"
					if role == "none" || o.OperationID == "getWallboard" {
						want = "401"
					}
				}
				got := fmt.Sprint(status)
				// A refusal has a code: the role was let through, and the call was over or the exchange not there.
				if status/100 == 2 || strings.Contains(answer, `"code":`) || o.OperationID == "push" && status == http.StatusSwitchingProtocols {
					got = "2xx"
				}
				if got != want {
					t.Errorf("%s by %s: %d, want %s: %s", o.OperationID, role, status, want, answer)
				}
			}
		}
	}
	for id := range table {
		if !tried[id] {
			t.Errorf("the table has a row for %s, which is no operation", id)
		}
	}
}

// try makes one request and returns its status.
func (c *cast) try(id, method string, row may, role string) (int, string) {
	who := c.clients[role]
	if role == "none" {
		who = c.client() // without the cookie of an earlier try
	}
	if id == "push" {
		_, res, err := who.dial()
		if res == nil {
			c.t.Fatal(err)
		}
		return res.StatusCode, fmt.Sprint(err)
	}
	path, body := row.request(c, role)
	res, answer := who.send(method, path, body)
	if kind := res.Header.Get("Content-Type"); res.StatusCode >= 400 && kind != "application/problem+json" {
		c.t.Errorf("%s by %s: a problem of type %q", id, role, kind)
	}
	return res.StatusCode, string(answer)
}

// S3: whose calls each role gets to see and to write about, in the list, alone, and on the wire of the push socket.
func TestScope_S3_CallsByRoleAndOwner(t *testing.T) {
	h := newHouse(t)
	people := map[string]crm.Agent{
		"neda": h.agent("neda", crm.RoleAgent, "1001"), "sara": h.agent("sara", crm.RoleAgent, "1002"),
		"amir":   h.agent("amir", crm.RoleSales, "1003"),
		"maryam": h.agent("maryam", crm.RoleSupervisor, "1004"), "hasan": h.agent("hasan", crm.RoleSupervisor, "1005"),
		"root": h.agent("root", crm.RoleAdmin),
	}
	h.team("Day", people["maryam"], people["neda"], people["amir"])
	h.team("Night", people["hasan"], people["sara"])

	// Who may see the call that only the key was rung for.
	sees := map[string][]string{
		"neda":   {"neda", "maryam", "root"},
		"sara":   {"sara", "hasan", "root"},
		"amir":   {"amir", "maryam", "root"},
		"maryam": {"maryam", "root"},
	}
	extension := map[string]string{"neda": "1001", "sara": "1002", "amir": "1003", "maryam": "1004"}
	clients, tabs := map[string]*client{}, map[string]*tab{}
	for name, a := range people {
		clients[name] = h.program(a)
		tabs[name] = clients[name].open()
		tabs[name].until("an empty desk", func(d Desk) bool { return len(d.Calls) == 0 })
	}
	for owner, allowed := range sees {
		call := h.ring("0912000"+extension[owner], extension[owner])
		h.follow(call)
		tabs[owner].until("the pop", showing(call.ID, "ringing"))
		h.follow(h.hangup(h.answer(call, extension[owner])))
		h.sync()
		for name, c := range clients {
			may := slices.Contains(allowed, name)
			path := "/calls/" + call.ID.String()
			status := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[may]
			if res, answer := c.send(http.MethodGet, path, nil); res.StatusCode != status {
				t.Errorf("%s reads the call of %s: %d %s", name, owner, res.StatusCode, answer)
			}
			if res, answer := c.send(http.MethodPatch, path, object{"note": "by " + name}); res.StatusCode != status {
				t.Errorf("%s writes about the call of %s: %d %s", name, owner, res.StatusCode, answer)
			}
			for _, filter := range []string{"", "?agent=" + people[owner].ID.String(), "?number=0912000" + extension[owner], "?queue=support"} {
				if _, answer := c.send(http.MethodGet, "/calls"+filter, nil); strings.Contains(string(answer), call.ID.String()) != may {
					t.Errorf("%s lists calls%s: the call of %s is there: %v", name, filter, owner, !may)
				}
			}
		}
	}
	// The wire: every tab shows one more call of its own, so that all before has been written, and nobody else's.
	for name, tab := range tabs {
		if ext, ok := extension[name]; ok {
			last := h.ring("09129999999", ext)
			h.follow(last)
			tab.until("the last pop", showing(last.ID, "ringing"))
		}
		for owner := range sees {
			if owner != name && strings.Contains(string(tab.raw), "0912000"+extension[owner]) {
				t.Errorf("the socket of %s carried the call of %s", name, owner)
			}
		}
	}
}
