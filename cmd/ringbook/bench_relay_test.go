package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ringbook/db"
)

// stopwatch measures from the moment at which a ring was received until a browser has read the frame with its
// customer. Rings are told apart by the caller's number. It holds the browsers' ends.
type stopwatch struct {
	mu       sync.Mutex
	received map[string]time.Time
	shown    map[string]time.Time
	left     int           // rings that are not shown yet
	all      chan struct{} // closed when none is left
	last     []byte        // a frame that was waited for

	readers sync.WaitGroup
	conns   []*websocket.Conn
}

func newStopwatch() *stopwatch {
	s := &stopwatch{}
	s.reset(0)
	return s
}

// reset begins anew, for so many rings.
func (s *stopwatch) reset(rings int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received, s.shown = map[string]time.Time{}, map[string]time.Time{}
	s.left, s.all = rings, make(chan struct{})
}

// start notes when a ring was received, the first time.
func (s *stopwatch) start(number string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.received[number]; !known {
		s.received[number] = at
	}
}

// read notes a frame that a browser has read.
func (s *stopwatch) read(frame []byte, at time.Time) {
	for number := range shownIn(frame) {
		s.mu.Lock()
		_, began := s.received[number]
		if _, known := s.shown[number]; began && !known {
			s.shown[number], s.last = at, frame
			if s.left--; s.left == 0 {
				close(s.all)
			}
		}
		s.mu.Unlock()
	}
}

// delays waits for all rings to be shown, a while, and returns how long each took.
func (s *stopwatch) delays() []time.Duration {
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	select {
	case <-all:
	case <-time.After(3 * time.Second):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var delays []time.Duration
	for number, at := range maps.All(s.shown) {
		delays = append(delays, at.Sub(s.received[number]))
	}
	return delays
}

// frame is one of the frames that were waited for.
func (s *stopwatch) frame() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.last)
}

// connect opens a desk's socket and reads it to its end.
func (s *stopwatch) connect(b testing.TB, address, token string) {
	b.Helper()
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, _, err := websocket.DefaultDialer.Dial(address, header)
	if err != nil {
		b.Fatal(err)
	}
	s.conns = append(s.conns, conn)
	s.readers.Go(func() {
		for {
			_, frame, err := conn.ReadMessage()
			if err != nil {
				return
			}
			s.read(frame, time.Now())
		}
	})
}

func (s *stopwatch) close() {
	for _, conn := range s.conns {
		conn.Close()
	}
	s.readers.Wait()
}

var (
	callerStart = []byte(`"raw":"09`)
	lookedUp    = []byte(`"looked_up":`)
	withName    = []byte(`"looked_up":true,"rule":"exact","customer":{"id":`)
)

// shownIn yields the callers whom a desk's frame shows with their customer.
func shownIn(frame []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for {
			i := bytes.Index(frame, callerStart)
			if i < 0 {
				return
			}
			frame = frame[i+len(callerStart)-2:]
			number, _, _ := bytes.Cut(frame, []byte(`"`))
			j := bytes.Index(frame, lookedUp)
			if j < 0 {
				return
			}
			if bytes.HasPrefix(frame[j:], withName) && !yield(string(number)) {
				return
			}
			frame = frame[j:]
		}
	}
}

// relay is the floor: it reads frames from one WebSocket and writes each to the next of many, having asked its
// database first if it has one.
type relay struct {
	server *httptest.Server
	source *websocket.Conn // what is written here is relayed
	watch  *stopwatch
	ended  sync.WaitGroup
}

func newRelay(b *testing.B, deskCount int, ask *db.DB) *relay {
	b.Helper()
	r := &relay{watch: newStopwatch()}
	sockets := make(chan *websocket.Conn, deskCount)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if conn, err := (&websocket.Upgrader{}).Upgrade(w, req, nil); err == nil {
			sockets <- conn
		}
	}))
	address := "ws" + strings.TrimPrefix(r.server.URL, "http")
	source, _, err := websocket.DefaultDialer.Dial(address, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.source = source
	from := <-sockets
	desks := make([]*websocket.Conn, deskCount)
	for i := range desks {
		r.watch.connect(b, address, "")
		desks[i] = <-sockets
	}
	r.ended.Go(func() {
		defer from.Close()
		var asking sync.WaitGroup
		for n := 0; ; n++ {
			_, frame, err := from.ReadMessage()
			if err != nil {
				break
			}
			at := time.Now()
			for number := range shownIn(frame) {
				r.watch.start(number, at)
			}
			desk := desks[n%len(desks)]
			write := func() {
				if err := desk.WriteMessage(websocket.TextMessage, frame); err != nil {
					b.Error(err)
				}
			}
			if ask == nil {
				write()
				continue
			}
			asking.Go(func() { // as the product does: nobody waits for another's answer
				if _, err := ask.RingPool().Exec(context.Background(), `SELECT 1`); err != nil {
					b.Error(err)
				}
				write()
			})
		}
		asking.Wait()
		for _, desk := range desks {
			desk.Close()
		}
	})
	return r
}

func (r *relay) close() {
	r.source.Close()
	r.ended.Wait()
	r.watch.close()
	r.server.Close()
}

var frameNumber = regexp.MustCompile(`"raw":"09[0-9]{9}"`)

// frames are copies of a frame about other callers, at the rate.
func (r *relay) frames(frame []byte, count, rate int) []message {
	all := make([]message, count)
	for n := range all {
		own := frameNumber.ReplaceAll(frame, fmt.Appendf(nil, `"raw":"0912%07d"`, n))
		all[n] = message{time.Duration(n) * time.Second / time.Duration(rate), own}
	}
	return all
}

// measure relays the frames and returns how long each took.
func (r *relay) measure(b *testing.B, frames []message) []time.Duration {
	b.Helper()
	r.watch.reset(len(frames))
	runtime.GC()
	replay(frames, func(frame []byte) {
		if err := r.source.WriteMessage(websocket.TextMessage, frame); err != nil {
			b.Fatal(err)
		}
	})
	return r.watch.delays()
}
