package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const crowdHeading = "## Two thousand desks, and browsers that behave badly"

// BenchmarkCrowd is the other part of make soak: more calls and desks than a real Asterisk and real telephones could have on
// this machine, and browsers that never read, that flood, and that all come back at once. What counts is that those who
// behave do not notice.
func BenchmarkCrowd(b *testing.B) {
	if b.N > 1 {
		b.Fatal("run it with -benchtime 1x")
	}
	desks, rate, seconds := size("CROWD_DESKS", 2000), size("CROWD_RATE", 200), size("CROWD_SECONDS", 20)
	const turn = 2
	house := newPopHouse(b, popHouseConfig{customers: size("CROWD_CUSTOMERS", 100_000), desks: desks})
	defer house.stop()
	heap := heapInUse()
	ring := 0
	rings := func() []message {
		ring += rate * turn
		return house.rings(ring-rate*turn, ring, rate, false)
	}
	house.measure(b, rings(), rate*turn) // warms connections, caches and plans

	crowds := []struct {
		name string
		join func(context.Context, *popHouse) *crowd
	}{
		{"nobody else", func(context.Context, *popHouse) *crowd { return &crowd{} }},
		{"beside 50 browsers that never read", unreading},
		{"beside 20 browsers that flood \"seen\"", flooding},
		{fmt.Sprintf("while %d browsers come back at once", desks), returning},
	}
	delays := make([][]time.Duration, len(crowds))
	joined := make([]int, len(crowds))
	lost, total := 0, 0
	for done := 0; done < seconds; done += turn {
		for i, c := range crowds {
			ctx, cancel := context.WithCancel(b.Context())
			others := c.join(ctx, house)
			total += rate * turn
			took := house.measure(b, rings(), rate*turn)
			cancel()
			joined[i] += others.leave()
			delays[i], lost = append(delays[i], took...), lost+rate*turn-len(took)
		}
	}
	var t strings.Builder
	fmt.Fprintf(&t, `%s

Written by `+"`make soak`"+`, %s: one node, a fake Asterisk that sends %d calls per second, as a real one sent them, %d desks connected, %d s for each row, in turns of %d s.
From the moment at which the event was read that makes a desk ring until the browser's end has read the frame with the customer on it. Rings without such a frame: **%d of %d**.
Memory for everything at the end, the test's browsers included: %.1f kB for each desk.

| | other browsers' connections | p50 | p95 | p99 | p99 against nobody else (goal: at most 2) |
|---|---|---|---|---|---|
`, crowdHeading, time.Now().UTC().Format(time.DateOnly), rate, desks, seconds, turn, lost, total, float64(heapInUse())/float64(desks)/1e3)
	for i, c := range crowds {
		fmt.Fprintf(&t, "| %s | %d | %s | %s | %s | **%s** |\n", c.name, joined[i],
			ms(percentile(delays[i], .5)), ms(percentile(delays[i], .95)), ms(percentile(delays[i], .99)), ratio(percentile(delays[i], .99), percentile(delays[0], .99)))
	}
	b.Logf("heap before %d kB\n%s", heap/1000, t.String())
	if *report != "" {
		if err := writeSection(*report, crowdHeading, t.String()); err != nil {
			b.Fatal(err)
		}
	}
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// crowd are browsers beside those that are measured.
type crowd struct {
	work  sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
	came  int
}

// dial opens a socket to a desk; nil: it was not to be had.
func (c *crowd) dial(ctx context.Context, h *popHouse, n int) *websocket.Conn {
	dialer := websocket.Dialer{HandshakeTimeout: 10 * time.Second}
	conn, answer, err := dialer.DialContext(ctx, h.push, http.Header{"Authorization": {"Bearer " + h.tokens[n%len(h.tokens)]}})
	if answer != nil && answer.Body != nil {
		answer.Body.Close()
	}
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn.NetConn())
	c.came++
	return conn
}

// leave ends what is left and says how many connections there have been.
func (c *crowd) leave() int {
	c.mu.Lock()
	for _, conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.work.Wait()
	return c.came
}

// unreading are browsers that take nothing from the network.
func unreading(ctx context.Context, h *popHouse) *crowd {
	c := &crowd{}
	for n := range 50 {
		if conn := c.dial(ctx, h, n); conn != nil {
			if tcp, ok := conn.NetConn().(*net.TCPConn); ok {
				_ = tcp.SetReadBuffer(1 << 10) // the kernel rounds it up
			}
		}
	}
	return c
}

// flooding are browsers that send a thousand receipts a second, and come back at once when they are thrown out.
func flooding(ctx context.Context, h *popHouse) *crowd {
	c := &crowd{}
	for n := range 20 {
		c.work.Go(func() {
			for ctx.Err() == nil {
				conn := c.dial(ctx, h, n)
				if conn == nil {
					continue
				}
				for range ticks(ctx, time.Millisecond) {
					if conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"seen","seq":1}`)) != nil {
						break
					}
				}
				conn.Close()
			}
		})
	}
	return c
}

// returning are as many browsers as there are desks, all at once.
func returning(ctx context.Context, h *popHouse) *crowd {
	c := &crowd{}
	for n := range len(h.tokens) {
		c.work.Go(func() {
			conn := c.dial(ctx, h, n)
			for conn != nil {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
			}
		})
	}
	return c
}
