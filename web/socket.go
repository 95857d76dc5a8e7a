package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"ringbook/screenpop"
)

// socket is one browser's push connection. Two goroutines serve it: serve writes, and owns everything but receipts;
// read reads. No picture is queued: a nudge makes serve write the desk as it is then.
type socket struct {
	server  *Server
	conn    *websocket.Conn
	agent   uuid.UUID
	session uuid.UUID // or token
	token   string    // its secret; empty for a session
	packs   bool      // compression was offered, for the floor
	beats   bool      // it wants a BeatFrame when there is nothing else to say
	watch   *screenpop.Watch
	entered func() // called once, when the first picture is drawn: the next one may be let in

	ended    chan ending // capacity one: the first reason wins
	receipts receipts

	mu      sync.Mutex // held while the read deadline is set
	closing bool       // guarded by mu: read is to end, and its deadline is serve's now

	seq   uint64
	shown []shownPop // the pops of the frame written last

	floor floorSide

	missed chan struct{} // capacity one: missed calls have changed for the agent
}

// shownPop is what a socket remembers of a pop that it has shown.
type shownPop struct {
	call    uuid.UUID
	matched bool // with its customer, or with the knowledge that there is none
}

func newSocket(s *Server, conn *websocket.Conn, a identity) *socket {
	conn.EnableWriteCompression(false) // but of the floor
	return &socket{
		server: s, conn: conn, agent: a.actor.AgentID, session: a.session, token: a.secret, packs: packs(a), ended: make(chan ending, 1),
		floor: floorSide{wishes: make(chan FloorWish, 1)}, missed: make(chan struct{}, 1),
	}
}

// end asks serve to close the socket. It never blocks.
func (c *socket) end(e ending) {
	select {
	case c.ended <- e:
	default:
	}
}

// serve writes pictures until somebody ends the socket, and returns when its reader has ended too.
func (c *socket) serve(ctx context.Context) {
	m, t := c.server.metrics, c.server.timings
	m.open.Add(ctx, 1)
	defer m.open.Add(ctx, -1)

	c.watch = c.server.Board.Watch(c.agent)
	defer c.watch.Close()
	defer c.floor.stop()

	var reader sync.WaitGroup
	reader.Go(c.read)
	defer c.conn.Close()
	e := c.write(ctx)
	sayClose(c.conn, e, t.write)
	c.stopReading()
	reader.Wait()
	if e.code != websocket.CloseNormalClosure {
		c.drain()
	}
	m.lost.Add(ctx, c.receipts.expire(time.Now(), 0))
	late, lost := c.receipts.totals()
	m.closed.Add(ctx, 1, reason(closeName(e.code)))
	c.server.Log.DebugContext(ctx, "push socket closed", "agent", c.agent, "code", e.code, "reason", e.reason,
		"frames", c.seq, "late", late, "lost", lost)
}

// alive gives the browser time until it must show the next sign of life.
func (c *socket) alive() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return net.ErrClosed
	}
	return c.conn.SetReadDeadline(time.Now().Add(c.server.timings.pong))
}

// stopReading makes read return.
func (c *socket) stopReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	_ = c.conn.SetReadDeadline(time.Now())
}

// drain throws away what the browser is still sending, for a second and some megabytes at most: a connection that is
// closed with bytes unread is reset, and a reset overtakes the close frame that says why.
func (c *socket) drain() {
	conn := c.conn.NetConn()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, conn, 8<<20)
}

