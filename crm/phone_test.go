package crm

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// An agent is found from any name that a channel of the phone may have.
func TestIdentify_Rule(t *testing.T) {
	s := newStore(t)
	neda := agent(t, s, AgentInput{Username: "neda", Extensions: []string{"1001", "2001@branch", "Neda-Desk"}})
	sara := agent(t, s, AgentInput{Username: "sara", Extensions: []string{"2001@main", "991002", "1002", "201", "09121234567"}})
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pbx, endpoint, ext string
		agent              uuid.UUID
	}{
		{"main", "PJSIP/1001", "1001", neda.ID},
		{"main", "SIP/1001", "1001", neda.ID},
		{"main", "IAX2/1001", "1001", neda.ID},
		{"main", "SCCP/1001", "1001", neda.ID},
		{"branch", "PJSIP/2001", "2001", neda.ID},
		{"main", "PJSIP/2001", "2001", sara.ID},
		{"other", "PJSIP/2001", "2001", uuid.Nil},

		{"main", "PJSIP/1555", "1555", uuid.Nil}, // nobody's yet, but surely a phone
		{"main", "PJSIP/12", "12", uuid.Nil},
		{"main", "PJSIP/1", "", uuid.Nil},
		{"main", "PJSIP/1234567", "", uuid.Nil},
		{"main", "PJSIP/09121234567", "09121234567", sara.ID}, // an extension, since somebody says so
		{"branch", "PJSIP/989121234567", "", uuid.Nil},

		{"main", "PJSIP/Neda-Desk", "Neda-Desk", neda.ID},
		{"main", "SIP/neda-desk", "Neda-Desk", neda.ID},
		{"main", "pjsip/NEDA-DESK", "Neda-Desk", neda.ID},
		{"main", "PJSIP/neda", "", uuid.Nil},
		{"main", "PJSIP/neda-desk-2", "", uuid.Nil},
		{"main", "PJSIP/trunk-a", "", uuid.Nil},
		{"main", "PJSIP/1001-mobile", "", uuid.Nil},

		{"main", "PJSIP/991001", "1001", neda.ID},    // the twin
		{"main", "SIP/992001", "2001", sara.ID},      // the twin on its PBX
		{"branch", "SIP/992001", "2001", neda.ID},    //
		{"main", "PJSIP/991002", "991002", sara.ID},  // an extension of its own
		{"main", "PJSIP/991555", "991555", uuid.Nil}, // 1555 is nobody's
		{"main", "PJSIP/9912", "9912", uuid.Nil},     // four digits that begin with 99
		{"main", "PJSIP/99", "99", uuid.Nil},         //
		{"main", "PJSIP/99Neda-Desk", "", uuid.Nil},  // twins have numbers
		{"main", "DAHDI/201", "201", sara.ID},        //
		{"main", "DAHDI/23", "", uuid.Nil},           // a channel of a line
		{"main", "dahdi/1555", "", uuid.Nil},         //
		{"main", "DAHDI/i1/1001", "", uuid.Nil},      // dialled over a line
		{"main", "DAHDI/i1", "", uuid.Nil},           //
		{"main", "IAX2/branch-trunk", "", uuid.Nil},  //
		{"main", "Local/1001@from-queue", "1001", neda.ID},
		{"main", "Local/1001@from-queue/n", "1001", neda.ID},
		{"main", "Local/1001@from-internal/nj", "1001", neda.ID},
		{"main", "Local/1001@ext-local", "1001", neda.ID},
		{"main", "Local/1001@from-queue-0000001f;2", "1001", neda.ID},
		{"main", "Local/1555@from-internal", "1555", uuid.Nil},
		{"main", "Local/991001@from-queue/n", "1001", neda.ID},
		{"main", "Local/1001@from-internal-xfer", "1001", neda.ID},
		{"main", "Local/1001@from-pstn", "", uuid.Nil},
		{"main", "Local/1001@from-queues", "", uuid.Nil},
		{"main", "Local/1001", "", uuid.Nil},
		{"main", "Local/09129999999@from-internal", "", uuid.Nil},
		{"main", "Local/s@from-queue", "", uuid.Nil},

		{"main", "1001", "1001", neda.ID},
		{"main", "", "", uuid.Nil},
		{"main", "/", "", uuid.Nil},
		{"main", "PJSIP/", "", uuid.Nil},
	} {
		got := s.Directory().Identify(c.pbx, c.endpoint)
		if got.Extension != c.ext || got.Correction != nil || (got.Agent == nil) != (c.agent == uuid.Nil) || got.Agent != nil && got.Agent.ID != c.agent {
			t.Errorf("Identify(%s, %s) = %+v, want %q of %s", c.pbx, c.endpoint, got, c.ext, c.agent)
		}
		if ext, ok := s.Directory().Extension(c.pbx, c.endpoint); ext != c.ext || ok != (c.ext != "") {
			t.Errorf("Extension(%s, %s) = %q, %v", c.pbx, c.endpoint, ext, ok)
		}
	}
}

