package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// What the PBX need not send us: noise, and (ChannelDtmfReceived) card numbers and PINs that callers type. A
// list of what it may send would lose ApplicationReplaced and our canary.
var disallowed = []string{"ChannelVarset", "ChannelDtmfReceived", "ChannelTalkingStarted", "ChannelTalkingFinished"}

// The sources of all events but device states: subscribeAll=true would take those too, and a socket that holds
// them can deadlock the PBX when it is closed (asterisk#2170).
var sources = []string{"channel:", "bridge:", "endpoint:"}

// The ids that GET /applications shows for these sources.
const (
	allChannels  = "__AST_CHANNEL_ALL_TOPIC"
	allBridges   = "__AST_BRIDGE_ALL_TOPIC"
	allEndpoints = "__AST_ENDPOINT_ALL_TOPIC"
)

// connection is one WebSocket and what belongs to it. Three goroutines beside that of Run work for it: read
// moves messages from the socket to the ring and never waits for anything else; keep pings and sends canaries; check
// asks the PBX now and then what it has.
type connection struct {
	*Client
	app    string // never used before: two sockets of one name fight, and a new one may inherit a deaf state
	canary string // beginning of the names of our user events; a number follows
	socket *websocket.Conn
	ring   *ring

	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	sent     atomic.Int64  // unix nanoseconds: when the last canary was sent
	lastRTT  atomic.Int64  // nanoseconds
	returned chan struct{} // capacity one: a canary has come back
	asked    chan struct{} // capacity one: a check waits for a canary
	snapshot rawSnapshot

	unlisted int // checks in a row that the PBX did not answer; check's own
	untested int // test events in a row that could not be sent; keep's own

	mu       sync.Mutex // guards what follows
	canaries int        // sent so far
	check    *Check     // asked and not told yet; nil: none
	fence    int        // the canary with which it is told; 0: not sent yet
}

// rawSnapshot is kept for the recorder.
type rawSnapshot struct{ channels, bridges []byte }

// open connects the WebSocket and starts to read it.
func (c *Client) open(ctx context.Context) (*connection, error) {
	conn := &connection{
		Client:   c,
		app:      "ringbook-" + c.config.Node + "-" + secret(6),
		canary:   "ringbook-canary-" + secret(8) + "-",
		ring:     newRing(c.config.Ring, maxRingBytes),
		returned: make(chan struct{}, 1),
		asked:    make(chan struct{}, 1),
	}
	address := "ws" + strings.TrimPrefix(c.base, "http") + "/events?" + url.Values{"app": {conn.app}}.Encode()
	header := http.Header{}
	header.Set("Authorization", basicAuth(c.user, c.password))
	// A PBX that starts may take the connection and leave it without an answer for good.
	dialCtx, cancel := context.WithTimeout(ctx, c.config.RequestTimeout/2)
	defer cancel()
	socket, resp, err := c.dialer.DialContext(dialCtx, address, header)
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		fail := &Error{Op: handshake, Err: bare(err)}
		if resp != nil {
			body := make([]byte, 1024)
			n, _ := resp.Body.Read(body) // gorilla keeps the first kilobyte
			fail.Status, fail.Message, fail.Err = resp.StatusCode, message(body[:n]), nil
			if s := resp.StatusCode; s < 500 && s != http.StatusUnauthorized && s != http.StatusForbidden && s != http.StatusNotFound {
				fail.Err = errHandshake
			}
		}
		return nil, fail
	}
	socket.SetReadLimit(readLimit)
	conn.socket = socket
	conn.ctx, conn.cancel = context.WithCancelCause(ctx)
	conn.work.Go(conn.read)
	// When the connection is given up, or ctx ends, this says goodbye and wakes the reader. There is no
	// subscription to device states that would have to be taken back first (asterisk#2170).
	conn.work.Go(func() {
		<-conn.ctx.Done()
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		conn.socket.WriteControl(websocket.CloseMessage, bye, time.Now().Add(500*time.Millisecond))
		conn.socket.Close()
	})
	return conn, nil
}

// close ends the connection and waits for its goroutines.
func (c *connection) close() {
	c.cancel(context.Canceled)
	c.work.Wait()
}