// write is the writing half.
func (c *socket) write(ctx context.Context) ending {
	t := c.server.timings
	ping := time.NewTicker(t.ping)
	defer ping.Stop()
	beat := time.NewTicker(t.beat)
	defer beat.Stop()
	for {
		select {
		case e := <-c.ended:
			return e
		default:
		}
		select {
		case e := <-c.ended:
			return e
		case <-c.watch.C():
			if err := c.picture(ctx); err != nil {
				return slowOrGone(err)
			}
			beat.Reset(t.beat)
		case <-c.missed:
			if err := c.bare("missed", time.Now()); err != nil {
				return slowOrGone(err)
			}
		case w := <-c.floor.wishes:
			c.follow(w)
		case <-c.floor.changes():
			c.floorLater()
		case <-c.floor.due:
			if err := c.writeFloor(ctx); err != nil {
				return slowOrGone(err)
			}
			beat.Reset(t.beat)
		case now := <-beat.C:
			if !c.beats {
				beat.Stop()
				continue
			}
			if err := c.bare("beat", now); err != nil {
				return slowOrGone(err)
			}
		case now := <-ping.C:
			c.server.metrics.lost.Add(ctx, c.receipts.expire(now, t.lost))
			if err := c.conn.WriteControl(websocket.PingMessage, nil, now.Add(t.write)); err != nil {
				return slowOrGone(err)
			}
		}
	}
}

// bare writes a frame that tells its type only. A beat says that nothing has changed: a browser whose server, or the way to it, has
// died hears nothing, as one whose telephone does not ring.
func (c *socket) bare(kind string, now time.Time) error {
	if err := c.conn.SetWriteDeadline(now.Add(c.server.timings.write)); err != nil {
		return err
	}
	b := append(make([]byte, 0, 64), `{"type":"`...)
	b = append(append(b, kind...), `","sent_at":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339Nano)
	return c.conn.WriteMessage(websocket.TextMessage, append(b, `"}`...))
}

// frames are the buffers in which frames are put together.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// picture writes the desk as it is now.
func (c *socket) picture(ctx context.Context) error {
	desk := c.watch.Desk()
	c.seq++
	buf := frames.Get().(*[]byte)
	defer frames.Put(buf)
	now := time.Now()
	b := append((*buf)[:0], `{"type":"desk","seq":`...)
	b = strconv.AppendUint(b, c.seq, 10)
	b = append(b, `,"sent_at":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","desk":`...)
	b, err := appendJSON(b, c.server.desk(desk))
	if err != nil {
		return err
	}
	b = append(b, '}')
	*buf = b
	if c.seq == 1 {
		c.entered() // before anything is written: who does not read must not keep others out
	}

	fresh := c.remember(desk)
	if fresh.pops > 0 {
		c.receipts.sent(c.seq, now)
	}
	if err := c.conn.SetWriteDeadline(now.Add(c.server.timings.write)); err != nil {
		return err
	}
	if err := c.conn.WriteMessage(websocket.TextMessage, b); err != nil {
		return err
	}
	m := c.server.metrics
	m.frames.Add(ctx, 1)
	written := time.Now()
	for _, received := range fresh.matched {
		m.delay.Record(ctx, written.Sub(received).Seconds())
	}
	return nil
}

// appendJSON appends v to b.
func appendJSON(b []byte, v any) ([]byte, error) {
	w := bytes.NewBuffer(b)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(w.Bytes(), []byte{'\n'}), nil
}

// freshPops is what a picture shows that the one before it did not.
type freshPops struct {
	pops    int         // pops that were not there
	matched []time.Time // when the events behind pops were received that have their customer for the first time
}

// remember notes what the picture shows.
func (c *socket) remember(desk screenpop.Desk) (fresh freshPops) {
	before := c.shown
	c.shown = make([]shownPop, 0, len(desk.Calls))
	for i := range desk.Calls {
		pop := &desk.Calls[i]
		now := shownPop{pop.Call.ID, pop.LookedUp}
		was, known := find(before, pop.Call.ID)
		ringing := pop.State == screenpop.PopRinging
		if ringing && !known {
			fresh.pops++
		}
		// What a browser finds when it connects has been there for a while, and tells nothing about delay.
		if ringing && now.matched && !was.matched && c.seq > 1 && !pop.Call.ReceivedAt.IsZero() {
			fresh.matched = append(fresh.matched, pop.Call.ReceivedAt)
		}
		now.matched = now.matched || was.matched
		c.shown = append(c.shown, now)
	}
	return fresh
}

func find(pops []shownPop, call uuid.UUID) (shownPop, bool) {
	for _, p := range pops {
		if p.call == call {
			return p, true
		}
	}
	return shownPop{}, false
}

// maxFrame is the greatest message in bytes that a browser may send.
const maxFrame = 4 << 10

// errFlood ends the reading of a socket that sends too much.
var errFlood = errors.New("too many messages")

// read is the reading half: pongs, receipts and wishes. It ends with the connection, and tells serve why.
func (c *socket) read() {
	limit := rate.NewLimiter(50, 200) // of frames of any kind
	sign := func() error {
		if !limit.Allow() {
			return errFlood
		}
		return c.alive()
	}
	c.conn.SetReadLimit(maxFrame)
	c.conn.SetPongHandler(func(string) error { return sign() })
	c.conn.SetPingHandler(func(data string) error {
		if err := sign(); err != nil {
			return err
		}
		return c.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(c.server.timings.write))
	})
	buf := make([]byte, 0, 64)
	err := c.alive()
	for err == nil {
		var kind int
		var r io.Reader
		if kind, r, err = c.conn.NextReader(); err != nil {
			break
		}
		if err = sign(); err != nil {
			break
		}
		if kind != websocket.TextMessage {
			c.end(ending{websocket.CloseUnsupportedData, "text only"})
			return
		}
		if buf, err = readAll(r, buf[:0]); err != nil {
			break
		}
		var frame struct {
			FloorWish
			Seq uint64 `json:"seq"`
		}
		if json.Unmarshal(buf, &frame) != nil {
			c.end(ending{websocket.CloseInvalidFramePayloadData, "not a frame of ours"})
			return
		}
		switch frame.Type {
		case "seen":
			c.seen(frame.Seq)
		case "floor":
			c.wish(frame.FloorWish)
		default:
			c.end(ending{websocket.ClosePolicyViolation, "unknown type of frame"})
			return
		}
	}
	c.end(whyRead(err))
}

