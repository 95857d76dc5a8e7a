package web

import (
	"sync"
	"time"
)

// receipts are the frames with a new pop that a browser has not yet said it has drawn. A browser may skip frames:
// what it has drawn covers everything before, as each frame is a whole picture. The zero value is empty and ready.
type receipts struct {
	mu      sync.Mutex
	pending []receipt // oldest first, at most maxPending
	dropped int64     // lost because the list was full, and not told yet
	late    int64     // of all times
	lost    int64     // of all times
}

// late is how long a browser may take to draw a pop.
const late = time.Second

type receipt struct {
	seq uint64
	at  time.Time
}

// maxPending bounds the frames that one socket waits for; a browser so far behind has lost the oldest.
const maxPending = 64

func (r *receipts) sent(seq uint64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == maxPending {
		r.pending = append(r.pending[:0], r.pending[1:]...)
		r.dropped++
	}
	r.pending = append(r.pending, receipt{seq, at})
}

// seen returns how long each of the frames up to seq took to be drawn, and how many of them were late.
func (r *receipts) seen(seq uint64, now time.Time) (took []time.Duration, slow int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(took) < len(r.pending) && r.pending[len(took)].seq <= seq {
		d := now.Sub(r.pending[len(took)].at)
		if d > late {
			slow++
		}
		took = append(took, d)
	}
	r.pending = append(r.pending[:0], r.pending[len(took):]...)
	r.late += slow
	return took, slow
}

// expire forgets the frames older than limit and returns how many have been lost since it was asked last.
func (r *receipts) expire(now time.Time, limit time.Duration) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(r.pending) && now.Sub(r.pending[n].at) >= limit {
		n++
	}
	r.pending = append(r.pending[:0], r.pending[n:]...)
	lost := r.dropped + int64(n)
	r.dropped = 0
	r.lost += lost
	return lost
}

// totals are how many frames have been late and how many lost since the beginning.
func (r *receipts) totals() (late, lost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.late, r.lost
}
