package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"ringbook/crm"
)

func TestBadInput_IsRefusedWithTheField(t *testing.T) {
	h := newHouse(t)
	h.agent("root", crm.RoleAdmin)
	c := h.login("root")
	existing := h.customer("Sara Ahmadi", "09121234567")
	one := "/customers/" + existing.ID.String()
	for _, x := range []struct {
		name, method, path string
		body               any
		status             int
		field              string
	}{
		{"unknown field", "POST", "/customers", `{"name":"x","nmae":"y"}`, 422, "body.nmae"},
		{"unknown nested field", "POST", "/customers", `{"name":"x","numbers":[{"number":"1","lable":"y"}]}`, 422, "body.numbers[0].lable"},
		{"missing field", "POST", "/customers", `{}`, 422, "body.name"},
		{"number for a name", "POST", "/customers", `{"name":5}`, 422, "body.name"},
		{"null for a name", "POST", "/customers", `{"name":null}`, 422, "body.name"},
		{"object for a list", "POST", "/customers", `{"name":"x","tags":{}}`, 422, "body.tags"},
		{"wrong type inside", "POST", "/customers", `{"name":"x","numbers":[{"number":"1"},{"number":true}]}`, 422, "body.numbers[1].number"},
		{"unknown kind", "POST", "/customers", `{"name":"x","kind":"robot"}`, 422, "body.kind"},
		{"not an id", "POST", "/customers", `{"name":"x","organization_id":"7"}`, 422, "body.organization_id"},
		{"an organization that is not there", "POST", "/customers", `{"name":"x","organization_id":"01890000-0000-7000-8000-000000000000"}`, 422, "body.organization_id"},
		{"a name of a megabyte", "POST", "/customers", object{"name": strings.Repeat("ن", 1<<19)}, 422, "body.name"},
		{"a NUL", "POST", "/customers", `{"name":"a\u0000b"}`, 422, "body.name"},
		{"a NUL deep inside", "PATCH", one, `{"numbers":[{"number":"0912","label":"\u0000"}]}`, 422, "body.numbers[0].label"},
		{"a NUL in a list", "PATCH", one, `{"tags":["a","\u0000"]}`, 422, "body.tags[1]"},
		{"a blank name", "POST", "/customers", `{"name":"   "}`, 422, "body.name"},
		{"too many numbers", "POST", "/customers", object{"name": "x", "numbers": make([]NumberInput, 60)}, 422, "body.numbers"},
		{"an array", "POST", "/customers", `[]`, 422, "body"},
		{"no JSON", "POST", "/customers", `{"name":`, 400, "body"},
		{"two values", "POST", "/customers", `{"name":"x"} {"name":"y"}`, 400, "body"},
		{"bytes", "POST", "/customers", "\xff\xfe\x00", 400, "body"},
		{"nothing", "POST", "/customers", "", 400, ""},
		{"3 MB", "POST", "/customers", `{"name":"` + strings.Repeat("x", 3<<20) + `"}`, 413, ""},
		{"bad cursor", "GET", "/customers?cursor=nonsense", nil, 422, "query.cursor"},
		{"bad cursor of calls", "GET", "/calls?cursor=%3B%3B", nil, 422, "query.cursor"},
		{"cursor of another list", "GET", "/calls?cursor=eyJhIjoxfQ", nil, 422, "query.cursor"},
		{"limit too great", "GET", "/calls?limit=100000", nil, 422, "query.limit"},
		{"limit no number", "GET", "/calls?limit=all", nil, 422, "query.limit"},
		{"not a time", "GET", "/calls?from=yesterday", nil, 422, "query.from"},
		{"year 0", "GET", "/calls?from=0000-05-01T00:00:00Z", nil, 422, "query.from"},
		{"the first moment of all", "GET", "/calls?from=0001-01-01T00:00:00Z", nil, 422, "query.from"},
		{"year 9999", "GET", "/calls?to=9999-12-31T23:59:59Z", nil, 422, "query.to"},
		{"to before from", "GET", "/calls?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", nil, 422, "query.to"},
		{"a thousand agents", "GET", "/calls?" + strings.Repeat("agent="+one[len("/customers/"):]+"&", 1000), nil, 422, "query.agent"},
		{"two queues", "GET", "/calls/estimate?queue=a&queue=b", nil, 422, "query.queue"},
		{"gaps of year 9999", "GET", "/gaps?from=9999-01-01T00:00:00Z", nil, 422, "query.from"},
		{"not an outcome", "GET", "/calls?outcome=lovely", nil, 422, "query.outcome"},
		{"not an agent", "GET", "/calls?agent=neda", nil, 422, "query.agent"},
		{"unknown parameter", "GET", "/calls?colour=red", nil, 422, "query.colour"},
		{"NUL in a parameter", "GET", "/customers?q=%00", nil, 422, "query.q"},
		{"not UTF-8", "GET", "/customers?q=%ff%fe", nil, 422, "query.q"},
		{"no number to look up", "GET", "/customers/lookup", nil, 422, "query.number"},
		{"not an id in the path", "GET", "/customers/7", nil, 422, "path.id"},
		{"no such customer", "GET", "/customers/01890000-0000-7000-8000-000000000000", nil, 404, ""},
		{"old version", "PATCH", one, object{"name": "y", "version": existing.Version + 7}, 409, ""},
		{"bad role", "POST", "/agents", `{"username":"x","role":"king"}`, 422, "body.role"},
		{"taken username", "POST", "/agents", `{"username":"ROOT","name":"x"}`, 422, "body.username"},
		{"token from the past", "POST", "/tokens", `{"name":"x","expires_at":"2001-01-01T00:00:00Z"}`, 422, "body.expires_at"},
		{"language unknown", "PATCH", "/me", `{"language":"tlh"}`, 422, "body.language"},
		{"nothing on the desk", "POST", "/desk/dismiss", `{"call_id":"01890000-0000-7000-8000-000000000000"}`, 404, ""},
	} {
		res, answer := c.send(x.method, x.path, x.body)
		var p huma.ErrorModel
		if err := json.Unmarshal(answer, &p); err != nil {
			t.Errorf("%s: %v: %.300s", x.name, err, answer)
			continue
		}
		var fields []string
		for _, d := range p.Errors {
			fields = append(fields, d.Location)
		}
		if res.StatusCode != x.status || p.Status != x.status || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %q, want %d: %.300s", x.name, res.StatusCode, res.Header.Get("Content-Type"), x.status, answer)
		}
		if x.field != "" && (len(fields) == 0 || fields[0] != x.field) {
			t.Errorf("%s: names %q, want %q: %.300s", x.name, fields, x.field, answer)
		}
		if len(answer) > 3000 {
			t.Errorf("%s: what was sent is sent back: %d bytes", x.name, len(answer))
		}
	}
}

