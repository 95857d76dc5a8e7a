package crm

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func agent(t testing.TB, s *Store, in AgentInput) Agent {
	t.Helper()
	return must(s.CreateAgent(t.Context(), System, in))(t)
}

func (a Agent) actor() Actor {
	return Actor{AgentID: a.ID, Username: a.Username, Name: a.Name, Role: a.Role, TeamID: a.TeamID, Teams: a.Supervises}
}

func TestAgent_CreateUpdateArchive(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	team := must(s.CreateTeam(ctx, System, TeamInput{Name: "پشتیبانی"}))(t)
	neda := agent(t, s, AgentInput{Username: "Neda", Password: "correct horse", Name: "Neda", Extensions: []string{"1001", "۱۰۰۲@main"}, TeamID: &team.ID})
	want := Agent{
		ID: neda.ID, Username: "neda", Name: "Neda", Role: RoleAgent, TeamID: &team.ID, Team: "پشتیبانی",
		Extensions: []string{"1001", "1002@main"}, Supervises: []uuid.UUID{}, Version: 1, CreatedAt: neda.CreatedAt, UpdatedAt: neda.UpdatedAt,
	}
	if d := cmp.Diff(want, neda); d != "" {
		t.Errorf("created (-want +got):\n%s", d)
	}
	if d := cmp.Diff(neda, must(s.AgentByUsername(ctx, System, " NEDA "))(t)); d != "" {
		t.Error(d)
	}
	up := must(s.UpdateAgent(ctx, System, neda.ID, AgentPatch{Version: ptr(1), Name: ptr("ندا"), Role: ptr(RoleSales), Extensions: ptr([]string{"1003"}), TeamID: ptr(uuid.Nil)}))(t)
	if up.Name != "ندا" || up.Role != RoleSales || up.TeamID != nil || up.Version != 2 || !slices.Equal(up.Extensions, []string{"1003"}) {
		t.Errorf("updated: %+v", up)
	}
	_, err := s.UpdateAgent(ctx, System, neda.ID, AgentPatch{Version: ptr(1)})
	wantIs(t, err, ErrConflict)
	_, err = s.UpdateAgent(ctx, System, uuid.New(), AgentPatch{})
	wantIs(t, err, ErrNotFound)
	if got := must(s.ArchiveAgent(ctx, System, neda.ID))(t); got.ArchivedAt == nil {
		t.Error("not archived")
	}
	_, err = s.AgentByUsername(ctx, System, "neda")
	wantIs(t, err, ErrNotFound)
	if got := must(s.RestoreAgent(ctx, System, neda.ID))(t); got.ArchivedAt != nil || !slices.Equal(got.Extensions, []string{"1003"}) {
		t.Errorf("restored: %+v", got)
	}
}

func TestAgent_ExtensionBelongsToOneActiveAgentPerPBX(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	neda := agent(t, s, AgentInput{Username: "neda", Extensions: []string{"1001", "2001@main"}})
	for _, e := range []string{"1001", "1001@main", "2001", "2001@main"} {
		_, err := s.CreateAgent(ctx, System, AgentInput{Username: "sara", Extensions: []string{"1005", e}})
		wantFields(t, err, "extensions[1]")
	}
	sara := agent(t, s, AgentInput{Username: "sara", Extensions: []string{"2001@branch", "1002"}})
	_, err := s.UpdateAgent(ctx, System, sara.ID, AgentPatch{Extensions: ptr([]string{"1001"})})
	wantFields(t, err, "extensions[0]")
	must(s.ArchiveAgent(ctx, System, neda.ID))(t)
	must(s.UpdateAgent(ctx, System, sara.ID, AgentPatch{Extensions: ptr([]string{"1001"})}))(t)
	_, err = s.RestoreAgent(ctx, System, neda.ID)
	wantFields(t, err, "extensions[0]")
}

