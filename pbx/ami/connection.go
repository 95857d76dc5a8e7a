package ami

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The classes of events that the PBX is asked for, and of those the ones that are used. Everything else stays where it is:
// the other classes tell of every channel, variable and digit.
const (
	classes = "agent,system"
	wanted  = "^Event: (Queue|Agent|Reload|FullyBooted|Shutdown)"
)

// A list may be as long as a big PBX is big.
const (
	maxList      = 1 << 17
	maxListBytes = 128 << 20
)

// connection is one socket and what belongs to it. Beside the goroutine of Run two work for it: read moves events into
// the ring and answers to those who wait for them, and never waits; keep pings.
type connection struct {
	*Client
	socket   net.Conn
	in       *reader
	protocol string
	prefix   string // of our ActionIDs; a number follows

	ring chan Event
	high atomic.Int64 // most events in ring since the last ping

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	writing sync.Mutex

	mu      sync.Mutex // guards what follows
	last    int
	pending map[string]*pending
}

// pending is an action that was sent.
type pending struct {
	action string
	answer Answer
	size   int
	list   bool // the Response has come, and the list goes on
	err    error
	done   chan struct{} // closed when answer and err are what they will be
}

// deadlined is a socket that fails when nothing comes for too long.
type deadlined struct {
	net.Conn
	limit time.Duration
}

func (d deadlined) Read(b []byte) (int, error) {
	if err := d.SetReadDeadline(time.Now().Add(d.limit)); err != nil {
		return 0, err
	}
	return d.Conn.Read(b)
}

// open connects and logs in. Events come from then on.
func (c *Client) open(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*c.config.ActionTimeout)
	defer cancel()
	dial := c.config.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: c.config.ActionTimeout / 2, KeepAlive: 10 * time.Second}).DialContext
	}
	socket, err := dial(ctx, "tcp", c.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	// Whatever the PBX does during the handshake and the log-in, ctx ends it.
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	defer stop()
	if c.tls != nil {
		secure := tls.Client(socket, c.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			socket.Close()
			return nil, fmt.Errorf("connect: %w", err)
		}
		socket = secure
	}
	conn := &connection{
		Client: c, socket: socket, prefix: "ringbook-" + secret(6) + "-",
		in:   newReader(deadlined{socket, c.config.ActionTimeout}),
		ring: make(chan Event, c.config.Ring), pending: map[string]*pending{},
	}
	if err := conn.logIn(); err != nil {
		socket.Close()
		return nil, err
	}
	return conn, nil
}

// logIn reads the banner and says who we are: by a challenge, so that the password is not sent.
func (c *connection) logIn() error {
	banner, _, err := c.in.line()
	if err != nil && (!errors.Is(err, io.EOF) || len(banner) == 0) {
		return fmt.Errorf("read the banner: %w", err)
	}
	name, protocol, ok := strings.Cut(string(banner), "/")
	if !ok || !strings.HasSuffix(name, "Call Manager") {
		return errBanner
	}
	c.protocol = shorten(strings.TrimSpace(protocol))

	login := []Field{{"Username", c.user}, {"Events", classes}}
	challenge, err := c.ask(Action{Name: "Challenge", Fields: []Field{{"AuthType", "MD5"}}})
	if err != nil {
		return err
	}
	switch nonce := challenge.Get("Challenge"); {
	case strings.EqualFold(challenge.Fields[0].Value, "Success") && nonce != "":
		sum := md5.Sum([]byte(nonce + c.password))
		login = append(login, Field{"AuthType", "MD5"}, Field{"Key", hex.EncodeToString(sum[:])})
	case c.tls != nil:
		login = append(login, Field{"Secret", c.password})
	default:
		return &Error{Action: "Login", Message: "it offers no MD5 challenge, and without TLS the password is not sent as it is", Err: ErrLogin}
	}
	answer, err := c.ask(Action{Name: "Login", Fields: login})
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer.Fields[0].Value, "Success") {
		return refusal("Login", answer.Get("Message"))
	}
	return nil
}

