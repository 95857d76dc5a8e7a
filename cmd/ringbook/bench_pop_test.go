package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/screenpop"
	"ringbook/web"
)

// rawEvents are a recording's events of calls, as they came from the socket.
func rawEvents(b *testing.B, recording []byte) [][]byte {
	b.Helper()
	var all [][]byte
	for line := range bytes.Lines(recording) {
		var item struct{ Event json.RawMessage }
		if err := json.Unmarshal(line, &item); err != nil {
			b.Fatal(err)
		}
		if len(item.Event) > 0 && !bytes.Contains(item.Event, []byte(`"PeerStatusChange"`)) && !bytes.Contains(item.Event, []byte(`"ContactStatusChange"`)) {
			all = append(all, item.Event)
		}
	}
	return all
}

// desks are browsers that say when a frame about a number has come.
type desks struct {
	mu      sync.Mutex
	waiting map[string]chan time.Time // by the number that rings: when its frame was read
	frame   []byte                    // one that was waited for
	readers sync.WaitGroup
	conns   []*websocket.Conn
}

func (d *desks) expect(number string) <-chan time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := make(chan time.Time, 1)
	d.waiting[number] = c
	return c
}

var frameNumber = regexp.MustCompile(`"raw":"(09[0-9]{9})"`)

// connect opens a desk's socket and reads it to its end.
func (d *desks) connect(b *testing.B, address, token string, known []byte) {
	b.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, _, err := websocket.DefaultDialer.Dial(address, header)
	if err != nil {
		b.Fatal(err)
	}
	d.conns = append(d.conns, conn)
	d.readers.Go(func() {
		for {
			_, frame, err := conn.ReadMessage()
			at := time.Now()
			if err != nil {
				return
			}
			if !bytes.Contains(frame, known) {
				continue // no customer on it yet
			}
			d.mu.Lock()
			for _, m := range frameNumber.FindAllSubmatch(frame, -1) {
				if c := d.waiting[string(m[1])]; c != nil {
					c <- at
					delete(d.waiting, string(m[1]))
					d.frame = frame
				}
			}
			d.mu.Unlock()
		}
	})
}

func (d *desks) close() {
	for _, conn := range d.conns {
		conn.Close()
	}
	d.readers.Wait()
}

