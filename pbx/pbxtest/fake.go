package pbxtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"ringbook/pbx/ari"
)

// FakeConfig describes a fake PBX. The zero value is a usable one.
type FakeConfig struct {
	User, Password string   // of its ARI; "ringbook" and "secret" by default
	Version        string   // what GET /asterisk/info says; that of Asterisk 22.10.1 by default
	Endpoints      []string // "PJSIP/1001", what GET /endpoints lists
	Zone           *time.Location
	// Dialled, if set, is told of every call that was placed by REST. It must not block.
	Dialled func(Dialled)
	Log     *slog.Logger
}

// Dialled is a call that was placed by REST: its phone is to ring, and when it is picked up, Extension is dialled.
type Dialled struct {
	ID, Endpoint, Extension string
	Channel                 map[string]any // as it was published; not to be changed
}

// Fake is an Asterisk without telephones: it speaks the part of ARI that ringbook uses as Asterisk 22.10.1 does
// (status codes, bodies and bookkeeping were taken from a real one), replays recorded traces (Play), and can be
// told to misbehave (Set, Cut, Send). It may be used from any goroutine. Close it.
type Fake struct {
	config  FakeConfig
	started time.Time

	mu       sync.Mutex
	faults   Faults
	changed  chan struct{} // closed and replaced when faults change
	apps     map[string]*app
	channels map[string]object
	bridges  map[string]object
	dead     map[string]bool // ids of channels and bridges that ended; an id is never used twice
	numbers  int             // for ids and names
	seen     Seen

	done     chan struct{} // closed by Close
	work     sync.WaitGroup
	server   *http.Server
	memory   *memoryListener
	listener net.Listener // of Start
	sessions map[*session]bool
}

// object is a JSON object. One that has been published is never changed.
type object = map[string]any

// Faults is how the fake PBX misbehaves, from now on. The zero value is an honest PBX.
type Faults struct {
	Answer     func(*http.Request) int  // a status other than 0 is answered to this request, WebSocket handshakes included
	Lost       func(*http.Request) bool // what this request asks is done, and the connection ends instead of an answer
	Offline    []string                 // endpoints that are not registered
	ReadOnly   bool                     // the ARI user may only read
	Forgetful  bool                     // subscriptions are accepted and not kept
	Unfiltered bool                     // there is no eventFilter, as before Asterisk 16.3
	Wedged     bool                     // REST requests are accepted and never answered (asterisk#2170)
	Deaf       bool                     // sockets answer pings and deliver nothing
	Stalled    bool                     // sockets neither read nor write
	Slow       time.Duration            // pause before each message of a socket
	Duplicate  bool                     // every event is sent twice
}

// Seen counts what clients did.
type Seen struct {
	Sockets  int            // handshakes accepted
	Refused  int            // handshakes refused
	Apps     []string       // application names in order of connecting
	Requests map[string]int // REST requests by method and first path segment: "GET channels"
	Pongs    int            // pongs that answer no ping of ours: all of them
	Closes   []int          // close codes of clients
}

// NewFake makes a fake PBX that listens nowhere yet: use Start for a TCP address, Dial for connections in memory,
// or the Fake as an http.Handler.
func NewFake(config FakeConfig) *Fake {
	config.User = cmp.Or(config.User, "ringbook")
	config.Password = cmp.Or(config.Password, "secret")
	config.Version = cmp.Or(config.Version, "22.10.1~fake")
	if config.Zone == nil {
		config.Zone = time.UTC
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fake{
		config: config, started: time.Now(),
		changed: make(chan struct{}), done: make(chan struct{}),
		apps: map[string]*app{}, channels: map[string]object{}, bridges: map[string]object{}, dead: map[string]bool{},
		sessions: map[*session]bool{},
		memory:   newMemoryListener(),
	}
	f.seen.Requests = map[string]int{}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(config.Log.Handler(), slog.LevelDebug)}
	f.work.Go(func() { f.server.Serve(f.memory) })
	return f
}

// Start listens on a TCP address such as "127.0.0.1:0". Call it once at the most.
func (f *Fake) Start(address string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("fake PBX: %w", err)
	}
	f.listener = l
	f.work.Go(func() { f.server.Serve(l) })
	return nil
}

// URL is what an ari.Config wants, user and password included. Before Start it names a host that only Dial
// reaches.
func (f *Fake) URL() string {
	host := "fake.invalid"
	if f.listener != nil {
		host = f.listener.Addr().String()
	}
	u := url.URL{Scheme: "http", User: url.UserPassword(f.config.User, f.config.Password), Host: host, Path: "/ari"}
	return u.String()
}

// Dial connects to the fake in memory, whatever the address. It is meant for ari.Config.DialContext.
func (f *Fake) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return f.memory.dial(ctx)
}

