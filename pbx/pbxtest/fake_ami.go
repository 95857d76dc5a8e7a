package pbxtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"ringbook/pbx/ami"
)

// AMIConfig describes a fake manager. The zero value is a usable one.
type AMIConfig struct {
	User, Password string // "ringbook" and "secret" by default
	Version        string // Asterisk's; 22.10.1 by default
	// Write are the rights of the user: what it may ask for, and see in ListCommands. By default those that ringbook needs.
	// "-" is none.
	Write string
}

// AMI is the manager of an Asterisk without telephones. It speaks as Asterisk 22.10.1 does (the words were taken from a real
// one), has the queues of a recording and changes them as asked, plays recorded events, and can be told to misbehave. It
// may be used from any goroutine. Close it.
type AMI struct {
	config AMIConfig

	mu       sync.Mutex
	faults   AMIFaults
	answers  map[string]func(ami.Action) string
	queues   []ami.Event // what QueueStatus lists
	sessions map[*managerSession]bool
	actions  []ami.Action
	logins   int
	refused  int

	work     sync.WaitGroup
	memory   *memoryListener
	listener net.Listener // of Start
}

// AMIFaults is how the fake manager misbehaves, from now on. The zero value is an honest one.
type AMIFaults struct {
	Refuse    string // log-ins are refused in these words
	Challenge string // so are challenges
	Banner    string // instead of Asterisk's
	Silent    bool   // it takes connections and actions and says nothing
	Reverse   int    // answers are held back until there are so many, and given in the opposite order
	HalfEvent bool   // the next event ends in its middle, and with it the connection
	HalfList  bool   // a list ends in its middle, and with it the connection
	Booting   bool   // it lets in before its modules are loaded: their actions are not known yet
}

type managerSession struct {
	conn    net.Conn
	writing sync.Mutex
	in      bool     // logged in
	held    []string // answers, see AMIFaults.Reverse
}

// NewAMI makes a fake manager that listens nowhere yet: use Start for a TCP address, or Dial for connections in memory.
func NewAMI(config AMIConfig) *AMI {
	config.User = cmp.Or(config.User, "ringbook")
	config.Password = cmp.Or(config.Password, "secret")
	config.Version = cmp.Or(config.Version, "22.10.1~fake")
	config.Write = cmp.Or(config.Write, "agent,call,system,reporting")
	f := &AMI{config: config, answers: map[string]func(ami.Action) string{}, sessions: map[*managerSession]bool{}, memory: newMemoryListener()}
	f.work.Go(func() { f.serve(f.memory) })
	return f
}

// Start listens on a TCP address such as "127.0.0.1:0". Call it once at the most.
func (f *AMI) Start(address string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("fake manager: %w", err)
	}
	f.Serve(l)
	return nil
}

// Serve takes connections from a listener, which Close closes.
func (f *AMI) Serve(l net.Listener) {
	f.listener = l
	f.work.Go(func() { f.serve(l) })
}

// URL is what an ami.Config wants, user and password included. Before Start it names a host that only Dial reaches.
func (f *AMI) URL() string {
	host := "fake.invalid"
	if f.listener != nil {
		host = f.listener.Addr().String()
	}
	return (&url.URL{Scheme: "tcp", User: url.UserPassword(f.config.User, f.config.Password), Host: host}).String()
}

// Dial connects in memory, for ami.Config.DialContext.
func (f *AMI) Dial(ctx context.Context, _, _ string) (net.Conn, error) { return f.memory.dial(ctx) }

// Close ends everything and waits for it.
func (f *AMI) Close() {
	f.memory.Close()
	if f.listener != nil {
		f.listener.Close()
	}
	f.Cut()
	f.work.Wait()
}

// Set changes how it misbehaves.
func (f *AMI) Set(faults AMIFaults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// Cut ends every connection at once.
func (f *AMI) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sessions {
		s.conn.Close()
	}
}

// Actions are those that were asked for since the start, log-ins and pings left out.
func (f *AMI) Actions() []ami.Action {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.actions)
}

// Logins tells how often somebody logged in, and how often that was refused.
func (f *AMI) Logins() (accepted, refused int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins, f.refused
}

// Answer has an action answered by a function from now on: it returns the lines of the Response less its ActionID, as
// "Response: Success\r\nMessage: Redirect successful\r\n".
func (f *AMI) Answer(action string, answer func(ami.Action) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[strings.ToLower(action)] = answer
}

// Emit sends an event to whoever is logged in.
func (f *AMI) Emit(e ami.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.emit(e)
}

// SendRaw sends bytes as they are to whoever is logged in.
func (f *AMI) SendRaw(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sessions {
		if s.in {
			s.send(text)
		}
	}
}

// emit is Emit while mu is held.
func (f *AMI) emit(e ami.Event) {
	text := format("Event", e.Name, e.Fields)
	half := f.faults.HalfEvent
	f.faults.HalfEvent = false
	for s := range f.sessions {
		switch {
		case s.in && half:
			s.send(text[:len(text)/2])
			s.conn.Close()
		case s.in:
			s.send(text)
		}
	}
}

