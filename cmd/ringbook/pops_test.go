package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// TestPops_P2_EveryRingIsAPopWithAReceipt: rings at a tenth as many desks, all with open sockets; each desk shows its caller
// with the customer, the number called and when it rang, says so, and none is missing, incomplete or without receipt.
func TestPops_P2_EveryRingIsAPopWithAReceipt(t *testing.T) {
	rings := size("RINGS", 1000) // make test-go asks for ten thousand, without the race detector
	database := dbtest.New(t)
	fake := startFake(t, pbxtest.FakeConfig{})
	settings := testSettings(t, func(c *Config) {
		c.Database.Database = dbtest.URL(database)
		c.PBX = "main=" + fake.URL()
		c.LogLevel = "error"
	})
	browsers := newBrowsers(t, crm.NewStore(database, crm.Config{Numbering: settings.Numbering}), rings/10)
	p := startProgram(t, settings)
	awaitReady(t, p.URL)
	for _, b := range browsers {
		b.open(t, p.URL)
	}

	// The metrics are the process's: other tests' browsers have counted too.
	seenBefore, lostBefore := metricOf(t, p.URL, "ringbook_pop_seen_seconds_count"), metricOf(t, p.URL, "ringbook_pop_lost_total")

	began := time.Now()
	ringAll(t, fake, browsers, 0, rings)
	took := time.Since(began)
	t.Logf("%d rings in %v: %.0f events per second", rings, took.Round(time.Millisecond), float64(5*rings)/took.Seconds())

	eventually(t, "every receipt has been read", func() bool { return metricOf(t, p.URL, "ringbook_pop_seen_seconds_count")-seenBefore >= float64(rings) })
	if lost := metricOf(t, p.URL, "ringbook_pop_lost_total") - lostBefore; lost != 0 {
		t.Errorf("%v pops were never drawn, by the receipts", lost)
	}
}

// TestPops_P2_NoRingIsLostWhileTheExchangeIsAskedWhatItHas: rings come on while the exchange is asked again and again which
// channels it has, and every one of them is shown with its customer.
func TestPops_P2_NoRingIsLostWhileTheExchangeIsAskedWhatItHas(t *testing.T) {
	const rate = 200 // for a second
	house := newPopHouse(t, popHouseConfig{customers: 1000, desks: 50, check: 20 * time.Millisecond})
	defer house.stop()
	if shown := len(house.measure(t, house.rings(0, rate, rate, false), rate)); shown != rate {
		t.Errorf("%d of %d rings were shown with their customer", shown, rate)
	}
	if asked := house.fake.Seen().Requests["GET channels"]; asked < 10 {
		t.Errorf("the exchange was asked only %d times", asked)
	}
}

// ringers is how many customers there are who ring.
const ringers = 100

func callerOf(n int) string { return fmt.Sprintf("0912%07d", n%ringers) }

// browser is a desk's: it reads pictures, and says which it has drawn.
type browser struct {
	extension, token string
	answers          bool         // its calls
	rings            chan web.Pop // the complete pops of new calls, each once
	missed           atomic.Int32 // calls that its picture shows as missed
}

