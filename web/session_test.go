package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"ringbook/crm"
)

func TestSession_LogInAndOut(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent, "1001")
	c := h.client()
	res, answer := c.send(http.MethodPost, "/session", Credentials{Username: "NEDA", Password: password})
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, answer)
	}
	k := res.Cookies()[0]
	if k.Name != "ringbook" || !k.HttpOnly || k.Secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Expires.IsZero() {
		t.Errorf("cookie over http: %v", k)
	}
	if strings.Contains(h.log.String(), k.Value) || strings.Contains(string(answer), k.Value) {
		t.Error("the session's secret is in the log or the answer")
	}
	var me Me
	c.want(200, http.MethodGet, "/me", nil, &me)
	if me.TimeZone != "Asia/Tehran" {
		t.Errorf("days are those of %q", me.TimeZone)
	}
	if me.Agent.Username != "neda" || me.Preferences != (crm.Preferences{Language: "fa", Theme: "auto", Digits: "persian"}) || me.Version != "test" {
		t.Errorf("%+v", me)
	}
	for _, g := range me.Permissions {
		if g.Permission == crm.CallsRead && g.Scope != "own" || g.Permission == crm.AgentsWrite {
			t.Errorf("an agent is granted %v", g)
		}
	}
	c.want(200, http.MethodPatch, "/me", object{"language": "en", "digits": "latin"}, &me)
	if me.Preferences != (crm.Preferences{Language: "en", Theme: "auto", Digits: "latin"}) {
		t.Errorf("%+v", me.Preferences)
	}
	c.want(204, http.MethodDelete, "/session", nil, nil)
	c.want(401, http.MethodGet, "/me", nil, nil)

	// The cookie of before is worth nothing any more, even if it is kept.
	c.header.Set("Cookie", k.Name+"="+k.Value)
	c.want(401, http.MethodGet, "/me", nil, nil)
}

func TestSession_CookieIsSecureBehindTLS(t *testing.T) {
	h := newHouse(t, func(s *Server) { s.Secure = true })
	h.agent("neda", crm.RoleAgent)
	c := h.client()
	c.header.Set("X-Forwarded-For", "203.0.113.9, 198.51.100.7")
	res, _ := c.send(http.MethodPost, "/session", Credentials{Username: "neda", Password: password})
	k := res.Cookies()[0]
	if k.Name != "__Host-ringbook" || !k.Secure || !k.HttpOnly || k.Domain != "" || k.Path != "/" {
		t.Errorf("cookie over https: %v", k)
	}
	if res.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
	var page crm.Page[crm.Session]
	c.want(200, http.MethodGet, "/sessions", nil, &page)
	if len(page.Items) != 1 || page.Items[0].Address != "198.51.100.7" {
		t.Errorf("the address is not the one that our proxy saw: %+v", page.Items)
	}
	// A cookie without the prefix could have been set by a neighbouring host.
	neighbour := h.client()
	neighbour.header.Set("Cookie", "ringbook="+k.Value)
	neighbour.want(401, http.MethodGet, "/me", nil, nil)
}

func TestSession_WrongPasswordsAreThrottled(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.client()
	var unknown, wrong string
	if res, answer := c.send(http.MethodPost, "/session", Credentials{Username: "nobody", Password: "x"}); res.StatusCode == http.StatusUnauthorized {
		unknown = string(answer)
	}
	for range 100 {
		res, answer := c.send(http.MethodPost, "/session", Credentials{Username: "neda", Password: "wrong password"})
		switch res.StatusCode {
		case http.StatusUnauthorized:
			wrong = string(answer)
			continue
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("%d %s", res.StatusCode, answer)
		}
		after, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil || after < 1 || after > 3600 {
			t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
		}
		if !strings.Contains(string(answer), "Too many wrong passwords. Try again in "+strconv.Itoa(after)+" seconds.") {
			t.Errorf("not in plain words: %s", answer)
		}
		// Even the right one has to wait.
		c.want(429, http.MethodPost, "/session", Credentials{Username: "neda", Password: password}, nil)
		if unknown == "" || wrong != unknown {
			t.Errorf("an unknown name is told apart from a wrong password: %q, %q", unknown, wrong)
		}
		return
	}
	t.Error("100 wrong passwords were not throttled")
}

