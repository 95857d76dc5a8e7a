package web

import (
	"compress/flate"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/pbx"
)

// queue learns a queue of the exchange and gives it to a team; uuid.Nil: to none.
func (h *house) queue(name string, team uuid.UUID) uuid.UUID {
	h.t.Helper()
	return h.queueOn("main", name, team)
}

func (h *house) queueOn(exchange, name string, team uuid.UUID) uuid.UUID {
	h.t.Helper()
	err := h.db.InTx(context.Background(), func(tx pgx.Tx) error {
		return h.store.LearnQueues(context.Background(), tx, []crm.QueueSeen{{PBX: exchange, Name: name}})
	})
	if err != nil {
		h.t.Fatal(err)
	}
	id := crm.QueueID(exchange, name)
	if _, err := h.store.UpdateQueue(context.Background(), crm.System, id, crm.QueuePatch{TeamID: &team}); err != nil {
		h.t.Fatal(err)
	}
	return id
}

// into is a call that came to a queue.
func into(c pbx.Call, queue string) pbx.Call { c.Queue = queue; return c }

// floorTab is a push socket that follows the floor.
type floorTab struct {
	t    testing.TB
	conn *websocket.Conn
	raw  []byte // all that was ever read
	seq  uint64
}

func (c *client) follow(wish FloorWish) *floorTab {
	c.t.Helper()
	conn, _, err := c.dial()
	if err != nil {
		c.t.Fatal(err)
	}
	b := &floorTab{t: c.t, conn: conn}
	b.wish(wish)
	return b
}

func (b *floorTab) wish(w FloorWish) {
	b.t.Helper()
	w.Type = "floor"
	if err := b.conn.WriteJSON(w); err != nil {
		b.t.Fatal(err)
	}
}

// until reads pictures of the floor until one is as wanted; nil: the floor may not be seen.
func (b *floorTab) until(what string, ok func(*Floor) bool) *Floor {
	b.t.Helper()
	_ = b.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		_, raw, err := b.conn.ReadMessage()
		if err != nil {
			b.t.Fatalf("push: waiting for %s: %v", what, err)
		}
		b.raw = append(b.raw, raw...)
		var f FloorFrame
		if err := json.Unmarshal(raw, &f); err != nil {
			b.t.Fatal(err)
		}
		if f.Type != "floor" {
			continue
		}
		if f.Seq < b.seq || f.SentAt.IsZero() {
			b.t.Errorf("picture %d after %d, sent at %v", f.Seq, b.seq, f.SentAt)
		}
		if b.seq = f.Seq; ok(f.Floor) {
			return f.Floor
		}
	}
}

// has says whether a picture shows a call.
func has(call uuid.UUID) func(*Floor) bool {
	return func(f *Floor) bool {
		return f != nil && slices.ContainsFunc(f.Calls, func(c FloorCall) bool { return c.ID != nil && *c.ID == call })
	}
}