// seen takes a receipt.
func (c *socket) seen(seq uint64) {
	m, ctx := c.server.metrics, context.Background()
	took, late := c.receipts.seen(seq, time.Now())
	for _, d := range took {
		m.seen.Record(ctx, d.Seconds())
	}
	m.late.Add(ctx, late)
}

// readAll is io.ReadAll into a buffer that is kept, of maxFrame at the most: the connection bounds only what it was compressed to.
func readAll(r io.Reader, b []byte) ([]byte, error) {
	for {
		if len(b) > maxFrame {
			return b, websocket.ErrReadLimit
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// whyRead says why reading ended.
func whyRead(err error) ending {
	var timeout net.Error
	switch {
	case errors.Is(err, errFlood):
		return ending{closeFlood, errFlood.Error()}
	case errors.Is(err, websocket.ErrReadLimit):
		return ending{websocket.CloseMessageTooBig, "message too big"}
	case errors.As(err, &timeout) && timeout.Timeout():
		return ending{closeSlow, "no sign of life"}
	default:
		return ending{websocket.CloseNormalClosure, ""}
	}
}

// slowOrGone says why writing failed.
func slowOrGone(err error) ending {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return ending{closeSlow, "too slow"}
	}
	return ending{websocket.CloseNormalClosure, ""}
}

// closeName is the metric label of a close code.
func closeName(code int) string {
	switch code {
	case websocket.CloseNormalClosure:
		return "gone"
	case websocket.CloseMessageTooBig:
		return "too_big"
	case closeSession:
		return "session"
	case closeShutdown:
		return "shutdown"
	case closeSlow:
		return "slow"
	case closeRights:
		return "rights"
	case closeFlood:
		return "flood"
	default:
		return "protocol"
	}
}
