package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/screenpop"
)

// P1, P2: whoever connects while it rings gets the whole pop at once, however often.
func TestPush_P1_ReloadWhileRingingRestoresThePop(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent, "1001")
	sara := h.customer("Sara Ahmadi", "09121234567")
	c := h.login("neda")
	call := h.ring("09121234567", "1001")
	h.follow(call)
	c.open().until("the pop", showing(call.ID, screenpop.PopRinging))
	for range 3 {
		f := c.open().next() // the very first: nobody waits for another
		p := pop(f.Desk, call.ID)
		if p == nil || p.Customer == nil || p.Customer.ID != sara.ID || p.Rule != crm.RuleExact || f.Desk.State != "ringing" {
			t.Fatalf("the first picture after a reload: %+v", f.Desk)
		}
		if f.SentAt.IsZero() || p.Call.Queue == nil || *p.Call.Queue != "support" || p.Call.Dialed.Number != "+982191001234" || p.WaitedMS < 1000 {
			t.Errorf("P13: queue, DID or waiting time is missing: %+v", p)
		}
	}
}

// P4: on the wire, a call is only on the sockets of the desks that it rings at.
func TestPush_P4_OnlyRungDesksGetThePayload(t *testing.T) {
	h := newHouse(t)
	tabs := map[string]*tab{}
	for i, name := range []string{"neda", "sara", "amir"} {
		h.agent(name, crm.RoleAgent, fmt.Sprintf("100%d", i+1))
		tabs[name] = h.login(name).open()
		tabs[name].next()
	}
	h.agent("maryam", crm.RoleSupervisor)
	tabs["maryam"] = h.login("maryam").open()
	tabs["maryam"].next()
	h.customer("Secret Person", "09123334455")

	call := h.ring("09123334455", "1001", "1002")
	h.follow(call)
	tabs["neda"].until("the pop", showing(call.ID, screenpop.PopRinging))
	tabs["sara"].until("the pop", showing(call.ID, screenpop.PopRinging))
	call = h.answer(call, "1001")
	h.follow(call)
	tabs["neda"].until("talking", showing(call.ID, screenpop.PopTalking))
	d := tabs["sara"].until("answered by", showing(call.ID, screenpop.PopElsewhere))
	if by := pop(d, call.ID).AnsweredBy; by == nil || by.Name != "Neda" || by.Extension != "1001" || by.AgentID == nil {
		t.Errorf("answered by %+v", by)
	}
	h.follow(h.hangup(call))
	tabs["neda"].until("the end", showing(call.ID, screenpop.PopEnded))

	// A call for everybody marks the end of what each socket has carried so far.
	last := h.ring("09120000000", "1001", "1002", "1003")
	h.follow(last)
	for _, name := range []string{"neda", "sara", "amir"} {
		tabs[name].until("the last call", showing(last.ID, screenpop.PopRinging))
	}
	h.server.sockets.endAgent(tabsAgent(t, h, "maryam"))
	tabs["maryam"].closed()
	for name, told := range map[string]bool{"neda": true, "sara": true, "amir": false, "maryam": false} {
		raw := string(tabs[name].raw)
		for _, secret := range []string{call.ID.String(), "Secret Person", "+989123334455", "09123334455"} {
			if strings.Contains(raw, secret) != told {
				t.Errorf("the socket of %s carried %q: %v", name, secret, !told)
			}
		}
	}
}

func tabsAgent(t *testing.T, h *house, username string) uuid.UUID {
	a, err := h.store.AgentByUsername(t.Context(), crm.System, username)
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// P10: what happened while a browser was away is on its screen with the first picture after it is back.
func TestPush_P10_ReconnectConvergesWithoutReload(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent, "1001")
	c := h.login("neda")
	for _, away := range []func(pbx.Call) (pbx.Call, screenpop.PopState){
		func(c pbx.Call) (pbx.Call, screenpop.PopState) { return h.answer(c, "1001"), screenpop.PopTalking },
		func(c pbx.Call) (pbx.Call, screenpop.PopState) {
			c = h.answer(c, "1001")
			h.follow(c)
			return h.hangup(c), screenpop.PopEnded
		},
		func(c pbx.Call) (pbx.Call, screenpop.PopState) { return h.hangup(c), screenpop.PopMissed },
	} {
		call := h.ring("09121234567", "1001")
		h.follow(call)
		tab := c.open()
		tab.until("the pop", showing(call.ID, screenpop.PopRinging))
		if err := tab.conn.NetConn().Close(); err != nil { // cut, without goodbye
			t.Fatal(err)
		}
		changed, state := away(call)
		h.follow(changed)
		f := c.open().next()
		if p := pop(f.Desk, call.ID); p == nil || p.State != string(state) {
			t.Fatalf("after coming back: %+v, want %s", p, state)
		}
		if f.Seq != 1 {
			t.Errorf("a new socket begins with seq %d", f.Seq)
		}
		if changed.State != pbx.StateEnded {
			h.follow(h.hangup(changed))
		}
		h.board.Dismiss(tabsAgent(t, h, "neda"), call.ID)
	}
}