// S3: what of the floor each role gets, by whose team a queue, an agent and a call are, over REST and on the wire of the push
// socket: own team's and no more, unless all is allowed.
func TestFloor_S3_ByRoleAndTeam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	people := map[string]crm.Agent{
		"neda": h.agent("neda", crm.RoleAgent, "1001"), "sara": h.agent("sara", crm.RoleAgent, "1002"),
		"nobody": h.agent("nobody", crm.RoleAgent, "1003"), "amir": h.agent("amir", crm.RoleSales, "1006"),
		"maryam": h.agent("maryam", crm.RoleSupervisor, "1004"), "hasan": h.agent("hasan", crm.RoleSupervisor, "1005"),
		"root": h.agent("root", crm.RoleAdmin),
	}
	day := h.team("Day", people["maryam"], people["neda"], people["amir"])
	night := h.team("Night", people["hasan"], people["sara"])
	queues := map[string]uuid.UUID{"day": h.queue("dayq", day.ID), "night": h.queue("nightq", night.ID), "loose": h.queue("looseq", uuid.Nil)}
	if err := h.store.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}

	// What goes on; the number is told by nothing else, so that it can be looked for in all that was sent.
	calls := map[string]pbx.Call{
		"09120000001": into(h.ring("09120000001"), "dayq"),           // waits in Day's queue
		"09120000002": into(h.ring("09120000002"), "nightq"),         // in Night's
		"09120000003": into(h.ring("09120000003", "1001"), "nightq"), // in Night's, rings at Day's agent
		"09120000004": into(h.ring("09120000004", "1002"), ""),       // directly to Night's agent
		"09120000005": into(h.ring("09120000005", "1003"), "looseq"), // nobody's queue and agent
		"09120000006": into(h.ring("09120000006", "1004"), ""),       // to Day's supervisor
	}
	for _, c := range calls {
		h.follow(c)
	}
	calls["09120000003"] = h.answer(calls["09120000003"], "1001")
	h.follow(calls["09120000003"])
	sees := map[string]struct{ calls, queues, agents []string }{
		"maryam": {[]string{"1", "3", "6"}, []string{"day"}, []string{"neda", "amir", "maryam"}},
		"hasan":  {[]string{"2", "3", "4"}, []string{"night"}, []string{"sara", "hasan"}},
		"root":   {[]string{"1", "2", "3", "4", "5", "6"}, []string{"day", "night", "loose"}, []string{"neda", "sara", "nobody", "amir", "maryam", "hasan", "root"}},
		"neda":   {}, "amir": {},
	}
	check := func(who, how string, raw []byte) {
		t.Helper()
		allowed := sees[who]
		for number, c := range calls {
			may := slices.Contains(allowed.calls, number[len(number)-1:])
			if got := strings.Contains(string(raw), number[1:]) || strings.Contains(string(raw), c.ID.String()); got != may {
				t.Errorf("%s by %s: the call of %s is there: %v", how, who, number, got)
			}
		}
		for name, id := range queues {
			may := slices.Contains(allowed.queues, name)
			// A queue of another team is named where an own agent talks to its caller, and nowhere else.
			if got := strings.Contains(string(raw), `{"id":"`+id.String()); got != may {
				t.Errorf("%s by %s: queue %s is there: %v", how, who, name, got)
			}
		}
		for name, a := range people {
			may := slices.Contains(allowed.agents, name) || name == "neda" && slices.Contains(allowed.calls, "3")
			if got := strings.Contains(string(raw), a.ID.String()); got != may {
				t.Errorf("%s by %s: agent %s is there: %v", how, who, name, got)
			}
		}
	}
	for who, allowed := range sees {
		c := h.program(people[who])
		if allowed.queues == nil {
			c.want(http.StatusForbidden, http.MethodGet, "/floor", nil, nil)
			tab := c.follow(FloorWish{On: true})
			tab.until("the refusal", func(f *Floor) bool { return f == nil })
			check(who, "the socket", onlyFloor(tab.raw))
			continue
		}
		res, raw := c.send(http.MethodGet, "/floor", nil)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", who, res.StatusCode, raw)
		}
		tab := c.follow(FloorWish{On: true})
		tab.until("all calls", func(f *Floor) bool { return len(f.Calls) == len(allowed.calls) })
		// What was pictured within the last second may not have all calls yet: the next one has.
		var f Floor
		for len(f.Calls) != len(allowed.calls) {
			_, raw = c.send(http.MethodGet, "/floor", nil)
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
		}
		check(who, "REST", raw)
		check(who, "the socket", onlyFloor(tab.raw))
		for _, other := range []uuid.UUID{day.ID, night.ID} {
			_, raw := c.send(http.MethodGet, "/floor?team="+other.String(), nil)
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			for _, q := range f.Queues {
				if q.TeamID == nil || *q.TeamID != other {
					t.Errorf("%s filters by team and gets queue %s", who, q.Label)
				}
			}
			for _, a := range f.Agents {
				if a.TeamID == nil || *a.TeamID != other {
					t.Errorf("%s filters by team and gets agent %s", who, a.Name)
				}
			}
		}
		_, raw = c.send(http.MethodGet, "/floor?queue="+queues["night"].String(), nil)
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		for _, call := range f.Calls {
			if *call.QueueID != queues["night"] {
				t.Errorf("%s filters by queue and gets a call of %v", who, call.Queue)
			}
		}
	}

	// Who is not in charge any more sees no more, on the socket that is open.
	maryam := h.program(people["maryam"])
	tab := maryam.follow(FloorWish{On: true})
	tab.until("Day's queue", func(f *Floor) bool { return len(f.Queues) == 1 })
	none := []uuid.UUID{}
	if _, err := h.store.UpdateTeam(context.Background(), crm.System, day.ID, crm.TeamPatch{Supervisors: &none}); err != nil {
		t.Fatal(err)
	}
	tab.until("an empty floor", func(f *Floor) bool { return len(f.Queues) == 0 && len(f.Agents) == 1 })
	agent := crm.RoleAgent
	if _, err := h.store.UpdateAgent(context.Background(), crm.System, people["maryam"].ID, crm.AgentPatch{Role: &agent}); err != nil {
		t.Fatal(err)
	}
	tab.until("the refusal", func(f *Floor) bool { return f == nil })
}

