package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// process is the program in a process of its own, which can be killed.
type process struct {
	URL    string
	cmd    *exec.Cmd
	stderr *lines
	ended  chan error
}

var listeningAt = regexp.MustCompile(`msg=listening address=(\S+)`)

// asProgram in the environment makes this test binary the program: the same main, and nothing to build.
const asProgram = "RINGBOOK_TEST_PROGRAM"

// startProcess starts the program with settings in its environment and waits until it listens. It is killed with the
// test, if it still runs.
func startProcess(t testing.TB, environment ...string) *process {
	t.Helper()
	return startProcessBy(t, nil, environment...)
}

// startProcessBy starts it by another program, which becomes it.
func startProcessBy(t testing.TB, by []string, environment ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(slices.Clone(by), self, "serve")
	p := &process{cmd: exec.Command(command[0], command[1:]...), stderr: newLines(), ended: make(chan error, 1)}
	p.cmd.Env = append([]string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "RINGBOOK_LISTEN=127.0.0.1:0"}, environment...)
	p.cmd.Stdout, p.cmd.Stderr = p.stderr, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.ended <- p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Log(p.stderr.String())
		}
	})
	p.stderr.await(t, "msg=listening")
	p.URL = "http://" + listeningAt.FindStringSubmatch(p.stderr.String())[1]
	return p
}

// kill is kill -9; it returns when the process is gone. Killing twice is fine.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.ended
}

