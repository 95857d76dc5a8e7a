package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	dbtest.Main(m)
}

const testPassword = "a password for tests"

// testSettings are a program's settings on a free port with a fresh data folder.
func testSettings(t *testing.T, change func(*Config)) Settings {
	t.Helper()
	config := Config{
		Listen: "127.0.0.1:0", Node: "test", Database: Database{Data: t.TempDir()}, Region: "IR", Area: "21", Timezone: "Asia/Tehran", CallHours: "8-20",
		AdminPassword: testPassword, Spool: 64, Logging: Logging{Log: "text", LogLevel: "debug"},
	}
	if change != nil {
		change(&config)
	}
	settings, err := config.Settings()
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// program is ringbook running inside the test.
type program struct {
	URL  string
	out  *lines // standard output
	log  *lines
	stop context.CancelFunc
	done chan error
}

// startProgram runs the program until it listens. It is stopped, and must end without an error, with the test,
// unless the test has waited for its end itself.
func startProgram(t *testing.T, s Settings) *program {
	t.Helper()
	return startProgramIn(t, s, outside{})
}

// startProgramIn is startProgram with more of the outside.
func startProgramIn(t *testing.T, s Settings, o outside) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &program{out: newLines(), log: newLines(), stop: stop, done: make(chan error, 1)}
	listening := make(chan net.Addr, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.log, o.stdout = s.logger(p.log), p.out
		o.listening = func(a net.Addr) { listening <- a }
		p.done <- run(ctx, s, o)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		select {
		case err := <-p.done:
			if err != nil {
				t.Errorf("the program ended with: %v", err)
			}
		default: // the test has taken it
		}
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	select {
	case a := <-listening:
		p.URL = "http://" + a.String()
	case err := <-p.done:
		t.Fatalf("the program ended at once: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the program does not listen")
	}
	return p
}

// eventually waits for a state, asking again and again for up to a minute and a half: a busy machine takes its time.
func eventually(t testing.TB, what string, state func() bool) {
	t.Helper()
	await(t, 90*time.Second, what, state)
}

// await waits for a state, asking again and again.
func await(t testing.TB, longest time.Duration, what string, state func() bool) {
	t.Helper()
	deadline := time.After(longest)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !state() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("has not come about within %v: %s", longest, what)
		}
	}
}

// oneRequest keeps no connection after a request: none shall outlive its test.
var oneRequest = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

