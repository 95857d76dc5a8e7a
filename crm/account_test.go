package crm

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

const password = "correct horse"

var desk = Device{Address: "10.0.0.1", UserAgent: "test"}

func TestLogin_SessionUntilLogout(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	neda := agent(t, s, AgentInput{Username: "neda", Password: password})
	var ended []uuid.UUID
	defer s.OnSessionEnd(func(id uuid.UUID) { ended = append(ended, id) })()
	token, sess, actor, err := s.Login(ctx, " Neda ", password, desk)
	if err != nil {
		t.Fatal(err)
	}
	if actor.AgentID != neda.ID || actor.Role != RoleAgent || sess.AgentID != neda.ID || sess.Address != "10.0.0.1" || len(token) < 43 {
		t.Errorf("actor %+v, session %+v, token of %d", actor, sess, len(token))
	}
	again, sess2, err := s.SessionActor(ctx, token)
	if err != nil || again.AgentID != neda.ID || sess2.ID != sess.ID {
		t.Errorf("%+v %+v %v", again, sess2, err)
	}
	var stored int
	if err := s.db.Pool().QueryRow(ctx, `SELECT count(*) FROM session WHERE encode(token_hash, 'escape') LIKE '%' || $1 || '%'`, token).Scan(&stored); err != nil || stored != 0 {
		t.Errorf("the token is stored: %d, %v", stored, err)
	}
	if list := must(s.Sessions(ctx, actor, neda.ID))(t); len(list) != 1 || list[0].ID != sess.ID {
		t.Errorf("%+v", list)
	}
	for range 2 {
		if err := s.Logout(ctx, token); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(ended, []uuid.UUID{sess.ID}) {
		t.Errorf("told of the end of %v, want %v", ended, sess.ID)
	}
	for _, token := range []string{token, "", "x", "\x00", strings.Repeat("x", 1<<20)} {
		_, _, err = s.SessionActor(ctx, token)
		wantIs(t, err, ErrUnauthenticated)
	}
}

func TestLogin_WrongIsRefused(t *testing.T) {
	s := newStore(t)
	agent(t, s, AgentInput{Username: "neda", Password: password})
	agent(t, s, AgentInput{Username: "nopass"})
	gone := agent(t, s, AgentInput{Username: "gone", Password: password})
	must(s.ArchiveAgent(t.Context(), System, gone.ID))(t)
	for i, c := range [][2]string{{"neda", "wrong"}, {"neda", ""}, {"nobody", password}, {"nopass", ""}, {"gone", password}, {"", ""}, {"a\x00\xff", "x"}, {"neda", strings.Repeat("x", 1<<20)}} {
		_, _, _, err := s.Login(t.Context(), c[0], c[1], Device{Address: itoa(i)})
		wantIs(t, err, ErrUnauthenticated)
	}
}

func TestLogin_Throttled(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	agent(t, s, AgentInput{Username: "neda", Password: password})
	now := time.Now()
	s.throttle.now = func() time.Time { return now }
	for range 5 {
		_, _, _, err := s.Login(ctx, "neda", "wrong", desk)
		wantIs(t, err, ErrUnauthenticated)
	}
	var throttled *ThrottledError
	_, _, _, err := s.Login(ctx, "NEDA", password, desk)
	if !errors.As(err, &throttled) || throttled.RetryAfter <= 0 {
		t.Fatalf("after five wrong passwords: %v", err)
	}
	// Another address is not hindered, nor the same one after the wait.
	if _, _, _, err := s.Login(ctx, "neda", password, Device{Address: "10.0.0.2"}); err != nil {
		t.Error(err)
	}
	now = now.Add(throttled.RetryAfter)
	if _, _, _, err := s.Login(ctx, "neda", password, desk); err != nil {
		t.Error(err)
	}
	// Right passwords of many, as at the start of a shift behind one address, are no reason.
	for range 200 {
		s.throttle.failed("neda", "nat")
		s.throttle.succeeded("neda", "nat")
	}
	if w := s.throttle.wait("neda", "nat"); w > 0 {
		t.Errorf("wait %v after right passwords", w)
	}
	for i := range 3 * throttleKeys {
		s.throttle.failed(itoa(i), itoa(i))
	}
	if n := len(s.throttle.count); n > throttleKeys+3 {
		t.Errorf("the throttle remembers %d", n)
	}
}

func TestSession_Expires(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	agent(t, s, AgentInput{Username: "neda", Password: password})
	for _, age := range []string{`expires_at = now()`, `last_seen = now() - interval '12 hours 1 second'`} {
		token, sess, _, err := s.Login(ctx, "neda", password, desk)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, s, `UPDATE session SET `+age)
		_, _, err = s.SessionActor(ctx, token)
		wantIs(t, err, ErrUnauthenticated)
		var ended uuid.UUID
		stop := s.OnSessionEnd(func(id uuid.UUID) { ended = id })
		if err := s.sweepSessions(ctx); err != nil {
			t.Fatal(err)
		}
		stop()
		if ended != sess.ID {
			t.Errorf("%s: told of %v", age, ended)
		}
	}
	token, _, _, err := s.Login(ctx, "neda", password, desk)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, s, `UPDATE session SET last_seen = now() - interval '2 hours'`)
	for range 2 {
		if _, _, err := s.SessionActor(ctx, token); err != nil {
			t.Fatal(err)
		}
	}
	var fresh bool
	if err := s.db.Pool().QueryRow(ctx, `SELECT last_seen > now() - interval '1 minute' FROM session`).Scan(&fresh); err != nil || !fresh {
		t.Errorf("use is not noted: %v", err)
	}
}

