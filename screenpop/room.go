package screenpop

import (
	"context"
	"sync"
	"time"

	"ringbook/crm"
	"ringbook/pbx"
)

// Pace is the least time between two pictures of the floor.
const Pace = time.Second

const (
	// settleTime is how long a change waits for what belongs to it: the name of a caller, the place in the queue.
	settleTime = 30 * time.Millisecond
	// renewal is how old a picture gets of which nothing has changed, as far as anybody told.
	renewal = 15 * time.Second
)

// RoomConfig says whose floor a Room pictures. Board is required.
type RoomConfig struct {
	Board *Board
	// Queues are all that are known; nil: none are. It must not block.
	Queues func() []crm.Queue
	// Live are the queues whose exchange tells what goes on in them; nil: none does. It must not block.
	Live func() []pbx.Queue
}

// Room makes the picture of the floor, for all who look at it together: at most one every Pace, and none while nobody looks.
//
//	board, states, queues ──► Changed ──► Run: 30 ms for what belongs together, Pace since the last
//	                                        │
//	                                        ▼ nudge of capacity one
//	                          RoomWatch.C ──► Picture ──► Cut ──► browser
//
// As with desks a nudge only says that there is another picture: whoever is slow skips what came in between.
type Room struct {
	cfg  RoomConfig
	wake chan struct{} // capacity one

	making sync.Mutex // guards seq and newest; the board's lock is taken within, I/O is not done
	seq    uint64
	newest *Floor // nil: none was made

	mu      sync.Mutex // guards what follows
	stale   bool       // something has changed since newest was begun
	watches map[*RoomWatch]struct{}
}

// NewRoom makes a room that nobody looks at, and has its board tell it what changes.
func NewRoom(c RoomConfig) *Room {
	r := &Room{cfg: c, wake: make(chan struct{}, 1), stale: true, watches: map[*RoomWatch]struct{}{}}
	c.Board.mu.Lock()
	c.Board.changed = r.Changed
	c.Board.mu.Unlock()
	return r
}

// Changed says that the floor is not any more what it was. It does not block.
func (r *Room) Changed() {
	r.mu.Lock()
	r.stale = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // Run will look anyway
	}
}

// Run makes the pictures for those who watch until ctx ends. It returns nil and is called once.
func (r *Room) Run(ctx context.Context) error {
	renew := time.NewTicker(renewal)
	defer renew.Stop()
	wait := time.NewTimer(0)
	defer wait.Stop()
	told := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-renew.C:
			r.mu.Lock()
			r.stale = true
			r.mu.Unlock()
		}
		if !r.watched() {
			continue
		}
		wait.Reset(max(settleTime, r.due(time.Now())))
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		if f := r.Picture(); f.Seq != told {
			told = f.Seq
			r.nudge()
		}
	}
}

// due is how long it is until the next picture may be made.
func (r *Room) due(now time.Time) time.Duration {
	r.making.Lock()
	defer r.making.Unlock()
	if r.newest == nil {
		return 0
	}
	return r.newest.At.Add(Pace).Sub(now)
}

// Picture is the newest picture, made now if it is old and something has changed. It waits for no I/O.
func (r *Room) Picture() *Floor {
	r.making.Lock()
	defer r.making.Unlock()
	now := time.Now()
	if r.newest != nil && now.Sub(r.newest.At) < Pace {
		return r.newest
	}
	r.mu.Lock()
	stale := r.stale
	r.stale = false
	r.mu.Unlock()
	if !stale && now.Sub(r.newest.At) < renewal {
		return r.newest
	}
	var queues []crm.Queue
	if r.cfg.Queues != nil {
		queues = r.cfg.Queues()
	}
	var live []pbx.Queue
	if r.cfg.Live != nil {
		live = r.cfg.Live()
	}
	f := r.cfg.Board.floor(queues, live, now)
	r.seq++
	f.Seq = r.seq
	r.newest = f
	return f
}

func (r *Room) watched() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.watches) > 0
}

func (r *Room) nudge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.watches {
		select {
		case w.c <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// RoomWatch is one browser's view of the floor.
type RoomWatch struct {
	room *Room
	c    chan struct{}
}

// Watch begins to follow the floor. A nudge is waiting already. Close the watch when it is no longer read.
func (r *Room) Watch() *RoomWatch {
	w := &RoomWatch{room: r, c: make(chan struct{}, 1)}
	w.c <- struct{}{}
	r.mu.Lock()
	r.watches[w] = struct{}{}
	stale := r.stale
	r.mu.Unlock()
	if stale {
		r.Changed() // nobody was there to be shown it
	}
	return w
}

// C receives when there is another picture. It is never closed.
func (w *RoomWatch) C() <-chan struct{} { return w.c }

// Close ends the watch; it may be called again.
func (w *RoomWatch) Close() {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	delete(w.room.watches, w)
}
