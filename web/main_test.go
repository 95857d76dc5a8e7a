package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/screenpop"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// password is everybody's in these tests.
const password = "correct horse"

// house is a whole ringbook but for the exchange: calls are given to ring by hand.
type house struct {
	t        testing.TB
	db       *db.DB
	store    *crm.Store
	board    *screenpop.Board
	recorder *calllog.Recorder
	server   *Server
	url      string
	log      *syncBuffer
	stop     func() // ends Run and waits for it; may be called again
	version  int64

	mu     sync.Mutex
	queues []pbx.Queue // guarded by mu: what the exchange tells of its queues
}

// liveQueues are the queues as the exchange tells of them; nil: it does not.
func (h *house) liveQueues() []pbx.Queue {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.queues
}

func newHouse(t testing.TB, change ...func(*Server)) *house {
	t.Helper()
	h := &house{t: t, db: dbtest.New(t), log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.store = crm.NewStore(h.db, crm.Config{Numbering: crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	run := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	calls := calllog.NewStore(h.db, h.store)
	normalise := func(exchange, trunk, raw string) crm.Number {
		return crm.ParseNumber(raw, h.store.Numbering().Rules(exchange, trunk))
	}
	var err error
	h.recorder, err = calllog.NewRecorder(calllog.RecorderConfig{
		DB: h.db, Spool: t.TempDir(), SpoolMax: 1 << 20, Directory: h.store.Directory(), Normalise: normalise, Match: h.store.Match,
		Learn: h.store.LearnQueues, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.board = screenpop.NewBoard(screenpop.BoardConfig{
		Match: h.store.Match, History: history{calls}, Directory: h.store.Directory(), States: h.store.States(), Normalise: normalise, Log: log,
	})
	h.store.States().OnChange(h.board.RefreshState)
	h.store.Directory().OnChange(h.board.RefreshAgents)
	room := screenpop.NewRoom(screenpop.RoomConfig{Board: h.board, Queues: h.store.Directory().Queues, Live: h.liveQueues})
	days := calllog.NewDays(calls, noon(), log, room.Changed)
	acts := calllog.NewActs(calllog.ActsConfig{DB: h.db, CRM: h.store, Calls: calls, Log: log})
	h.server = New(Config{
		Room: room, Days: days,
		Store: h.store, Calls: calls, Recorder: h.recorder, Board: h.board, Acts: acts,
		FollowUps: calllog.NewFollowUps(calllog.FollowUpsConfig{DB: h.db, CRM: h.store, Calls: calls, Acts: acts, Zone: tehran(t), Log: log}),
		Database:  h.db.Healthy,
		Exchanges: func() []Part { return []Part{{Name: "main", Live: true}} },
		Version:   "test", Zone: tehran(t), Log: log,
	})
	for _, f := range change {
		f(h.server)
	}
	run(h.store.Run)
	run(h.store.States().Run)
	events := h.db.NewEvents(log)
	run(func(ctx context.Context) error { return events.Run(ctx, h.heed) })
	run(h.recorder.Run)
	run(h.board.Run)
	run(room.Run)
	run(days.Run)
	serving, stopServing := context.WithCancel(ctx)
	var server sync.WaitGroup
	server.Go(func() { _ = h.server.Run(serving) })
	listener := httptest.NewServer(h.server)
	h.url = listener.URL
	h.stop = func() { stopServing(); server.Wait() }
	t.Cleanup(func() {
		h.stop()
		listener.Close()
		cancel()
		running.Wait()
	})
	return h
}

// noon is a zone in which it is noon now, so that no day ends while a test looks at what happens today.
func noon() *time.Location {
	now := time.Now().UTC()
	return time.FixedZone("noon", (12-now.Hour())*3600-now.Minute()*60-now.Second())
}

func tehran(t testing.TB) *time.Location {
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// heed joins what was changed to what is in memory, as cmd does.
func (h *house) heed(ctx context.Context, events []db.Event) {
	h.store.Heed(ctx, events)
	for _, e := range events {
		id, _ := uuid.Parse(e.ID)
		switch e.Kind {
		case calllog.EventMissed:
			h.server.MissedChanged(ctx, []uuid.UUID{id})
		case crm.EventCustomer:
			h.board.RefreshCustomer(id)
		case calllog.EventCall:
			h.board.Refresh(id)
		case crm.EventDesk:
			if agent, call, ok := crm.ReadPutAway(e); ok {
				h.board.Dismiss(agent, call)
			}
		}
	}
}

// history joins the log to the board, as cmd does.
type history struct{ calls *calllog.Store }

func (h history) LastCalls(ctx context.Context, customers []uuid.UUID, number string, limit int) ([]screenpop.PastCall, error) {
	past, err := h.calls.LastCalls(ctx, customers, number, limit)
	out := make([]screenpop.PastCall, len(past))
	for i, p := range past {
		out[i] = screenpop.PastCall(p)
	}
	return out, err
}

func (h history) Annotation(ctx context.Context, call uuid.UUID) (screenpop.Annotation, error) {
	a, err := h.calls.Annotation(ctx, call)
	return screenpop.Annotation(a), err
}

// agent makes an agent with the extensions.
func (h *house) agent(username string, role crm.Role, extensions ...string) crm.Agent {
	h.t.Helper()
	a, err := h.store.CreateAgent(context.Background(), crm.System, crm.AgentInput{
		Username: username, Password: password, Name: strings.ToUpper(username[:1]) + username[1:], Role: role, Extensions: extensions,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.store.Refresh(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	return a
}

// team makes a team and puts agents into it.
func (h *house) team(name string, supervisor crm.Agent, members ...crm.Agent) crm.Team {
	h.t.Helper()
	team, err := h.store.CreateTeam(context.Background(), crm.System, crm.TeamInput{Name: name, Supervisors: []uuid.UUID{supervisor.ID}})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range members {
		if _, err := h.store.UpdateAgent(context.Background(), crm.System, m.ID, crm.AgentPatch{TeamID: &team.ID}); err != nil {
			h.t.Fatal(err)
		}
	}
	return team
}

// customer makes a customer with the numbers.
func (h *house) customer(name string, numbers ...string) crm.Customer {
	h.t.Helper()
	in := crm.CustomerInput{Name: name}
	for _, n := range numbers {
		in.Numbers = append(in.Numbers, crm.NumberInput{Number: n, Label: "mobile"})
	}
	c, err := h.store.CreateCustomer(context.Background(), crm.System, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// follow is what cmd does with a picture of a call.
func (h *house) follow(c pbx.Call) {
	h.board.Update(context.Background(), c)
	h.recorder.Update(c)
}

// sync waits until the log has everything that was followed.
func (h *house) sync() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.recorder.Sync(ctx); err != nil {
		h.t.Fatal(err)
	}
}

// ring is an inbound call from number that rings at the extensions, not yet followed.
func (h *house) ring(number string, extensions ...string) pbx.Call {
	now := time.Now()
	start := now.Add(-1500 * time.Millisecond)
	h.version++
	root := uuid.NewString()
	c := pbx.Call{
		ID: pbx.CallID("main", root, start), PBX: "main", Version: now.UnixMicro() + h.version, Direction: pbx.Inbound, State: pbx.StateRinging,
		Caller: pbx.Party{Number: number, Name: "Caller"}, Dialed: "91001234", Trunk: "PJSIP/trunk", Queue: "support",
		StartedAt: start, ReceivedAt: now,
		Legs: []pbx.Leg{{ID: root, Channel: "PJSIP/trunk-00000001", Role: pbx.RoleCustomer, Number: number, OfferedAt: start, AnsweredAt: start}},
	}
	for _, e := range extensions {
		c.Legs = append(c.Legs, pbx.Leg{
			ID: root + "-" + e, Channel: "PJSIP/" + e + "-00000002", Role: pbx.RoleAgent, Extension: e, OfferedAt: now,
		})
	}
	return c
}

// later is a copy of c, a moment later.
func (h *house) later(c pbx.Call) pbx.Call {
	c.Version++
	c.Legs = append([]pbx.Leg(nil), c.Legs...)
	c.ReceivedAt = time.Now()
	return c
}

// answer is c answered at the extension; the others stop ringing.
func (h *house) answer(c pbx.Call, extension string) pbx.Call {
	c = h.later(c)
	now := time.Now()
	c.State, c.AnsweredAt, c.Wait = pbx.StateTalking, now, now.Sub(c.StartedAt)
	for i := range c.Legs {
		switch l := &c.Legs[i]; {
		case l.Role != pbx.RoleAgent:
		case l.Extension == extension:
			l.AnsweredAt = now
		default:
			l.EndedAt, l.End = now, pbx.EndAnsweredElsewhere
		}
	}
	return c
}

// hangup is c ended by the caller.
func (h *house) hangup(c pbx.Call) pbx.Call {
	c = h.later(c)
	now := time.Now()
	c.State, c.EndedAt, c.Outcome = pbx.StateEnded, now, pbx.Missed
	c.Hangup = pbx.Hangup{By: pbx.ByCaller, Cause: 16, Text: "Normal Clearing"}
	if !c.AnsweredAt.IsZero() {
		c.Outcome, c.Talk = pbx.Answered, now.Sub(c.AnsweredAt)
	} else {
		c.Wait = now.Sub(c.StartedAt)
	}
	for i := range c.Legs {
		l := &c.Legs[i]
		if !l.EndedAt.IsZero() {
			continue
		}
		l.EndedAt = now
		if l.AnsweredAt.IsZero() {
			l.End = pbx.EndNoAnswer
			continue
		}
		l.End, l.Talk = pbx.EndHungUp, c.Talk
	}
	return c
}

// client is a browser or a program: it keeps its cookies, or has a token.
type client struct {
	t      testing.TB
	url    string
	http   *http.Client
	header http.Header
}

func (h *house) client() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	transport := &http.Transport{}
	h.t.Cleanup(transport.CloseIdleConnections)
	return &client{h.t, h.url, &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}, http.Header{}}
}

// login is a client that is logged in.
func (h *house) login(username string) *client {
	h.t.Helper()
	c := h.client()
	c.want(http.StatusOK, http.MethodPost, "/session", Credentials{Username: username, Password: password}, nil)
	return c
}

// program is a client with a token of the agent's.
func (h *house) program(a crm.Agent) *client {
	h.t.Helper()
	secret, _, err := h.store.CreateToken(context.Background(), crm.System, a.ID, "test", 0)
	if err != nil {
		h.t.Fatal(err)
	}
	c := h.client()
	c.header.Set("Authorization", "Bearer "+secret)
	return c
}

// send sends a request with body as JSON; a string or []byte goes as it is.
func (c *client) send(method, path string, body any) (*http.Response, []byte) {
	c.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	if !strings.HasPrefix(path, "//") {
		path = base + path
	} else {
		path = path[1:] // "//readyz": outside of the API
	}
	req, err := http.NewRequest(method, c.url+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, answer
}

// want sends a request, wants the status, and reads the answer into v unless that is nil.
func (c *client) want(status int, method, path string, body, v any) {
	c.t.Helper()
	res, answer := c.send(method, path, body)
	if res.StatusCode != status {
		c.t.Fatalf("%s %s: status %d, want %d: %s", method, path, res.StatusCode, status, answer)
	}
	if v != nil {
		if err := json.Unmarshal(answer, v); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// dial opens the push socket.
func (c *client) dial(query ...string) (*websocket.Conn, *http.Response, error) {
	u, err := url.Parse(c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	header := c.header.Clone()
	for _, k := range c.http.Jar.Cookies(u) {
		header.Add("Cookie", k.Name+"="+k.Value)
	}
	u.Scheme, u.Path, u.RawQuery = "ws", base+"/push", strings.Join(query, "&")
	conn, res, err := (&websocket.Dialer{HandshakeTimeout: time.Minute}).Dial(u.String(), header)
	if err == nil {
		c.t.Cleanup(func() { conn.Close() })
	}
	return conn, res, err
}

// tab is an open push socket.
type tab struct {
	t    testing.TB
	conn *websocket.Conn
	seq  uint64 // of the last frame
	raw  []byte // all that was ever read, to look for what should not be there
}

func (c *client) open(query ...string) *tab {
	c.t.Helper()
	conn, _, err := c.dial(query...)
	if err != nil {
		c.t.Fatal(err)
	}
	return &tab{t: c.t, conn: conn}
}

// next reads a picture.
func (b *tab) next() DeskFrame {
	b.t.Helper()
	f, err := b.read(time.Minute)
	if err != nil {
		b.t.Fatalf("push: %v", err)
	}
	return f
}

func (b *tab) read(wait time.Duration) (DeskFrame, error) {
	var f DeskFrame
	_ = b.conn.SetReadDeadline(time.Now().Add(wait))
	for f.Type == "" || f.Type == "missed" { // which may come between any two
		_, raw, err := b.conn.ReadMessage()
		if err != nil {
			return f, err
		}
		b.raw = append(b.raw, raw...)
		f = DeskFrame{}
		if err := json.Unmarshal(raw, &f); err != nil {
			return f, err
		}
	}
	if f.Type != "desk" || f.Seq != b.seq+1 {
		b.t.Errorf("push: frame %q with seq %d after %d", f.Type, f.Seq, b.seq)
	}
	b.seq = f.Seq
	return f, nil
}

// until reads pictures until one is as wanted.
func (b *tab) until(what string, ok func(Desk) bool) Desk {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		f, err := b.read(time.Until(deadline))
		if err != nil {
			b.t.Fatalf("push: waiting for %s: %v", what, err)
		}
		if ok(f.Desk) {
			return f.Desk
		}
	}
	b.t.Fatalf("push: %s did not come", what)
	return Desk{}
}

// closed reads until the server closes, and returns the code and the reason.
func (b *tab) closed() (int, string) {
	b.t.Helper()
	for {
		_, err := b.read(time.Minute)
		if closed, ok := err.(*websocket.CloseError); ok {
			b.conn.Close() // as browsers do
			return closed.Code, closed.Text
		}
		if err != nil {
			b.t.Fatalf("push: not closed in words: %v", err)
		}
	}
}

// stream reads pictures beside the test until the socket ends, as a browser does.
func (b *tab) stream() <-chan DeskFrame {
	pictures := make(chan DeskFrame, 10000)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(pictures)
		for {
			f, err := b.read(time.Minute)
			if err != nil {
				return
			}
			pictures <- f
		}
	})
	b.t.Cleanup(func() {
		b.conn.Close()
		reading.Wait()
	})
	return pictures
}

// pop is the pop of a call on a desk; nil if there is none.
func pop(d Desk, call uuid.UUID) *Pop {
	for i := range d.Calls {
		if d.Calls[i].Call.ID == call {
			return &d.Calls[i]
		}
	}
	return nil
}

// showing wants a call on the desk in a state, looked up.
func showing(call uuid.UUID, state screenpop.PopState) func(Desk) bool {
	return func(d Desk) bool {
		p := pop(d, call)
		return p != nil && p.State == string(state) && p.LookedUp
	}
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