func TestSession_EndsWithTheAgentsRights(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	neda := agent(t, s, AgentInput{Username: "neda", Password: password})
	for name, change := range map[string]func() error{
		"archived": func() error { _, err := s.ArchiveAgent(ctx, System, neda.ID); return err },
		"role": func() error {
			_, err := s.UpdateAgent(ctx, System, neda.ID, AgentPatch{Role: ptr(RoleSales)})
			return err
		},
		"password": func() error {
			_, err := s.UpdateAgent(ctx, System, neda.ID, AgentPatch{Password: ptr(password)})
			return err
		},
	} {
		token, sess, _, err := s.Login(ctx, "neda", password, desk)
		if err != nil {
			t.Fatal(name, err)
		}
		key, _, err := s.CreateToken(ctx, System, neda.ID, "x", 0)
		if err != nil {
			t.Fatal(err)
		}
		var ended uuid.UUID
		stop := s.OnSessionEnd(func(id uuid.UUID) { ended = id })
		if err := change(); err != nil {
			t.Fatal(name, err)
		}
		stop()
		if ended != sess.ID {
			t.Errorf("%s: told of %v", name, ended)
		}
		_, _, err = s.SessionActor(ctx, token)
		wantIs(t, err, ErrUnauthenticated)
		if name == "archived" {
			_, _, err = s.TokenActor(ctx, key)
			wantIs(t, err, ErrUnauthenticated)
			must(s.RestoreAgent(ctx, System, neda.ID))(t)
			_, _, err = s.TokenActor(ctx, key)
			wantIs(t, err, ErrUnauthenticated)
		}
		must(s.UpdateAgent(ctx, System, neda.ID, AgentPatch{Role: ptr(RoleAgent)}))(t)
	}
}

func TestSession_OthersAreNotMine(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	neda := agent(t, s, AgentInput{Username: "neda", Password: password})
	sara := agent(t, s, AgentInput{Username: "sara", Role: RoleSupervisor})
	_, sess, _, err := s.Login(ctx, "neda", password, desk)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Sessions(ctx, sara.actor(), neda.ID)
	wantIs(t, err, ErrForbidden)
	wantIs(t, s.EndSession(ctx, sara.actor(), sess.ID), ErrNotFound)
	if err := s.EndSession(ctx, neda.actor(), sess.ID); err != nil {
		t.Error(err)
	}
	wantIs(t, s.EndSession(ctx, System, sess.ID), ErrNotFound)
}