func TestBadInput_OtherTypesOfBody(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.login("neda")
	for kind, status := range map[string]int{"text/plain": 415, "application/x-www-form-urlencoded": 415, "application/json; charset=utf-8": 201} {
		req, err := http.NewRequest(http.MethodPost, h.url+base+"/customers", strings.NewReader(`{"name":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		res, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%s: %d, want %d", kind, res.StatusCode, status)
		}
	}
}

func TestBadInput_SecretsAreNotEchoed(t *testing.T) {
	h := newHouse(t)
	c := h.client()
	_, answer := c.send("POST", "/session", `{"username":"neda","password":"hunter2-hunter2","extra":"hunter2-hunter2"}`)
	_, broken := c.send("POST", "/session", `{"username":"neda","password":"hunter2-hunter2"`)
	for _, a := range [][]byte{answer, broken} {
		if strings.Contains(string(a), "hunter2") {
			t.Errorf("echoed: %s", a)
		}
	}
}

// A failure that nobody foresaw is logged, and outside nobody learns more than that.
func TestProblem_UnknownErrorsAreNotShown(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.login("neda")
	if _, err := h.db.Pool().Exec(t.Context(), `DROP TABLE agent_preferences`); err != nil {
		t.Fatal(err)
	}
	res, answer := c.send(http.MethodGet, "/me", nil)
	if res.StatusCode != http.StatusInternalServerError || !strings.Contains(string(answer), internalError) || strings.Contains(string(answer), "agent_preferences") {
		t.Errorf("%d %s", res.StatusCode, answer)
	}
	if !strings.Contains(h.log.String(), "agent_preferences") {
		t.Error("not logged")
	}
}

func TestProblem_DatabaseAwayIsSaid(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.login("neda")
	h.db.Pool().Close()
	res, answer := c.send(http.MethodGet, "/customers", nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(string(answer), "The database does not answer.") {
		t.Errorf("%d %q %s", res.StatusCode, res.Header.Get("Retry-After"), answer)
	}
	c.want(503, http.MethodGet, "//readyz", nil, nil)
	if _, res, err := c.dial(); res == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("push: %v %v", res, err)
	}
}

func TestCustomers_BodiesOfTheContract(t *testing.T) {
	h := newHouse(t)
	h.agent("root", crm.RoleAdmin)
	c := h.login("root")
	var made crm.Customer
	c.want(201, "POST", "/customers", `{"kind":"person","name":"Sara Ahmadi","organization_id":null,"numbers":[{"number":"0912 123 4567","label":"mobile"}],"tags":["vip"]}`, &made)
	if made.Name != "Sara Ahmadi" || len(made.Numbers) != 1 || made.Numbers[0].Number != "+989121234567" || len(made.Tags) != 1 {
		t.Errorf("%+v", made)
	}
	var found Lookup
	c.want(200, "GET", "/customers/lookup?number=%DB%B0%DB%B9%DB%B1%DB%B2%DB%B1%DB%B2%DB%B3%DB%B4%DB%B5%DB%B6%DB%B7", nil, &found) // ۰۹۱۲۱۲۳۴۵۶۷
	if found.Number != "+989121234567" || found.Rule != crm.RuleExact || found.Customer == nil || found.Customer.ID != made.ID || len(found.Candidates) != 1 {
		t.Errorf("%+v", found)
	}
	org := h.customer("Acme")
	if _, err := h.store.UpdateCustomer(t.Context(), crm.System, org.ID, crm.CustomerPatch{Kind: new(crm.Organization)}); err != nil {
		t.Fatal(err)
	}
	one := "/customers/" + made.ID.String()
	c.want(200, "PATCH", one, object{"organization_id": org.ID, "version": made.Version}, &made)
	if made.Organization != "Acme" {
		t.Errorf("%+v", made)
	}
	c.want(200, "PATCH", one, object{"note": "likes tea"}, &made)
	if made.Organization != "Acme" || made.Note != "likes tea" || len(made.Numbers) != 1 {
		t.Errorf("a patch changed what it did not name: %+v", made)
	}
	c.want(200, "PATCH", one, object{"organization_id": nil}, &made)
	if made.OrganizationID != nil {
		t.Errorf("null did not clear: %+v", made)
	}
	c.want(200, "DELETE", one, nil, &made)
	c.want(200, "GET", "/customers/lookup?number=09121234567", nil, &found)
	if made.ArchivedAt == nil || found.Rule != crm.RuleNone || found.Customer != nil {
		t.Errorf("archived, and still matched: %+v", found)
	}
	c.want(200, "POST", one+"/restore", nil, &made)
	if made.ArchivedAt != nil {
		t.Errorf("%+v", made)
	}
	var agent crm.Agent
	c.want(201, "POST", "/agents", `{"username":"neda","password":"a long password","name":"Neda","role":"agent","extensions":["1001"],"team_id":null}`, &agent)
	if agent.Username != "neda" || len(agent.Extensions) != 1 {
		t.Errorf("%+v", agent)
	}
	var page crm.Page[crm.Customer]
	c.want(200, "GET", "/customers?limit=1", nil, &page)
	if len(page.Items) != 1 || page.Next == nil {
		t.Fatalf("%+v", page)
	}
	c.want(200, "GET", "/customers?limit=1&cursor="+*page.Next, nil, &page)
	if len(page.Items) != 1 || page.Next != nil {
		t.Errorf("%+v", page)
	}
}