// readyz is what the program says of itself.
func readyz(t testing.TB, base string) (status int, parts map[string]web.ReadyPart) {
	t.Helper()
	answer, err := oneRequest.Get(base + "/readyz")
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	var body struct {
		Ready bool            `json:"ready"`
		Parts []web.ReadyPart `json:"parts"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatalf("readyz: %v", err)
	}
	if body.Ready != (answer.StatusCode == http.StatusOK) {
		t.Errorf("readyz says %v with status %d", body.Ready, answer.StatusCode)
	}
	parts = map[string]web.ReadyPart{}
	for _, part := range body.Parts {
		parts[part.Name] = part
	}
	return answer.StatusCode, parts
}

func awaitReady(t testing.TB, base string) {
	t.Helper()
	eventually(t, "readyz is 200", func() bool {
		status, _ := readyz(t, base)
		return status == http.StatusOK
	})
}

// person is somebody logged in with a browser.
type person struct {
	t    testing.TB
	base string
	http *http.Client
}

// login logs in; without a username nobody is.
func login(t testing.TB, base, username, password string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &person{t: t, base: base, http: &http.Client{Jar: jar, Timeout: 60 * time.Second}}
	t.Cleanup(b.http.CloseIdleConnections)
	b.do(http.MethodPost, "/session", map[string]string{"username": username, "password": password}, nil)
	return b
}

// do makes one API call that must succeed and reads the answer into into, unless that is nil.
func (b *person) do(method, path string, body, into any) {
	b.t.Helper()
	if status, answer := b.try(method, path, body); status/100 != 2 {
		b.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	} else if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

func (b *person) try(method, path string, body any) (int, []byte) {
	b.t.Helper()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, b.base+"/api/v1"+path, content)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := b.http.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, text
}

// push opens the person's push socket.
func (b *person) push() *websocket.Conn {
	b.t.Helper()
	dialer := websocket.Dialer{Jar: b.http.Jar, HandshakeTimeout: 60 * time.Second}
	address := "ws" + strings.TrimPrefix(b.base, "http") + "/api/v1/push"
	conn, _, err := dialer.Dial(address, http.Header{"Origin": {b.base}})
	if err != nil {
		b.t.Fatalf("open the push socket: %v", err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// readDesk reads the next picture of a desk. What else is pushed is passed over: it has no calls, and would look as if there
// were none.
func readDesk(conn *websocket.Conn) (frame web.DeskFrame, err error) {
	for {
		frame = web.DeskFrame{}
		if err := conn.ReadJSON(&frame); err != nil || frame.Type == "desk" {
			return frame, err
		}
	}
}

// awaitDesk reads pictures until one is as wanted.
func awaitDesk(t *testing.T, conn *websocket.Conn, what string, wanted func(web.Desk) bool) web.Desk {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(90 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var last web.Desk
	for {
		frame, err := readDesk(conn)
		if err != nil {
			t.Fatalf("no picture came in which %s: %v; the last was %+v", what, err, last)
		}
		if last = frame.Desk; wanted(last) {
			return last
		}
	}
}

// play replays a trace as a call from caller, and returns when it is over.
func play(t *testing.T, fake *pbxtest.Fake, trace, caller string, speed float64) {
	t.Helper()
	recording, err := traces.ReadFile("traces/" + trace + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	err = fake.Play(t.Context(), bytes.NewReader(recording), pbxtest.PlayOptions{Speed: speed, Replace: map[string]string{recordedCaller: caller}})
	if err != nil {
		t.Fatalf("play %s: %v", trace, err)
	}
}

type page struct{ Items []calllog.Record }

// TestProgram drives the whole program as its users do: from an empty database to a call in the log.
func TestProgram(t *testing.T) {
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	database := dbtest.New(t)
	p := startProgram(t, testSettings(t, func(c *Config) {
		c.Database.Database = dbtest.URL(database)
		c.PBX = "main=" + fake.URL()
	}))
	awaitReady(t, p.URL)

	admin := login(t, p.URL, "admin", testPassword)
	admin.do(http.MethodPost, "/agents", map[string]any{
		"username": "neda", "password": testPassword, "name": "Neda", "role": "agent", "extensions": []string{"1001"},
	}, nil)
	var sara crm.Customer
	admin.do(http.MethodPost, "/customers", map[string]any{
		"name": "سارا احمدی", "numbers": []any{map[string]any{"number": "۰۹۱۲ ۱۲۳ ۴۵۶۷", "label": "mobile"}},
	}, &sara)

	neda := login(t, p.URL, "neda", testPassword)
	desk := neda.push()
	awaitDesk(t, desk, "nothing rings", func(d web.Desk) bool { return len(d.Calls) == 0 })

	played := make(chan struct{})
	go func() {
		defer close(played)
		play(t, fake, "direct-answered-caller-hangs-up", "09121234567", 1)
	}()
	ringing := awaitDesk(t, desk, "the customer rings", func(d web.Desk) bool {
		return len(d.Calls) == 1 && d.Calls[0].State == "ringing" && d.Calls[0].LookedUp
	})
	if pop := ringing.Calls[0]; pop.Customer == nil || pop.Customer.ID != sara.ID || pop.Rule != crm.RuleExact {
		t.Errorf("the pop names %+v by rule %q, want %s by %q", pop.Customer, pop.Rule, sara.Name, crm.RuleExact)
	}
	call := "/calls/" + ringing.Calls[0].Call.ID.String()
	neda.do(http.MethodPatch, call, map[string]any{"note": "typed while it rang"}, nil)
	awaitDesk(t, desk, "they talk", func(d web.Desk) bool { return len(d.Calls) == 1 && d.Calls[0].State == "talking" })
	awaitDesk(t, desk, "the call has ended", func(d web.Desk) bool { return len(d.Calls) == 1 && d.Calls[0].State == "ended" })
	<-played

	var row calllog.Record
	eventually(t, "the log has the call's end", func() bool {
		neda.do(http.MethodGet, call, nil, &row)
		return row.State == pbx.StateEnded
	})
	if row.Outcome == nil || *row.Outcome != pbx.Answered || len(row.Legs) != 2 || row.Note != "typed while it rang" || row.Customer == nil || row.Customer.ID != sara.ID {
		t.Errorf("the log has %+v", row)
	}
	var all page
	admin.do(http.MethodGet, "/calls", nil, &all)
	if len(all.Items) != 1 {
		t.Errorf("the log has %d rows, want one", len(all.Items))
	}
	metrics := get(t, p.URL+"/metrics")
	for _, name := range []string{"ringbook_pop_delay_seconds_count", "ringbook_calllog_pending", "ringbook_ari_events_total", "go_goroutines"} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
	if strings.Contains(metrics, "9121234567") {
		t.Error("/metrics has a caller's number")
	}

	// The first signal drains.
	p.stop()
	for {
		_, _, err := desk.ReadMessage()
		if err == nil {
			continue
		}
		if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != 4503 {
			t.Errorf("the socket ended with %v, want close code 4503", err)
		}
		break
	}
	if err := <-p.done; err != nil {
		t.Errorf("the program ended with: %v", err)
	}
	if apps := len(fake.Seen().Apps); apps == 0 {
		t.Error("the fake exchange saw nobody")
	}
}

func get(t *testing.T, address string) string {
	t.Helper()
	answer, err := oneRequest.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestReadyTellsTheTruth_A3(t *testing.T) {
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	other := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	wrong := strings.Replace(other.URL(), ":secret@", ":wrong@", 1)
	p := startProgram(t, testSettings(t, func(c *Config) {
		c.Database.Database = dbtest.URL(dbtest.New(t))
		c.PBX = "main=" + fake.URL() + " second=" + wrong
	}))
	eventually(t, "the first exchange is live, and the second refuses the password", func() bool {
		status, parts := readyz(t, p.URL)
		return status == http.StatusServiceUnavailable && parts["database"].Live && parts["main"].Live &&
			!parts["second"].Live && strings.Contains(parts["second"].Reason, "password")
	})
	if body := get(t, p.URL+"/healthz"); body != "ok\n" {
		t.Errorf("healthz is %q while the process lives", body)
	}

	// An exchange that goes away and comes back.
	fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return http.StatusServiceUnavailable } })
	fake.Cut(pbxtest.CutReset)
	eventually(t, "the loss of the first exchange shows", func() bool {
		_, parts := readyz(t, p.URL)
		return !parts["main"].Live && parts["main"].Reason != ""
	})
	fake.Set(func(f *pbxtest.Faults) { *f = pbxtest.Faults{} })
	eventually(t, "the first exchange is live again", func() bool {
		_, parts := readyz(t, p.URL)
		return parts["main"].Live
	})
}

// TestStreamPartIsTheCanarysAge_A3: an open socket that delivers nothing is not live, whatever the client thinks.
func TestStreamPartIsTheCanarysAge_A3(t *testing.T) {
	now := time.Now()
	health := ari.Health{Live: true, LastCanary: now.Add(-19 * time.Second)}
	if part := streamPart("main", health, now); !part.Live {
		t.Errorf("a canary 19 s ago: %+v", part)
	}
	health.LastCanary = now.Add(-21 * time.Second)
	if part := streamPart("main", health, now); part.Live || part.Reason != "no test event has come through for 21s" {
		t.Errorf("a canary 21 s ago: %+v", part)
	}
}

func TestDatabaseThatComesLater(t *testing.T) {
	database := dbtest.New(t)
	proxy := newProxy(t, database)
	proxy.stop()
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	p := startProgram(t, testSettings(t, func(c *Config) {
		c.Database.Database = proxy.url()
		c.PBX = "main=" + fake.URL()
	}))
	eventually(t, "readyz names the database, and the exchange is watched without it", func() bool {
		status, parts := readyz(t, p.URL)
		main := parts["main"]
		return status == http.StatusServiceUnavailable && parts["database"].Reason == "the database cannot be reached" &&
			main.Live && main.Canary != nil && *main.Canary < 20
	})
	if answer, err := oneRequest.Get(p.URL + "/api/v1/me"); err != nil || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the API meanwhile: %v, %v", answer, err)
	} else {
		answer.Body.Close()
	}
	proxy.start(t)
	awaitReady(t, p.URL)

	// And one that goes away later.
	proxy.stop()
	eventually(t, "readyz names the database again", func() bool {
		_, parts := readyz(t, p.URL)
		return !parts["database"].Live && parts["main"].Live
	})
	proxy.start(t)
	awaitReady(t, p.URL)
}