// benchPop: from a received event to the frame with the customer on it, against a bare relay of the same frame.
func benchPop(b *testing.B) string {
	customers, deskCount := size("CUSTOMERS", 1_000_000), size("DESKS", 500)
	rate, seconds := size("RATE", 100), size("SECONDS", 20)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	log := slog.New(slog.DiscardHandler)
	database := dbtest.New(b)
	numbering := crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}
	store := crm.NewStore(database, crm.Config{Numbering: numbering, Log: log})
	fill(b, database, customers, 1)

	tokens := make([]string, deskCount)
	for i := range tokens {
		agent, err := store.CreateAgent(ctx, crm.System, crm.AgentInput{Username: fmt.Sprintf("agent%d", i), Extensions: []string{fmt.Sprint(20000 + i)}})
		if err != nil {
			b.Fatal(err)
		}
		if tokens[i], _, err = store.CreateToken(ctx, crm.System, agent.ID, "bench", 0); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Refresh(ctx); err != nil {
		b.Fatal(err)
	}
	calls := calllog.NewStore(database, store)
	normalise := func(pbx, trunk, raw string) crm.Number { return crm.ParseNumber(raw, numbering.Rules(pbx, trunk)) }
	recorder, err := calllog.NewRecorder(calllog.RecorderConfig{
		DB: database, Spool: b.TempDir(), Directory: store.Directory(), Match: store.Match, Normalise: normalise, Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	board := screenpop.NewBoard(screenpop.BoardConfig{Match: store.Match, History: history{calls}, Directory: store.Directory(), Normalise: normalise, Log: log})
	app := web.New(web.Config{
		Store: store, Calls: calls, Recorder: recorder, Board: board, Log: log,
		Database: database.Healthy, Exchanges: func() []web.Part { return nil },
	})
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{recorder.Run, board.Run, app.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	server := httptest.NewServer(app)
	defer server.Close()
	defer parts.Wait()
	defer stop()

	// The rings: the recording's events with fresh channels, phones and callers.
	browsers := &desks{waiting: map[string]chan time.Time{}}
	for _, token := range tokens {
		browsers.connect(b, "ws"+strings.TrimPrefix(server.URL, "http")+"/api/v1/push", token, []byte(`"looked_up":true`))
	}
	recording, err := os.ReadFile("../../pbx/testdata/direct-caller-gives-up.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	events := rawEvents(b, recording)
	tracker := pbx.NewTracker(pbx.Config{Name: "bench", Extension: func(endpoint string) (string, bool) {
		return store.Directory().Extension("bench", endpoint)
	}})
	tracker.Apply(ari.Item{At: time.Now(), Live: &ari.Live{App: "bench"}})
	rings := newRings(b, events, customers, deskCount)

	var delays []time.Duration
	lost := 0
	total := rate * seconds
	collect := func(send func(n int) (received time.Time, number string, arrived <-chan time.Time)) {
		delays, lost = nil, 0
		type ring struct {
			received time.Time
			arrived  <-chan time.Time
		}
		var sent []ring
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := range total {
			<-tick.C
			received, _, arrived := send(n)
			sent = append(sent, ring{received, arrived})
		}
		patience := time.After(3 * time.Second)
		for _, r := range sent {
			select {
			case at := <-r.arrived:
				delays = append(delays, at.Sub(r.received))
			case <-patience:
				patience = time.After(time.Millisecond)
				lost++
			}
		}
	}
	var over [][]byte // the ends of the calls of a second ago
	collect(func(n int) (time.Time, string, <-chan time.Time) {
		begin, end, number := rings.ring(n)
		arrived := browsers.expect(number)
		var received time.Time
		for _, raw := range begin {
			at := time.Now()
			event, err := ari.Decode(raw)
			if err != nil {
				b.Fatal(err)
			}
			for _, call := range tracker.Apply(ari.Item{At: at, Event: event}) {
				if received.IsZero() && rung(call) {
					received = at
				}
				board.Update(ctx, call)
				recorder.Update(call)
			}
		}
		over = append(over, end...)
		if n >= rate { // every call rings for a second
			for _, raw := range over[:len(end)] {
				event, err := ari.Decode(raw)
				if err != nil {
					b.Fatal(err)
				}
				for _, call := range tracker.Apply(ari.Item{At: time.Now(), Event: event}) {
					board.Update(ctx, call)
					recorder.Update(call)
				}
			}
			over = over[len(end):]
		}
		return received, number, arrived
	})
	pop50, pop99, popLost := percentile(delays, .5), percentile(delays, .99), lost
	frame := bytes.Clone(browsers.frame)
	browsers.close()

	relay50, relay99 := benchRelay(b, frame, deskCount, rate, collect, &delays)
	b.ReportMetric(float64(pop50)/float64(relay50), "pop/relay-p50")
	b.ReportMetric(float64(pop99)/float64(relay99), "pop/relay-p99")
	return fmt.Sprintf(`## From a received event to the pop

%d rings per second for %d s, %d customers in PostgreSQL, %d desks connected. Measured from the moment at which the event that makes a desk ring was read,
until the browser's end has read the frame with the customer and the last calls on it (%d bytes): decoding, tracker, look-up, board, JSON, WebSocket. The floor writes the same
bytes to the same number of sockets at the same rate and does nothing else. Rings without a frame: %d of %d.

| | p50 | p99 |
|---|---|---|
| event → pop with the customer | %s | %s |
| floor: a bare WebSocket relay of the same frame | %s | %s |
| **ratio** (goal: at most 3) | **%s** | **%s** |
`, rate, seconds, customers, deskCount, len(frame), popLost, total,
		ms(pop50), ms(pop99), ms(relay50), ms(relay99), ratio(pop50, relay50), ratio(pop99, relay99))
}

// rung says whether a call rings at a desk.
func rung(call pbx.Call) bool {
	for _, leg := range call.Legs {
		if leg.Role == pbx.RoleAgent {
			return true
		}
	}
	return false
}

// benchRelay is the floor: frames of the same size, written as they come.
func benchRelay(b *testing.B, frame []byte, deskCount, rate int, collect func(func(int) (time.Time, string, <-chan time.Time)), delays *[]time.Duration) (p50, p99 time.Duration) {
	b.Helper()
	sockets := make(chan *websocket.Conn, deskCount)
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		sockets <- conn
		<-done
	}))
	defer server.Close()
	defer close(done)
	browsers := &desks{waiting: map[string]chan time.Time{}}
	defer browsers.close()
	var conns []*websocket.Conn
	for range deskCount {
		browsers.connect(b, "ws"+strings.TrimPrefix(server.URL, "http"), "", []byte(`"looked_up":true`))
		conns = append(conns, <-sockets)
	}
	collect(func(n int) (time.Time, string, <-chan time.Time) {
		number := fmt.Sprintf("0912%07d", n)
		own := frameNumber.ReplaceAll(frame, []byte(`"raw":"`+number+`"`))
		arrived := browsers.expect(number)
		at := time.Now()
		if err := conns[n%deskCount].WriteMessage(websocket.TextMessage, own); err != nil {
			b.Fatal(err)
		}
		return at, number, arrived
	})
	return percentile(*delays, .5), percentile(*delays, .99)
}

// rings makes calls out of one recording: to every desk in turn, from every caller in turn.
type rings struct {
	begin, end [][]byte // events until it rings, and from the hang-up on
	customers  int
	desks      int
}

func newRings(b *testing.B, events [][]byte, customers, desks int) *rings {
	b.Helper()
	for i, event := range events {
		if bytes.Contains(event, []byte(`"ChannelHangupRequest"`)) {
			return &rings{events[:i], events[i:], customers, desks}
		}
	}
	b.Fatal("the recording has no hang-up")
	return nil
}

var recordedID = regexp.MustCompile(`"id":"([0-9]+)\.([0-9]+)"`)

func (r *rings) ring(n int) (begin, end [][]byte, number string) {
	number = filledNumber(n * 997 % r.customers) // all over the table
	extension := fmt.Sprint(20000 + n%r.desks)
	root := uuid.New().ID()
	fresh := func(events [][]byte) [][]byte {
		out := make([][]byte, len(events))
		for i, event := range events {
			event = recordedID.ReplaceAll(event, fmt.Appendf(nil, `"id":"%d.%d$2"`, root, n+1))
			event = bytes.ReplaceAll(event, []byte(recordedCaller), []byte(number))
			event = bytes.ReplaceAll(event, []byte(`PJSIP/1001-`), []byte("PJSIP/"+extension+"-"))
			event = bytes.ReplaceAll(event, []byte(`"1001"`), []byte(`"`+extension+`"`))
			out[i] = event
		}
		return out
	}
	return fresh(r.begin), fresh(r.end), number
}