func format(kind, name string, fields []ami.Field) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\r\n", kind, name)
	for _, field := range fields {
		fmt.Fprintf(&b, "%s: %s\r\n", field.Key, field.Value)
	}
	b.WriteString("\r\n")
	return b.String()
}

// send writes, and ends a connection whose other end does not read, as Asterisk does.
func (s *managerSession) send(text string) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.conn.Close()
	}
}

func (f *AMI) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		f.work.Go(func() { f.session(conn) })
	}
}

func (f *AMI) session(conn net.Conn) {
	s := &managerSession{conn: conn}
	f.mu.Lock()
	f.sessions[s] = true
	banner := cmp.Or(f.faults.Banner, "Asterisk Call Manager/11.0.0\r\n")
	silent := f.faults.Silent
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.sessions, s)
		f.mu.Unlock()
		conn.Close()
	}()
	if !silent {
		s.send(banner)
	}
	in := bufio.NewReader(conn)
	for {
		action, id, err := readAction(in)
		if err != nil || !f.act(s, action, id) {
			return
		}
	}
}

// readAction reads up to an empty line.
func readAction(in *bufio.Reader) (action ami.Action, id string, err error) {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return action, id, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return action, id, nil
		}
		key, value, ok := strings.Cut(string(line), ": ")
		switch {
		case !ok:
			return action, id, errors.New("a line is none")
		case key == "Action":
			action.Name = value
		case key == "ActionID":
			id = value
		default:
			action.Fields = append(action.Fields, ami.Field{Key: key, Value: value})
		}
	}
}

func value(fields []ami.Field, key string) string {
	e := ami.Event{Fields: fields}
	return e.Get(key)
}

const nonce = "840415273"

// act does one action; false ends the session.
func (f *AMI) act(s *managerSession, action ami.Action, id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults.Silent {
		return true
	}
	say := func(lines ...string) { f.reply(s, "Response: Success\r\n", id, lines...) }
	fail := func(message string) { f.reply(s, "Response: Error\r\n", id, "Message: "+message) }
	switch name := strings.ToLower(action.Name); {
	case name == "challenge" && f.faults.Challenge != "":
		fail(f.faults.Challenge)
	case name == "challenge":
		say("Challenge: " + nonce)
	case name == "login":
		sum := md5.Sum([]byte(nonce + f.config.Password))
		right := value(action.Fields, "Key") == hex.EncodeToString(sum[:]) || value(action.Fields, "Secret") == f.config.Password
		if f.faults.Refuse != "" || !right || value(action.Fields, "Username") != f.config.User {
			f.refused++
			fail(cmp.Or(f.faults.Refuse, "Authentication failed"))
			return false
		}
		s.in = true
		f.logins++
		say("Message: Authentication accepted")
		s.send("Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 6\r\nLastReload: 6\r\nStatus: Fully Booted\r\n\r\n")
	case !s.in:
		fail("Permission denied")
	case name == "ping":
		say("Ping: Pong", "Timestamp: 1795382312.000000")
	default:
		f.actions = append(f.actions, action)
		f.asked(s, action, id, say, fail)
	}
	return true
}

// reply gives an answer, or holds it back.
func (f *AMI) reply(s *managerSession, head, id string, lines ...string) {
	text := head + "ActionID: " + id + "\r\n"
	for _, l := range lines {
		text += l + "\r\n"
	}
	f.give(s, text+"\r\n")
}

func (f *AMI) give(s *managerSession, text string) {
	if f.faults.Reverse > 0 && s.in {
		s.held = append(s.held, text)
		if len(s.held) < f.faults.Reverse {
			return
		}
		slices.Reverse(s.held)
		text = strings.Join(s.held, "")
		s.held = nil
	}
	s.send(text)
}

// granted are the actions that the rights allow, of those that a real Asterisk has and ringbook knows.
func (f *AMI) granted(action string) bool {
	right := ami.RightOf(action)
	if right == "" {
		return true
	}
	have := strings.Split(f.config.Write, ",")
	return slices.ContainsFunc(strings.Split(right, " or "), func(r string) bool { return slices.Contains(have, r) })
}

// loaded tells whether the module is there that has an action.
func (f *AMI) loaded(action string) bool {
	return !f.faults.Booting ||
		!strings.HasPrefix(action, "Queue") && !strings.HasPrefix(action, "PJSIP") && !strings.Contains(action, "MixMonitor")
}

// managed are the actions that it knows.
var managed = []string{
	"Atxfer", "BlindTransfer", "CancelAtxfer", "CoreSettings", "Events", "Filter", "Getvar", "Hangup", "ListCommands", "MixMonitorMute",
	"MuteAudio", "Originate", "PJSIPNotify", "Ping", "PlayDTMF", "QueueAdd", "QueuePause", "QueuePenalty", "QueueRemove", "QueueStatus",
	"Redirect", "Setvar", "StopMixMonitor",
}