// A picture is skipped by a browser that is behind, and the last one is still right; seq has no holes (see tab.read).
func TestPush_P10_ManyChangesEndRight(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent, "1001")
	tab := h.login("neda").open()
	var calls []pbx.Call
	for i := range 20 {
		calls = append(calls, h.ring(fmt.Sprintf("091200000%02d", i), "1001"))
		h.follow(calls[i])
	}
	for _, c := range calls[1:] {
		h.follow(h.hangup(c))
	}
	tab.until("one call ringing and nineteen missed", func(d Desk) bool {
		ringing, missed := 0, 0
		for _, p := range d.Calls {
			switch p.State {
			case "ringing":
				ringing++
			case "missed":
				missed++
			}
		}
		return ringing == 1 && missed == 19
	})
}

func TestPush_HostileSocketsAreClosedWithAReason(t *testing.T) {
	h := newHouse(t, func(s *Server) { s.timings.ping = 100 * time.Millisecond })
	h.agent("neda", crm.RoleAgent, "1001")
	h.agent("sara", crm.RoleAgent, "1002")
	c := h.login("neda")
	good := h.login("sara").open()
	good.next()
	pictures := good.stream()

	for name, x := range map[string]struct {
		do   func(*websocket.Conn) error
		code int
	}{
		"a frame of 1 MB": {func(w *websocket.Conn) error {
			return w.WriteMessage(websocket.TextMessage, make([]byte, 1<<20))
		}, websocket.CloseMessageTooBig},
		"a frame just too big": {func(w *websocket.Conn) error {
			return w.WriteMessage(websocket.TextMessage, []byte(`{"type":"seen","seq":1,"x":"`+strings.Repeat("x", maxFrame)+`"}`))
		}, websocket.CloseMessageTooBig},
		"bytes":   {func(w *websocket.Conn) error { return w.WriteMessage(websocket.BinaryMessage, []byte{1, 2, 3}) }, websocket.CloseUnsupportedData},
		"no JSON": {func(w *websocket.Conn) error { return w.WriteMessage(websocket.TextMessage, []byte("hello")) }, websocket.CloseInvalidFramePayloadData},
		"unknown type": {func(w *websocket.Conn) error {
			return w.WriteMessage(websocket.TextMessage, []byte(`{"type":"give","seq":1}`))
		}, websocket.ClosePolicyViolation},
		"negative seq": {func(w *websocket.Conn) error {
			return w.WriteMessage(websocket.TextMessage, []byte(`{"type":"seen","seq":-1}`))
		}, websocket.CloseInvalidFramePayloadData},
		"seq of text": {func(w *websocket.Conn) error {
			return w.WriteMessage(websocket.TextMessage, []byte(`{"type":"seen","seq":"1"}`))
		}, websocket.CloseInvalidFramePayloadData},
		"a flood of pings": {func(w *websocket.Conn) error {
			for range 2000 {
				_ = w.WriteMessage(websocket.PingMessage, nil) // at some point it is closed
			}
			return nil
		}, closeFlood},
		"a flood": {func(w *websocket.Conn) error {
			for range 2000 {
				_ = w.WriteMessage(websocket.TextMessage, []byte(`{"type":"seen","seq":1}`)) // at some point it is closed
			}
			return nil
		}, closeFlood},
	} {
		tab := c.open()
		tab.next()
		if err := x.do(tab.conn); err != nil && x.code != websocket.CloseMessageTooBig {
			t.Fatalf("%s: %v", name, err)
		}
		code, text := tab.closed()
		if code != x.code || text == "" && code != websocket.CloseMessageTooBig {
			t.Errorf("%s: closed with %d %q, want %d", name, code, text, x.code)
		}
		if !waitFor(func() bool { return h.openSockets() == 1 }) {
			t.Errorf("%s: still open", name)
		}
	}

	// Meanwhile the neighbour has missed nothing.
	call := h.ring("09121234567", "1002")
	h.follow(call)
	deadline := time.After(time.Minute)
	for {
		select {
		case f, ok := <-pictures:
			if !ok {
				t.Fatal("the good neighbour was closed")
			}
			if pop(f.Desk, call.ID) != nil {
				return
			}
		case <-deadline:
			t.Fatal("the good neighbour got no pop")
		}
	}
}

