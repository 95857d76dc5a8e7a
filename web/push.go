package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"ringbook/crm"
)

// Close codes of the push socket, beside those of RFC 6455. The browser logs in again after closeSession, and comes
// back after a jittered pause after all others.
const (
	closeSession  = 4401 // the session has ended, or there was none
	closeShutdown = 4503 // ringbook is shutting down
	closeSlow     = 4408 // a write or a pong took too long (the browser hardly ever gets to read this one)
	closeRights   = 4409 // the agent may see more than when the socket was opened; the next one is made for that
	closeFlood    = 4429 // too many messages
)

// Timings of a push socket; a test shortens them.
type pushTimings struct {
	entry   time.Duration // a browser waits at the entrance for this long at the most
	write   time.Duration // one frame must be taken by the browser's kernel in this time
	ping    time.Duration // between two pings
	beat    time.Duration // between two frames, for those who want to be told that nothing has changed
	pong    time.Duration // without any sign of life for this long, the browser is gone
	lost    time.Duration // a pop not seen after this time is lost
	recheck time.Duration // between two looks at whether the tokens of all sockets still live; of sessions we are told
}

var defaultTimings = pushTimings{entry: 10 * time.Second, write: 5 * time.Second, ping: 25 * time.Second, beat: 4 * time.Second, pong: 60 * time.Second, lost: 10 * time.Second, recheck: 15 * time.Second}

// sockets knows every open push socket.
type sockets struct {
	mu     sync.Mutex
	open   map[*socket]struct{}
	closed bool
	done   sync.WaitGroup // one per open socket
}

// ending is why a socket is closed by us.
type ending struct {
	code   int
	reason string
}

// add registers a socket; false once shutting down.
func (s *sockets) add(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[c] = struct{}{}
	s.done.Add(1)
	return true
}

func (s *sockets) remove(c *socket) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	s.done.Done()
}

// end closes the sockets that match, at once, and does not wait for them.
func (s *sockets) end(e ending, match func(*socket) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if match(c) {
			c.end(e)
		}
	}
}

// endSession closes the sockets of one session.
func (s *sockets) endSession(id uuid.UUID) {
	s.end(ending{closeSession, "the session has ended"}, func(c *socket) bool { return c.session == id })
}

// endAgent closes all sockets of an agent.
func (s *sockets) endAgent(id uuid.UUID) {
	s.end(ending{closeSession, "the session has ended"}, func(c *socket) bool { return c.agent == id })
}

// shut closes all sockets, refuses new ones, and waits until none is left.
func (s *sockets) shut() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end(ending{closeShutdown, "ringbook is shutting down"}, func(*socket) bool { return true })
	s.done.Wait()
}

// tokens maps the secrets of the tokens that have a socket open to the tokens' ids.
func (s *sockets) tokens() map[string]uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]uuid.UUID{}
	for c := range s.open {
		if c.token != "" {
			found[c.token] = c.session
		}
	}
	return found
}

// checkTokens closes the sockets of tokens that have ended, until ctx ends. Of sessions the store tells.
func (s *Server) checkTokens(ctx context.Context) {
	tick := time.NewTicker(s.timings.recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for secret, id := range s.sockets.tokens() {
			if _, _, err := s.Store.TokenActor(ctx, secret); errors.Is(err, crm.ErrUnauthenticated) {
				s.sockets.endSession(id)
			}
		}
	}
}

// writeBuffers are shared by all sockets: a socket that has nothing to say holds none.
var writeBuffers = &sync.Pool{}

// push upgrades to a WebSocket, which lives on beside the request: Run waits for it. A page cannot read the status of a refused
// upgrade, so one without a session is upgraded and told by a close code; other clients get 401. However many come at once, a few
// are let in at a time.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		writeProblem(w, http.StatusUpgradeRequired, "This address speaks WebSocket.")
		return
	}
	if !sameOrigin(r) {
		s.metrics.refused.Add(r.Context(), 1, reason("origin"))
		writeProblem(w, http.StatusForbidden, "A page of another site may not connect.")
		return
	}
	came := time.Now()
	leave, err := s.enter(r.Context())
	if err != nil {
		s.metrics.refused.Add(r.Context(), 1, reason("crowd"))
		w.Header().Set("Retry-After", "2")
		writeProblem(w, http.StatusServiceUnavailable, "Too many browsers connect at this moment. Come back in a moment.")
		return
	}
	c := s.letIn(w, r)
	if c == nil {
		leave()
		return
	}
	c.entered = func() { // with its first picture drawn
		leave()
		s.metrics.entry.Record(context.Background(), time.Since(came).Seconds())
	}
	go func() { // not here: what net/http keeps for a request would stay for hours
		defer s.sockets.remove(c)
		defer leave()
		c.serve(context.Background())
	}()
}

// enter waits for a place at the entrance, a while.
func (s *Server) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timings.entry)
	defer cancel()
	s.metrics.waiting.Add(ctx, 1)
	defer s.metrics.waiting.Add(ctx, -1)
	return s.entrance.enter(ctx)
}

// letIn makes a socket of the request; nil if that cannot be, and the request is answered.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request) *socket {
	ctx, cancel := context.WithTimeout(r.Context(), s.timings.write)
	defer cancel()
	actor, err := s.authenticate(r.WithContext(ctx))
	if err != nil && (!errors.Is(err, errNoSession) || r.Header.Get("Origin") == "") {
		write(w, s.problem(r.Context(), r.Method, err))
		return nil
	}
	up := websocket.Upgrader{
		HandshakeTimeout: s.timings.write, ReadBufferSize: 512, WriteBufferPool: writeBuffers,
		CheckOrigin: func(*http.Request) bool { return true }, // done above, with an answer in words
		Error: func(w http.ResponseWriter, _ *http.Request, status int, _ error) {
			writeProblem(w, status, "Not a WebSocket handshake.")
		},
		EnableCompression: packs(actor),
	}
	conn, upErr := up.Upgrade(w, r, nil)
	if upErr != nil {
		return nil // answered by the upgrader
	}
	if err != nil {
		defer conn.Close()
		s.metrics.refused.Add(r.Context(), 1, reason("session"))
		sayClose(conn, ending{closeSession, "log in first"}, s.timings.write)
		return nil
	}
	c := newSocket(s, conn, actor)
	c.beats = r.URL.Query().Get("beat") == "true"
	if !s.sockets.add(c) {
		defer conn.Close()
		sayClose(conn, ending{closeShutdown, "ringbook is shutting down"}, s.timings.write)
		return nil
	}
	// A session that ended since it was looked at has found no socket to close.
	if _, err := s.authenticate(r.WithContext(ctx)); errors.Is(err, errNoSession) {
		c.end(ending{closeSession, "the session has ended"})
	}
	return c
}

// packs says whether compression is offered: for the floor only, since desks are small, and there are many.
func packs(a identity) bool { return a.actor.Can(crm.FloorRead) }

// sayClose sends a close frame; what becomes of it does not matter any more.
func sayClose(conn *websocket.Conn, e ending, wait time.Duration) {
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(e.code, e.reason), time.Now().Add(wait))
}
