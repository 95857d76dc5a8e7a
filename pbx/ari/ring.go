package ari

import (
	"context"
	"sync"
	"time"
)

// frame is one message as it came from the socket.
type frame struct {
	at   time.Time
	data []byte
}

// ring is the bounded queue between the reader, which must never wait, and the consumer. When it is full, by
// number or by bytes, everything in it is given up at once and it takes no more: a stream with a hole in the
// middle must not look like a whole one.
type ring struct {
	nudge chan struct{} // capacity one: there may be something to take

	mu       sync.Mutex
	frames   []frame // circular
	head, n  int
	bytes    int
	maxBytes int
	high     int   // most frames held since the last depth call
	shed     int   // frames given up
	end      error // no more frames will come, and why
}

func newRing(frames, maxBytes int) *ring {
	return &ring{nudge: make(chan struct{}, 1), frames: make([]frame, frames), maxBytes: maxBytes}
}

// push adds a frame. It never blocks. It returns false once the ring has ended.
func (r *ring) push(f frame) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil {
		return false
	}
	// One frame is always taken, whatever its size: the socket's read limit bounds it.
	if r.n == len(r.frames) || r.n > 0 && r.bytes+len(f.data) > r.maxBytes {
		r.shed = r.n + 1
		clear(r.frames)
		r.n, r.bytes, r.end = 0, 0, errOverflow
		r.wake()
		return false
	}
	r.frames[(r.head+r.n)%len(r.frames)] = f
	r.n++
	r.bytes += len(f.data)
	r.high = max(r.high, r.n)
	r.wake()
	return true
}

// close ends the ring; what is in it can still be taken. The first reason counts.
func (r *ring) close(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end == nil {
		r.end = err
	}
	r.wake()
}

// pop takes the oldest frame, waiting for one. After the last it returns the reason of the end.
func (r *ring) pop(ctx context.Context) (frame, error) {
	for {
		r.mu.Lock()
		if r.n > 0 {
			f := r.frames[r.head]
			r.frames[r.head] = frame{}
			r.head = (r.head + 1) % len(r.frames)
			r.n--
			r.bytes -= len(f.data)
			r.mu.Unlock()
			return f, nil
		}
		end := r.end
		r.mu.Unlock()
		if end != nil {
			return frame{}, end
		}
		select {
		case <-r.nudge:
		case <-ctx.Done():
			return frame{}, ctx.Err()
		}
	}
}

// empty tells whether the consumer would have to wait.
func (r *ring) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n == 0
}

// depth returns the most frames that were held since the last call, and how many were shed.
func (r *ring) depth() (high, shed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	high, r.high = r.high, r.n
	return high, r.shed
}

func (r *ring) wake() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}