// read moves messages from the socket into the ring until the socket ends. gorilla answers the server's pings
// while it reads; it never sends a pong of its own accord, which would crash Asterisk 22.11-rc1 (asterisk#2085).
func (c *connection) read() {
	alive := func() { c.socket.SetReadDeadline(time.Now().Add(c.config.ReadTimeout)) }
	alive()
	c.socket.SetPongHandler(func(string) error { alive(); return nil })
	canary := []byte(c.canary)
	for {
		kind, data, err := c.socket.ReadMessage()
		if err != nil {
			c.fail(fmt.Errorf("read events: %w", err))
			return
		}
		now := time.Now()
		alive()
		if kind != websocket.TextMessage {
			c.metrics.malformed()
			continue
		}
		if bytes.Contains(data, canary) {
			c.lastRTT.Store(now.UnixNano() - c.sent.Load())
			select {
			case c.returned <- struct{}{}:
			default:
			}
		}
		if !c.ring.push(frame{now, data}) {
			c.fail(errOverflow)
			return
		}
	}
}

// fail ends the connection; what the ring holds is still consumed. The first reason counts.
func (c *connection) fail(err error) {
	c.ring.close(err)
	c.cancel(err)
}

// setUp makes a connected socket into a verified stream: it subscribes, reads the PBX's state and waits until a
// test event that was sent after that comes back. The messages that came before it are returned: they are
// those that the snapshot may or may not contain already. The order is what makes it free of gaps; see doc.go.
func (c *connection) setUp() (Live, []frame, error) {
	ctx, cancel := context.WithTimeout(c.ctx, setupTimeout)
	defer cancel()
	live := Live{App: c.app}
	if err := c.Subscribe(ctx, c.app, sources...); err != nil {
		return live, nil, fmt.Errorf("subscribe: %w", err)
	}
	if err := c.DisallowEvents(ctx, c.app, disallowed...); err != nil && !errors.Is(err, ErrNotFound) {
		return live, nil, fmt.Errorf("filter events: %w", err)
	}
	if err := c.verify(ctx); err != nil {
		return live, nil, err
	}
	info, err := c.Info(ctx)
	if err != nil {
		return live, nil, fmt.Errorf("ask for the version: %w", err)
	}
	live.Version, live.Started = info.Version, info.Started
	if err := c.readState(ctx, &live.Snapshot); err != nil {
		return live, nil, fmt.Errorf("read the PBX's state: %w", err)
	}
	pending, err := c.awaitCanary(ctx)
	return live, pending, err
}

// verify makes sure that the PBX has kept our subscriptions.
func (c *connection) verify(ctx context.Context) error {
	app, err := c.Application(ctx, c.app)
	if err != nil {
		return fmt.Errorf("verify the subscription: %w", err)
	}
	if !slices.Contains(app.Channels, allChannels) || !slices.Contains(app.Bridges, allBridges) || !slices.Contains(app.Endpoints, allEndpoints) {
		return errUnsubscribed
	}
	return nil
}

func (c *connection) readState(ctx context.Context, s *Snapshot) (err error) {
	if c.snapshot.channels, err = c.raw(ctx, http.MethodGet, "/channels", nil, nil); err != nil {
		return err
	}
	if s.Channels, err = decodeChannels(c.snapshot.channels); err != nil {
		return err
	}
	if c.snapshot.bridges, err = c.raw(ctx, http.MethodGet, "/bridges", nil, nil); err != nil {
		return err
	}
	s.Bridges, err = decodeBridges(c.snapshot.bridges)
	return err
}

