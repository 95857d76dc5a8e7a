package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ringbook/crm"
)

// desks is how many browsers are connected while the benchmarks run, and ringEvery the pause between two rings.
const (
	desks     = 500
	ringEvery = 10 * time.Millisecond
)

// arrival is a frame that a browser has got.
type arrival struct {
	desk  int
	at    time.Time
	frame []byte
}

// follow reads a browser's socket until the benchmark ends, and passes on what is wanted.
func follow(b *testing.B, conn *websocket.Conn, desk int, wanted func([]byte) bool, to chan<- arrival) {
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			_, frame, err := conn.ReadMessage()
			if err != nil {
				return
			}
			at := time.Now()
			if wanted(frame) {
				to <- arrival{desk, at, frame}
			}
		}
	})
	b.Cleanup(func() {
		conn.Close()
		reader.Wait()
	})
}

// report tells the distribution of took.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "p99-µs")
	b.ReportMetric(0, "ns/op") // most of an operation is the pause before the next ring
}

// BenchmarkPop is the time from a ring to the frame with the customer in the browser's hands, at 100 rings a second
// with 500 desks connected; RINGBOOK_BENCH_CUSTOMERS (10,000) customers are in PostgreSQL.
//
// Run it with -benchtime 1000x, beside BenchmarkPopRelay, its floor.
func BenchmarkPop(b *testing.B) {
	h := newHouse(b)
	n := 10_000
	if v, err := strconv.Atoi(os.Getenv("RINGBOOK_BENCH_CUSTOMERS")); err == nil {
		n = v
	}
	if err := h.store.SeedDemo(context.Background(), n, password); err != nil {
		b.Fatal(err)
	}
	callers := crm.DemoNumbers(min(n, 1000))
	got := make(chan arrival, desks)
	for i := range desks {
		follow(b, h.desk(b, i), i, isNewPop, got)
	}
	b.ResetTimer()
	took := make([]time.Duration, b.N)
	var frame []byte
	pace := time.NewTicker(ringEvery)
	defer pace.Stop()
	for i := range b.N {
		<-pace.C
		call := h.ring(callers[i%len(callers)], strconv.Itoa(20000+i%desks))
		start := time.Now()
		call.ReceivedAt = start
		h.board.Update(context.Background(), call)
		id := []byte(call.ID.String())
		a := <-got
		for !bytes.Contains(a.frame, id) {
			a = <-got
		}
		took[i], frame = a.at.Sub(start), a.frame
		h.board.Update(context.Background(), h.hangup(call))
	}
	b.StopTimer()
	report(b, took)
	b.ReportMetric(float64(len(frame)), "frame-B")
}

// isNewPop tells a frame that shows a ringing call with its customer.
func isNewPop(frame []byte) bool {
	return bytes.Contains(frame, []byte(`"state":"ringing"`)) && bytes.Contains(frame, []byte(`"looked_up":true`))
}

// desk is the connected browser of a new agent.
func (h *house) desk(b *testing.B, i int) *websocket.Conn {
	a, err := h.store.CreateAgent(context.Background(), crm.System, crm.AgentInput{
		Username: fmt.Sprintf("bench%d", i), Name: fmt.Sprintf("Bench %d", i), Extensions: []string{strconv.Itoa(20000 + i)},
	})
	if err != nil {
		b.Fatal(err)
	}
	if i == desks-1 {
		if err := h.store.Refresh(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	conn, _, err := h.program(a).dial()
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

// BenchmarkPopRelay is the floor of BenchmarkPop: a relay that does nothing but write each frame it is sent to one of
// 500 browsers, at the same pace and with a frame of the same size.
func BenchmarkPopRelay(b *testing.B) {
	frame := fmt.Appendf(nil, `{"type":"desk","seq":1,"state":"ringing","looked_up":true,"filler":%q}`, strings.Repeat("x", 2500))
	var mu sync.Mutex
	var out []*websocket.Conn
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		if r.URL.Path == "/desk" {
			mu.Lock()
			out = append(out, conn)
			mu.Unlock()
			_, _, _ = conn.ReadMessage() // until it ends
			return
		}
		for i := 0; ; i++ {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			mu.Lock()
			to := out[i%desks]
			mu.Unlock()
			if err := to.WriteMessage(kind, message); err != nil {
				return
			}
		}
	}))
	defer relay.Close()
	address := "ws" + strings.TrimPrefix(relay.URL, "http")
	got := make(chan arrival, desks)
	for i := range desks {
		conn, _, err := websocket.DefaultDialer.Dial(address+"/desk", nil)
		if err != nil {
			b.Fatal(err)
		}
		follow(b, conn, i, func([]byte) bool { return true }, got)
	}
	if !waitFor(func() bool { mu.Lock(); defer mu.Unlock(); return len(out) == desks }) {
		b.Fatal("not all are connected")
	}
	source, _, err := websocket.DefaultDialer.Dial(address+"/source", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer source.Close()
	b.ResetTimer()
	took := make([]time.Duration, b.N)
	pace := time.NewTicker(ringEvery)
	defer pace.Stop()
	for i := range b.N {
		<-pace.C
		start := time.Now()
		if err := source.WriteMessage(websocket.TextMessage, frame); err != nil {
			b.Fatal(err)
		}
		took[i] = (<-got).at.Sub(start)
	}
	b.StopTimer()
	report(b, took)
	b.ReportMetric(float64(len(frame)), "frame-B")
}