// newBrowsers makes the customers who ring, and so many agents.
func newBrowsers(t *testing.T, store *crm.Store, desks int) []*browser {
	t.Helper()
	for n := range ringers {
		if _, err := store.CreateCustomer(t.Context(), crm.System, crm.CustomerInput{
			Name: fmt.Sprintf("Customer %d", n), Numbers: []crm.NumberInput{{Number: callerOf(n)}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	browsers := make([]*browser, desks)
	for i := range browsers {
		extension := fmt.Sprint(2000 + i)
		agent, err := store.CreateAgent(t.Context(), crm.System, crm.AgentInput{
			Username: "agent" + extension, Name: "Agent " + extension, Role: crm.RoleAgent, Extensions: []string{extension},
		})
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := store.CreateToken(t.Context(), crm.System, agent.ID, "test", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		browsers[i] = &browser{extension: extension, token: token, rings: make(chan web.Pop, 64)}
	}
	return browsers
}

// ringAll lets the calls from..to ring, each desk's one after the other, many desks' at a time, and returns when all of them
// are over.
func ringAll(t *testing.T, fake *pbxtest.Fake, browsers []*browser, from, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	next := make(chan int)
	var ringing sync.WaitGroup
	for range min(20, len(browsers)) {
		ringing.Go(func() {
			for n := range next {
				if err := browsers[n%len(browsers)].ring(ctx, fake, n, callerOf(n)); err != nil {
					t.Errorf("ring %d: %v", n, err)
					cancel()
				}
			}
		})
	}
	for n := from; n < to && ctx.Err() == nil; n++ {
		next <- n
	}
	close(next)
	ringing.Wait()
}

func (b *browser) open(t *testing.T, base string) {
	t.Helper()
	conn, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/api/v1/push", http.Header{"Authorization": {"Bearer " + b.token}})
	if err != nil {
		t.Fatalf("open the push socket of %s: %v", b.extension, err)
	}
	answer.Body.Close()
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		told := map[uuid.UUID]bool{} // of those that are on the desk
		for {
			frame, err := readDesk(conn)
			if err != nil {
				return // closed with the test
			}
			if seen, err := json.Marshal(map[string]any{"type": "seen", "seq": frame.Seq}); err != nil || conn.WriteMessage(websocket.TextMessage, seen) != nil {
				return
			}
			shown, missed := map[uuid.UUID]bool{}, int32(0)
			for _, pop := range frame.Desk.Calls {
				if pop.State == "missed" {
					missed++
				}
				id := pop.Call.ID
				if shown[id] = told[id]; pop.LookedUp && pop.State == "ringing" && !told[id] {
					shown[id] = true
					b.rings <- pop
				}
			}
			told = shown
			b.missed.Store(missed)
		}
	}()
}

// ring lets the n-th call ring at the desk until its pop is there, and checks it. Then it ends, after a word if the desk
// answers.
func (b *browser) ring(ctx context.Context, fake *pbxtest.Fake, n int, caller string) error {
	began := time.Now()
	stamp := began.Format("2006-01-02T15:04:05.000-0700")
	channel := func(id, name, state, caller, connected, dialplan string) string {
		return fmt.Sprintf(`{"id":"%s","name":"%s","state":"%s","caller":{"name":"","number":"%s"},"connected":{"name":"","number":"%s"},`+
			`"accountcode":"","dialplan":%s,"creationtime":"%s","language":"en"}`, id, name, state, caller, connected, dialplan, stamp)
	}
	line := channel(fmt.Sprintf("a.%d", n), fmt.Sprintf("PJSIP/trunk-%08x", 2*n), "Ring", caller, "",
		`{"context":"from-trunk","exten":"91001236","priority":1,"app_name":"Queue","app_data":"support,t"}`)
	phone := channel(fmt.Sprintf("b.%d", n), fmt.Sprintf("PJSIP/%s-%08x", b.extension, 2*n+1), "Ringing", "", caller,
		`{"context":"internal","exten":"","priority":1,"app_name":"AppQueue","app_data":"(Outgoing Line)"}`)
	emit := func(events ...string) error {
		for _, e := range events {
			if err := fake.Emit(e); err != nil {
				return err
			}
		}
		return nil
	}
	dial := `{"type":"Dial","dialstatus":"%s","dialstring":"PJSIP/` + b.extension + `","forward":"","caller":` + line + `,"peer":` + phone + `}`
	if err := emit(`{"type":"ChannelCreated","channel":`+line+`}`, fmt.Sprintf(dial, ""), fmt.Sprintf(dial, "RINGING")); err != nil {
		return err
	}
	var pop web.Pop
	select {
	case pop = <-b.rings:
	case <-ctx.Done():
		return fmt.Errorf("desk %s shows no pop", b.extension)
	}
	if pop.Customer == nil || pop.Rule != crm.RuleExact || pop.Call.Caller.Raw != caller || pop.Call.Dialed.Raw != "91001236" ||
		pop.Call.Queue == nil || *pop.Call.Queue != "support" || len(pop.Call.Legs) != 2 || pop.OfferedAt.Before(began.Add(-time.Second)) {
		return fmt.Errorf("the pop is not complete: %+v", pop)
	}
	if b.answers {
		bridge := fmt.Sprintf(`"bridge":{"id":"c.%d","technology":"simple_bridge","bridge_type":"mixing","bridge_class":"basic","creator":"","name":"",`+
			`"channels":["a.%[1]d","b.%[1]d"],"creationtime":"%s"}`, n, stamp)
		if err := emit(fmt.Sprintf(dial, "ANSWER"), `{"type":"ChannelEnteredBridge",`+bridge+`,"channel":`+line+`}`,
			`{"type":"ChannelEnteredBridge",`+bridge+`,"channel":`+phone+`}`, `{"type":"BridgeDestroyed",`+bridge+`}`); err != nil {
			return err
		}
	}
	return emit(`{"type":"ChannelDestroyed","cause":26,"cause_txt":"Answered elsewhere","channel":`+phone+`}`,
		`{"type":"ChannelDestroyed","cause":16,"cause_txt":"Normal Clearing","channel":`+line+`}`)
}

// metricOf is the sum of a metric's values over all labels.
func metricOf(t *testing.T, base, name string) (sum float64) {
	t.Helper()
	answer, err := oneRequest.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, name) {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:], &value); err != nil {
			t.Fatalf("metric %q: %v", line, err)
		}
		sum += value
	}
	return sum
}