// Close ends every connection and waits until nothing of the fake runs any more.
func (f *Fake) Close() {
	f.mu.Lock()
	select {
	case <-f.done:
		f.mu.Unlock()
		f.work.Wait()
		return
	default:
	}
	close(f.done)
	for s := range f.sessions {
		s.conn.Close()
	}
	f.mu.Unlock()
	f.server.Close()
	f.work.Wait()
}

// Set changes how the fake misbehaves; what is waiting for a fault to end goes on.
func (f *Fake) Set(change func(*Faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.faults)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *Fake) fault() (Faults, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults, f.changed
}

// Seen tells what clients did so far.
func (f *Fake) Seen() Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.seen
	s.Apps, s.Closes = slices.Clone(s.Apps), slices.Clone(s.Closes)
	s.Requests = map[string]int{}
	for k, n := range f.seen.Requests {
		s.Requests[k] = n
	}
	return s
}

// Live counts the channels and bridges there are now.
func (f *Fake) Live() (channels, bridges int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.channels), len(f.bridges)
}

// Emit publishes one event given as JSON to every application that is subscribed to it. Timestamp and asterisk_id
// are added if missing; the table of channels and bridges follows it.
func (f *Fake) Emit(event string) error {
	var o object
	if err := unmarshal([]byte(event), &o); err != nil {
		return fmt.Errorf("fake PBX: emit: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish(o)
	return nil
}

// Up tells whether there is a channel of that id.
func (f *Fake) Up(channel string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.channels[channel] != nil
}

// Forget takes the subscriptions away from every application that is there now, as Asterisk does when the end of one
// connection and the beginning of another come together. Their sockets stay open, and get test events still.
func (f *Fake) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.apps {
		a.channels, a.bridges, a.endpoints = false, false, false
	}
}

// Send sends a text message as it is to every connected socket, subscribed or not. Of what it tells the fake learns nothing.
func (f *Fake) Send(message []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send(message)
}

// SendEvent sends an event as it is to every connected socket, subscribed or not, and takes note of the channels and bridges
// that it makes or ends, so that GET /channels and GET /bridges list what clients have been told of. It costs a fraction of
// what Emit does.
func (f *Fake) SendEvent(event []byte) error {
	var head struct{ Type string }
	if err := json.Unmarshal(event, &head); err != nil {
		return fmt.Errorf("fake PBX: send an event: %w", err)
	}
	var told object
	if strings.HasSuffix(head.Type, "Created") || strings.HasSuffix(head.Type, "Destroyed") {
		if err := unmarshal(event, &told); err != nil {
			return fmt.Errorf("fake PBX: send an event: %w", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keepTables(head.Type, told)
	f.send(event)
	return nil
}

// send sends a message to every connected socket. f.mu is held.
func (f *Fake) send(message []byte) {
	for _, a := range f.apps {
		if a.session != nil {
			a.session.send(task{data: message})
		}
	}
}

// publish sends an event to whom it concerns and keeps the tables true. f.mu is held.
func (f *Fake) publish(event object) {
	if _, ok := event["timestamp"]; !ok {
		event["timestamp"] = f.stamp(time.Now())
	}
	event["asterisk_id"] = asteriskID
	kind, _ := event["type"].(string)
	f.keepTables(kind, event)

	delete(event, "application")
	body, err := json.Marshal(event)
	if err != nil || len(body) < 2 {
		return
	}
	for _, a := range f.apps {
		if a.session == nil || !a.wants(kind) {
			continue
		}
		name, _ := json.Marshal(a.name)
		message := slices.Concat(body[:len(body)-1], []byte(`,"application":`), name, []byte{'}'})
		a.session.send(task{data: message})
		if f.faults.Duplicate {
			a.session.send(task{data: message})
		}
	}
}

// keepTables makes GET /channels and GET /bridges answer what the events told.
func (f *Fake) keepTables(kind string, event object) {
	for key, v := range event {
		o, ok := v.(object)
		if !ok {
			continue
		}
		id, _ := o["id"].(string)
		if id == "" || f.dead[id] {
			continue
		}
		if _, isBridge := o["bridge_class"]; isBridge {
			f.bridges[id] = o
		} else if _, isChannel := o["creationtime"]; isChannel && key != "endpoint" {
			f.channels[id] = o
		}
	}
	var table map[string]object
	var ended any
	switch kind {
	case "ChannelDestroyed":
		table, ended = f.channels, event["channel"]
	case "BridgeDestroyed":
		table, ended = f.bridges, event["bridge"]
	case "BridgeMerged":
		table, ended = f.bridges, event["bridge_from"]
	}
	if o, ok := ended.(object); ok {
		if id, _ := o["id"].(string); id != "" {
			delete(table, id)
			f.dead[id] = true
		}
	}
}

// asteriskID is the entity_id of the fake, a MAC address as Asterisk has it by default.
const asteriskID = "02:00:00:00:00:fa"

func (f *Fake) stamp(t time.Time) string { return t.In(f.config.Zone).Format(ari.Layout) }

// number returns a number never returned before. f.mu is held.
func (f *Fake) number() int {
	f.numbers++
	return f.numbers
}