// ask sends an action and reads until its answer, while nobody else reads.
func (c *connection) ask(action Action) (Answer, error) {
	c.last++
	id := c.prefix + strconv.Itoa(c.last)
	if err := c.send(action, id); err != nil {
		return Answer{}, err
	}
	for range 1000 {
		m, err := c.in.next()
		if err != nil {
			return Answer{}, fmt.Errorf("%s: %w", action.Name, err)
		}
		c.tee.in(m.fields)
		if m.isResponse() && get(m.fields, "ActionID") == id {
			return Answer{Fields: m.fields}, nil
		}
	}
	return Answer{}, errBanner
}

func (c *connection) send(action Action, id string) error {
	b, err := action.encode(id)
	if err != nil {
		return &Error{Action: action.Name, Message: err.Error(), Err: ErrInvalid}
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.tee.out(action, id)
	if err := c.socket.SetWriteDeadline(time.Now().Add(c.config.WriteTimeout)); err != nil {
		return fmt.Errorf("send %s: %w", action.Name, err)
	}
	if _, err := c.socket.Write(b); err != nil {
		return fmt.Errorf("send %s: %w", action.Name, err)
	}
	return nil
}

// start begins to read.
func (c *connection) start(ctx context.Context) {
	c.in.in.Reset(io.MultiReader(buffered(c.in), deadlined{c.socket, c.config.Ping + c.config.PingTimeout}))
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.work.Go(c.read)
	c.work.Go(func() {
		<-c.ctx.Done()
		c.socket.Close()
	})
}

// buffered is what the reader has read ahead.
func buffered(r *reader) io.Reader {
	ahead, _ := r.in.Peek(r.in.Buffered()) // as much as there is never fails
	return strings.NewReader(string(ahead))
}

// close ends the connection and waits for its goroutines. Whoever waits for an answer gets ErrDown.
func (c *connection) close() {
	c.cancel(context.Canceled)
	c.work.Wait()
}

// fail ends the connection. The first reason counts.
func (c *connection) fail(err error) { c.cancel(err) }

// read takes messages until the socket ends.
func (c *connection) read() {
	for {
		m, err := c.in.next()
		if err != nil {
			if network := net.Error(nil); errors.As(err, &network) && network.Timeout() {
				err = errSilent
			}
			c.fail(fmt.Errorf("read: %w", err))
			return
		}
		c.tee.in(m.fields)
		if m.cut {
			c.metrics.malformed()
		}
		event := m.event()
		switch id := get(m.fields, "ActionID"); {
		case strings.HasPrefix(id, c.prefix) && c.answered(id, &m, event):
		case event != nil && (id == "" || event.Get("Privilege") != ""): // else of a list that nobody waits for any more
			c.metrics.event(event.Name)
			select {
			case c.ring <- *event:
				c.high.Store(max(c.high.Load(), int64(len(c.ring)))) // only here
			default:
				c.metrics.shed(len(c.ring) + 1)
				c.fail(errOverflow)
				return
			}
		default:
			c.metrics.malformed()
		}
	}
}

// answered gives a message to whoever waits for it, and tells whether somebody does.
func (c *connection) answered(id string, m *message, event *Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[id]
	if p == nil {
		return false
	}
	end := func(err error) {
		p.err = err
		delete(c.pending, id)
		close(p.done)
	}
	p.size += m.size
	switch {
	case m.cut:
		end(&Error{Action: p.action, Message: "the answer has a line that is too long", Err: errTooBig})
	case p.size > maxListBytes || len(p.answer.Events) >= maxList:
		end(&Error{Action: p.action, Message: "the list does not end", Err: errTooBig})
	case m.isResponse():
		p.answer.Fields = m.fields
		switch strings.ToLower(m.fields[0].Value) {
		case "error":
			end(refusal(p.action, p.answer.Get("Message")))
		default:
			// Asterisk 12 and older say only in words that a list follows.
			p.list = strings.EqualFold(p.answer.Get("EventList"), "start") || strings.Contains(p.answer.Get("Message"), "will follow")
			if !p.list {
				end(nil)
			}
		}
	case event != nil && (strings.EqualFold(event.Get("EventList"), "Complete") || strings.HasSuffix(event.Name, "Complete")):
		end(nil)
	case event != nil && strings.EqualFold(event.Get("EventList"), "Cancelled"):
		end(&Error{Action: p.action, Message: event.Get("Message"), Err: errRefused})
	case event != nil:
		p.answer.Events = append(p.answer.Events, *event)
	default:
		return false
	}
	return true
}

// do sends an action and waits for its answer.
func (c *connection) do(ctx context.Context, action Action) (Answer, error) {
	p := &pending{action: action.Name, done: make(chan struct{})}
	c.mu.Lock()
	c.last++
	id := c.prefix + strconv.Itoa(c.last)
	c.pending[id] = p
	c.mu.Unlock()

	if err := c.send(action, id); err != nil {
		c.forget(id)
		if invalid := (*Error)(nil); errors.As(err, &invalid) {
			return Answer{}, invalid
		}
		c.fail(err) // half an action may be on the wire
		return Answer{}, &Error{Action: action.Name, Message: "it could not be sent", Err: errors.Join(ErrDown, ErrUnanswered, err)}
	}
	var missing error
	select {
	case <-p.done:
		return p.answer, p.err
	case <-ctx.Done():
		missing = &Error{Action: action.Name, Message: "it was not answered in time", Err: errors.Join(ErrDown, ErrUnanswered, ctx.Err())}
	case <-c.ctx.Done():
		missing = &Error{Action: action.Name, Message: "the connection ended before the answer came", Err: errors.Join(ErrDown, ErrUnanswered)}
	}
	c.forget(id)
	select {
	case <-p.done: // in the same moment
		return p.answer, p.err
	default:
	}
	return Answer{}, missing
}

func (c *connection) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// setUp asks what the user may do and which Asterisk it is, and lets the PBX leave out what is not used.
func (c *connection) setUp() (Live, error) {
	live := Live{Protocol: c.protocol}
	ctx, cancel := context.WithTimeout(c.ctx, c.config.ActionTimeout)
	defer cancel()
	var err error
	if live.Rights, err = c.rights(ctx); err != nil {
		return live, err
	}
	// Neither of these is needed: refused, they are left out.
	if live.Rights.Can("Filter") {
		filter := Action{Name: "Filter", Fields: []Field{{"Operation", "Add"}, {"Filter", wanted}}}
		if _, err := c.do(ctx, filter); errors.Is(err, ErrDown) {
			return live, err
		}
	}
	if live.Rights.Can("CoreSettings") {
		settings, err := c.do(ctx, Action{Name: "CoreSettings"})
		if errors.Is(err, ErrDown) {
			return live, err
		}
		live.Version = shorten(settings.Get("AsteriskVersion"))
	}
	return live, nil
}

// rights asks what the user may do. Where the PBX does not tell, nothing is known; an error is ErrDown.
func (c *connection) rights(ctx context.Context) (Rights, error) {
	list, err := c.do(ctx, Action{Name: "ListCommands"})
	if errors.Is(err, ErrDown) {
		return Rights{}, err
	}
	return rightsOf(list), nil
}

// keep pings until the connection ends, and asks anew what the user may do: a PBX that is starting lets in before its modules
// are loaded, and does not know their actions until then (main/manager.c, ast_manager_register2).
func (c *connection) keep() {
	tick := time.NewTicker(c.config.Ping)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(c.ctx, c.config.PingTimeout)
		_, err := c.do(ctx, Action{Name: "Ping"})
		took := time.Since(began)
		var rights Rights
		if !errors.Is(err, ErrDown) {
			rights, err = c.rights(ctx)
		}
		cancel()
		if errors.Is(err, ErrDown) {
			c.fail(errSilent)
			return
		}
		c.metrics.depth(int(c.high.Swap(0)))
		c.setHealth(func(h *Health) { h.LastPing, h.RTT, h.Rights = began.Add(took), took, rights })
	}
}
