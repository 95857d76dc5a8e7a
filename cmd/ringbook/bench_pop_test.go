package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
	"ringbook/screenpop"
	"ringbook/web"
)

// benchPop: from a received event to the frame with the customer on it, against a bare relay of the same frame. The
// sides take turns, two seconds each, so that a slow moment of the machine hits both.
func benchPop(b *testing.B) string {
	customers, deskCount := size("CUSTOMERS", 1_000_000), size("DESKS", 500)
	rate, seconds := size("RATE", 100), size("SECONDS", 20)
	const turn = 2
	house := newPopHouse(b, popHouseConfig{customers: customers, desks: deskCount})
	defer house.stop()
	relay, asking := newRelay(b, deskCount, nil), newRelay(b, deskCount, house.database)
	defer relay.close()
	defer asking.close()

	ring := 0
	rings := func(atOnce bool) []message {
		ring += rate * turn
		return house.rings(ring-rate*turn, ring, rate, atOnce)
	}
	house.measure(b, rings(false), rate*turn) // warms connections, caches and plans
	house.measure(b, rings(true), rate*turn)
	frame := house.watch.frame()

	asking.measure(b, asking.frames(frame, rate*turn, rate))

	var pops, bursts, floors, asked []time.Duration
	lost, total := 0, 0
	for done := 0; done < seconds; done += turn {
		total += rate * turn
		delays := house.measure(b, rings(false), rate*turn)
		pops, lost = append(pops, delays...), lost+rate*turn-len(delays)
		floors = append(floors, relay.measure(b, relay.frames(frame, rate*turn, rate))...)
		asked = append(asked, asking.measure(b, asking.frames(frame, rate*turn, rate))...)
		bursts = append(bursts, house.measure(b, rings(true), rate*turn)...)
	}
	row := func(what string, delays []time.Duration) string {
		return fmt.Sprintf("| %s | %s | %s | %s |\n", what, ms(percentile(delays, .5)), ms(percentile(delays, .95)), ms(percentile(delays, .99)))
	}
	against := func(what string, delays, floors []time.Duration) string {
		var cells []string
		for _, share := range []float64{.5, .95, .99} {
			cells = append(cells, "**"+ratio(percentile(delays, share), percentile(floors, share))+"**")
		}
		return fmt.Sprintf("| %s | %s |\n", what, strings.Join(cells, " | "))
	}
	for _, f := range []struct {
		name   string
		delays []time.Duration
	}{{"pop", pops}, {"burst", bursts}, {"relay", floors}, {"asking-relay", asked}} {
		b.ReportMetric(percentile(f.delays, .5).Seconds()*1e6, f.name+"-p50-µs")
		b.ReportMetric(percentile(f.delays, .99).Seconds()*1e6, f.name+"-p99-µs")
	}
	return fmt.Sprintf(`## From a received event to the pop

%d rings per second for %d s, %d customers in PostgreSQL, %d desks connected. A fake Asterisk sends a recorded call's events, with fresh callers, phones and channels, over
TCP. Measured from the moment at which the event that makes the desk ring was read from that socket, until the browser's end has read the frame with the customer on it (%d bytes):
queue, decoding, tracker, look-up, board, JSON, WebSocket; at the same time all calls are recorded. The floor reads the same frames from one WebSocket and writes each to one of the
same number of sockets, at the same rate, and does nothing else. Rings without such a frame: %d of %d.

"At its own pace" is the recording as Asterisk sent it: the caller's channel is there 4 ms before the phone rings, and the look-up begins with it. "At one instant" sends all
of it at once, so that every ring has to wait for its look-up; Asterisk does not do that. The second floor tells what of that is the price of leaving the process: the
relay, with one round trip to PostgreSQL that looks nothing up before each frame. The four take turns of two seconds.

| | p50 | p95 | p99 |
|---|---|---|---|
%s%s%s%s%s%s%s
The goals: p50 at most 0.5 ms, p99 at most 5 ms, at most 3 times the floor.
`, rate, seconds, customers, deskCount, len(frame), lost, total,
		row("event → pop with the customer, at its own pace", pops), row("floor: a bare WebSocket relay of the same frame", floors),
		against("ratio to the floor", pops, floors),
		row("event → pop with the customer, at one instant", bursts), against("ratio to the floor", bursts, floors),
		row("second floor: the relay, with a `SELECT 1` before it writes", asked), against("ratio of \"at one instant\" to it", bursts, asked))
}