func TestCorrectPhone(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	d := s.Directory()
	neda := agent(t, s, AgentInput{Username: "neda", Extensions: []string{"1001"}})
	sara := agent(t, s, AgentInput{Username: "sara"})
	root := agent(t, s, AgentInput{Username: "root", Role: RoleAdmin})
	admin := Actor{AgentID: root.ID, Username: "root", Role: RoleAdmin}
	changed := 0
	defer d.OnChange(func() { changed++ })()
	correct := func(endpoint string, p PhonePatch) Identity {
		t.Helper()
		before := changed
		id := must(s.CorrectPhone(ctx, admin, "main", endpoint, p))(t)
		if now := d.Identify("main", endpoint); now.Extension != id.Extension || changed == before {
			t.Errorf("the directory says %+v after %+v; it changed %d times", now, id, changed-before)
		}
		return id
	}
	extensions := func(id uuid.UUID) []string { return must(s.Agent(ctx, System, id))(t).Extensions }

	// A name that tells nothing; the correction names who made it, and case does not matter.
	id := correct("PJSIP/Desk-7", PhonePatch{Extension: ptr("۱۰۰۱")})
	if id.Extension != "1001" || id.Agent == nil || id.Agent.ID != neda.ID || id.Correction == nil || id.Correction.By != "root" || id.Correction.At.IsZero() {
		t.Errorf("%+v", id)
	}
	if ext, ok := d.Extension("main", "PJSIP/desk-7"); ext != "1001" || !ok {
		t.Errorf("%q, %v", ext, ok)
	}
	if _, ok := d.Extension("branch", "PJSIP/Desk-7"); ok {
		t.Error("a correction counts on another PBX")
	}
	// A number that is no agent's phone, and back.
	if id := correct("PJSIP/1099", PhonePatch{Extension: ptr("")}); id.Extension != "" || id.Correction == nil {
		t.Errorf("%+v", id)
	}
	if list := d.Corrected(); len(list) != 2 || !slices.Contains(list, Corrected{"main", "PJSIP/Desk-7"}) {
		t.Errorf("%+v", list)
	}
	if id := correct("pjsip/1099", PhonePatch{ByRule: true}); id.Extension != "1099" || id.Correction != nil {
		t.Errorf("%+v", id)
	}
	// A line with the number dialled over it is the line.
	correct("DAHDI/i1/09121234567", PhonePatch{Extension: ptr("")})
	if id := d.Identify("main", "DAHDI/i1/2211"); id.Correction == nil {
		t.Errorf("%+v", id)
	}

	// An extension of nobody is given, and taken.
	if id := correct("PJSIP/1555", PhonePatch{AgentID: &neda.ID}); id.Agent == nil || id.Agent.ID != neda.ID || id.Correction != nil {
		t.Errorf("%+v", id)
	}
	if got := extensions(neda.ID); !slices.Equal(got, []string{"1001", "1555"}) {
		t.Errorf("%v", got)
	}
	_, err := s.CorrectPhone(ctx, admin, "main", "PJSIP/1555", PhonePatch{AgentID: &sara.ID})
	var f FieldErrors
	if !errors.As(err, &f) || len(f) != 1 || f[0] != (FieldError{"agent_id", "belongs to neda"}) {
		t.Errorf("an extension is given to a second agent: %v", err)
	}
	if id := correct("PJSIP/1555", PhonePatch{AgentID: &uuid.Nil}); id.Agent != nil || id.Extension != "1555" {
		t.Errorf("%+v", id)
	}
	if got := extensions(neda.ID); !slices.Equal(got, []string{"1001"}) {
		t.Errorf("%v", got)
	}
	// On this PBX only.
	correct("PJSIP/1555", PhonePatch{AgentID: &sara.ID, OnlyHere: true})
	if got := extensions(sara.ID); !slices.Equal(got, []string{"1555@main"}) {
		t.Errorf("%v", got)
	}
	correct("PJSIP/1555", PhonePatch{AgentID: &uuid.Nil})
	// A phone without an extension is one more of the agent's first; of an agent without any its name becomes one.
	if id := correct("SIP/web-neda", PhonePatch{AgentID: &neda.ID}); id.Extension != "1001" || id.Correction == nil {
		t.Errorf("%+v", id)
	}
	if id := correct("SIP/sara-home", PhonePatch{AgentID: &sara.ID}); id.Extension != "sara-home" || id.Agent == nil || id.Agent.ID != sara.ID {
		t.Errorf("%+v", id)
	}
	// Both at once, or nothing.
	_, err = s.CorrectPhone(ctx, admin, "main", "PJSIP/both", PhonePatch{Extension: ptr("1001"), AgentID: &sara.ID})
	wantFields(t, err, "agent_id")
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if id := d.Identify("main", "PJSIP/both"); id.Correction != nil {
		t.Errorf("half a change was kept: %+v", id)
	}

	// What was done by whom can be read.
	log := must(s.Audit(ctx, System, "phone", "main PJSIP/1555"))(t)
	if len(log) != 4 || log[3].Actor != "root" {
		t.Fatalf("%+v", log)
	}
	var said map[string][2]any
	if err := json.Unmarshal(log[3].Changes, &said); err != nil || said["agent"] != [2]any{"", "neda"} {
		t.Errorf("%s, %v", log[3].Changes, err)
	}
	if log := must(s.Audit(ctx, System, "agent", neda.ID.String()))(t); log[0].Actor != "root" || !strings.Contains(string(log[0].Changes), "extensions") {
		t.Errorf("%+v", log[0])
	}

	for _, c := range []struct {
		endpoint string
		patch    PhonePatch
		field    string
	}{
		{"PJSIP/x", PhonePatch{Extension: ptr("1 2")}, "extension"},
		{"PJSIP/x", PhonePatch{Extension: ptr(""), AgentID: &neda.ID}, "agent_id"},
		{"PJSIP/x", PhonePatch{AgentID: &uuid.UUID{15: 1}}, "agent_id"},
		{"PJSIP/", PhonePatch{ByRule: true}, "endpoint"},
		{"x", PhonePatch{ByRule: true}, "endpoint"},
		{"PJSIP/\x00", PhonePatch{ByRule: true}, "endpoint"},
		{"PJSIP/" + strings.Repeat("9", 33), PhonePatch{AgentID: &uuid.UUID{15: 2}}, "agent_id"},
	} {
		_, err := s.CorrectPhone(ctx, admin, "main", c.endpoint, c.patch)
		wantFields(t, err, c.field)
	}
	must(s.UpdateAgent(ctx, System, sara.ID, AgentPatch{Extensions: &[]string{}}))(t)
	_, err = s.CorrectPhone(ctx, admin, "main", "PJSIP/"+strings.Repeat("9", 33), PhonePatch{AgentID: &sara.ID})
	wantFields(t, err, "extension")
	for _, role := range []Role{RoleAgent, RoleSales, RoleSupervisor} {
		_, err := s.CorrectPhone(ctx, Actor{AgentID: neda.ID, Role: role}, "main", "PJSIP/1", PhonePatch{ByRule: true})
		wantIs(t, err, ErrForbidden)
	}
}
