package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// pair is two nodes of one house, of which the first leads at the beginning.
type pair struct {
	name     string
	database *db.DB
	nodes    [2]*process
	settings [2][]string // the environments of the nodes
	by       []string    // of the first
	fault    func(t *testing.T)
	within   time.Duration // in which the second takes over
	mend     func(t *testing.T)
	faultAt  time.Time
}

func (p *pair) start(t *testing.T, node int) {
	t.Helper()
	var by []string
	if node == 0 {
		by = p.by
	}
	p.nodes[node] = startProcessBy(t, by, p.settings[node]...)
}

// leader is what a node says about who leads: "here", "elsewhere" or "none".
func leader(t *testing.T, url string) string {
	t.Helper()
	_, parts := readyz(t, url)
	return parts["main"].Leader
}

func (p *pair) leads(t *testing.T, node int) bool { return leader(t, p.nodes[node].URL) == "here" }

// newPair makes a database with an agent in it, and the settings of two nodes that watch a PBX.
func newPair(t *testing.T, name, exchange string) *pair {
	t.Helper()
	p := &pair{name: name, database: dbtest.New(t), within: 25 * time.Second} // a lease's life is ten; a busy machine takes its time
	_, err := crm.NewStore(p.database, crm.Config{}).CreateAgent(t.Context(), crm.System, crm.AgentInput{
		Username: "neda", Password: testPassword, Name: "Neda", Role: crm.RoleAgent, Extensions: []string{"1001"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, node := range []string{"node-a", "node-b"} {
		p.settings[i] = []string{
			"RINGBOOK_NODE=" + node, "RINGBOOK_DATABASE=" + dbtest.URL(p.database), "RINGBOOK_DATA=" + t.TempDir(),
			"RINGBOOK_PBX=main=" + exchange, "RINGBOOK_ADMIN_PASSWORD=" + testPassword,
		}
	}
	return p
}

// runPairs starts both nodes of each pair, the first one first, and waits until it leads and the second stands by.
func runPairs(t *testing.T, pairs []*pair) {
	t.Helper()
	for _, p := range pairs {
		p.start(t, 0)
	}
	for _, p := range pairs {
		eventually(t, p.name+": the first node leads", func() bool { return p.leads(t, 0) })
		p.start(t, 1)
	}
	for _, p := range pairs {
		awaitReady(t, p.nodes[1].URL)
		eventually(t, p.name+": the second stands by", func() bool {
			_, first := readyz(t, p.nodes[0].URL)
			return first["main"].Leader == "here" && first["main"].Standby && leader(t, p.nodes[1].URL) == "elsewhere"
		})
	}
}

// TestTwoNodes_A5_NothingIsLostWithTheLeader: 20 calls go on when the leader is killed, stopped, cut off the network, or told
// to leave. The other node takes over; every call is in the log once, whole, whenever it ended; the desk at the other node
// shows what goes on all the time; a leader that comes back stands by and changes nothing. All faults happen to the same
// calls, each to two nodes of its own.
func TestTwoNodes_A5_NothingIsLostWithTheLeader(t *testing.T) {
	const calls = 20
	asterisk := pbxtest.StartAsterisk(t)
	asterisk.Phone("1001", pbxtest.Behaviour{Answer: true, Ring: 100 * time.Millisecond})
	kill := newPair(t, "kill -9", asterisk.URL)
	kill.fault = func(*testing.T) { kill.nodes[0].kill() }
	stop := newPair(t, "SIGSTOP", asterisk.URL)
	stop.fault = func(t *testing.T) { stop.nodes[0].signal(t, syscall.SIGSTOP) }
	stop.mend = func(t *testing.T) { stop.nodes[0].signal(t, syscall.SIGCONT) }
	cut := newPair(t, "network cut", asterisk.URL)
	cutOff(t, cut, asterisk)
	leave := newPair(t, "polite leave", asterisk.URL)
	leave.fault = func(t *testing.T) { leave.nodes[0].signal(t, syscall.SIGTERM) }
	leave.within = 8 * time.Second // less than the life of a lease that nobody gives back
	pairs := []*pair{kill, stop, cut, leave}
	runPairs(t, pairs)
	desks := map[*pair]*watchedDesk{}
	for _, p := range pairs {
		desks[p] = watchDesk(t, p.nodes[1].URL)
	}
	var placed []*pbxtest.PlacedCall
	number := func(n int) string { return fmt.Sprintf("0912777%04d", n) }
	for n := range calls {
		placed = append(placed, asterisk.Call(pbxtest.CallSpec{
			From: number(n), To: "91001236", Talk: 10*time.Second + time.Duration(n)*500*time.Millisecond,
		}))
	}
	for _, p := range pairs {
		eventually(t, p.name+": all calls are on the other node's desk", func() bool { return desks[p].talking() == calls })
	}
	for _, p := range pairs {
		p.faultAt = time.Now()
		p.fault(t)
	}
	taken := map[*pair]bool{}
	eventually(t, "the other nodes lead", func() bool {
		for _, p := range pairs {
			if taken[p] || !p.leads(t, 1) {
				continue
			}
			taken[p] = true
			took := time.Since(p.faultAt)
			t.Logf("%-12s the other node took over after %v", p.name, took.Round(10*time.Millisecond))
			if took > p.within {
				t.Errorf("%s: the other node took over after %v, want %v at the most", p.name, took, p.within)
			}
		}
		return len(taken) == len(pairs)
	})
	for _, c := range placed {
		<-c.Done()
	}
	asterisk.Quiet()
	for _, p := range pairs {
		eventually(t, p.name+": the desk shows that nobody talks", func() bool { return desks[p].talking() == 0 })
	}
	rows := map[*pair]string{}
	for _, p := range pairs {
		eventually(t, p.name+": every call has ended in the log", func() bool { return ended(t, p.database) == calls })
		rows[p] = checkRows(t, p, calls, number)
	}
	for _, p := range pairs {
		if p.mend == nil {
			continue
		}
		p.mend(t)
		eventually(t, p.name+": the leader of before stands by", func() bool {
			return leader(t, p.nodes[0].URL) == "elsewhere"
		})
		awaitReady(t, p.nodes[0].URL)
		if got := checkRows(t, p, calls, number); got != rows[p] {
			t.Errorf("%s: the leader of before has changed the log:\n%s\nwas\n%s", p.name, got, rows[p])
		}
	}

	// A rolling upgrade goes on with the second node: the first one comes back, and takes over from it.
	<-leave.nodes[0].ended
	leave.start(t, 0)
	awaitReady(t, leave.nodes[0].URL)
	during := asterisk.Call(pbxtest.CallSpec{From: number(calls), To: "91001236", Talk: 2 * time.Second})
	leaving := time.Now()
	leave.nodes[1].signal(t, syscall.SIGTERM)
	eventually(t, "the first node leads again", func() bool { return leave.leads(t, 0) })
	t.Logf("%-12s the first node took over after %v", "and back", time.Since(leaving).Round(10*time.Millisecond))
	<-during.Done()
	eventually(t, "the call during the change is in the log", func() bool { return ended(t, leave.database) == calls+1 })
	checkRows(t, leave, calls+1, number)
}

// ended counts the calls that have ended.
func ended(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	if err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM call WHERE state = 'ended'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// checkRows holds the log against the calls that were placed, and returns what it says.
func checkRows(t *testing.T, p *pair, calls int, number func(int) string) string {
	t.Helper()
	rows, err := p.database.Pool().Query(t.Context(), `
		SELECT c.caller_raw, c.state, c.outcome, c.partial, c.reconstructed, c.talk_ms, c.ended_at::text,
			(SELECT count(*) FROM call_leg l WHERE l.call_id = c.id AND l.ended_at IS NOT NULL)
		FROM call c ORDER BY c.caller_raw, c.id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var said strings.Builder
	var callers []string
	for rows.Next() {
		var caller, state, outcome, at string
		var partial, reconstructed bool
		var talk int64
		var legs int
		if err := rows.Scan(&caller, &state, &outcome, &partial, &reconstructed, &talk, &at, &legs); err != nil {
			t.Fatal(err)
		}
		callers = append(callers, caller)
		fmt.Fprintln(&said, caller, state, outcome, partial, reconstructed, talk, at, legs)
		if state != string(pbx.StateEnded) || outcome != string(pbx.Answered) || partial || reconstructed || legs != 2 {
			t.Errorf("%s: %s is %s, %s, partial %v, reconstructed %v, with %d ended legs", p.name, caller, state, outcome, partial, reconstructed, legs)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range calls {
		want = append(want, number(n))
	}
	if !slices.Equal(callers, want) {
		t.Errorf("%s: the log has %d calls of %v, want %d", p.name, len(callers), callers, calls)
	}
	return said.String()
}

// watchedDesk is a desk as its push socket shows it.
type watchedDesk struct {
	live atomic.Int64 // calls that ring or talk
}

func (d *watchedDesk) talking() int { return int(d.live.Load()) }

// watchDesk follows Neda's desk at a node until the test ends.
func watchDesk(t *testing.T, url string) *watchedDesk {
	t.Helper()
	conn := login(t, url, "neda", testPassword).push()
	d := &watchedDesk{}
	d.live.Store(-1)
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			frame, err := readDesk(conn)
			if err != nil {
				return // the test is over, or the node has gone
			}
			live := int64(0)
			for _, pop := range frame.Desk.Calls {
				if pop.State == "talking" {
					live++
				}
			}
			d.live.Store(live)
		}
	})
	t.Cleanup(func() { conn.Close(); reading.Wait() })
	return d
}

// TestTwoNodes_ChangesReachTheOther: what people change on one node is on the desks of the other: a customer's name, a note,
// a call that is put away; a session that ends there closes its socket here; an agent who moves to another phone rings
// there.
func TestTwoNodes_ChangesReachTheOther(t *testing.T) {
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	database := dbtest.New(t)
	var nodes [2]*program
	for i, name := range []string{"node-a", "node-b"} {
		nodes[i] = startProgram(t, testSettings(t, func(c *Config) {
			c.Node, c.Database.Database, c.PBX = name, dbtest.URL(database), "main="+fake.URL()
		}))
		awaitReady(t, nodes[i].URL)
	}
	a, b := nodes[0].URL, nodes[1].URL
	admin := login(t, a, "admin", testPassword)
	var neda crm.Agent
	admin.do(http.MethodPost, "/agents", map[string]any{
		"username": "neda", "password": testPassword, "name": "Neda", "extensions": []string{"1009"},
	}, &neda)
	var sara crm.Customer
	admin.do(http.MethodPost, "/customers", map[string]any{"name": "Sara", "numbers": []any{map[string]any{"number": "09121234567"}}}, &sara)
	here, there := login(t, a, "neda", testPassword), login(t, b, "neda", testPassword)
	first, second := here.push(), there.push()
	var promised calllog.FollowUp
	here.do(http.MethodPost, "/follow-ups", map[string]any{
		"kind": "callback", "title": "about the offer", "customer_id": sara.ID, "due_at": time.Now().Add(time.Hour),
	}, &promised)

	played := make(chan struct{})
	go func() {
		defer close(played)
		play(t, fake, "direct-answered-caller-hangs-up", "09121234567", 0.5)
	}()
	admin.do(http.MethodPatch, "/agents/"+neda.ID.String(), map[string]any{"extensions": []string{"1001"}}, nil)
	ringing := func(name string) func(web.Desk) bool {
		return func(d web.Desk) bool {
			return len(d.Calls) == 1 && d.Calls[0].LookedUp && d.Calls[0].Customer != nil && d.Calls[0].Customer.Name == name
		}
	}
	call := awaitDesk(t, second, "the customer rings where the agent has moved to", ringing("Sara")).Calls[0].Call.ID.String()
	// She rings before she is called: the pops show what was promised, until it is kept.
	if p := awaitDesk(t, first, "the promise is on the pop", func(d web.Desk) bool {
		return ringing("Sara")(d) && len(d.Calls[0].FollowUps) == 1
	}).Calls[0].FollowUps[0]; p.ID != promised.ID || p.Title != "about the offer" || p.Assignee == nil || p.Assignee.Name != "Neda" {
		t.Errorf("the promise on the pop is %+v", p)
	}
	admin.do(http.MethodPatch, "/customers/"+sara.ID.String(), map[string]any{"name": "Sara Ahmadi"}, nil)
	awaitDesk(t, second, "the customer has her new name", ringing("Sara Ahmadi"))
	awaitDesk(t, first, "and on the node of the change", ringing("Sara Ahmadi"))
	here.do(http.MethodPatch, "/calls/"+call, map[string]any{"note": "from the first node"}, nil)
	noted := func(note string) func(web.Desk) bool {
		return func(d web.Desk) bool { return len(d.Calls) == 1 && d.Calls[0].Call.Note == note }
	}
	awaitDesk(t, second, "the note is there", noted("from the first node"))
	there.do(http.MethodPatch, "/calls/"+call, map[string]any{"note": "from the second node"}, nil)
	awaitDesk(t, first, "and the other way round", noted("from the second node"))
	<-played
	over := func(d web.Desk) bool {
		return len(d.Calls) == 1 && d.Calls[0].State == "ended" && len(d.Calls[0].FollowUps) == 0 && len(d.FollowUps.Items) == 0
	}
	awaitDesk(t, first, "the call has ended, and the promise is kept", over)
	awaitDesk(t, second, "the call has ended, and the promise is kept", over)
	there.do(http.MethodGet, "/follow-ups/"+promised.ID.String(), nil, &promised)
	if n := len(promised.Changes); promised.State != calllog.FollowUpReached || n != 2 || promised.Changes[1].What != "called_again" {
		t.Errorf("who was promised a call and rang herself: %s, %+v", promised.State, promised.Changes)
	}
	here.do(http.MethodPost, "/desk/dismiss", map[string]any{"call_id": call}, nil)
	awaitDesk(t, second, "the call is put away", func(d web.Desk) bool { return len(d.Calls) == 0 })

	// What is anyone's is offered on the desks of both nodes when it is due, until one takes it.
	var shared calllog.FollowUp
	there.do(http.MethodPost, "/follow-ups", map[string]any{"title": "send the offer", "anyone": true, "due_at": time.Now().Add(time.Second)}, &shared)
	for _, desk := range []*websocket.Conn{first, second} {
		awaitDesk(t, desk, "it is offered", func(d web.Desk) bool {
			return len(d.FollowUps.Items) == 1 && d.FollowUps.Items[0].ID == shared.ID && d.FollowUps.Items[0].OfferedAt != nil
		})
	}
	admin.do(http.MethodPost, "/follow-ups/"+shared.ID.String()+"/claim", nil, nil)
	for _, desk := range []*websocket.Conn{first, second} {
		awaitDesk(t, desk, "another has it", func(d web.Desk) bool { return len(d.FollowUps.Items) == 0 })
	}

	admin.do(http.MethodPatch, "/agents/"+neda.ID.String(), map[string]any{"password": testPassword + "!"}, nil)
	for _, desk := range []*websocket.Conn{first, second} {
		for {
			_, _, err := desk.ReadMessage()
			if err == nil {
				continue
			}
			if !websocket.IsCloseError(err, 4401) {
				t.Errorf("the socket of an ended session: %v", err)
			}
			break
		}
	}
}