func TestAgent_FaultsNameTheField(t *testing.T) {
	s := newStore(t)
	agent(t, s, AgentInput{Username: "neda"})
	for _, c := range []struct {
		in     AgentInput
		fields []string
	}{
		{AgentInput{}, []string{"username"}},
		{AgentInput{Username: "a b"}, []string{"username"}},
		{AgentInput{Username: "a\x00"}, []string{"username"}},
		{AgentInput{Username: "NEDA"}, []string{"username"}},
		{AgentInput{Username: "x", Name: "\x00"}, []string{"name"}},
		{AgentInput{Username: "x", Role: "root"}, []string{"role"}},
		{AgentInput{Username: "x", Password: "short"}, []string{"password"}},
		{AgentInput{Username: "x", Extensions: []string{"10 01", "1001", "1001", "1@"}}, []string{"extensions[0]", "extensions[2]", "extensions[3]"}},
		{AgentInput{Username: "x", TeamID: ptr(uuid.New())}, []string{"team_id"}},
	} {
		_, err := s.CreateAgent(t.Context(), System, c.in)
		wantFields(t, err, c.fields...)
	}
}

func TestAgent_TheLastAdminStays(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	boss := agent(t, s, AgentInput{Username: "boss", Role: RoleAdmin})
	_, err := s.ArchiveAgent(ctx, System, boss.ID)
	wantFields(t, err, "role")
	_, err = s.UpdateAgent(ctx, System, boss.ID, AgentPatch{Role: ptr(RoleAgent)})
	wantFields(t, err, "role")
	agent(t, s, AgentInput{Username: "boss2", Role: RoleAdmin})
	must(s.ArchiveAgent(ctx, System, boss.ID))(t)
}