// A browser that takes the connection and never reads answers no ping either.
func TestPush_WhoNeverReadsIsClosed(t *testing.T) {
	h := newHouse(t, func(s *Server) { s.timings.ping, s.timings.pong = 100*time.Millisecond, 500*time.Millisecond })
	h.agent("neda", crm.RoleAgent, "1001")
	mute, _, err := h.login("neda").dial()
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if !waitFor(func() bool { return h.openSockets() == 1 }) || !waitFor(func() bool { return h.openSockets() == 0 }) {
		t.Error("a browser that never reads is still open")
	}
}

// A browser whose buffers are full blocks its own writer only, for as long as one frame may take.
func TestPush_FullBuffersBlockNobodyElse(t *testing.T) {
	h := newHouse(t, func(s *Server) { s.timings.write = 3 * time.Second })
	h.agent("neda", crm.RoleAgent, "1001")
	h.agent("sara", crm.RoleAgent, "1002")
	for i := range 10 {
		c := h.customer(fmt.Sprintf("Shared %d", i), "09121234567")
		note := strings.Repeat("ی", 10000)
		if _, err := h.store.UpdateCustomer(t.Context(), crm.System, c.ID, crm.CustomerPatch{Note: &note}); err != nil {
			t.Fatal(err)
		}
	}
	neda := h.login("neda")
	mute, _, err := neda.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if err := mute.NetConn().(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	good := h.login("sara").open()
	pictures := good.stream()
	call := h.ring("09121234567", "1001", "1002")
	// About 200 kB with every change, until the mute one is thrown out.
	if !waitFor(func() bool {
		call = h.later(call)
		h.follow(call)
		return h.openSockets() == 1
	}) {
		t.Error("a browser with full buffers is still open")
	}
	call = h.answer(call, "1002")
	h.follow(call)
	for {
		select {
		case f, ok := <-pictures:
			if !ok {
				t.Fatal("the good neighbour was closed")
			}
			if showing(call.ID, screenpop.PopTalking)(f.Desk) {
				return
			}
		case <-time.After(time.Minute):
			t.Fatal("the good neighbour got no picture")
		}
	}
}

func TestPush_WhoMayConnect(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	c := h.login("neda")
	for _, x := range []struct {
		name, origin string
		cookie       bool
		status, code int // of the answer, or of the close frame
	}{
		{"our page", h.url, true, 101, 0},
		{"a program", "", true, 101, 0},
		{"another site", "https://evil.example", true, 403, 0},
		{"another port", "http://" + u.Hostname() + ":1", true, 403, 0},
		{"no origin at all", "null", true, 403, 0},
		{"our page, logged out", h.url, false, 101, closeSession},
		{"a program, logged out", "", false, 401, 0},
	} {
		who := c
		if !x.cookie {
			who = h.client()
		}
		who.header = http.Header{}
		if x.origin != "" {
			who.header.Set("Origin", x.origin)
		}
		conn, res, err := who.dial()
		if res == nil {
			t.Fatal(err)
		}
		if res.StatusCode != x.status {
			t.Errorf("%s: %d, want %d", x.name, res.StatusCode, x.status)
			continue
		}
		if x.status != 101 {
			continue
		}
		b := &tab{t: t, conn: conn}
		if x.code == 0 {
			b.next()
		} else if code, text := b.closed(); code != x.code || text == "" {
			t.Errorf("%s: closed with %d %q", x.name, code, text)
		}
	}
	plain := h.login("neda")
	plain.want(http.StatusUpgradeRequired, http.MethodGet, "/push", nil, nil)
}

func TestPush_SocketsEndWithTheirSession(t *testing.T) {
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	h.agent("root", crm.RoleAdmin)
	first, second := h.login("neda"), h.login("neda")
	a, b, other := first.open(), first.open(), second.open()
	for _, tab := range []*tab{a, b, other} {
		tab.next()
	}
	first.want(204, http.MethodDelete, "/session", nil, nil)
	for _, tab := range []*tab{a, b} {
		if code, text := tab.closed(); code != closeSession || text != "the session has ended" {
			t.Errorf("logged out: closed with %d %q", code, text)
		}
	}
	call := h.ring("09121234567", "1001")
	h.follow(call)
	other.until("the pop", showing(call.ID, screenpop.PopRinging))

	h.login("root").want(200, http.MethodDelete, "/agents/"+neda.ID.String(), nil, nil)
	if code, _ := other.closed(); code != closeSession {
		t.Errorf("archived: closed with %d", code)
	}
}

// However a log-out falls together with connecting, no socket outlives its session.
func TestPush_LogoutWhileConnecting(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	for range 15 {
		c := h.login("neda")
		out := make(chan struct{})
		go func() {
			defer close(out)
			if res, answer := c.send(http.MethodDelete, "/session", nil); res.StatusCode != http.StatusNoContent {
				t.Errorf("%d %s", res.StatusCode, answer)
			}
		}()
		conn, res, err := c.dial()
		<-out
		if err == nil {
			if code, _ := (&tab{t: t, conn: conn}).closed(); code != closeSession {
				t.Errorf("closed with %d", code)
			}
		} else if res == nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("not connected: %v", err)
		}
	}
}