// signal sends a signal to the process.
func (p *process) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestKill_L10_NoEndedCallIsLost: kill -9 during 20 calls with PostgreSQL stopped, then both back: every call that had
// ended before is in the log, once, with the right direction.
func TestKill_L10_NoEndedCallIsLost(t *testing.T) {
	const total, over = 20, 12
	folder := t.TempDir()
	cluster := startCluster(t, folder)
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	data := t.TempDir()
	environment := []string{
		"RINGBOOK_DATABASE=" + cluster.URL("ringbook"), "RINGBOOK_DATA=" + data, "RINGBOOK_PBX=main=" + fake.URL(),
		"RINGBOOK_ADMIN_PASSWORD=" + testPassword,
	}
	first := startProcess(t, environment...)
	awaitReady(t, first.URL)
	login(t, first.URL, "admin", testPassword).do(http.MethodPost, "/agents", map[string]any{
		"username": "neda", "name": "Neda", "extensions": []string{"1001"},
	}, nil)

	stopCluster(t, cluster)
	eventually(t, "the loss of the database shows", func() bool {
		_, parts := readyz(t, first.URL)
		return !parts["database"].Live
	})
	recording, err := traces.ReadFile("traces/direct-answered-caller-hangs-up.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	caller := func(n int) string { return fmt.Sprintf("0912555%04d", n) }
	// All ring; then those that shall be over by the kill go on to their end, and the others go on ringing.
	ctx, cut := context.WithCancel(t.Context())
	var ended, live sync.WaitGroup
	defer live.Wait()
	defer cut()
	begin := func(group *sync.WaitGroup, n int, speed float64) {
		group.Go(func() {
			err := fake.Play(ctx, bytes.NewReader(recording), pbxtest.PlayOptions{Speed: speed, Replace: map[string]string{recordedCaller: caller(n)}})
			if err != nil && ctx.Err() == nil {
				t.Errorf("play: %v", err)
			}
		})
	}
	for n := range over {
		begin(&ended, n, 1)
	}
	for n := over; n < total; n++ {
		begin(&live, n, 0.01)
	}
	ended.Wait()
	for n := range over {
		eventually(t, "the end of call "+caller(n)+" is on disk", func() bool { return spooled(t, data, caller(n)) })
	}
	first.kill()
	cut()
	live.Wait()

	startCluster(t, folder)
	second := startProcess(t, environment...)
	awaitReady(t, second.URL)
	admin := login(t, second.URL, "admin", testPassword)
	var rows page
	eventually(t, "every call that had ended is in the log", func() bool {
		rows = page{}
		admin.do(http.MethodGet, "/calls?limit=200&outcome=answered", nil, &rows)
		return len(rows.Items) >= over
	})
	seen := map[string]bool{}
	for _, row := range rows.Items {
		if seen[row.Caller.Raw] {
			t.Errorf("%s is in the log twice", row.Caller.Raw)
		}
		seen[row.Caller.Raw] = true
		if row.Direction != pbx.Inbound || row.State != pbx.StateEnded || len(row.Legs) != 2 {
			t.Errorf("%s: direction %s, state %s, %d legs", row.Caller.Raw, row.Direction, row.State, len(row.Legs))
		}
	}
	for n := range over {
		if !seen[caller(n)] {
			t.Errorf("%s is not in the log", caller(n))
		}
	}
}

// TestKill_L10_CallsBeforeTheDatabase: a call that rings, is answered and ends while there has been no database since
// the start, and a kill -9: when the database comes, the call is in the log, with its agent.
func TestKill_L10_CallsBeforeTheDatabase(t *testing.T) {
	const caller = "09125550100"
	database := dbtest.New(t)
	proxy := newProxy(t, database)
	neda, err := crm.NewStore(database, crm.Config{}).CreateAgent(t.Context(), crm.System, crm.AgentInput{
		Username: "neda", Name: "Neda", Role: crm.RoleAgent, Extensions: []string{"1001"},
	})
	if err != nil {
		t.Fatal(err)
	}
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	data := t.TempDir()
	environment := []string{
		"RINGBOOK_DATABASE=" + proxy.url(), "RINGBOOK_DATA=" + data, "RINGBOOK_PBX=main=" + fake.URL(),
		"RINGBOOK_ADMIN_PASSWORD=" + testPassword,
	}
	first := startProcess(t, environment...)
	eventually(t, "the exchange is watched", func() bool {
		_, parts := readyz(t, first.URL)
		return parts["main"].Live && !parts["database"].Live
	})
	play(t, fake, "direct-answered-caller-hangs-up", caller, 1)
	eventually(t, "the end of the call is on disk", func() bool { return spooled(t, data, caller) })
	first.kill()

	proxy.start(t)
	second := startProcess(t, environment...)
	awaitReady(t, second.URL)
	admin := login(t, second.URL, "admin", testPassword)
	var rows page
	eventually(t, "the call is in the log", func() bool {
		rows = page{}
		admin.do(http.MethodGet, "/calls", nil, &rows)
		return len(rows.Items) > 0
	})
	row := rows.Items[0]
	if len(rows.Items) != 1 || row.Caller.Raw != caller || row.Outcome == nil || *row.Outcome != pbx.Answered {
		t.Errorf("the log has %+v", rows.Items)
	}
	whose := func(l calllog.Leg) bool { return l.AgentID != nil && *l.AgentID == neda.ID }
	if !slices.ContainsFunc(row.Legs, whose) {
		t.Errorf("no leg is Neda's: %+v", row.Legs)
	}
	rows = page{}
	admin.do(http.MethodGet, "/calls?agent="+neda.ID.String(), nil, &rows)
	if len(rows.Items) != 1 {
		t.Errorf("%d calls are Neda's, want 1", len(rows.Items))
	}
}

// TestDeskFindsItsCallWhenTheDatabaseComes: what has rung since before there was a database is on the agent's desk, with
// the customer's name, once the directory says whose extension it is.
func TestDeskFindsItsCallWhenTheDatabaseComes(t *testing.T) {
	database := dbtest.New(t)
	proxy := newProxy(t, database)
	if _, err := crm.NewStore(database, crm.Config{}).CreateAgent(t.Context(), crm.System, crm.AgentInput{
		Username: "neda", Password: testPassword, Name: "Neda", Role: crm.RoleAgent, Extensions: []string{"1001"},
	}); err != nil {
		t.Fatal(err)
	}
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	p := startProgram(t, testSettings(t, func(c *Config) {
		c.Database.Database = proxy.url()
		c.PBX = "main=" + fake.URL()
	}))
	eventually(t, "the exchange is watched", func() bool {
		_, parts := readyz(t, p.URL)
		return parts["main"].Live
	})
	recording, err := traces.ReadFile("traces/direct-answered-caller-hangs-up.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	answered := bytes.Index(recording, []byte(`"type":"BridgeCreated"`))
	untilThen := bytes.LastIndexByte(recording[:bytes.Index(recording[:answered], []byte(`"state":"Up"`))], '\n')
	if err := fake.Play(t.Context(), bytes.NewReader(recording[:untilThen]), pbxtest.PlayOptions{
		Speed: 10, Keep: true, Replace: map[string]string{recordedCaller: "09125550101"},
	}); err != nil {
		t.Fatal(err)
	}
	proxy.start(t)
	awaitReady(t, p.URL)
	desk := login(t, p.URL, "neda", testPassword).push()
	awaitDesk(t, desk, "the call rings", func(d web.Desk) bool {
		return len(d.Calls) == 1 && d.Calls[0].State == "ringing" && d.Calls[0].LookedUp && d.Calls[0].Rule == crm.RuleNone
	})
}

// spooled says whether the spool holds the end of a call from a number.
func spooled(t *testing.T, data, number string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "spool", "*.spool"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return false // rotated meanwhile
		}
		for frame := range strings.SplitSeq(string(content), `{"call":`) {
			if strings.Contains(frame, number) && strings.Contains(frame, `"ended"`) {
				return true
			}
		}
	}
	return false
}

// startCluster starts a PostgreSQL of the test's own, with a database in it, in a folder.
func startCluster(t testing.TB, folder string) *db.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := db.OpenCluster(ctx, db.ClusterConfig{Folder: folder, Settings: map[string]string{"fsync": "off"}, DieWithParent: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopCluster(t, cluster) })
	conn, err := pgx.Connect(ctx, cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'ringbook')`).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if !there {
		if _, err := conn.Exec(ctx, `CREATE DATABASE ringbook`); err != nil {
			t.Fatal(err)
		}
	}
	return cluster
}

func stopCluster(t testing.TB, cluster *db.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := cluster.Close(ctx); err != nil {
		t.Errorf("stop PostgreSQL: %v", err)
	}
}