// onlyFloor is what a socket sent but for its desk's frames, which are the agent's own business.
func onlyFloor(raw []byte) (floor []byte) {
	for d := json.NewDecoder(strings.NewReader(string(raw))); ; {
		var m json.RawMessage
		if d.Decode(&m) != nil {
			return floor
		}
		if strings.HasPrefix(string(m), `{"type":"floor"`) {
			floor = append(floor, m...)
		}
	}
}

// A browser says that it wants the floor, another part of it, and no more of it; the desk's pictures go on beside.
func TestFloor_WishesAreFollowed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	root := h.agent("root", crm.RoleAdmin)
	neda := h.agent("neda", crm.RoleAgent, "1001")
	team := h.team("Day", root, neda)
	day, other := h.queue("dayq", team.ID), h.queue("otherq", uuid.Nil)
	if err := h.store.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	tab := h.program(root).follow(FloorWish{On: true})
	tab.until("both queues", func(f *Floor) bool { return len(f.Queues) == 2 && len(f.Agents) == 2 })
	tab.wish(FloorWish{On: true, Queue: &other})
	tab.until("one queue", func(f *Floor) bool { return len(f.Queues) == 1 && f.Queues[0].ID == other && len(f.Agents) == 0 })
	tab.wish(FloorWish{On: true, Team: &team.ID})
	f := tab.until("the team's", func(f *Floor) bool { return len(f.Queues) == 1 && f.Queues[0].ID == day })
	if len(f.Agents) != 1 || f.Agents[0].Name != "Neda" || f.Agents[0].State != crm.Available {
		t.Errorf("the team's agents: %+v", f.Agents)
	}
	// The log's figures come by themselves.
	call := into(h.ring("09121112233", "1001"), "dayq")
	h.follow(call)
	f = tab.until("the ring", has(call.ID))
	if c := f.Calls[0]; c.WaitsFrom == nil || c.Agents[0].Name != "Neda" || c.Agents[0].State != "ringing" || *c.Queue != "dayq" {
		t.Errorf("the ring: %+v", c)
	}
	h.follow(h.hangup(h.answer(call, "1001")))
	h.sync()
	f = tab.until("the call in the figures of today", func(f *Floor) bool {
		return f.Day != nil && f.Queues[0].Today != nil && f.Queues[0].Today.Answered == 1
	})
	if today := f.Queues[0].Today; today.Offered != 1 || today.Abandoned != 0 || *today.ServiceLevel != 100 || today.AverageWaitMS < 1000 {
		t.Errorf("today: %+v", today)
	}
	tab.wish(FloorWish{On: false})
	if err := tab.conn.WriteJSON(object{"type": "nonsense"}); err != nil {
		t.Fatal(err)
	}
	for {
		_, _, err := tab.conn.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok {
			if closed.Code != websocket.ClosePolicyViolation {
				t.Errorf("closed with %d", closed.Code)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Floors are compressed for those who can read that, desks are not; what a browser sends compressed is bounded when unpacked.
func TestFloor_Compressed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	root := h.agent("root", crm.RoleAdmin)
	c := h.program(root)
	u := strings.Replace(c.url, "http", "ws", 1) + base + "/push"
	dialer := websocket.Dialer{EnableCompression: true}
	conn, res, err := dialer.Dial(u, c.header)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if !strings.Contains(res.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
		t.Fatal("not offered to who may see the floor")
	}
	tab := &floorTab{t: t, conn: conn}
	tab.wish(FloorWish{On: true})
	tab.until("a picture", func(f *Floor) bool { return f != nil && len(f.Agents) == 1 })
	if err := conn.SetCompressionLevel(flate.BestCompression); err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"seen","seq":1}`+strings.Repeat(" ", 1<<20))); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		_, _, err := conn.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok {
			if closed.Code != websocket.CloseMessageTooBig {
				t.Errorf("closed with %d", closed.Code)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}

	agent := h.program(h.agent("neda", crm.RoleAgent))
	other, res, err := dialer.Dial(u, agent.header)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if res.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Error("a desk that never sees the floor pays for compression")
	}
}

// Who becomes a supervisor while the page is open gets the floor, and compressed: the page connects again for that, once.
func TestFloor_ForWhoBecomesSupervisor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	neda := h.agent("neda", crm.RoleAgent)
	c := h.program(neda)
	tab := c.follow(FloorWish{On: true})
	tab.until("the refusal", func(f *Floor) bool { return f == nil })
	supervisor := crm.RoleSupervisor
	if _, err := h.store.UpdateAgent(context.Background(), crm.System, neda.ID, crm.AgentPatch{Role: &supervisor}); err != nil {
		t.Fatal(err)
	}
	for {
		_, _, err := tab.conn.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); ok {
			if closed.Code != closeRights {
				t.Fatalf("closed with %d", closed.Code)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	c.follow(FloorWish{On: true}).until("a picture", func(f *Floor) bool { return f != nil })
}

// A wallboard's key shows figures and opens nothing else; it shows what its maker may see at that moment, and no names unless
// its maker said so.
func TestWallboard_S3_ShowsFiguresAndOpensNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	maryam, hasan := h.agent("maryam", crm.RoleSupervisor, "1004"), h.agent("hasan", crm.RoleSupervisor)
	root := h.agent("root", crm.RoleAdmin)
	day, night := h.team("Day", maryam, h.agent("neda", crm.RoleAgent, "1001")), h.team("Night", hasan)
	dayQ, nightQ := h.queue("dayq", day.ID), h.queue("nightq", night.ID)
	if err := h.store.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.customer("Sara Secret", "09120000001")
	h.follow(into(h.ring("09120000001"), "dayq"))
	h.follow(into(h.ring("09120000002"), "nightq"))

	supervisor := h.program(maryam)
	make := func(body object) (string, crm.Wallboard) {
		t.Helper()
		var made NewWallboard
		supervisor.want(http.StatusCreated, http.MethodPost, "/wallboards", body, &made)
		return made.Secret, made.Wallboard
	}
	secret, plain := make(object{"name": "Hall"})
	named, _ := make(object{"name": "Back room", "names": true, "team_id": day.ID, "queues": []uuid.UUID{dayQ}})
	for _, body := range []object{
		{"name": ""},
		{"name": " "},
		{"name": "x", "team_id": night.ID},
		{"name": "x", "queues": []uuid.UUID{nightQ}},
		{"name": "x", "queues": []string{"x"}},
		{"name": "x", "queues": []uuid.UUID{uuid.New()}},
		{"name": strings.Repeat("x", 300)},
	} {
		supervisor.want(http.StatusUnprocessableEntity, http.MethodPost, "/wallboards", body, nil)
	}
	wall := func(secret string) (Wallboard, string) {
		t.Helper()
		c := h.client()
		c.header.Set("Authorization", "Bearer "+secret)
		var w Wallboard
		for {
			res, raw := c.send(http.MethodGet, "/wallboard", nil)
			if res.StatusCode != http.StatusOK {
				t.Fatalf("wallboard: %d %s", res.StatusCode, raw)
			}
			if err := json.Unmarshal(raw, &w); err != nil {
				t.Fatal(err)
			}
			if w.Waiting > 0 && w.Day != nil {
				return w, string(raw)
			}
		}
	}
	w, raw := wall(secret)
	if len(w.Queues) != 1 || w.Queues[0].ID != dayQ || w.Zone != "Asia/Tehran" || w.Waiting != 1 || w.Oldest == nil || w.Agents.Free != 1 {
		t.Errorf("the wallboard shows %+v", w)
	}
	for _, personal := range []string{"Sara", "9120000001", "Caller", "Neda", "Maryam", "nightq", "9120000002"} {
		if strings.Contains(raw, personal) {
			t.Errorf("%q is on the wall: %s", personal, raw)
		}
	}
	for {
		w, raw = wall(named)
		if len(w.Queues[0].Callers) == 1 && w.Queues[0].Callers[0].Name == "Sara Secret" { // looked up by now
			break
		}
	}
	if strings.Contains(raw, "9120000001") || strings.Contains(raw, "9120000002") {
		t.Errorf("a number is on the wall: %s", raw)
	}

	// It opens nothing else.
	c := h.client()
	c.header.Set("Authorization", "Bearer "+secret)
	for path := range map[string]bool{"/floor": true, "/me": true, "/calls": true, "/customers": true, "/agents": true, "/wallboards": true, "/tokens": true, "/status": true} {
		c.want(http.StatusUnauthorized, http.MethodGet, path, nil, nil)
	}
	if _, res, err := c.dial(); err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Error("the key opens a push socket")
	}
	// Neither does another key open it, nor is a key kept or logged in words.
	for _, bad := range []string{"", "x", strings.TrimPrefix(supervisor.header.Get("Authorization"), "Bearer "), secret + "x"} {
		c := h.client()
		c.header.Set("Authorization", "Bearer "+bad)
		c.want(http.StatusUnauthorized, http.MethodGet, "/wallboard", nil, nil)
	}
	if strings.Contains(h.log.String(), secret) {
		t.Error("the key is in the log")
	}
	var kept int
	err := h.db.Pool().QueryRow(context.Background(), `SELECT count(*) FROM wallboard w, audit a WHERE w::text LIKE '%' || $1 || '%' OR a::text LIKE '%' || $1 || '%'`, secret).Scan(&kept)
	if err != nil || kept != 0 {
		t.Errorf("the key is in the database: %d, %v", kept, err)
	}

	// Others' wallboards are not listed and not ended, but by an administrator.
	var page crm.Page[crm.Wallboard]
	h.program(hasan).want(http.StatusOK, http.MethodGet, "/wallboards", nil, &page)
	if len(page.Items) != 0 {
		t.Errorf("another supervisor lists %d", len(page.Items))
	}
	h.program(hasan).want(http.StatusNotFound, http.MethodDelete, "/wallboards/"+plain.ID.String(), nil, nil)
	h.program(root).want(http.StatusOK, http.MethodGet, "/wallboards", nil, &page)
	if len(page.Items) != 2 || page.Items[1].LastUsed == nil || page.Items[1].Maker != "Maryam" {
		t.Errorf("the administrator lists %+v", page.Items)
	}
	h.program(root).want(http.StatusNoContent, http.MethodDelete, "/wallboards/"+plain.ID.String(), nil, nil)
	c.want(http.StatusUnauthorized, http.MethodGet, "/wallboard", nil, nil)
	// A maker who is nobody's supervisor any more shows nothing.
	agent := crm.RoleAgent
	if _, err := h.store.UpdateAgent(context.Background(), crm.System, maryam.ID, crm.AgentPatch{Role: &agent}); err != nil {
		t.Fatal(err)
	}
	c.header.Set("Authorization", "Bearer "+named)
	c.want(http.StatusUnauthorized, http.MethodGet, "/wallboard", nil, nil)
}
