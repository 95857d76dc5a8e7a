package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/screenpop"
	"ringbook/web"
)

const floorHeading = "## The floor"

// BenchmarkFloor measures what a supervisor's screen costs, and how old it is: a room in which something changes all the time.
// Run by make bench; RINGBOOK_BENCH_FLOOR is its length in seconds.
func BenchmarkFloor(b *testing.B) {
	for b.Loop() {
		text := benchFloor(b)
		if *report != "" && !b.Failed() {
			if err := writeSection(*report, floorHeading, text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchFloor(b *testing.B) string {
	const agents, calls, queues, teams, perSecond = 200, 300, 12, 5, 20
	seconds := size("FLOOR", 20)
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	database := dbtest.New(b)
	numbering := crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}
	store := crm.NewStore(database, crm.Config{Numbering: numbering, Log: log})
	fill(b, database, 10_000, 1)
	chief := make([]*supervisor, 0, 2*teams)
	ids := make([]uuid.UUID, teams)
	enter := func(role crm.Role, team *uuid.UUID, username string, extensions ...string) crm.Agent {
		a, err := store.CreateAgent(ctx, crm.System, crm.AgentInput{Username: username, Role: role, TeamID: team, Extensions: extensions})
		if err != nil {
			b.Fatal(err)
		}
		return a
	}
	watch := func(a crm.Agent, all bool) {
		token, _, err := store.CreateToken(ctx, crm.System, a.ID, "bench", 0)
		if err != nil {
			b.Fatal(err)
		}
		chief = append(chief, &supervisor{token: token, all: all})
	}
	for i := range ids {
		a := enter(crm.RoleSupervisor, nil, fmt.Sprintf("supervisor%d", i))
		team, err := store.CreateTeam(ctx, crm.System, crm.TeamInput{Name: fmt.Sprintf("Team %d", i), Supervisors: []uuid.UUID{a.ID}})
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = team.ID
		watch(a, false)
		watch(enter(crm.RoleAdmin, nil, fmt.Sprintf("chief%d", i)), true)
	}
	for i := range agents {
		enter(crm.RoleAgent, &ids[i%teams], fmt.Sprintf("agent%d", i), fmt.Sprint(20000+i))
	}
	err := database.InTx(ctx, func(tx pgx.Tx) error {
		var seen []crm.QueueSeen
		for i := range queues {
			seen = append(seen, crm.QueueSeen{PBX: "bench", Name: fmt.Sprint("queue", i)})
		}
		return store.LearnQueues(ctx, tx, seen)
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range queues {
		if _, err := store.UpdateQueue(ctx, crm.System, crm.QueueID("bench", fmt.Sprint("queue", i)), crm.QueuePatch{TeamID: &ids[i%teams]}); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Refresh(ctx); err != nil {
		b.Fatal(err)
	}

	log0 := calllog.NewStore(database, store)
	board := screenpop.NewBoard(screenpop.BoardConfig{
		Match: store.Match, Directory: store.Directory(), States: store.States(), Log: log,
		Normalise: func(pbx, trunk, raw string) crm.Number { return crm.ParseNumber(raw, numbering.Rules(pbx, trunk)) },
	})
	room := screenpop.NewRoom(screenpop.RoomConfig{Board: board, Queues: store.Directory().Queues})
	days := calllog.NewDays(log0, time.UTC, log, room.Changed)
	app := web.New(web.Config{
		Store: store, Calls: log0, Board: board, Room: room, Days: days, Log: log, Acts: calllog.NewActs(calllog.ActsConfig{DB: database, CRM: store, Calls: log0}),
		Database: database.Healthy, Exchanges: func() []web.Part { return []web.Part{{Name: "bench", Live: true}} },
	})
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{board.Run, room.Run, days.Run, app.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	server := httptest.NewServer(app)

	h := &busyRoom{board: board}
	for range calls {
		h.begin()
	}
	var reading sync.WaitGroup
	for _, s := range chief {
		s.connect(b, "ws"+strings.TrimPrefix(server.URL, "http")+"/api/v1/push")
		reading.Go(func() { s.read(b, h) })
	}
	for _, s := range chief {
		await(b, time.Minute, "a supervisor has the figures of the day", s.has)
	}
	for _, s := range chief {
		s.reset()
	}
	began := time.Now()
	for tick := time.NewTicker(time.Second / perSecond); time.Since(began) < time.Duration(seconds)*time.Second; {
		<-tick.C
		h.change()
	}
	lasted := time.Since(began).Seconds()
	var wire, plain, frames [2]float64
	var ages, delays []time.Duration
	for _, s := range chief {
		n := 0
		if s.all {
			n = 1
		}
		w, p, f, a, d := s.totals()
		wire[n], plain[n], frames[n] = wire[n]+w/teams/lasted, plain[n]+p/teams/lasted, frames[n]+f/teams/lasted
		ages, delays = append(ages, a...), append(delays, d...)
	}
	for _, s := range chief {
		s.conn.Close()
	}
	reading.Wait()
	cancel()
	parts.Wait()
	server.Close()
	if len(ages) == 0 || len(delays) == 0 {
		b.Fatal("no pictures came")
	}
	b.ReportMetric(wire[1]/1e3, "kB/s")
	b.ReportMetric(percentile(ages, .95).Seconds()*1e3, "age-p95-ms")
	b.ReportMetric(percentile(delays, .95).Seconds()*1e3, "change-p95-ms")
	row := func(what string, n int) string {
		return fmt.Sprintf("| %s | %.2f | %.1f kB | %.1f kB/s | **%.1f kB/s** |\n", what, frames[n], plain[n]/frames[n]/1e3, plain[n]/1e3, wire[n]/1e3)
	}
	return fmt.Sprintf(`%s

Measured %s: %d agents, %d live calls with names, numbers and agents, %d queues, %d teams; %d changes each second for %d s (a call begins, is answered or ends);
%d supervisors who see all, and %d who see their own team, over WebSocket. Bytes are those that came through the socket, compressed as browsers ask for it (permessage-deflate), with
all overhead. The goal: at most one picture a second, and 50 kB/s.

| a supervisor who sees | pictures per second | one picture as JSON | JSON | **on the wire** |
|---|---|---|---|---|
%s%s
| | p50 | p95 | p99 |
|---|---|---|---|
| age of a picture when it has been read and decoded | %s | **%s** | %s |
| from a call's first event until a picture with it has been read | %s | **%s** | %s |
`, floorHeading, time.Now().UTC().Format(time.DateOnly), agents, calls, queues, teams, perSecond, seconds, teams, teams,
		row("everything", 1), row("their own team", 0),
		ms(percentile(ages, .5)), ms(percentile(ages, .95)), ms(percentile(ages, .99)),
		ms(percentile(delays, .5)), ms(percentile(delays, .95)), ms(percentile(delays, .99)))
}

// busyRoom keeps a number of calls going.
type busyRoom struct {
	board *screenpop.Board
	live  []pbx.Call
	n     int
	began sync.Map // when each call's first picture was given to the board, by its id
}

// begin has somebody call: one in three waits, the others are talked to by an agent each.
func (h *busyRoom) begin() {
	h.n++
	now := time.Now()
	root := uuid.NewString()
	c := pbx.Call{
		ID: pbx.CallID("bench", root, now), PBX: "bench", Version: now.UnixMicro(), Direction: pbx.Inbound, State: pbx.StateQueued,
		Caller: pbx.Party{Number: filledNumber(h.n * 997 % 10_000)}, Dialed: "91001234", Trunk: "PJSIP/trunk", Queue: fmt.Sprint("queue", h.n%12),
		StartedAt: now.Add(-time.Duration(h.n*37%900) * time.Second), ReceivedAt: now,
		Legs: []pbx.Leg{{ID: root, Role: pbx.RoleCustomer, OfferedAt: now, AnsweredAt: now}},
	}
	h.began.Store(c.ID.String(), now)
	h.board.Update(context.Background(), c)
	if h.n%3 > 0 {
		c = talkedOn(c, 20000+h.n%200)
		h.board.Update(context.Background(), c)
	}
	h.live = append(h.live, c)
}

// talkedOn is the call answered by the agent of an extension.
func talkedOn(c pbx.Call, extension int) pbx.Call {
	c.Version, c.State, c.AnsweredAt = c.Version+1, pbx.StateTalking, time.Now()
	c.Legs = append(slices.Clone(c.Legs), pbx.Leg{ID: c.Legs[0].ID + "-1", Role: pbx.RoleAgent, Extension: fmt.Sprint(extension), OfferedAt: c.AnsweredAt, AnsweredAt: c.AnsweredAt})
	return c
}

// change ends the oldest call, and begins another.
func (h *busyRoom) change() {
	c := h.live[0]
	h.live = h.live[1:]
	c.Version, c.State, c.EndedAt, c.Outcome = c.Version+1, pbx.StateEnded, time.Now(), pbx.Answered
	c.Legs = slices.Clone(c.Legs)
	for i := range c.Legs {
		c.Legs[i].EndedAt, c.Legs[i].End = c.EndedAt, pbx.EndHungUp
	}
	h.board.Update(context.Background(), c)
	h.begin()
}

// supervisor is a browser that follows the floor.
type supervisor struct {
	token string
	all   bool
	conn  *websocket.Conn
	wire  atomic.Int64 // bytes that came through the socket

	mu     sync.Mutex // guards what follows
	from   int64      // of wire, when the measurement began
	plain  int64
	frames int
	ages   []time.Duration
	delays []time.Duration
	seen   map[string]bool
	day    bool // a picture with the figures of the day has come
}

// countedConn counts what is read.
type countedConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func (s *supervisor) connect(b *testing.B, push string) {
	b.Helper()
	dialer := websocket.Dialer{EnableCompression: true, NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return countedConn{conn, &s.wire}, err
	}}
	var err error
	if s.conn, _, err = dialer.Dial(push, http.Header{"Authorization": {"Bearer " + s.token}}); err != nil {
		b.Fatal(err)
	}
	if err := s.conn.WriteJSON(web.FloorWish{Type: "floor", On: true}); err != nil {
		b.Fatal(err)
	}
	s.reset()
}

func (s *supervisor) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.plain, s.frames, s.ages, s.delays = s.wire.Load(), 0, 0, nil, nil
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
}

// has says whether a picture with the figures of the day has come.
func (s *supervisor) has() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.day
}

// read reads until the socket is closed.
func (s *supervisor) read(b *testing.B, h *busyRoom) {
	for {
		_, raw, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		var f struct {
			Type  string
			Floor *struct {
				At     time.Time
				Calls  []struct{ ID string }
				Queues []struct{ Today *struct{} }
			}
		}
		if err := json.Unmarshal(raw, &f); err != nil {
			b.Error(err)
			return
		}
		if f.Type != "floor" || f.Floor == nil {
			continue
		}
		now := time.Now()
		s.mu.Lock()
		s.plain += int64(len(raw))
		s.frames++
		s.day = s.day || slices.ContainsFunc(f.Floor.Queues, func(q struct{ Today *struct{} }) bool { return q.Today != nil })
		s.ages = append(s.ages, now.Sub(f.Floor.At))
		for _, c := range f.Floor.Calls {
			if began, ok := h.began.Load(c.ID); ok && !s.seen[c.ID] {
				s.seen[c.ID] = true
				s.delays = append(s.delays, now.Sub(began.(time.Time)))
			}
		}
		s.mu.Unlock()
	}
}

// totals are what came since reset: bytes on the wire, as JSON, pictures, how old each was, and how late each call.
func (s *supervisor) totals() (wire, plain, frames float64, ages, delays []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.wire.Load() - s.from), float64(s.plain), float64(s.frames), s.ages, s.delays
}