// message is something to be sent at a time of its own.
type message struct {
	at   time.Duration // since the beginning
	data []byte
}

// replay sends the messages in order, each at its time or as soon after it as the ones before are sent.
func replay(messages []message, send func([]byte)) {
	began := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for _, m := range messages {
		if early := m.at - time.Since(began); early > 0 {
			wait.Reset(early)
			<-wait.C
		}
		send(m.data)
	}
}

// popHouse is the product with a fake exchange and many desks.
type popHouse struct {
	fake      *pbxtest.Fake
	database  *db.DB
	recorder  *calllog.Recorder
	watch     *stopwatch
	followUps *calllog.FollowUps
	agents    []uuid.UUID // of the desks
	customers int
	first     int       // of the desks that ring
	desks     int       // that ring
	recording []message // one call's events, at the times at which Asterisk sent them
	began     time.Time // when it did
	push      string    // the address of the push socket
	tokens    []string  // of the desks
	stop      func()
}

// popHouseConfig says how big a popHouse is.
type popHouseConfig struct {
	customers, desks int
	check            time.Duration // how often the exchange is asked which channels it has; 0: as usual
	followUps        int           // open ones of each of the first half of the desks
}

func newPopHouse(b testing.TB, c popHouseConfig) *popHouse {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	database := dbtest.New(b)
	numbering := crm.Numbering{Default: crm.Rules{Region: "IR", Area: "21"}}
	store := crm.NewStore(database, crm.Config{Numbering: numbering, Log: log})
	fill(b, database, c.customers, 1)
	tokens, agents := make([]string, c.desks), make([]uuid.UUID, c.desks)
	for i := range tokens {
		agent, err := store.CreateAgent(ctx, crm.System, crm.AgentInput{Username: fmt.Sprintf("agent%d", i), Extensions: []string{fmt.Sprint(20000 + i)}})
		if err != nil {
			b.Fatal(err)
		}
		agents[i] = agent.ID
		if tokens[i], _, err = store.CreateToken(ctx, crm.System, agent.ID, "bench", 0); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Refresh(ctx); err != nil {
		b.Fatal(err)
	}
	if c.followUps > 0 {
		fillFollowUps(b, database, agents[:c.desks/2], c.followUps)
	}

	calls := calllog.NewStore(database, store)
	acts := calllog.NewActs(calllog.ActsConfig{DB: database, CRM: store, Calls: calls})
	followUps := calllog.NewFollowUps(calllog.FollowUpsConfig{DB: database, CRM: store, Calls: calls, Acts: acts})
	normalise := func(pbx, trunk, raw string) crm.Number { return crm.ParseNumber(raw, numbering.Rules(pbx, trunk)) }
	recorder, err := calllog.NewRecorder(calllog.RecorderConfig{
		DB: database, Spool: b.TempDir(), Directory: store.Directory(), Match: store.Match, Normalise: normalise, Learn: store.LearnQueues,
		Log: log,
	})
	if err != nil {
		b.Fatal(err)
	}
	board := screenpop.NewBoard(screenpop.BoardConfig{
		Match: store.Match, History: history{calls}, FollowUps: toDo{followUps}, Directory: store.Directory(), States: store.States(),
		Normalise: normalise, Log: log,
	})
	app := web.New(web.Config{
		Store: store, Calls: calls, Recorder: recorder, Board: board, Log: log, Acts: acts, FollowUps: followUps,
		Database: database.Healthy, Exchanges: func() []web.Part { return nil },
	})
	fake := pbxtest.NewFake(pbxtest.FakeConfig{})
	if err := fake.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	client, err := ari.New(ari.Config{Name: "bench", URL: fake.URL(), Check: c.check, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	exchange := pbx.NewExchange(client, pbx.Config{Name: "bench", Extension: func(endpoint string) (string, bool) {
		return store.Directory().Extension("bench", endpoint)
	}}, log)
	watch := newStopwatch()
	follow := func(ctx context.Context, call pbx.Call) {
		if rung(call) {
			watch.start(call.Caller.Number, call.ReceivedAt)
		}
		board.Update(ctx, call)
		recorder.Update(call)
	}
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{
		recorder.Run, board.Run, app.Run,
		func(ctx context.Context) error { return exchange.Run(ctx, follow) },
	} {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	server := httptest.NewServer(app)
	push := "ws" + strings.TrimPrefix(server.URL, "http") + "/api/v1/push"
	for _, token := range tokens {
		watch.connect(b, push, token)
	}
	for tick := time.Tick(10 * time.Millisecond); !exchange.Health().Live; {
		<-tick
	}
	recording, began := recordedCall(b)
	return &popHouse{
		fake: fake, database: database, recorder: recorder, watch: watch, followUps: followUps, agents: agents,
		customers: c.customers, desks: c.desks, recording: recording, began: began,
		push: push, tokens: tokens,
		stop: func() {
			cancel()
			watch.close()
			parts.Wait()
			server.Close()
			fake.Close()
		},
	}
}

// recordedCall is a call that rings for a second, each event at its time.
func recordedCall(b testing.TB) (call []message, began time.Time) {
	b.Helper()
	content, err := os.ReadFile("../../pbx/testdata/direct-caller-gives-up.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		var item struct {
			At    time.Time
			Event json.RawMessage
		}
		if err := json.Unmarshal(line, &item); err != nil {
			b.Fatal(err)
		}
		if len(item.Event) == 0 || !ofCall(item.Event) {
			continue
		}
		if began.IsZero() {
			began = item.At
		}
		call = append(call, message{item.At.Sub(began), item.Event})
	}
	return call, began
}

// rung says whether a call rings at a desk.
func rung(call pbx.Call) bool {
	for i := range call.Legs {
		if call.Legs[i].Role == pbx.RoleAgent {
			return true
		}
	}
	return false
}

// recordedTime is a time in an event.
var recordedTime = regexp.MustCompile(`"20[0-9-]+T[0-9:.]+[+-][0-9]{4}"`)

var recordedID = regexp.MustCompile(`"id":"([0-9]+)\.([0-9]+)"`)

// rings are the events of calls from..to, which begin at the rate: to every desk that rings in turn, from customers all over the
// table. atOnce: all that comes before the hang-up comes in one instant.
func (h *popHouse) rings(from, to, rate int, atOnce bool) []message {
	var all []message
	now := time.Now()
	for n := from; n < to; n++ {
		begin := time.Duration(n-from) * time.Second / time.Duration(rate)
		number := filledNumber(n * 997 % h.customers)
		extension := fmt.Sprint(20000 + h.first + n%h.desks)
		root := uuid.New().ID()
		hungUp := false
		for _, m := range h.recording {
			hungUp = hungUp || bytes.Contains(m.data, []byte(`"ChannelHangupRequest"`))
			at := begin + m.at
			if atOnce && !hungUp {
				at = begin
			}
			event := recordedID.ReplaceAll(m.data, fmt.Appendf(nil, `"id":"%d.%d$2"`, root, n+1))
			event = recordedTime.ReplaceAllFunc(event, func(recorded []byte) []byte {
				t, err := time.Parse(`"`+ari.Layout+`"`, string(recorded))
				if err != nil {
					panic(err)
				}
				return now.Add(begin+t.Sub(h.began)).AppendFormat(nil, `"`+ari.Layout+`"`)
			})
			event = bytes.ReplaceAll(event, []byte(recordedCaller), []byte(number))
			event = bytes.ReplaceAll(event, []byte(`PJSIP/1001-`), []byte("PJSIP/"+extension+"-"))
			event = bytes.ReplaceAll(event, []byte(`"1001"`), []byte(`"`+extension+`"`))
			all = append(all, message{at, event})
		}
	}
	slices.SortStableFunc(all, func(a, b message) int { return int(a.at - b.at) })
	return all
}

// measure lets it ring and returns how long each pop took, of those that came.
func (h *popHouse) measure(b testing.TB, events []message, count int) []time.Duration {
	b.Helper()
	h.watch.reset(count)
	runtime.GC() // what has been prepared is not the product's
	replay(events, func(event []byte) {
		if err := h.fake.SendEvent(event); err != nil {
			b.Fatal(err)
		}
	})
	delays := h.watch.delays()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.recorder.Sync(ctx); err != nil { // what it still writes shall not slow whoever is measured next
		b.Fatal(err)
	}
	return delays
}
