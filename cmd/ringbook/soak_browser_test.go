package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// soakBrowsers are the desks' browsers, which come back by themselves.
type soakBrowsers struct {
	address string
	origin  string
	done    chan struct{}
	work    sync.WaitGroup

	mu      sync.Mutex
	pops    []popTime
	away    []time.Duration // from the end of a socket to the next one's first frame
	callers map[string]bool // that rang somewhere
	conns   map[*websocket.Conn]bool
	closed  bool
}

// popTime is when a browser read the first frame in which a call rang, and how long after Asterisk's time stamp.
type popTime struct {
	at    time.Time
	delay time.Duration
}

// deskFrame is what the soak reads of a frame.
type deskFrame struct {
	Type string `json:"type"`
	Seq  uint64 `json:"seq"`
	Desk struct {
		Calls []struct {
			State     string    `json:"state"`
			OfferedAt time.Time `json:"offered_at"`
			Call      struct {
				ID     string `json:"id"`
				Caller struct {
					Raw string `json:"raw"`
				} `json:"caller"`
			} `json:"call"`
		} `json:"calls"`
	} `json:"desk"`
}

func openBrowsers(b *testing.B, l *balancer, people []*person, count int) *soakBrowsers {
	b.Helper()
	s := &soakBrowsers{
		address: "ws" + strings.TrimPrefix(l.url(), "http") + "/api/v1/push", origin: l.url(),
		done: make(chan struct{}), callers: map[string]bool{}, conns: map[*websocket.Conn]bool{},
	}
	for n := range count {
		s.work.Go(func() { s.live(people[n%len(people)]) })
	}
	b.Cleanup(s.close)
	return s
}

// live is one browser's life.
func (s *soakBrowsers) live(who *person) {
	dialer := websocket.Dialer{Jar: who.http.Jar, HandshakeTimeout: 5 * time.Second}
	var left time.Time // since when it has had no socket
	for {
		conn, answer, err := dialer.Dial(s.address, http.Header{"Origin": {s.origin}})
		if answer != nil && answer.Body != nil {
			answer.Body.Close()
		}
		if err == nil && s.add(conn) {
			s.read(conn, left)
			left = time.Now()
		}
		select {
		case <-s.done:
			return
		case <-time.After(100*time.Millisecond + rand.N(400*time.Millisecond)):
		}
	}
}

func (s *soakBrowsers) add(conn *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

// read reads a socket to its end; left is when the browser lost the one before.
func (s *soakBrowsers) read(conn *websocket.Conn, left time.Time) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	shown := map[string]bool{}
	for first := true; ; first = false {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		now := time.Now()
		var f deskFrame
		if json.Unmarshal(data, &f) != nil {
			return
		}
		if f.Type != "desk" {
			continue
		}
		still := make(map[string]bool, len(f.Desk.Calls))
		s.mu.Lock()
		if first && !left.IsZero() {
			s.away = append(s.away, now.Sub(left))
		}
		for _, c := range f.Desk.Calls {
			if c.State != "ringing" {
				continue
			}
			s.callers[c.Call.Caller.Raw] = true
			still[c.Call.ID] = true
			// What is there when a browser connects has been there for a while.
			if !shown[c.Call.ID] && !first {
				s.pops = append(s.pops, popTime{now, now.Sub(c.OfferedAt)})
			}
		}
		s.mu.Unlock()
		shown = still
		if conn.SetWriteDeadline(now.Add(5*time.Second)) != nil || conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"seen","seq":%d}`, f.Seq)) != nil {
			return
		}
	}
}

// aftermath is how long after a fault a pop counts as during it.
const aftermath = 5 * time.Second

// delays are those of pops outside of any mishap, and those from an mishap's begin until its aftermath is over.
func (s *soakBrowsers) delays(mishaps []mishap) (calm, troubled []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pops {
		during := false
		for _, o := range mishaps {
			during = during || p.at.After(o.began) && p.at.Before(o.end.Add(aftermath))
		}
		if during {
			troubled = append(troubled, p.delay)
		} else {
			calm = append(calm, p.delay)
		}
	}
	return calm, troubled
}

// close ends all browsers. Closing twice is fine.
func (s *soakBrowsers) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		for conn := range s.conns {
			conn.Close()
		}
	}
	s.mu.Unlock()
	s.work.Wait()
}