func TestSession_OtherSitesAreRefused(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.login("neda")
	for _, header := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
	} {
		c.header = http.Header{}
		for k, v := range header {
			c.header.Set(k, v)
		}
		res, answer := c.send(http.MethodPost, "/customers", object{"name": "x"})
		if res.StatusCode != http.StatusForbidden || !strings.Contains(string(answer), "another site") {
			t.Errorf("%v: %d %s", header, res.StatusCode, answer)
		}
	}
	c.header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {h.url}}
	c.want(201, http.MethodPost, "/customers", object{"name": "x"}, nil)
}

func TestSession_ChangedPasswordEndsTheOthers(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	here, there := h.login("neda"), h.login("neda")
	tab := there.open()
	tab.next()
	res, answer := here.send(http.MethodPost, "/me/password", PasswordChange{Current: "not it at all", New: "another password"})
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"body.current"`) {
		t.Errorf("%d %s", res.StatusCode, answer)
	}
	here.want(204, http.MethodPost, "/me/password", PasswordChange{Current: password, New: "another password"}, nil)
	here.want(200, http.MethodGet, "/me", nil, nil)
	there.want(401, http.MethodGet, "/me", nil, nil)
	if code, _ := tab.closed(); code != closeSession {
		t.Errorf("the socket of an ended session was closed with %d", code)
	}
}

func TestSession_LoggingInAgainEndsTheOneBefore(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	h.agent("sara", crm.RoleAgent)
	c := h.login("neda")
	tab := c.open()
	tab.next()
	c.want(200, http.MethodPost, "/session", Credentials{Username: "sara", Password: password}, nil)
	if code, _ := tab.closed(); code != closeSession {
		t.Errorf("closed with %d", code)
	}
	if f := c.open().next(); f.Desk.Agent.Username != "sara" {
		t.Errorf("the desk of %s", f.Desk.Agent.Username)
	}
}

// Who logs in at a browser where somebody else is logged in takes their place: the other has left, as by logging out.
func TestSession_LoggingInOverAnotherIsTheirLeaving(t *testing.T) {
	h := newHouse(t)
	neda, sara := h.agent("neda", crm.RoleAgent, "1001"), h.agent("sara", crm.RoleAgent, "1002")
	c := h.login("neda")
	state := func(who crm.Agent) crm.State { return h.store.States().Standing(who.ID).State }
	c.want(200, http.MethodPost, "/session", Credentials{Username: "neda", Password: password}, nil)
	if state(neda) != crm.Available {
		t.Errorf("who logs in again is %s", state(neda))
	}
	c.want(200, http.MethodPost, "/session", Credentials{Username: "sara", Password: password}, nil)
	if state(neda) != crm.Offline || state(sara) != crm.Available {
		t.Errorf("who was there before is %s, who is there now %s", state(neda), state(sara))
	}
	// Over a session that has been ended elsewhere meanwhile nobody leaves.
	elsewhere := h.login("neda")
	if _, err := h.db.Pool().Exec(t.Context(), `DELETE FROM session`); err != nil {
		t.Fatal(err)
	}
	elsewhere.want(200, http.MethodPost, "/session", Credentials{Username: "sara", Password: password}, nil)
	if state(neda) != crm.Available {
		t.Errorf("whose session had ended is %s", state(neda))
	}
}

func TestToken_OpensUntilItIsEnded(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.login("neda")
	var made NewToken
	c.want(201, http.MethodPost, "/tokens", TokenInput{Name: "script"}, &made)
	p := h.client()
	p.header.Set("Authorization", "Bearer "+made.Secret)
	p.want(200, http.MethodGet, "/me", nil, nil)
	tab := p.open()
	tab.next()
	var page crm.Page[crm.Token]
	c.want(200, http.MethodGet, "/tokens", nil, &page)
	if len(page.Items) != 1 || page.Items[0].ID != made.Token.ID {
		t.Errorf("%+v", page)
	}
	c.want(204, http.MethodDelete, "/tokens/"+made.Token.ID.String(), nil, nil)
	p.want(401, http.MethodGet, "/me", nil, nil)
	if code, _ := tab.closed(); code != closeSession {
		t.Errorf("the socket of an ended token was closed with %d", code)
	}
	// A bad token is not helped by a good cookie.
	c.header.Set("Authorization", "Bearer nonsense")
	c.want(401, http.MethodGet, "/me", nil, nil)
}