func TestChangePassword(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	neda := agent(t, s, AgentInput{Username: "neda", Password: password})
	here, kept, _, err1 := s.Login(ctx, "neda", password, desk)
	there, _, _, err2 := s.Login(ctx, "neda", password, desk)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	wantIs(t, s.ChangePassword(ctx, neda.actor(), kept.ID, "wrong", "another horse"), ErrUnauthenticated)
	wantFields(t, s.ChangePassword(ctx, neda.actor(), kept.ID, password, "short"), "password")
	if err := s.ChangePassword(ctx, neda.actor(), kept.ID, password, "another horse"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SessionActor(ctx, here); err != nil {
		t.Errorf("the session that changed it ended: %v", err)
	}
	_, _, err := s.SessionActor(ctx, there)
	wantIs(t, err, ErrUnauthenticated)
	_, _, _, err = s.Login(ctx, "neda", password, desk)
	wantIs(t, err, ErrUnauthenticated)
	if _, _, _, err := s.Login(ctx, "neda", "another horse", desk); err != nil {
		t.Error(err)
	}
}

func TestToken(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	lead := agent(t, s, AgentInput{Username: "lead", Role: RoleSupervisor})
	team := must(s.CreateTeam(ctx, System, TeamInput{Name: "t", Supervisors: []uuid.UUID{lead.ID}}))(t)
	neda := agent(t, s, AgentInput{Username: "neda"})
	key, token, err := s.CreateToken(ctx, lead.actor(), lead.ID, "import", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a, used, err := s.TokenActor(ctx, key)
	if err != nil || a.AgentID != lead.ID || !slices.Equal(a.Teams, []uuid.UUID{team.ID}) || used.ID != token.ID {
		t.Errorf("%+v %+v %v", a, used, err)
	}
	list := must(s.Tokens(ctx, lead.actor(), lead.ID))(t)
	if len(list) != 1 || list[0].Name != "import" || list[0].LastUsed == nil || list[0].ExpiresAt == nil {
		t.Errorf("%+v", list)
	}
	_, _, err = s.CreateToken(ctx, neda.actor(), lead.ID, "x", 0)
	wantIs(t, err, ErrForbidden)
	_, err = s.Tokens(ctx, neda.actor(), lead.ID)
	wantIs(t, err, ErrForbidden)
	wantIs(t, s.EndToken(ctx, neda.actor(), token.ID), ErrNotFound)
	_, _, err = s.CreateToken(ctx, System, uuid.New(), "x", 0)
	wantIs(t, err, ErrNotFound)
	_, _, err = s.CreateToken(ctx, System, lead.ID, "", 0)
	wantFields(t, err, "name")
	exec(t, s, `UPDATE api_token SET expires_at = now()`)
	_, _, err = s.TokenActor(ctx, key)
	wantIs(t, err, ErrUnauthenticated)
	exec(t, s, `UPDATE api_token SET expires_at = NULL`)
	if err := s.EndToken(ctx, lead.actor(), token.ID); err != nil {
		t.Error(err)
	}
	_, _, err = s.TokenActor(ctx, key)
	wantIs(t, err, ErrUnauthenticated)
}

func TestEnsureAdmin(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	generated := must(s.EnsureAdmin(ctx, ""))(t)
	if _, _, a, err := s.Login(ctx, "admin", generated, desk); err != nil || a.Role != RoleAdmin {
		t.Errorf("%+v, %v", a, err)
	}
	if again := must(s.EnsureAdmin(ctx, "something else"))(t); again != "" {
		t.Errorf("generated %q with an admin there", again)
	}
	if _, _, _, err := s.Login(ctx, "admin", "something else", desk); err == nil {
		t.Error("the password of an admin that was there has changed")
	}
	fresh := newStore(t)
	if g := must(fresh.EnsureAdmin(ctx, "given"))(t); g != "" {
		t.Errorf("generated %q beside a given one", g)
	}
	if _, _, _, err := fresh.Login(ctx, "admin", "given", desk); err != nil {
		t.Error(err)
	}
}

func TestSeedDemo_IsPlausibleAndRepeatable(t *testing.T) {
	const n = 500
	s := newStore(t)
	ctx := t.Context()
	for range 2 { // the second does nothing
		if err := s.SeedDemo(ctx, n, password); err != nil {
			t.Fatal(err)
		}
	}
	var customers, organizations, names, members int
	err := s.db.Pool().QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE kind = 'organization'), count(DISTINCT name), count(organization_id) FROM customer`).
		Scan(&customers, &organizations, &names, &members)
	if err != nil || customers != n || organizations < n/10 || names < n/2 || members < n/10 {
		t.Errorf("%d customers, %d organizations, %d names, %d members, %v", customers, organizations, names, members, err)
	}
	known := DemoNumbers(n)
	for i, number := range known {
		if got := ParseNumber(number, tehran); got.E164 != number {
			t.Errorf("number %s is read as %+v", number, got)
		}
		if i%50 == 0 {
			m := match(t, s, Query{Raw: number})
			if m.Rule != RuleExact && m.Rule != RuleShared {
				t.Errorf("nobody has %s: %s", number, m.Rule)
			}
		}
	}
	for i := range n {
		c := newDemo().customer(i)
		for _, m := range c.Numbers {
			if got := ParseNumber(m.Raw, tehran); got.Key() != m.Number || got.Extension != m.Extension {
				t.Errorf("%q is read as %+v, stored as %+v", m.Raw, got, m)
			}
		}
		if a, b := must(json.Marshal(c))(t), must(json.Marshal(newDemo().customer(i)))(t); string(a) != string(b) {
			t.Errorf("customer %d differs", i)
		}
	}
	for ext, user := range map[string]string{"1001": "neda", "1002": "sara", "1003": "amir", "1004": "reza"} {
		if a, _ := s.Directory().ByExtension("demo", ext); a.Username != user {
			t.Errorf("%s is %q's", ext, a.Username)
		}
		if _, _, _, err := s.Login(ctx, user, password, desk); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	_, _, maryam, err := s.Login(ctx, "maryam", password, desk)
	if err != nil || maryam.Role != RoleSupervisor || len(maryam.Teams) != 2 {
		t.Errorf("%+v, %v", maryam, err)
	}
}
