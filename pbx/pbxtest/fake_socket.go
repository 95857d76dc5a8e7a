package pbxtest

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// app is a Stasis application: an event receiver. Fields are guarded by Fake.mu.
type app struct {
	name       string
	session    *session // nil: replaced, and nobody came
	channels   bool     // subscribed to all
	bridges    bool
	endpoints  bool
	devices    []string // device states; "" means all
	allowed    []any    // as PUT, [{"type":...}]
	disallowed []any
}

// wants tells whether the app gets this event.
func (a *app) wants(kind string) bool {
	if hasType(a.disallowed, kind) || len(a.allowed) > 0 && !hasType(a.allowed, kind) {
		return false
	}
	switch {
	case strings.HasPrefix(kind, "Bridge"), kind == "ChannelEnteredBridge", kind == "ChannelLeftBridge":
		return a.bridges
	case kind == "PeerStatusChange", kind == "ContactStatusChange":
		return a.endpoints
	case kind == "EndpointStateChange": // the route of all endpoints does not carry it
		return false
	case kind == "DeviceStateChanged":
		return len(a.devices) > 0
	}
	return a.channels
}

func hasType(list []any, kind string) bool {
	for _, v := range list {
		if o, ok := v.(object); ok && o["type"] == kind {
			return true
		}
	}
	return false
}

// session is one WebSocket. Its writer sends tasks in order; its reader answers pings.
type session struct {
	fake  *Fake
	conn  *websocket.Conn // nil until the handshake is over; guarded by Fake.mu
	tasks chan task
	gone  chan struct{} // closed when the reader ended
}

// task is a message, or a way to end.
type task struct {
	data []byte
	cut  Cut
}

// Cut is a way for a connection to end.
type Cut string

const (
	CutMidFrame Cut = "mid-frame" // half a message, then the end
	CutReset    Cut = "reset"     // TCP RST
	CutError    Cut = "1011"      // what Asterisk sends when a client is too slow
	CutClean    Cut = "clean"     // close frame 1000
	CutReplaced Cut = "replaced"  // another client takes the name: ApplicationReplaced, then silence on an open socket
)

// Cut ends every connected WebSocket in this way, after what was sent before.
func (f *Fake) Cut(how Cut) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.apps {
		if a.session == nil {
			continue
		}
		if how == CutReplaced {
			f.replace(a)
			continue
		}
		a.session.send(task{cut: how})
	}
}

// replace tells the app's socket that it has lost its name. f.mu is held.
func (f *Fake) replace(a *app) {
	if !hasType(a.disallowed, "ApplicationReplaced") {
		message, _ := json.Marshal(object{
			"type": "ApplicationReplaced", "timestamp": f.stamp(time.Now()), "application": a.name, "asterisk_id": asteriskID,
		})
		a.session.send(task{data: message})
	}
	a.session = nil
}

// send hands a task to the writer. A client that is thousands of messages behind is cut off, as Asterisk does.
// Fake.mu is held.
func (s *session) send(t task) {
	select {
	case s.tasks <- t:
	default:
		if s.conn != nil {
			s.conn.Close()
		}
	}
}

// writeTimeout is websocket_write_timeout of ari.conf.
const writeTimeout = time.Second

var upgrader = websocket.Upgrader{
	WriteBufferSize: 32 << 10,
	CheckOrigin:     func(*http.Request) bool { return true },
	Subprotocols:    []string{"ari"},
	Error:           func(w http.ResponseWriter, r *http.Request, status int, reason error) { page(w, status) },
}

// events is GET /ari/events: it holds the socket until it ends.
func (f *Fake) events(w http.ResponseWriter, r *http.Request) {
	names := r.URL.Query().Get("app")
	if names == "" {
		f.count(func(s *Seen) { s.Refused++ })
		page(w, http.StatusBadRequest)
		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		f.count(func(s *Seen) { s.Refused++ })
		page(w, http.StatusUpgradeRequired)
		return
	}
	// The application exists before the client hears that its socket is open.
	s := &session{fake: f, tasks: make(chan task, 20000), gone: make(chan struct{})}
	all := r.URL.Query().Get("subscribeAll") == "true"
	f.register(s, strings.Split(names, ","), all)
	defer f.unregister(s)
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		f.count(func(s *Seen) { s.Sockets--; s.Refused++ })
		return
	}
	defer conn.Close()
	if !s.opened(conn) {
		return
	}

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.write()
	}()
	s.read()
	close(s.gone)
	conn.Close()
	<-ended
}

// opened gives the session its socket; false if the fake is closed.
func (s *session) opened(conn *websocket.Conn) bool {
	f := s.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	s.conn = conn
	f.sessions[s] = true
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}

func (f *Fake) register(s *session, names []string, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.Sockets++
	for _, name := range names {
		f.seen.Apps = append(f.seen.Apps, name)
		a := f.apps[name]
		if a == nil { // subscribeAll is ignored for an app that exists already
			a = &app{name: name, channels: all, bridges: all, endpoints: all}
			if all {
				a.devices = []string{""}
			}
			f.apps[name] = a
		}
		if a.session != nil {
			f.replace(a)
		}
		a.session = s
	}
}

func (f *Fake) unregister(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, s)
	for name, a := range f.apps {
		if a.session == s || a.session == nil {
			delete(f.apps, name)
		}
	}
}

// read answers pings until the socket ends.
func (s *session) read() {
	s.conn.SetReadLimit(65535)
	s.conn.SetPongHandler(func(string) error {
		s.fake.count(func(c *Seen) { c.Pongs++ })
		return nil
	})
	s.conn.SetPingHandler(func(data string) error {
		if !s.awake() {
			return net.ErrClosed
		}
		return s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
	})
	for {
		if _, _, err := s.conn.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				s.fake.count(func(c *Seen) { c.Closes = append(c.Closes, closed.Code) })
			}
			return
		}
	}
}

// awake waits while the fake is stalled. It returns false when the socket or the fake ends meanwhile.
func (s *session) awake() bool {
	for {
		faults, changed := s.fake.fault()
		if !faults.Stalled {
			return true
		}
		select {
		case <-changed:
		case <-s.gone:
			return false
		case <-s.fake.done:
			return false
		}
	}
}

func (s *session) write() {
	for {
		select {
		case t := <-s.tasks:
			if !s.do(t) {
				s.conn.Close()
				return
			}
		case <-s.gone:
			return
		}
	}
}

// do sends a message or ends the connection; false when it has ended.
func (s *session) do(t task) bool {
	if !s.awake() {
		return false
	}
	if t.cut != "" {
		s.end(t.cut)
		return false
	}
	faults, _ := s.fake.fault()
	if faults.Deaf {
		return true
	}
	if faults.Slow > 0 {
		select {
		case <-time.After(faults.Slow):
		case <-s.gone:
			return false
		}
	}
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.conn.WriteMessage(websocket.TextMessage, t.data) == nil
}

func (s *session) end(how Cut) {
	raw := s.conn.NetConn()
	deadline := time.Now().Add(writeTimeout)
	switch how {
	case CutMidFrame:
		raw.SetWriteDeadline(deadline)
		raw.Write([]byte{0x81, 0x7e, 0x10, 0x00, '{', '"', 't', 'y'}) // a text frame of 4096 bytes begins
	case CutReset:
		if tcp, ok := raw.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
	case CutError:
		s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseInternalServerErr, ""), deadline)
	case CutClean:
		s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline)
	}
}

func (f *Fake) count(change func(*Seen)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.seen)
}
