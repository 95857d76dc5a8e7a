package pbxtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
)

// Wire is a network between ringbook and a PBX, real or fake, that can fail. It is closed by Close.
type Wire struct {
	url    url.URL // of the PBX, through the wire
	target string

	mu       sync.Mutex
	listener net.Listener // nil while it is cut
	drop     func(message []byte) bool
	open     map[net.Conn]bool
	work     sync.WaitGroup
}

// NewWire lays a wire to the PBX whose ARI is at this URL.
func NewWire(ariURL string) (*Wire, error) {
	u, err := url.Parse(ariURL)
	if err != nil {
		return nil, errors.New("wire: the URL cannot be read")
	}
	w := &Wire{url: *u, target: u.Host, open: map[net.Conn]bool{}}
	w.url.Host = "127.0.0.1:0"
	return w, w.Mend()
}

// URL is the PBX's through the wire, user and password included.
func (w *Wire) URL() string { return w.url.String() }

// Cut takes the network away: what is open ends, and what is tried is refused, until Mend. Cutting twice is fine.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		w.listener.Close()
		w.listener = nil
	}
	for c := range w.open {
		c.Close()
	}
}

// Mend makes the network whole again.
func (w *Wire) Mend() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop = nil
	if w.listener != nil {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", w.url.Host)
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	w.listener, w.url.Host = l, l.Addr().String()
	w.work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // cut
			}
			w.work.Go(func() { w.carry(near) })
		}
	})
	return nil
}

// Drop loses those messages of WebSockets that drop says, until Mend; pings and all else go through. With nil it is
// every message: such a socket is deaf.
func (w *Wire) Drop(drop func(message []byte) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drop = drop; drop == nil {
		w.drop = func([]byte) bool { return true }
	}
}

// Close takes the wire away and waits until nothing of it runs.
func (w *Wire) Close() {
	w.Cut()
	w.work.Wait()
}

// carry joins a client to the PBX until either hangs up or the wire is cut.
func (w *Wire) carry(near net.Conn) {
	defer near.Close()
	far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", w.target)
	if err != nil {
		return
	}
	defer far.Close()
	if !w.join(near, far) {
		return
	}
	defer w.part(near, far)

	request := bufio.NewReader(near)
	first, err := request.Peek(len("GET /ari/events"))
	if err != nil {
		return
	}
	var back io.Reader = far
	if strings.HasPrefix(string(first), "GET "+w.url.Path+"/events") {
		back = &frames{wire: w, from: bufio.NewReader(far)}
	}
	w.work.Go(func() {
		_, _ = io.Copy(far, request) // ends when either side does
		far.Close()
	})
	_, _ = io.Copy(near, back)
}

// join counts the connections as open; false while the wire is cut.
func (w *Wire) join(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener == nil {
		return false
	}
	for _, c := range conns {
		w.open[c] = true
	}
	return true
}

func (w *Wire) part(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		delete(w.open, c)
	}
}

// frames reads what a PBX sends on a WebSocket, whole frame by whole frame, without the messages that the wire drops.
type frames struct {
	wire     *Wire
	from     *bufio.Reader
	upgraded bool
	ready    []byte
}

func (f *frames) Read(p []byte) (int, error) {
	for len(f.ready) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.ready)
	f.ready = f.ready[n:]
	return n, nil
}

func (f *frames) next() error {
	if !f.upgraded { // the answer's head, line by line
		line, err := f.from.ReadBytes('\n')
		f.ready, f.upgraded = line, len(line) <= 2
		return err
	}
	head := make([]byte, 2, 10)
	if _, err := io.ReadFull(f.from, head); err != nil {
		return err
	}
	length := uint64(head[1] & 0x7f)
	if more := map[uint64]int{126: 2, 127: 8}[length]; more > 0 {
		head = head[:2+more]
		if _, err := io.ReadFull(f.from, head[2:]); err != nil {
			return err
		}
		length = binary.BigEndian.Uint64(append(make([]byte, 8-more), head[2:]...))
	}
	frame := make([]byte, len(head)+int(length))
	copy(frame, head)
	if _, err := io.ReadFull(f.from, frame[len(head):]); err != nil {
		return err
	}
	f.wire.mu.Lock()
	drop := f.wire.drop
	f.wire.mu.Unlock()
	if control := head[0]&0x08 != 0; control || drop == nil || !drop(frame[len(head):]) {
		f.ready = frame
	}
	return nil
}