// awaitCanary sends a test event and takes messages from the ring until it comes back.
func (c *connection) awaitCanary(ctx context.Context) ([]frame, error) {
	if err := c.sendCanary(ctx); err != nil {
		return nil, fmt.Errorf("send a test event: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.CanaryTimeout)
	defer cancel()
	var pending []frame
	for {
		f, err := c.ring.pop(ctx)
		switch {
		case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return nil, errDeaf
		case err != nil:
			return nil, err
		case len(pending) == c.config.Ring:
			return nil, errOverflow
		}
		if bytes.Contains(f.data, []byte(c.canary)) {
			return pending, nil
		}
		pending = append(pending, f)
	}
}

func (c *connection) sendCanary(ctx context.Context) error {
	c.mu.Lock()
	c.canaries++
	n := c.canaries
	if c.check != nil && c.fence == 0 {
		c.fence = n
	}
	c.mu.Unlock()
	c.sent.Store(time.Now().UnixNano())
	return c.UserEvent(ctx, c.app, c.canary+strconv.Itoa(n), nil)
}

// checked is the check that may be told now that a canary has come back: the one asked before it was sent.
func (c *connection) checked(canary string) *Check {
	n, err := strconv.Atoi(strings.TrimPrefix(canary, c.canary))
	c.mu.Lock()
	defer c.mu.Unlock()
	check := c.check
	if err != nil || check == nil || c.fence == 0 || n < c.fence {
		return nil
	}
	c.check, c.fence = nil, 0
	return check
}

// ask asks the PBX whether we are subscribed and which channels it has. What it cannot be asked it is asked the next
// time: that shows no fault of the stream, which has tests of its own.
func (c *connection) ask() {
	ctx, cancel := context.WithTimeout(c.ctx, c.config.RequestTimeout)
	defer cancel()
	err := c.verify(ctx)
	if errors.Is(err, errUnsubscribed) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnauthorized) {
		c.fail(err)
		return
	}
	check := &Check{Asked: time.Now()}
	if err == nil {
		check.Channels, err = c.Channels(ctx)
	}
	if err != nil {
		if c.ctx.Err() == nil {
			if c.unlisted++; c.unlisted == 1 {
				c.log.Warn("the PBX does not say which channels it has", "err", err)
			}
		}
		return
	}
	if c.unlisted > 0 {
		c.log.Info("the PBX says again which channels it has", "failed", c.unlisted)
		c.unlisted = 0
	}
	c.mu.Lock()
	c.check, c.fence = check, 0
	c.mu.Unlock()
	select {
	case c.asked <- struct{}{}:
	default:
	}
}

func (c *connection) rtt() time.Duration { return time.Duration(c.lastRTT.Load()) }

// keep starts the goroutines that ping the socket, test the stream, and ask the PBX what it has. They fail the
// connection when the tests do not come back.
func (c *connection) keep() {
	c.work.Go(func() {
		tick := time.NewTicker(c.config.Check)
		defer tick.Stop()
		for {
			select {
			case <-c.ctx.Done():
				return
			case <-tick.C:
				c.ask()
			}
		}
	})
	c.work.Go(func() {
		ping := time.NewTicker(c.config.Ping)
		defer ping.Stop()
		canary := time.NewTimer(c.config.Canary)
		defer canary.Stop()
		deaf := time.NewTimer(c.config.Canary + c.config.CanaryTimeout)
		defer deaf.Stop()
		for {
			select {
			case <-c.ctx.Done():
				return
			case <-ping.C:
				if err := c.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.config.Ping)); err != nil {
					c.fail(fmt.Errorf("ping: %w", err))
					return
				}
			case <-c.returned:
				c.metrics.canary(c.rtt())
				deaf.Reset(c.config.Canary + c.config.CanaryTimeout)
			case <-deaf.C:
				c.fail(errDeaf)
				return
			case <-canary.C:
				canary.Reset(c.testStream())
			case <-c.asked:
				canary.Reset(c.testStream())
			}
		}
	})
}

// testStream sends a canary and returns when to send the next. A test that cannot be sent is tried again soon:
// it does not show that the stream is bad, but readiness gets older until one comes back.
func (c *connection) testStream() time.Duration {
	ctx, cancel := context.WithTimeout(c.ctx, c.config.CanaryTimeout)
	defer cancel()
	err := c.sendCanary(ctx)
	switch {
	case err == nil:
		if c.untested > 0 {
			c.log.Info("test events can be sent again", "failed", c.untested)
			c.untested = 0
		}
		return c.config.Canary
	case errors.Is(err, ErrNotFound): // the PBX has forgotten our application
		c.fail(errDeaf)
	case errors.Is(err, ErrUnauthorized): // the password was changed: asked again and again, the PBX shuts us out
		c.fail(err)
	default:
		if c.untested++; c.untested == 1 {
			c.log.Warn("test events cannot be sent; trying again", "err", err)
		}
	}
	return min(c.config.Canary, time.Second)
}

func basicAuth(user, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

// compact returns the JSON in one line, or false if it is not JSON.
func compact(b []byte) (json.RawMessage, bool) {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return nil, false
	}
	return out.Bytes(), true
}