func TestAgents_ListFilterAndPages(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	team := must(s.CreateTeam(ctx, System, TeamInput{Name: "t"}))(t)
	for i, name := range []string{"الف", "ب", "پ", "ت"} {
		in := AgentInput{Username: "u" + itoa(i), Name: name, Extensions: []string{"100" + itoa(i)}}
		if i%2 == 0 {
			in.TeamID = &team.ID
		}
		agent(t, s, in)
	}
	names := func(f AgentFilter) (names []string) {
		for _, a := range must(s.Agents(ctx, System, f))(t).Items {
			names = append(names, a.Name)
		}
		return names
	}
	for _, c := range []struct {
		f    AgentFilter
		want []string
	}{
		{AgentFilter{}, []string{"الف", "ب", "پ", "ت"}},
		{AgentFilter{TeamID: &team.ID}, []string{"الف", "پ"}},
		{AgentFilter{Q: "U1"}, []string{"ب"}},
		{AgentFilter{Q: "۱۰۰۲"}, []string{"پ"}},
		{AgentFilter{Q: "%"}, nil},
		{AgentFilter{Archived: true}, nil},
	} {
		if got := names(c.f); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
	page := must(s.Agents(ctx, System, AgentFilter{Limit: 3}))(t)
	if len(page.Items) != 3 || page.Next == nil {
		t.Fatalf("first page: %+v", page)
	}
	if got := names(AgentFilter{Limit: 3, Cursor: *page.Next}); !slices.Equal(got, []string{"ت"}) {
		t.Errorf("second page: %q", got)
	}
	_, err := s.Agents(ctx, System, AgentFilter{Limit: -1, Cursor: "?"})
	wantFields(t, err, "limit", "cursor")
	if got := must(s.Agents(ctx, Actor{}, AgentFilter{}))(t).Items; len(got) != 0 {
		t.Errorf("somebody without a role sees %d agents", len(got))
	}
}

func TestTeam_CreateUpdateArchive(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	lead := agent(t, s, AgentInput{Username: "lead", Role: RoleSupervisor})
	neda := agent(t, s, AgentInput{Username: "neda"})
	team := must(s.CreateTeam(ctx, System, TeamInput{Name: "فروش", Supervisors: []uuid.UUID{lead.ID, lead.ID}}))(t)
	must(s.UpdateAgent(ctx, System, neda.ID, AgentPatch{TeamID: &team.ID}))(t)
	team = must(s.Team(ctx, System, team.ID))(t)
	if team.Members != 1 || !slices.Equal(team.Supervisors, []uuid.UUID{lead.ID}) {
		t.Errorf("%+v", team)
	}
	_, err := s.CreateTeam(ctx, System, TeamInput{Name: "فروش"})
	wantFields(t, err, "name")
	_, err = s.CreateTeam(ctx, System, TeamInput{Supervisors: []uuid.UUID{neda.ID, uuid.New()}})
	wantFields(t, err, "name", "supervisors[0]", "supervisors[1]")
	_, err = s.UpdateTeam(ctx, System, team.ID, TeamPatch{Version: ptr(7)})
	wantIs(t, err, ErrConflict)
	team = must(s.UpdateTeam(ctx, System, team.ID, TeamPatch{Version: &team.Version, Name: ptr("Sales")}))(t)
	if team.Name != "Sales" || len(team.Supervisors) != 1 {
		t.Errorf("%+v", team)
	}
	// Who is no supervisor any more leads no team.
	must(s.UpdateAgent(ctx, System, lead.ID, AgentPatch{Role: ptr(RoleAgent)}))(t)
	if got := must(s.Team(ctx, System, team.ID))(t); len(got.Supervisors) != 0 {
		t.Errorf("%+v", got)
	}
	if got := must(s.ArchiveTeam(ctx, System, team.ID))(t); got.ArchivedAt == nil || got.Members != 0 {
		t.Errorf("%+v", got)
	}
	if got := must(s.Agent(ctx, System, neda.ID))(t); got.TeamID != nil {
		t.Errorf("still in team %v", got.TeamID)
	}
	if got := must(s.Teams(ctx, System))(t); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// What is not in the table is refused, and what is in it is exactly this.
func TestPermissions_DenyByDefault(t *testing.T) {
	roles := []Role{RoleAgent, RoleSales, RoleSupervisor, RoleAdmin, "", "Admin"}
	// A line for each permission: its scope for an agent, sales, a supervisor, an admin. Nobody else has any.
	want := map[Permission]string{
		CustomersRead:      "all all all all",
		CustomersWrite:     "all all all all",
		CustomersArchive:   "none none all all",
		CallsRead:          "own own team all",
		CallsReadHistory:   "all all all all",
		CallsAnnotate:      "own own team all",
		CallsExport:        "own own team all",
		CallsDial:          "own own own own",
		CallsControl:       "own own team all",
		DiallingManage:     "none none none all",
		NumbersLink:        "all all all all",
		AgentsRead:         "all all all all",
		AgentsWrite:        "none none none all",
		PhonesManage:       "none none none all",
		QueuesRead:         "all all all all",
		QueuesManage:       "none none none all",
		StatesRead:         "own own team all",
		StatesWrite:        "own own team all",
		StatesManage:       "none none none all",
		TeamsRead:          "all all all all",
		TeamsWrite:         "none none none all",
		SessionsManage:     "own own own all",
		TokensManage:       "own own own all",
		FloorRead:          "none none team all",
		AuditRead:          "none none none all",
		ViewsWrite:         "own own team all",
		DispositionsManage: "none none none all",
		MissedRead:         "own own team all",
		FollowUpsRead:      "own own team all",
		FollowUpsWrite:     "own own team all",
		FollowUpsAssign:    "none none team all",
	}
	all := Permissions()
	if len(all) != len(want) {
		t.Errorf("there are %d permissions, want %d", len(all), len(want))
	}
	for _, p := range all {
		got := ""
		for _, role := range roles {
			a := Actor{Role: role}
			got += " " + a.Scope(p).String()
			if a.Can(p) != (a.Scope(p) != ScopeNone) {
				t.Errorf("%s: Can(%s) = %v", role, p, a.Can(p))
			}
			if a.Scope("calls.listen") != ScopeNone {
				t.Errorf("%q has an unknown permission", role)
			}
		}
		if got[1:] != want[p]+" none none" {
			t.Errorf("%s: %s, want %s none none", p, got[1:], want[p])
		}
	}
	for role, m := range grants {
		for p := range m {
			if !slices.Contains(all, p) {
				t.Errorf("%s has %s, which no constant names", role, p)
			}
		}
	}
}

func TestScopeSQL_CoversExactlyTheScope(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	lead := agent(t, s, AgentInput{Username: "lead", Role: RoleSupervisor})
	mine := must(s.CreateTeam(ctx, System, TeamInput{Name: "mine", Supervisors: []uuid.UUID{lead.ID}}))(t)
	other := must(s.CreateTeam(ctx, System, TeamInput{Name: "other"}))(t)
	agent(t, s, AgentInput{Username: "neda", TeamID: &mine.ID})
	agent(t, s, AgentInput{Username: "sara", TeamID: &other.ID})
	agent(t, s, AgentInput{Username: "solo"})
	lead = must(s.Agent(ctx, System, lead.ID))(t)
	visible := func(a Actor) (names []string) {
		cond, args := a.ScopeSQL(CallsRead, "agent.id", 2)
		rows := must(s.db.Pool().Query(ctx, `SELECT username FROM agent WHERE $1 AND `+cond+` ORDER BY username`, append([]any{true}, args...)...))(t)
		defer rows.Close()
		for rows.Next() {
			var n string
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			names = append(names, n)
		}
		return names
	}
	neda := must(s.AgentByUsername(ctx, System, "neda"))(t)
	for _, c := range []struct {
		a    Actor
		want []string
	}{
		{System, []string{"lead", "neda", "sara", "solo"}},
		{lead.actor(), []string{"lead", "neda"}},
		{neda.actor(), []string{"neda"}},
		{Actor{AgentID: neda.ID}, nil},
		{Actor{Role: RoleSupervisor, AgentID: lead.ID}, []string{"lead"}},
	} {
		if got := visible(c.a); !slices.Equal(got, c.want) {
			t.Errorf("%s %s sees %q, want %q", c.a.Role, c.a.Username, got, c.want)
		}
	}
}

func TestDirectory(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	d := s.Directory()
	changes := 0
	stop := d.OnChange(func() { changes++ })
	defer stop()
	if _, ok := d.ByExtension("main", "1001"); ok || len(d.Agents()) != 0 || d.Loaded() {
		t.Fatal("a directory that was never loaded knows someone")
	}
	if err := s.Refresh(ctx); err != nil || !d.Loaded() || changes != 1 {
		t.Fatalf("loaded: %v, %d changes, %v; want the first load to be one, though it is of nobody", d.Loaded(), changes, err)
	}
	changes = 0
	neda := agent(t, s, AgentInput{Username: "neda", Name: "Neda", Extensions: []string{"1001", "2001@branch"}})
	sara := agent(t, s, AgentInput{Username: "sara", Extensions: []string{"2001@main", "sara-web"}})
	for _, c := range []struct {
		pbx, ext string
		want     uuid.UUID
	}{
		{"main", "1001", neda.ID},
		{"branch", "1001", neda.ID},
		{"branch", "2001", neda.ID},
		{"main", "2001", sara.ID},
		{"other", "2001", uuid.Nil},
		{"main", "sara-web", sara.ID},
		{"main", "", uuid.Nil},
	} {
		if got, _ := d.ByExtension(c.pbx, c.ext); got.ID != c.want {
			t.Errorf("ByExtension(%s, %s) = %+v", c.pbx, c.ext, got)
		}
	}
	if got, ok := d.Agent(neda.ID); !ok || got.Name != "Neda" || !slices.Equal(got.Extensions, []string{"1001", "2001@branch"}) {
		t.Errorf("%+v", got)
	}
	before := changes
	if err := s.Refresh(ctx); err != nil || changes != before {
		t.Errorf("a refresh of nothing: %v, %d changes", err, changes-before)
	}
	must(s.ArchiveAgent(ctx, System, neda.ID))(t)
	if _, ok := d.ByExtension("main", "1001"); ok || changes == before {
		t.Error("an archived agent still has the extension")
	}
}

// What another node changes is seen after the next refresh, and Run ends with its context.
func TestStore_RunRefreshes(t *testing.T) {
	s := newStore(t)
	s.config.RefreshEvery = 20 * time.Millisecond
	other := NewStore(s.db, s.config)
	changed := make(chan struct{}, 100)
	defer s.Directory().OnChange(func() { changed <- struct{}{} })()
	done := make(chan error)
	ctx, cancel := contextWithCancel(t)
	go func() { done <- s.Run(ctx) }()
	neda := agent(t, other, AgentInput{Username: "neda", Password: "correct horse", Extensions: []string{"1001"}})
	for {
		if got, ok := s.Directory().ByExtension("main", "1001"); ok && got.ID == neda.ID {
			break
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatal("the directory does not follow")
		}
	}
	// A session that another node ends is told of here.
	ended := make(chan uuid.UUID, 1)
	defer s.OnSessionEnd(func(id uuid.UUID) { ended <- id })()
	token, sess, _, err := s.Login(t.Context(), "neda", "correct horse", Device{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Logout(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	select {
	case id := <-ended:
		if id != sess.ID {
			t.Errorf("session %s ended, want %s", id, sess.ID)
		}
	case <-time.After(time.Minute):
		t.Fatal("the session's end is not told")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