func TestPush_ShutdownTellsEverybody(t *testing.T) {
	h := newHouse(t)
	h.agent("neda", crm.RoleAgent)
	c := h.login("neda")
	early := c.open()
	early.next()
	h.stop()
	if code, text := early.closed(); code != closeShutdown || text == "" {
		t.Errorf("closed with %d %q", code, text)
	}
	conn, _, err := c.dial()
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := (&tab{t: t, conn: conn}).closed(); code != closeShutdown {
		t.Errorf("a late comer is closed with %d", code)
	}
}

// The browser's word that it has drawn a pop is measured; a pop that is never drawn is counted as lost.
func TestReceipts(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var r receipts
	r.sent(1, at(0))
	r.sent(3, at(100))
	r.sent(9, at(200))
	if took, slow := r.seen(4, at(1050)); !reflect.DeepEqual(took, []time.Duration{1050 * time.Millisecond, 950 * time.Millisecond}) || slow != 1 {
		t.Errorf("seen up to 4: %v, %d late", took, slow)
	}
	if took, _ := r.seen(4, at(1100)); len(took) != 0 {
		t.Errorf("seen again: %v", took)
	}
	if n := r.expire(at(5000), 10*time.Second); n != 0 {
		t.Errorf("%d lost too early", n)
	}
	if n := r.expire(at(10300), 10*time.Second); n != 1 {
		t.Errorf("%d lost, want 1", n)
	}
	if took, _ := r.seen(9, at(11000)); len(took) != 0 {
		t.Errorf("lost, and seen: %v", took)
	}
	for i := range uint64(maxPending + 5) {
		r.sent(i, at(0))
	}
	if n := r.expire(at(0), time.Hour); n != 5 {
		t.Errorf("%d lost by a browser that is far behind, want 5", n)
	}
	if n := r.expire(at(11000), 0); n != maxPending {
		t.Errorf("%d lost at the end", n)
	}
	if late, lost := r.totals(); late != 1 || lost != 1+5+maxPending {
		t.Errorf("in all %d late, %d lost", late, lost)
	}
}

// openSockets is how many push sockets the server has.
func (h *house) openSockets() int {
	h.server.sockets.mu.Lock()
	defer h.server.sockets.mu.Unlock()
	return len(h.server.sockets.open)
}

// waitFor polls until a state is there, a minute long: the machine may be busy.
func waitFor(ok func() bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// TestPush_BeatsForWhoWantsThem: a browser that asked for it hears that nothing has changed; no other client is sent what
// it does not know.
func TestPush_BeatsForWhoWantsThem(t *testing.T) {
	h := newHouse(t, func(s *Server) { s.timings.beat = 20 * time.Millisecond })
	h.agent("neda", crm.RoleAgent, "1001")
	c := h.login("neda")
	plain := c.open()
	plain.next()
	beating := c.open("beat=true")
	beating.next()
	for range 3 {
		var beat BeatFrame
		if err := beating.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := beating.conn.ReadJSON(&beat); err != nil || beat.Type != "beat" || time.Since(beat.SentAt).Abs() > time.Minute {
			t.Fatalf("a beat is %+v, %v", beat, err)
		}
	}
	h.follow(h.ring("09123334455", "1001"))
	if frame := plain.next(); frame.Type != "desk" || frame.Seq != 2 {
		t.Errorf("the other client was sent %q number %d, want the desk, number 2", frame.Type, frame.Seq)
	}
}
